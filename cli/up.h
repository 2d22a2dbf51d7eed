// `quorate up`: the nodes of a local cluster in the foreground.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/local_nodes.h"

namespace quorate::cli {

// Asks until every one of `nodes` answers that it is ready and, with `all_peers`, that it is connected with every other
// node. False: a stop was requested. Throws Failure when one of them ends, or when `patience` is over, naming what is
// missing.
bool wait_until_ready(LocalNodes& running, ClusterClient& client, const std::vector<std::string>& nodes, bool all_peers,
                      std::optional<Millis> patience);

// place.node: only that one. Returns when a stop was requested (ok) or no node is left (failed).
Exit up_command(const Place& place, World& world);

}  // namespace quorate::cli
