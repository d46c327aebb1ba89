#include "near_misses.h"
#ifdef USE_STAPES_CLIPS

#include <algorithm>

namespace esphome::stapes {

static void follow_onset(Onsets &onsets, const stapes_event &event) {
  onsets[event.class_index] = event.kind == STAPES_EVENT_ANNOUNCED ? event.onset_sample : -1;
}

int64_t announced_within_samples(const stapes_detector &core) {
  const stapes_event_setup &events = *core.setup->events;
  int64_t slowest = 0;
  for (int32_t i = 0; i < events.n_classes; i++) {
    const stapes_event_config &config = events.configs[i];
    if (config.min_duration_steps < INT32_MAX) {  // else the class is never heard
      slowest = std::max<int64_t>(
          slowest, static_cast<int64_t>(config.min_duration_steps) + config.merge_gap_steps + config.smoothing_steps);
    }
  }
  return (slowest + events.target_delay_steps + 1) * events.step_samples + core.setup->tables->window;
}

void NearMisses::begin(const stapes_detector &core, int32_t steps) {
  this->steps_ = steps;
  this->late_ = announced_within_samples(core);
  this->model_steps_ = core.steps;
  stapes_events_init(&this->decoder_, core.setup->events, this->classes_);
  this->open_.fill(-1);
  this->nearly_open_.fill(-1);
  this->heard_.clear();
  this->complete_.clear();
}

void NearMisses::set_sensitivity(uint8_t class_index, int32_t steps) {
  stapes_events_set_sensitivity(&this->decoder_, class_index, steps + this->steps_);
}

std::vector<stapes_event> NearMisses::follow(const stapes_detector &core, const stapes_event *events, int32_t n) {
  for (int32_t i = 0; i < n; i++) {
    follow_onset(this->open_, events[i]);
    if (this->steps_ != 0 && events[i].kind == STAPES_EVENT_COMPLETED) {
      this->heard_.push_back(events[i]);
    }
  }
  if (this->steps_ == 0) {
    return {};
  }
  // Before a gap all events are known; else none is announced any more that ends before this sample.
  const int64_t announced = this->decode_(core) ? core.events.first_sample : core.sample - this->late_;
  std::vector<stapes_event> missed, waiting;
  for (const auto &each : this->complete_) {
    if (each.offset_sample > announced) {
      waiting.push_back(each);
    } else if (!this->touches_(each.class_index, each.onset_sample, each.offset_sample)) {
      missed.push_back(each);
    }
  }
  this->complete_ = std::move(waiting);
  int64_t begin = core.sample - this->late_;
  for (const auto &each : this->unfinished_()) {
    begin = std::min(begin, each.second);
  }
  while (!this->heard_.empty() && this->heard_.front().offset_sample <= begin) {
    this->heard_.pop_front();
  }
  return missed;
}

/// Decode the scores of the detector's last step, if it took one. Returns true when a segment behind a gap has begun.
bool NearMisses::decode_(const stapes_detector &core) {
  stapes_event nearly[EXAMPLE_EVENTS_MAX];
  const bool begins = core.events.first_sample != this->decoder_.first_sample;
  if (begins) {
    int32_t n;
    while ((n = stapes_events_flush(&this->decoder_, nearly)) > 0) {
      this->take_(nearly, n);
    }
    stapes_events_restart(&this->decoder_, core.events.first_sample);
  }
  if (core.steps != this->model_steps_) {
    this->model_steps_ = core.steps;
    this->take_(nearly, stapes_events_push(&this->decoder_, core.memory.scores, 1, nearly));
  }
  return begins;
}

void NearMisses::take_(const stapes_event *nearly, int32_t n) {
  for (int32_t i = 0; i < n; i++) {
    follow_onset(this->nearly_open_, nearly[i]);
    if (nearly[i].kind == STAPES_EVENT_COMPLETED) {
      this->complete_.push_back(nearly[i]);
    }
  }
}

/// Return whether an event of the detector that is known so far overlaps these samples.
bool NearMisses::touches_(int32_t class_index, int64_t onset, int64_t offset) const {
  if (this->open_[class_index] >= 0 && this->open_[class_index] < offset) {
    return true;
  }
  return std::any_of(this->heard_.begin(), this->heard_.end(), [&](const stapes_event &each) {
    return each.class_index == class_index && each.onset_sample < offset && each.offset_sample > onset;
  });
}

std::vector<std::pair<int32_t, int64_t>> NearMisses::unfinished_() const {
  std::vector<std::pair<int32_t, int64_t>> found;
  for (const auto &each : this->complete_) {
    found.emplace_back(each.class_index, each.onset_sample);
  }
  for (int32_t i = 0; i < EXAMPLE_CLASSES; i++) {
    if (this->nearly_open_[i] >= 0) {
      found.emplace_back(i, this->nearly_open_[i]);
    }
  }
  return found;
}

std::vector<std::pair<int32_t, int64_t>> NearMisses::undecided() const {
  auto found = this->unfinished_();
  found.erase(std::remove_if(found.begin(), found.end(),
                             [this](const auto &each) { return this->touches_(each.first, each.second, INT64_MAX); }),
              found.end());
  return found;
}

}  // namespace esphome::stapes

#endif
