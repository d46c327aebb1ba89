#pragma once

#include "esphome/core/defines.h"
#ifdef USE_STAPES_CLIPS

#include <atomic>
#include <cstdint>

namespace esphome::stapes {

/// The newest samples of a stream. One task pushes and never waits; another one reads. Samples have the numbers that
/// the detector's clock gives them.
class SampleRing {
 public:
  /// Take memory for so many samples, in PSRAM where there is one. Returns false when there is not enough.
  bool allocate(uint32_t size);
  /// Where samples are pushed:
  void push(const int16_t *samples, uint32_t n);
  /// Where samples are read; end() at least once in 2^31 samples:
  int64_t end();    ///< number of samples pushed so far
  int64_t begin();  ///< the oldest sample that is still there
  /// Copy samples, all of them before end(). Returns false when some of them are no longer there.
  bool read(int64_t first, uint32_t n, int16_t *out);

 protected:
  int16_t *samples_{nullptr};
  uint32_t size_{0};
  int64_t pushed_{0};                  // the pushing task's own count
  std::atomic<uint32_t> reserved_{0};  // the samples before this, less the size, may be overwritten now; wraps around
  std::atomic<uint32_t> written_{0};   // the samples before this are there; wraps around
  int64_t end_{0};                     // the reading task's own count
};

}  // namespace esphome::stapes

#endif
