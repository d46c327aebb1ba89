#include "clips.h"
#ifdef USE_STAPES_CLIPS

#include <sys/time.h>

#include <algorithm>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "esphome/core/helpers.h"
#include "esphome/core/log.h"

namespace esphome::stapes {

static const char *const TAG = "stapes.clips";
static const int64_t HOUR = static_cast<int64_t>(3600) * EXAMPLE_SAMPLE_RATE_HZ;
static const int64_t FIRST_TIME_S = 1577836800;  // 2020: an earlier time of day was never set
/// The files of a clip, in the order in which they are sent: sound without a label track counts as not annotated.
enum : uint8_t { SOUND, DESCRIPTION, TRACK, FILES };
static const char *const ENDINGS[FILES] = {".wav", ".json", ".txt"};
static const char *const TYPES[FILES] = {"audio/wav", "application/json", "text/plain; charset=utf-8"};

__attribute__((format(printf, 2, 3))) static void append(std::string &text, const char *format, ...) {
  char part[160];
  va_list values;
  va_start(values, format);
  vsnprintf(part, sizeof part, format, values);
  va_end(values);
  text += part;
}

static double probability(int8_t score) { return (score + 128) / 256.0; }  // has 8 decimals

/// Return what comes before the samples of a WAV file of int16, mono. The device is little-endian, as the file is.
static std::string wav_header(uint32_t samples) {
  const uint32_t rate = EXAMPLE_SAMPLE_RATE_HZ, size = samples * sizeof(int16_t);
  const uint16_t format[] = {1, 1};  // PCM, one channel
  const uint16_t frame[] = {2, 16};  // bytes of a frame, bits of a sample
  const uint32_t sizes[] = {36 + size, 16, rate, rate * 2, size};
  const auto bytes = [](const void *from, size_t n) { return std::string(static_cast<const char *>(from), n); };
  return "RIFF" + bytes(&sizes[0], 4) + "WAVEfmt " + bytes(&sizes[1], 4) + bytes(format, 4) + bytes(&sizes[2], 8) +
         bytes(frame, 4) + "data" + bytes(&sizes[4], 4);
}

/// Return where a sample lies in a clip, in seconds.
static double seconds(int64_t sample, int64_t first, int64_t last) {
  return static_cast<double>(std::clamp(sample, first, last) - first) / EXAMPLE_SAMPLE_RATE_HZ;
}

static const char *kind(const Heard &heard) { return heard.near ? "near miss" : "event"; }

bool Clips::setup() {
  this->run_ = random_uint32();
  this->running_ = this->ring_.allocate(this->settings_.ring);
  return this->running_;
}

void Clips::begin(const stapes_detector &core, bool loaded) {
  this->loaded_ = loaded;
  this->wait_ = std::min<int64_t>(announced_within_samples(core), static_cast<int64_t>(60) * EXAMPLE_SAMPLE_RATE_HZ);
  this->near_.begin(core, this->settings_.near_miss_steps);
}

void Clips::set_sensitivity(uint8_t class_index, int32_t steps) {
  this->sensitivity_[class_index] = steps;
  this->near_.set_sensitivity(class_index, steps);
}

void Clips::follow(const stapes_detector &core, const stapes_event *events, int32_t n) {
  if (!this->running_) {
    return;
  }
  const auto add = [this](const stapes_event &event, bool near) {
    const Heard heard{near, true, event.class_index, event.onset_sample, event.offset_sample, event.confidence};
    this->heard_.push_back(heard);
    this->waiting_.push_back(heard);
  };
  for (int32_t i = 0; i < n; i++) {
    if (events[i].kind == STAPES_EVENT_COMPLETED) {
      add(events[i], false);
    }
  }
  for (const auto &each : this->near_.follow(core, events, n)) {
    add(each, true);
  }
  while (!this->heard_.empty() && this->heard_.front().offset < core.sample - this->settings_.ring) {
    this->heard_.pop_front();
  }
  this->prepare_(core);
}

/// Prepare the clips of which all is known.
void Clips::prepare_(const stapes_detector &core) {
  while (!this->waiting_.empty() && this->last_sample_(this->waiting_.front()) + this->wait_ <= core.sample) {
    const Heard heard = this->waiting_.front();
    this->waiting_.pop_front();
    if ((heard.near && this->is_in_another_clip_(heard)) || !this->is_allowed_(heard, core.sample)) {
      continue;
    }
    Upload upload;
    const std::string utc = this->utc_(heard.onset);
    upload.heard = heard;
    upload.name = this->name_(heard, utc);
    upload.first = upload.next = this->first_sample_(heard);
    upload.last = this->last_sample_(heard);
    const std::vector<Heard> all = this->heard_in_(upload.first, upload.last);
    upload.texts[SOUND] = wav_header(upload.last - upload.first);
    upload.texts[DESCRIPTION] = this->description_(core, upload, all, utc);
    upload.texts[TRACK] = this->track_(upload, all);
    this->uploads_.push_back(std::move(upload));
  }
}

void Clips::loop() {
  if (this->uploads_.empty()) {
    return;
  }
  Upload &upload = this->uploads_.front();
  if (!this->uploading_) {
    if (upload.first < this->ring_.begin()) {
      this->end_upload_("its sound was gone before it was its turn");
      return;
    }
    this->uploading_ = true;
    this->start_file_();
  }
  if (!this->give_()) {
    this->end_upload_("the connection is slower than the sound");
    return;
  }
  const HttpPut::State state = this->put_.loop();
  if (state == HttpPut::State::FAILED) {
    this->end_upload_(this->put_.error());
  } else if (state == HttpPut::State::STORED && upload.file + 1 == FILES) {
    this->end_upload_(nullptr);
  } else if (state == HttpPut::State::STORED) {
    upload.file++;
    this->start_file_();
  }
}

/// Go on to the next clip. error: why this one was not sent, or a null pointer.
void Clips::end_upload_(const char *error) {
  const Upload &upload = this->uploads_.front();
  if (error == nullptr) {
    this->sent_++;
    ESP_LOGD(TAG, "Sent %s", upload.name.c_str());
  } else {
    this->not_sent_++;
    ESP_LOGW(TAG, "The clip %s was not sent: %s", upload.name.c_str(), error);
  }
  this->put_.stop();
  this->uploading_ = false;
  this->uploads_.pop_front();
}

void Clips::start_file_() {
  Upload &upload = this->uploads_.front();
  upload.given = 0;
  const size_t samples = upload.file == SOUND ? upload.last - upload.first : 0;
  this->put_.start(std::string(this->settings_.path) + "/" + upload.name + ENDINGS[upload.file], TYPES[upload.file],
                   upload.texts[upload.file].size() + samples * sizeof(int16_t));
}

/// Give the connection as much as it takes now. Returns false when the samples are no longer there.
bool Clips::give_() {
  Upload &upload = this->uploads_.front();
  const std::string &text = upload.texts[upload.file];
  const size_t room = this->put_.room();
  if (upload.given < text.size()) {
    const size_t n = std::min(room, text.size() - upload.given);
    this->put_.give(text.data() + upload.given, n);
    upload.given += n;
    return true;
  }
  const uint32_t n = room / sizeof(int16_t);
  if (n > 0 && !this->ring_.read(upload.next, n, this->samples_)) {
    return false;
  }
  this->put_.give(this->samples_, n * sizeof(int16_t));
  upload.next += n;
  return true;
}

int64_t Clips::first_sample_(const Heard &heard) const {
  const int64_t longest = this->settings_.before + this->settings_.longest_event + this->settings_.after;
  return std::max<int64_t>({0, heard.onset - this->settings_.before, this->last_sample_(heard) - longest});
}

/// Return whether the clip of an event, which is sent or will be, holds the whole near miss.
bool Clips::is_in_another_clip_(const Heard &near_miss) const {
  for (const int64_t onset : this->near_.open()) {
    if (onset >= 0 && onset - this->settings_.before <= near_miss.onset) {
      return true;
    }
  }
  return std::any_of(this->heard_.begin(), this->heard_.end(), [&](const Heard &each) {
    return !each.near && this->first_sample_(each) <= near_miss.onset && near_miss.offset <= this->last_sample_(each);
  });
}

/// Count a clip of this hour and return whether it may be sent.
bool Clips::is_allowed_(const Heard &heard, int64_t sample) {
  if (sample / HOUR != this->hour_) {
    this->hour_ = sample / HOUR;
    this->in_hour_ = {};
  }
  if (this->in_hour_[heard.class_index][heard.near]++ < this->settings_.per_hour) {
    return true;
  }
  this->not_sent_++;
  ESP_LOGD(TAG, "No clip of %s (%s): the hour has its %" PRIu32, this->labels_[heard.class_index].track, kind(heard),
           this->settings_.per_hour);
  return false;
}

/// Return all that overlaps a clip, and what goes on at its end.
std::vector<Heard> Clips::heard_in_(int64_t first, int64_t last) const {
  std::vector<Heard> found;
  for (const auto &each : this->heard_) {
    if (each.onset < last && each.offset > first) {
      found.push_back(each);
    }
  }
  const auto add = [&](bool near, int32_t class_index, int64_t onset) {
    if (onset >= 0 && onset < last) {
      found.push_back(Heard{near, false, class_index, onset, last, 0});
    }
  };
  for (int32_t i = 0; i < EXAMPLE_CLASSES; i++) {
    add(false, i, this->near_.open()[i]);
  }
  for (const auto &each : this->near_.undecided()) {
    add(true, each.first, each.second);
  }
  std::sort(found.begin(), found.end(), [this](const Heard &a, const Heard &b) {
    return a.onset != b.onset ? a.onset < b.onset
                              : strcmp(this->labels_[a.class_index].track, this->labels_[b.class_index].track) < 0;
  });
  return found;
}

/// Return when a sample was heard, in UTC to the millisecond; empty while the device does not know the time.
std::string Clips::utc_(int64_t sample) {
  struct timeval now;
  gettimeofday(&now, nullptr);
  if (now.tv_sec < FIRST_TIME_S) {
    return "";
  }
  const int64_t age_us = (this->ring_.end() - sample) * 1000000 / EXAMPLE_SAMPLE_RATE_HZ;
  const int64_t heard_ms = (static_cast<int64_t>(now.tv_sec) * 1000000 + now.tv_usec - age_us + 500) / 1000;
  const time_t heard_s = heard_ms / 1000;
  struct tm parts;
  gmtime_r(&heard_s, &parts);
  char text[32];
  const size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::string utc(text, n);
  append(utc, ".%03dZ", static_cast<int>(heard_ms % 1000));
  return utc;
}

std::string Clips::name_(const Heard &heard, const std::string &utc) const {
  std::string name;
  for (const char each : utc) {
    if (each != '-' && each != ':') {
      name += each;
    }
  }
  if (name.empty()) {  // the random number keeps the clips of two runs apart
    append(name, "%010.3fs_%08" PRIx32, static_cast<double>(heard.onset) / EXAMPLE_SAMPLE_RATE_HZ, this->run_);
  }
  name += std::string("_") + this->labels_[heard.class_index].file;
  append(name, "_%" PRId64 "%s", heard.onset, heard.near ? "_near" : "");
  return name;
}

std::string Clips::description_(const stapes_detector &core, const Upload &upload, const std::vector<Heard> &all,
                                const std::string &utc) const {
  const Heard &heard = upload.heard;
  const int32_t of = heard.class_index;
  std::string text = "{\n  \"format\": \"stapes clip 1\",\n";
  append(text, "  \"kind\": \"%s\",\n  \"label\": ", kind(heard));
  text += this->labels_[of].json;
  append(text, ",\n  \"probability\": %.8f,\n  \"threshold\": %.8f,\n  \"sensitivity\": %" PRId32 ",\n",
         probability(heard.confidence), probability(core.events.classes[of].on_score), this->sensitivity_[of]);
  text += "  \"utc\": " + (utc.empty() ? "null" : "\"" + utc + "\"");
  append(text, ",\n  \"first_sample\": %" PRId64 ",\n  \"sample_rate_hz\": %d,\n  \"heard\": [", upload.first,
         static_cast<int>(EXAMPLE_SAMPLE_RATE_HZ));
  std::string near_labels;
  std::array<bool, EXAMPLE_CLASSES> named{};
  const char *separator = "\n";
  for (const auto &each : all) {
    append(text, "%s    {\"kind\": \"%s\", \"label\": ", separator, kind(each));
    text += this->labels_[each.class_index].json;
    append(text,
           ", \"onset\": %.9f, \"offset\": %.9f, \"probability\": ", seconds(each.onset, upload.first, upload.last),
           seconds(each.offset, upload.first, upload.last));
    if (each.complete) {
      append(text, "%.8f}", probability(each.confidence));
    } else {
      text += "null}";
    }
    separator = ",\n";
    if (each.near && !named[each.class_index]) {
      named[each.class_index] = true;
      near_labels += (near_labels.empty() ? "" : ", ") + std::string(this->labels_[each.class_index].near_json);
    }
  }
  text += "\n  ],\n  \"near_miss_labels\": [" + near_labels + "],\n  \"detector\": ";
  text += this->loaded_ ? "{\"model_sha256\": null, \"frontend_hash\": null}" : this->settings_.detector;
  text += std::string(",\n  \"stapes\": ") + this->settings_.stapes + "\n}\n";
  return text;
}

std::string Clips::track_(const Upload &upload, const std::vector<Heard> &all) const {
  std::string text;
  for (const auto &each : all) {
    append(text, "%.6f\t%.6f\t", seconds(each.onset, upload.first, upload.last),
           seconds(each.offset, upload.first, upload.last));
    const ClipLabel &label = this->labels_[each.class_index];
    text += std::string(each.near ? label.near_miss : label.track) + "\n";
  }
  return text;
}

void Clips::update() {
  if (this->not_sent_ != this->told_) {
    ESP_LOGW(TAG, "%" PRIu32 " clips sent, %" PRIu32 " not sent since the start", this->sent_, this->not_sent_);
    this->told_ = this->not_sent_;
  }
}

void Clips::dump_config() {
  ESP_LOGCONFIG(TAG, "  Clips: sent to http://%s:%u%s, %" PRIu32 " bytes of RAM for the sound%s", this->put_.host(),
                this->put_.port(), this->settings_.path, this->settings_.ring * static_cast<uint32_t>(sizeof(int16_t)),
                this->running_ ? "" : ", which are not there: no clip is sent");
}

}  // namespace esphome::stapes

#endif
