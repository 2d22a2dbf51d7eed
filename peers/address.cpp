#include "peers/address.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <thread>

#include "base/limits.h"

namespace quorate::peers {

std::optional<HostPort> parse_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (text.size() > limits::kMaxAddress || colon == std::string_view::npos || colon == 0) return std::nullopt;
  const std::string_view digits = text.substr(colon + 1);
  std::string_view host = text.substr(0, colon);
  HostPort out;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (host.front() == '[') {
    if (host.size() < 4 || host.back() != ']') return std::nullopt;
    host = host.substr(1, host.size() - 2);
    in6_addr ignored{};
    if (inet_pton(AF_INET6, std::string(host).c_str(), &ignored) != 1) return std::nullopt;
  } else {
    const auto plain = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    };
    if (!std::all_of(host.begin(), host.end(), plain)) return std::nullopt;
  }
  out.host = host;
  return out;
}

std::uint16_t SocketAddress::port() const {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (family() == AF_INET)
    std::memcpy(&v4, &storage, sizeof v4);
  else if (family() == AF_INET6)
    std::memcpy(&v6, &storage, sizeof v6);
  return ntohs(family() == AF_INET ? v4.sin_port : v6.sin6_port);
}

std::string SocketAddress::host() const {
  std::array<char, NI_MAXHOST> host{};
  if (getnameinfo(get(), size, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST) != 0) return "?";
  return host.data();
}

std::string SocketAddress::text() const {
  const std::string name = host();
  return (family() == AF_INET6 ? "[" + name + "]" : name) + ":" + std::to_string(port());
}

namespace {

std::vector<SocketAddress> ask(const HostPort& at, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  std::vector<SocketAddress> out;
  if (getaddrinfo(at.host.c_str(), std::to_string(at.port).c_str(), &hints, &list) != 0) return out;
  constexpr std::size_t kMostAddresses = 8;  // of one name
  for (const addrinfo* entry = list; entry != nullptr && out.size() < kMostAddresses; entry = entry->ai_next) {
    SocketAddress address;
    if ((entry->ai_family != AF_INET && entry->ai_family != AF_INET6) || entry->ai_addrlen > sizeof address.storage)
      continue;
    std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.size = entry->ai_addrlen;
    out.push_back(address);
  }
  freeaddrinfo(list);
  return out;
}

}  // namespace

std::optional<SocketAddress> numeric_address(const HostPort& at) {
  const auto found = ask(at, AI_NUMERICHOST);
  if (found.empty()) return std::nullopt;
  return found.front();
}

std::vector<SocketAddress> look_up(const HostPort& at) { return ask(at, 0); }

Lookup::Lookup(HostPort at) : shared_(std::make_shared<Shared>()) {
  std::thread([shared = shared_, where = std::move(at)] {
    shared->found = look_up(where);
    shared->done.store(true, std::memory_order_release);
  }).detach();
}

}  // namespace quorate::peers
