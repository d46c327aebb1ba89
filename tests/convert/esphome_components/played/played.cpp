#include "played.h"

#include <atomic>
#include <cstdlib>

/// The linker puts this in the place of esphome::micros(). Each call is a microsecond later than the one before.
extern "C" uint32_t __wrap__ZN7esphome6microsEv() {
  static std::atomic<uint32_t> now{0};
  return ++now;
}

namespace esphome::played {

void PlayedMicrophone::setup() { this->loops_left_ = atoi(getenv("PLAYED_LOOPS")); }

void PlayedMicrophone::start() {
  this->file_ = fopen(getenv("PLAYED_FILE"), "rb");
  this->first_block_ = atoi(getenv("PLAYED_FIRST_BLOCK"));
  this->block_ = atoi(getenv("PLAYED_BLOCK"));
  this->ended_ = false;
  this->state_ = microphone::STATE_RUNNING;
  this->thread_ = std::thread([this]() { this->play_(); });
}

void PlayedMicrophone::stop() { this->state_ = microphone::STATE_STOPPED; }

void PlayedMicrophone::play_() {
  for (size_t samples = this->first_block_;; samples = this->block_) {
    {
      std::unique_lock<std::mutex> lock(this->mutex_);
      this->changed_.wait(lock, [this]() { return this->due_; });
      this->due_ = false;
    }
    std::vector<uint8_t> data(samples * sizeof(int16_t));
    data.resize(fread(data.data(), 1, data.size(), this->file_));
    if (data.empty()) {
      break;
    }
    this->data_callbacks_.call(data);
  }
  std::unique_lock<std::mutex> lock(this->mutex_);
  this->ended_ = true;
}

void PlayedMicrophone::loop() {
  std::unique_lock<std::mutex> lock(this->mutex_);
  if (this->ended_ && this->loops_left_-- == 0) {
    fflush(nullptr);
    _Exit(0);
  }
  this->due_ = true;
  this->changed_.notify_one();
}

}  // namespace esphome::played
