#pragma once

#include "esphome/core/defines.h"
#ifdef USE_STAPES_CLIPS

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "example_single.h"
#include "http_put.h"
#include "near_misses.h"
#include "sample_ring.h"

namespace esphome::stapes {

/// Which clips are sent. Times are in samples.
struct ClipSettings {
  const char *path;         ///< of the URL, without a slash at its end
  uint32_t before;          ///< sound before an event
  uint32_t after;           ///< and after it
  uint32_t longest_event;   ///< of a longer one only the end is sent
  uint32_t ring;            ///< sound that is kept
  int32_t near_miss_steps;  ///< of sensitivity, by which a near miss may have failed to be an event; 0: none are sent
  uint32_t per_hour;        ///< at most so many clips of events, and of near misses, of each class
  const char *detector;     ///< JSON: the hashes of the model that was exported and of its frontend
  const char *stapes;       ///< JSON: the version of stapes
};

/// The names of a class in the files of a clip.
struct ClipLabel {
  const char *json;       ///< a JSON string
  const char *track;      ///< in a label track
  const char *near_miss;  ///< a near miss of it in a label track
  const char *near_json;  ///< the same as a JSON string
  const char *file;       ///< in the name of a file
};

/// An event or near miss; it may go on.
struct Heard {
  bool near;
  bool complete;
  int32_t class_index;
  int64_t onset;
  int64_t offset;
  int8_t confidence;
};

/// Sends a clip of each event and near miss to an HTTP address: a WAV file, a JSON and a label track, in the format of
/// `stapes listen --record`. The task of the microphone calls push(), all else is called where stapes_poll is.
class Clips {
 public:
  Clips(const char *host, uint16_t port, const ClipSettings &settings) : settings_(settings), put_(host, port) {}
  void set_label(uint8_t class_index, const ClipLabel &label) { this->labels_[class_index] = label; }

  /// Take the memory for the sound. Returns false when there is not enough.
  bool setup();
  /// Begin afresh with a model. loaded: it is not the one that was exported.
  void begin(const stapes_detector &core, bool loaded);
  void set_sensitivity(uint8_t class_index, int32_t steps);
  void push(const int16_t *samples, uint32_t n) { this->ring_.push(samples, n); }
  /// Take what a call of stapes_poll wrote.
  void follow(const stapes_detector &core, const stapes_event *events, int32_t n);
  /// Send a little of what is to be sent.
  void loop();
  /// Warn of the clips that were not sent since the last call.
  void update();
  void dump_config();

 protected:
  /// A clip that is sent, or that waits for its turn.
  struct Upload {
    Heard heard;
    std::string name;      // of its files, without their endings
    std::string texts[3];  // what comes before the samples in the WAV file, JSON, label track
    uint8_t file{0};       // which of them is being sent
    size_t given{0};       // bytes of its text that were given
    int64_t first;         // sample
    int64_t last;          // the sample behind the last one
    int64_t next;          // the next sample to be given
  };

  bool is_in_another_clip_(const Heard &near_miss) const;
  bool is_allowed_(const Heard &heard, int64_t sample);
  int64_t first_sample_(const Heard &heard) const;
  int64_t last_sample_(const Heard &heard) const { return heard.offset + this->settings_.after; }
  void prepare_(const stapes_detector &core);
  void start_file_();
  bool give_();
  void end_upload_(const char *error);
  std::vector<Heard> heard_in_(int64_t first, int64_t last) const;
  std::string name_(const Heard &heard, const std::string &utc) const;
  std::string description_(const stapes_detector &core, const Upload &upload, const std::vector<Heard> &all,
                           const std::string &utc) const;
  std::string track_(const Upload &upload, const std::vector<Heard> &all) const;
  std::string utc_(int64_t sample);

  ClipSettings settings_;
  std::array<ClipLabel, EXAMPLE_CLASSES> labels_;
  std::array<int32_t, EXAMPLE_CLASSES> sensitivity_{};
  std::array<std::array<uint32_t, 2>, EXAMPLE_CLASSES> in_hour_{};  // events and near misses
  SampleRing ring_;
  NearMisses near_;
  HttpPut put_;
  std::deque<Heard> heard_;    // what a clip may still overlap
  std::deque<Heard> waiting_;  // until all that was heard in their clips is known
  std::deque<Upload> uploads_;
  int16_t samples_[HttpPut::BYTES_PER_LOOP / sizeof(int16_t)];  // that are given
  bool running_{false};                                         // there is memory
  bool uploading_{false};                                       // the first of the uploads is being sent
  bool loaded_{false};
  uint32_t run_{0};  // a random number, for names without a time of day
  int64_t hour_{0};
  int64_t wait_{0};  // until all that was heard in a clip is known, in samples
  uint32_t sent_{0};
  uint32_t not_sent_{0};
  uint32_t told_{0};  // of not_sent_
};

}  // namespace esphome::stapes

#endif
