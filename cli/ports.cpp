#include "cli/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "cli/outcome.h"

namespace quorate::cli {
namespace {

constexpr int kAttempts = 200;
constexpr int kFirstChosen = 10'000, kLastChosen = 32'000;  // below the ports that Linux gives to clients

bool in_use(const in_addr& host, std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw failed("socket", "cannot open a socket");
  // As a server does: a port whose last connections are still closing counts as free.
  const int yes = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr = host;
  const bool bad = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 1) != 0;
  const int why = errno;
  ::close(fd);
  if (bad && why != EADDRINUSE)
    throw failed("ports", "cannot listen on port " + std::to_string(port) + ": " + std::strerror(why));
  return bad;
}

bool is_busy(std::uint16_t port) {
  in_addr host{};
  host.s_addr = htonl(INADDR_LOOPBACK);
  return in_use(host, port);
}

std::string name(std::uint16_t port, const char* what, int node) {
  return "port " + std::to_string(port) + " (" + what + " of node" + std::to_string(node) + ")";
}

}  // namespace

LocalPorts local_ports(int base, int node) {
  const auto port = [](int p) { return static_cast<std::uint16_t>(p); };
  return {port(base + node), port(base + kPeersOffset + node), port(base + kMetricsOffset + node)};
}

std::string local_address(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

void check_port_range(int base, int nodes) {
  if (base < 0 || base + kMetricsOffset + nodes > 65'535)
    throw usage("--base-port must be from 0 to " + std::to_string(65'535 - kMetricsOffset - nodes) + " for " +
                std::to_string(nodes) + " nodes");
}

std::optional<std::string> busy_port_of(int base, int node) {
  const LocalPorts p = local_ports(base, node);
  if (is_busy(p.rest)) return name(p.rest, "REST", node);
  if (is_busy(p.peers)) return name(p.peers, "peers", node);
  if (is_busy(p.metrics)) return name(p.metrics, "metrics", node);
  return std::nullopt;
}

std::optional<std::string> busy_port(int base, int nodes) {
  for (int i = 1; i <= nodes; ++i)
    if (auto busy = busy_port_of(base, i)) return busy;
  return std::nullopt;
}

bool is_busy(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) return false;
  in_addr host{};
  if (::inet_pton(AF_INET, address.substr(0, colon).c_str(), &host) != 1) return false;
  std::uint16_t port = 0;
  const char* end = address.data() + address.size();
  const auto [stop, error] = std::from_chars(address.data() + colon + 1, end, port);
  if (error != std::errc() || stop != end) return false;
  return in_use(host, port);
}

int free_base_port(int nodes, Rng& rng) {
  if (!busy_port(kDefaultBasePort, nodes)) return kDefaultBasePort;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int base = kFirstChosen + static_cast<int>(rng.below(static_cast<std::uint64_t>(kLastChosen - kFirstChosen)));
    if (!busy_port(base, nodes)) return base;
  }
  throw failed("ports", "found no free ports for " + std::to_string(nodes) + " nodes");
}

}  // namespace quorate::cli
