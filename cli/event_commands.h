// `quorate events`: what happens at a node, as it happens.
#pragma once
#include <cstdint>
#include <optional>

#include "cli/cluster_client.h"

namespace quorate::cli {

struct EventsOptions {
  std::optional<std::uint64_t> after{};  // the entry of the node's log to begin behind; without: from now on
};
// A line for each event until a signal asks for the end. A stream that ends or breaks is taken up where it was, at the
// same node: each counts its own log. Throws Failure when there is no stream to begin with, or the node refuses it.
Exit events_command(const EventsOptions& options, const Place& place, World& world);

}  // namespace quorate::cli
