#include "http_put.h"
#ifdef USE_STAPES_CLIPS

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "esphome/core/hal.h"
#include "esphome/core/helpers.h"

namespace esphome::stapes {

static const uint32_t TIMEOUT_MS = 10000;
static const size_t LONGEST_STATUS_LINE = 200;

/// What a socket says that does not wait: nothing goes now, or the connection is not there yet.
static bool comes_later(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINPROGRESS; }

void HttpPut::start(const std::string &path, const char *content_type, size_t length) {
  this->waiting_ = "PUT " + path + " HTTP/1.1\r\nHost: " + this->host_ + ":" + to_string(this->port_) +
                   "\r\nContent-Type: " + content_type + "\r\nContent-Length: " + to_string(length) +
                   "\r\nConnection: close\r\n\r\n";
  this->left_ = length;
  this->answer_.clear();
  this->error_.clear();
  this->moved_ms_ = millis();
  struct sockaddr_storage address;
  auto *to = reinterpret_cast<struct sockaddr *>(&address);
  const socklen_t size = socket::set_sockaddr(to, sizeof address, this->host_, this->port_);
  this->socket_ = socket::socket(to->sa_family, SOCK_STREAM, 0);
  if (this->socket_ == nullptr) {
    this->fail_("no socket is free");
    return;
  }
  this->socket_->setblocking(false);
  if (this->socket_->connect(to, size) != 0 && !comes_later(errno)) {
    this->fail_(strerror(errno));
  }
}

size_t HttpPut::room() const { return this->waiting_.empty() ? std::min(this->left_, BYTES_PER_LOOP) : 0; }

void HttpPut::give(const void *bytes, size_t n) {
  this->waiting_.append(static_cast<const char *>(bytes), n);
  this->left_ -= n;
}

HttpPut::State HttpPut::loop() {
  if (this->socket_ == nullptr) {
    return State::FAILED;
  }
  const State state = this->waiting_.empty() && this->left_ == 0 ? this->receive_() : this->send_();
  if (state == State::RUNNING && millis() - this->moved_ms_ > TIMEOUT_MS) {
    return this->fail_("nothing went or came for 10 s");
  }
  return state;
}

HttpPut::State HttpPut::send_() {
  const ssize_t n = this->socket_->send(this->waiting_.data(), this->waiting_.size(), MSG_NOSIGNAL);
  if (n < 0) {
    return comes_later(errno) ? State::RUNNING : this->fail_(strerror(errno));
  }
  if (n > 0) {
    this->moved_ms_ = millis();
    this->waiting_.erase(0, n);
  }
  return State::RUNNING;
}

HttpPut::State HttpPut::receive_() {
  char bytes[64];
  const ssize_t n = this->socket_->read(bytes, sizeof bytes);
  if (n < 0) {
    return comes_later(errno) ? State::RUNNING : this->fail_(strerror(errno));
  }
  this->moved_ms_ = millis();
  this->answer_.append(bytes, n);
  const size_t length = this->answer_.find("\r\n");
  if (length == std::string::npos) {
    return n == 0 || this->answer_.size() > LONGEST_STATUS_LINE ? this->fail_("the answer is not HTTP")
                                                                : State::RUNNING;
  }
  this->answer_.resize(length);
  // "HTTP/1.1 201 Created"
  if (this->answer_.size() < 12 || this->answer_.compare(0, 7, "HTTP/1.") != 0 || this->answer_[9] != '2') {
    return this->fail_("the server answered " + this->answer_);
  }
  this->stop();
  return State::STORED;
}

HttpPut::State HttpPut::fail_(const std::string &error) {
  this->error_ = error;
  this->stop();
  return State::FAILED;
}

}  // namespace esphome::stapes

#endif
