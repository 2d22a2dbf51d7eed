// Where a node listens: "host:port", "1.2.3.4:7101", "[::1]:7101".
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quorate::peers {

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
// At most limits::kMaxAddress characters; a host name has letters, digits, dots and dashes only.
std::optional<HostPort> parse_host_port(std::string_view text);

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  std::uint16_t port() const;
  std::string host() const;  // numeric, without the port
  std::string text() const;  // as parse_host_port reads it
};

// Numeric hosts only: asks nobody.
std::optional<SocketAddress> numeric_address(const HostPort& at);
// Blocks for as long as the system's resolver likes.
std::vector<SocketAddress> look_up(const HostPort& at);

// One look-up on a thread of its own. A resolver cannot be interrupted: whoever has lost patience drops the Lookup, the
// thread ends when the resolver does and touches nothing but what it shares with it.
class Lookup {
 public:
  explicit Lookup(HostPort at);
  bool done() const { return shared_->done.load(std::memory_order_acquire); }
  // When done; empty: not found.
  const std::vector<SocketAddress>& found() const { return shared_->found; }

 private:
  struct Shared {
    std::vector<SocketAddress> found;
    std::atomic<bool> done{false};
  };
  std::shared_ptr<Shared> shared_;
};

}  // namespace quorate::peers
