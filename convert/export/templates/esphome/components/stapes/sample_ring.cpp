#include "sample_ring.h"
#ifdef USE_STAPES_CLIPS

#include <algorithm>
#include <cstring>

#include "esphome/core/helpers.h"

namespace esphome::stapes {

bool SampleRing::allocate(uint32_t size) {
  this->samples_ = RAMAllocator<int16_t>().allocate(size);
  this->size_ = this->samples_ == nullptr ? 0 : size;
  return this->samples_ != nullptr;
}

void SampleRing::push(const int16_t *samples, uint32_t n) {
  if (this->samples_ == nullptr) {
    return;
  }
  this->reserved_.store(static_cast<uint32_t>(this->pushed_ + n), std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // a reader learns that samples go before they are gone
  while (n > 0) {
    const uint32_t place = this->pushed_ % this->size_;
    const uint32_t part = std::min(n, this->size_ - place);
    memcpy(this->samples_ + place, samples, part * sizeof *samples);
    samples += part;
    n -= part;
    this->pushed_ += part;
  }
  this->written_.store(static_cast<uint32_t>(this->pushed_), std::memory_order_release);
}

int64_t SampleRing::end() {
  this->end_ += this->written_.load(std::memory_order_acquire) - static_cast<uint32_t>(this->end_);
  return this->end_;
}

int64_t SampleRing::begin() {
  const int64_t end = this->end();
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const uint32_t coming = this->reserved_.load(std::memory_order_relaxed) - static_cast<uint32_t>(end);
  return std::max<int64_t>(0, end + coming - this->size_);
}

bool SampleRing::read(int64_t first, uint32_t n, int16_t *out) {
  if (first < this->begin()) {
    return false;
  }
  const uint32_t place = first % this->size_;
  const uint32_t part = std::min(n, this->size_ - place);
  memcpy(out, this->samples_ + place, part * sizeof *out);
  memcpy(out + part, this->samples_, (n - part) * sizeof *out);
  return first >= this->begin();  // else some were overwritten meanwhile
}

}  // namespace esphome::stapes

#endif
