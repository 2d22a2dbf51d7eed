// `quorate freeze` and `quorate unfreeze`.
#pragma once
#include <string>

#include "cli/cluster_client.h"

namespace quorate::cli {

// Asks every node that can be reached, each by itself and all at once: none of them can keep it from the others, or
// hold them up. With a node in `place`: that one alone. Exit::no_quorum if two or more have not said that they have it:
// those could sign together.
Exit freeze_command(const std::string& scope, const Place& place, World& world);
Exit unfreeze_command(const std::string& scope, ClusterClient& client, Console& console);

}  // namespace quorate::cli
