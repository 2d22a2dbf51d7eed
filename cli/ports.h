// The addresses of a cluster on one machine.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/rng.h"

namespace quorate::cli {

inline constexpr int kDefaultBasePort = 7000;
inline constexpr int kPeersOffset = 100, kMetricsOffset = 200;

// Node i of 1..nodes: REST on base + i, peers on base + 100 + i, metrics on base + 200 + i, all on 127.0.0.1.
struct LocalPorts {
  std::uint16_t rest, peers, metrics;
};
LocalPorts local_ports(int base, int node);
std::string local_address(std::uint16_t port);  // "127.0.0.1:7001"

// Throws Failure (usage) unless all ports of such a cluster lie in 1..65535.
void check_port_range(int base, int nodes);
// The first port that another program listens on, in words: "port 7001 (REST of node1)".
std::optional<std::string> busy_port(int base, int nodes);
std::optional<std::string> busy_port_of(int base, int node);
// Whether a program listens on this address ("127.0.0.1:7001"); false for addresses that are not numeric IPv4.
bool is_busy(const std::string& address);
// kDefaultBasePort if none of its ports is busy, else some other one.
int free_base_port(int nodes, Rng& rng);

}  // namespace quorate::cli
