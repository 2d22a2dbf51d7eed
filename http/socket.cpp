#include "http/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace quorate::http {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Addresses resolve(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) found = nullptr;
  return {found, freeaddrinfo};
}

Socket open_for(const addrinfo& a) {
  return Socket(socket(a.ai_family, a.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a.ai_protocol));
}

}  // namespace

void Socket::close() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Socket listen_on(const std::string& host, std::uint16_t port) {
  const std::string where = "cannot listen on " + host + ":" + std::to_string(port) + ": ";
  const Addresses addresses = resolve(host, port, AI_PASSIVE);
  if (!addresses) throw std::runtime_error(where + "not an address");
  int error = 0;
  for (const addrinfo* a = addresses.get(); a != nullptr; a = a->ai_next) {
    Socket s = open_for(*a);
    const int on = 1;
    if (s && setsockopt(s.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(s.fd(), a->ai_addr, a->ai_addrlen) == 0 && listen(s.fd(), 256) == 0)
      return s;
    error = errno;
  }
  throw std::runtime_error(where + std::strerror(error));
}

std::uint16_t local_port(const Socket& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

std::string source_of(const sockaddr_storage& from) {
  if (from.ss_family == AF_INET)
    return std::string(reinterpret_cast<const char*>(&reinterpret_cast<const sockaddr_in*>(&from)->sin_addr), 4);
  const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(&from)->sin6_addr;
  const auto* bytes = reinterpret_cast<const char*>(&v6);
  return IN6_IS_ADDR_V4MAPPED(&v6) ? std::string(bytes + 12, 4) : std::string(bytes, 8);
}

bool is_loopback(std::string_view source) {
  return source.size() == 4 ? source.front() == 127 : source == std::string_view("\0\0\0\0\0\0\0", 8);  // ::1
}

bool wait_for(const Socket& socket, bool write, Millis timeout) {
  pollfd p{socket.fd(), static_cast<short>(write ? POLLOUT : POLLIN), 0};
  const auto ms = static_cast<int>(std::clamp<Millis::rep>(timeout.count(), 0, INT_MAX));
  return poll(&p, 1, ms) > 0;
}

void set_no_delay(const Socket& socket) {
  const int on = 1;
  setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void acknowledge_now(const Socket& socket) {
  const int on = 1;
  setsockopt(socket.fd(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

Socket connect_to(const std::string& host, std::uint16_t port, Millis timeout) {
  const Addresses addresses = resolve(host, port, 0);
  for (const addrinfo* a = addresses.get(); a != nullptr; a = a->ai_next) {
    Socket s = open_for(*a);
    if (!s) continue;
    if (connect(s.fd(), a->ai_addr, a->ai_addrlen) != 0) {
      if (errno != EINPROGRESS || !wait_for(s, true, timeout)) continue;
      int error = 0;
      socklen_t size = sizeof error;
      if (getsockopt(s.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) continue;
    }
    set_no_delay(s);
    return s;
  }
  return Socket();
}

}  // namespace quorate::http
