// TCP sockets: owned descriptors, listening and connecting. All are non-blocking, close-on-exec and without Nagle's
// delay.
#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"

namespace quorate::http {

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) noexcept : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) close(), fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~Socket() { close(); }
  int fd() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void close() noexcept;

 private:
  int fd_ = -1;
};

// Port 0: any free one. Throws std::runtime_error that names the address.
Socket listen_on(const std::string& host, std::uint16_t port);
std::uint16_t local_port(const Socket& socket);
// An invalid Socket: no address answered in time.
Socket connect_to(const std::string& host, std::uint16_t port, Millis timeout);
// What connections are counted by: the bytes of an IPv4 address, or the first half of an IPv6 address, whose other half
// a client chooses.
std::string source_of(const sockaddr_storage& from);
bool is_loopback(std::string_view source);
void set_no_delay(const Socket& socket);
// What has come and is not acknowledged yet. A client without TCP_NODELAY holds the rest of what it has to say until
// then, and the system lets it wait for 40 ms.
void acknowledge_now(const Socket& socket);
// False: nothing happened in that time.
bool wait_for(const Socket& socket, bool write, Millis timeout);

}  // namespace quorate::http
