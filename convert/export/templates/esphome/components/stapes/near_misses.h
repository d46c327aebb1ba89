#pragma once

#include "esphome/core/defines.h"
#ifdef USE_STAPES_CLIPS

#include <array>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "example_single.h"

namespace esphome::stapes {

/// For each class the onset of what goes on, in samples; below 0: nothing goes on.
using Onsets = std::array<int64_t, EXAMPLE_CLASSES>;

/// Return after how many samples from its onset an event of any class is announced at the latest.
int64_t announced_within_samples(const stapes_detector &core);

/// Follows the scores of a detector with a second event decoder, which is some steps more sensitive. Its events that
/// touch no event of their class are near misses. This is what `stapes listen --record` does.
class NearMisses {
 public:
  /// Begin with what the detector's setup points to now. steps: 0 finds no near misses.
  void begin(const stapes_detector &core, int32_t steps);
  /// Take the detector's sensitivity for a class.
  void set_sensitivity(uint8_t class_index, int32_t steps);
  /// Take what a call of stapes_poll wrote, and return the near misses that have become certain.
  std::vector<stapes_event> follow(const stapes_detector &core, const stapes_event *events, int32_t n);
  /// The detector's events that go on.
  const Onsets &open() const { return this->open_; }
  /// What may become a near miss: class and onset.
  std::vector<std::pair<int32_t, int64_t>> undecided() const;

 protected:
  bool decode_(const stapes_detector &core);
  void take_(const stapes_event *nearly, int32_t n);
  bool touches_(int32_t class_index, int64_t onset, int64_t offset) const;
  std::vector<std::pair<int32_t, int64_t>> unfinished_() const;

  int32_t steps_{0};
  int64_t late_{0};          // announced_within_samples
  uint32_t model_steps_{0};  // whose scores were taken
  stapes_events decoder_;
  stapes_event_class classes_[EXAMPLE_CLASSES];
  Onsets open_;
  Onsets nearly_open_;
  std::deque<stapes_event> heard_;      // complete events of the detector that a near miss may still touch
  std::vector<stapes_event> complete_;  // of the decoder; an event that they touch may still be announced
};

}  // namespace esphome::stapes

#endif
