#include "stapes.h"

#include <algorithm>
#include <cinttypes>
#include <cmath>

#include "esphome/core/hal.h"
#include "esphome/core/log.h"

namespace esphome::stapes {

static const char *const TAG = "stapes";

/// loop() begins no frame after this time, so that other components get their turn. One call therefore takes this long
/// and a frame at most; ESPHome itself warns of calls that take 50 ms.
static const uint32_t LOOP_BUDGET_US = 10000;

static float probability(int16_t score) { return static_cast<float>(score + 128) / 256.0f; }

void StapesComponent::setup() {
  const int32_t answer = example_selftest(&this->detector_);
  if (answer != STAPES_SELFTEST_OK) {
    ESP_LOGE(TAG,
             "The self-test failed with %" PRId32 ": this build does not compute what the detector was tested with",
             answer);
    this->mark_failed();
    return;
  }
  example_start(&this->detector_);
  this->started_ = true;
#ifdef USE_STAPES_CLIPS
  if (!this->clips_->setup()) {
    ESP_LOGE(TAG, "There is too little memory for the sound of clips; no clip is sent");
  }
#endif
  this->begin_(false);
  this->last_update_ms_ = millis();
  this->microphone_source_->add_data_callback([this](const std::vector<uint8_t> &data) { this->push_(data); });
  this->microphone_source_->start();
}

/// Apply the sensitivities; no class has an open event. loaded: the model is not the one that was exported.
void StapesComponent::begin_(bool loaded) {
#ifdef USE_STAPES_CLIPS
  this->clips_->begin(this->detector_.core, loaded);
#endif
  for (uint8_t i = 0; i < EXAMPLE_CLASSES; i++) {
    this->set_sensitivity(i, this->classes_[i].sensitivity);
#ifdef USE_BINARY_SENSOR
    if (this->classes_[i].event != nullptr) {
      this->classes_[i].event->publish_state(false);
    }
#endif
  }
}

#ifdef EXAMPLE_LOADABLE
bool StapesComponent::load(const void *blob, size_t size) {
  if (!this->started_) {
    ESP_LOGE(TAG, "The model was not loaded: the detector did not start");
    return false;
  }
  const int32_t answer = example_load(&this->detector_, blob, size);
  if (answer != STAPES_BLOB_OK) {
    ESP_LOGE(TAG, "The model was not loaded: %s", stapes_blob_error(answer));
    return false;
  }
  this->begin_(true);
  return true;
}
#endif

const char *StapesComponent::label_(int32_t class_index) const {
#ifdef EXAMPLE_LOADABLE
  return example_label(&this->detector_, class_index);
#else
  return example_labels[class_index];
#endif
}

void StapesComponent::set_sensitivity(uint8_t class_index, int32_t steps) {
  this->classes_[class_index].sensitivity = steps;
  if (this->started_) {
    stapes_set_sensitivity(&this->detector_.core, class_index, steps);
#ifdef USE_STAPES_CLIPS
    this->clips_->set_sensitivity(class_index, steps);
#endif
  }
}

/// Runs in the task of the microphone and never waits.
void StapesComponent::push_(const std::vector<uint8_t> &data) {
  const int16_t *samples = reinterpret_cast<const int16_t *>(data.data());
  const uint32_t n = data.size() / sizeof(int16_t);
  if (n == 0) {
    return;
  }
#ifdef USE_STAPES_CLIPS
  this->clips_->push(samples, n);  // before the detector hears it
#endif
  stapes_push(&this->detector_.core, samples, n);
  uint64_t squares = 0;  // n * 2^30 at most
  for (uint32_t i = 0; i < n; i++) {
    squares += static_cast<uint32_t>(samples[i] * samples[i]);  // the product is 0 to 2^30
  }
  const uint32_t level = static_cast<uint32_t>(squares / n) + 1;
  uint32_t loudest = this->level_.load();
  while (level > loudest && !this->level_.compare_exchange_weak(loudest, level)) {
  }
}

void StapesComponent::loop() {
  const uint32_t began = micros();
  int32_t n;
  do {
    n = stapes_poll(&this->detector_.core, this->events_);
    for (int32_t i = 0; i < n; i++) {
      this->report_(this->events_[i]);
    }
#ifdef USE_STAPES_CLIPS
    this->clips_->follow(this->detector_.core, this->events_, n);
#endif
    this->take_scores_();
  } while (n != STAPES_IDLE && micros() - began < LOOP_BUDGET_US);
#ifdef USE_STAPES_CLIPS
  this->clips_->loop();
#endif
  this->longest_loop_us_ = std::max(this->longest_loop_us_, micros() - began);
}

/// Keep the highest score of each class, if the model has taken a step.
void StapesComponent::take_scores_() {
  if (this->steps_ == this->detector_.core.steps) {
    return;
  }
  this->steps_ = this->detector_.core.steps;
  for (uint8_t i = 0; i < EXAMPLE_CLASSES; i++) {
    this->classes_[i].max_score_seen = std::max<int16_t>(this->classes_[i].max_score_seen, this->detector_.scores[i]);
  }
}

void StapesComponent::report_(const stapes_event &event) {
  DetectedClass &of = this->classes_[event.class_index];
  const bool begins = event.kind == STAPES_EVENT_ANNOUNCED;
  const DetectedEvent detected{this->label_(event.class_index), event.onset_sample, event.offset_sample,
                               probability(event.confidence)};
  ESP_LOGD(TAG, "%s %s at sample %" PRId64 ", confidence %.2f", detected.label, begins ? "begins" : "ends",
           begins ? detected.onset_sample : detected.offset_sample, detected.confidence);
#ifdef USE_BINARY_SENSOR
  if (of.event != nullptr) {
    of.event->publish_state(begins);
  }
#endif
  if (!begins) {
    this->event_trigger_.trigger(detected);
    return;
  }
  of.events++;
#ifdef USE_TEXT_SENSOR
  if (this->last_event_text_sensor_ != nullptr) {
    this->last_event_text_sensor_->publish_state(detected.label);
  }
#endif
  this->event_start_trigger_.trigger(detected);
}

void StapesComponent::update() {
  const uint32_t now = millis();
  const uint32_t level = this->level_.exchange(0);
  this->warn_(level);
  this->publish_(static_cast<float>(now - this->last_update_ms_) / 60000.0f, level);
#ifdef USE_STAPES_CLIPS
  this->clips_->update();
#endif
  this->last_update_ms_ = now;
  this->longest_loop_us_ = 0;
  for (auto &of : this->classes_) {
    of.events = 0;
    of.max_score_seen = NO_SCORE;
  }
}

/// Audio that was lost or did not come is a warning until an update without it.
void StapesComponent::warn_(uint32_t level) {
  const stapes_detector &core = this->detector_.core;
  if (level == 0) {
    this->status_set_warning(LOG_STR("the microphone delivers no audio"));
  } else if (core.overruns != this->overruns_) {
    ESP_LOGW(TAG, "%" PRIu32 " overruns, %" PRId64 " samples lost since the start: loop() is called too rarely",
             core.overruns, core.samples_lost);
    this->status_set_warning(LOG_STR("audio was lost"));
  } else {
    this->status_clear_warning();
  }
  this->overruns_ = core.overruns;
}

void StapesComponent::publish_(float minutes, uint32_t level) {
#ifdef USE_SENSOR
  for (const auto &of : this->classes_) {
    if (of.rate != nullptr && minutes > 0) {
      of.rate->publish_state(static_cast<float>(of.events) / minutes);
    }
    if (of.max_score != nullptr) {
      of.max_score->publish_state(of.max_score_seen == NO_SCORE ? NAN : probability(of.max_score_seen));
    }
  }
  if (this->level_sensor_ != nullptr) {
    // Relative to full scale, 2^30; digital silence is shown as the square of one half.
    const float mean_square = level > 1 ? static_cast<float>(level - 1) : 0.25f;
    this->level_sensor_->publish_state(level == 0 ? NAN : 10.0f * log10f(mean_square / 1073741824.0f));
  }
  if (this->loop_time_sensor_ != nullptr) {
    this->loop_time_sensor_->publish_state(static_cast<float>(this->longest_loop_us_) / 1000.0f);
  }
  if (this->overruns_sensor_ != nullptr) {
    this->overruns_sensor_->publish_state(static_cast<float>(this->detector_.core.overruns));
  }
#endif
}

void StapesComponent::dump_config() {
  ESP_LOGCONFIG(TAG,
                "stapes:\n"
                "  Self-test: %s",
                this->started_ ? "passed" : "failed");
  for (uint8_t i = 0; i < EXAMPLE_CLASSES; i++) {
    ESP_LOGCONFIG(TAG, "  Class: %s, sensitivity %" PRId32, this->label_(i), this->classes_[i].sensitivity);
  }
#ifdef USE_STAPES_CLIPS
  this->clips_->dump_config();
#endif
  LOG_UPDATE_INTERVAL(this);
}

}  // namespace esphome::stapes
