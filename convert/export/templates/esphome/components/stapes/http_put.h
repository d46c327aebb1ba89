#pragma once

#include "esphome/core/defines.h"
#ifdef USE_STAPES_CLIPS

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "esphome/components/socket/socket.h"

namespace esphome::stapes {

/// Sends one file at a time to an HTTP server at an IPv4 address, without waiting for it: plain HTTP/1.1, a connection
/// for each file.
class HttpPut {
 public:
  enum class State : uint8_t { RUNNING, STORED, FAILED };
  /// In each loop(), which comes about every 16 ms: 128 kB/s at most, four times the sound at 16 kHz.
  static constexpr size_t BYTES_PER_LOOP = 2048;

  HttpPut(const char *host, uint16_t port) : host_(host), port_(port) {}
  /// Begin to send a file of so many bytes.
  void start(const std::string &path, const char *content_type, size_t length);
  /// How many bytes of the file may be given now.
  size_t room() const;
  void give(const void *bytes, size_t n);
  /// Send what was given, as far as that is possible now, and look for the answer.
  State loop();
  /// Close the connection.
  void stop() { this->socket_.reset(); }
  /// Why it failed.
  const char *error() const { return this->error_.c_str(); }
  const char *host() const { return this->host_; }
  uint16_t port() const { return this->port_; }

 protected:
  State send_();
  State receive_();
  State fail_(const std::string &error);

  const char *host_;
  uint16_t port_;
  std::unique_ptr<socket::Socket> socket_;
  std::string waiting_;  // bytes that the connection has not taken yet
  size_t left_{0};       // bytes of the file that were not given yet
  std::string answer_;
  std::string error_;
  uint32_t moved_ms_{0};  // when bytes last went or came
};

}  // namespace esphome::stapes

#endif
