#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "esphome/components/microphone/microphone_source.h"
#include "esphome/core/automation.h"
#include "esphome/core/component.h"
#include "esphome/core/defines.h"
#ifdef USE_BINARY_SENSOR
#include "esphome/components/binary_sensor/binary_sensor.h"
#endif
#ifdef USE_SENSOR
#include "esphome/components/sensor/sensor.h"
#endif
#ifdef USE_TEXT_SENSOR
#include "esphome/components/text_sensor/text_sensor.h"
#endif

#include "clips.h"
#include "example_single.h"

namespace esphome::stapes {

/// An event of a class. Samples count from the first one that the microphone delivered.
struct DetectedEvent {
  const char *label;
  int64_t onset_sample;
  int64_t offset_sample;  ///< the first sample after the event; -1 while it goes on
  float confidence;       ///< highest smoothed probability of the event so far, 0 to 1

  /// Length in seconds; 0 while the event goes on.
  float duration() const {
    return this->offset_sample < 0
               ? 0.0f
               : static_cast<float>(this->offset_sample - this->onset_sample) / EXAMPLE_SAMPLE_RATE_HZ;
  }
};

/// In the place of a score, -128 to 127, while the model has taken no step.
static constexpr int16_t NO_SCORE = INT16_MIN;

/// The entities of a class and what they count since the last update.
struct DetectedClass {
#ifdef USE_BINARY_SENSOR
  binary_sensor::BinarySensor *event{nullptr};
#endif
#ifdef USE_SENSOR
  sensor::Sensor *rate{nullptr};
  sensor::Sensor *max_score{nullptr};
#endif
  int32_t sensitivity{0};  ///< in steps of a quarter of a logit
  uint32_t events{0};
  int16_t max_score_seen{NO_SCORE};
};

/// Detects events in what a microphone hears. The task of the microphone pushes samples into the detector's ring;
/// loop() processes them, and begins no frame after LOOP_BUDGET_US.
class StapesComponent : public PollingComponent {
 public:
  void setup() override;
  void loop() override;
  void update() override;
  void dump_config() override;
  /// After the microphone, and without waiting for the network.
  float get_setup_priority() const override { return setup_priority::PROCESSOR; }

  void set_microphone_source(microphone::MicrophoneSource *source) { this->microphone_source_ = source; }
  void set_sensitivity(uint8_t class_index, int32_t steps);
  int32_t get_sensitivity(uint8_t class_index) const { return this->classes_[class_index].sensitivity; }
#ifdef USE_STAPES_CLIPS
  void set_clips(Clips *clips) { this->clips_ = clips; }
#endif
#ifdef EXAMPLE_LOADABLE
  /// Take the model of a blob, which stays where it is and must not change. Call this where loop() is called, after
  /// setup(). Returns false, tells why in the log, and keeps the old model when the blob is refused.
  bool load(const void *blob, size_t size);
#endif
  Trigger<DetectedEvent> *get_event_start_trigger() { return &this->event_start_trigger_; }
  Trigger<DetectedEvent> *get_event_trigger() { return &this->event_trigger_; }

#ifdef USE_BINARY_SENSOR
  void set_event_binary_sensor(uint8_t class_index, binary_sensor::BinarySensor *entity) {
    this->classes_[class_index].event = entity;
  }
#endif
#ifdef USE_SENSOR
  void set_rate_sensor(uint8_t class_index, sensor::Sensor *entity) { this->classes_[class_index].rate = entity; }
  void set_max_score_sensor(uint8_t class_index, sensor::Sensor *entity) {
    this->classes_[class_index].max_score = entity;
  }
  SUB_SENSOR(level)
  SUB_SENSOR(loop_time)
  SUB_SENSOR(overruns)
#endif
#ifdef USE_TEXT_SENSOR
  SUB_TEXT_SENSOR(last_event)
#endif

 protected:
  const char *label_(int32_t class_index) const;
  void begin_(bool loaded);
  void push_(const std::vector<uint8_t> &data);
  void report_(const stapes_event &event);
  void take_scores_();
  void publish_(float minutes, uint32_t level);
  void warn_(uint32_t level);

  microphone::MicrophoneSource *microphone_source_{nullptr};
  example_detector_t detector_;
  stapes_event events_[EXAMPLE_EVENTS_MAX];
  std::array<DetectedClass, EXAMPLE_CLASSES> classes_;
  Trigger<DetectedEvent> event_start_trigger_;
  Trigger<DetectedEvent> event_trigger_;
  /// Mean square of the loudest block since the last update, 0 to 2^30, plus 1; 0: no block came. The task of the
  /// microphone raises it and update() takes it.
  std::atomic<uint32_t> level_{0};
#ifdef USE_STAPES_CLIPS
  Clips *clips_{nullptr};
#endif
  bool started_{false};
  uint32_t longest_loop_us_{0};  // since the last update
  uint32_t steps_{0};            // of the model, whose scores were taken
  uint32_t overruns_{0};         // that the last update told
  uint32_t last_update_ms_{0};
};

}  // namespace esphome::stapes
