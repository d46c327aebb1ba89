#pragma once

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

#include "esphome/components/microphone/microphone.h"
#include "esphome/core/component.h"

namespace esphome::played {

/// Plays the raw int16 samples of the file PLAYED_FILE, PLAYED_BLOCK samples at a time after a first block of
/// PLAYED_FIRST_BLOCK, from a thread of its own as the task of an I2S microphone does. Each loop() of ESPHome lets one
/// block pass, so that no test depends on the time that this machine takes. The program ends PLAYED_LOOPS calls of
/// loop() after the last block.
class PlayedMicrophone : public microphone::Microphone, public Component {
 public:
  explicit PlayedMicrophone(uint32_t sample_rate) {
    this->audio_stream_info_ = audio::AudioStreamInfo(16, 1, sample_rate);
  }
  void setup() override;
  void start() override;
  void stop() override;
  void loop() override;

 protected:
  void play_();

  FILE *file_{nullptr};
  size_t first_block_{0};
  size_t block_{0};
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool due_{false};   // a block may pass
  bool ended_{true};  // all blocks have passed, or nobody listens
  int loops_left_{0};
};

}  // namespace esphome::played
