// `quorate freeze` and `quorate unfreeze`.
#pragma once
#include <string>

#include "cli/cluster_client.h"

namespace quorate::cli {

// Asks every node that can be reached, each by itself: none of them can keep it from the others. `only`: that node
// alone. Exit::no_quorum if two or more have not said that they have it: those could sign together.
Exit freeze_command(const std::string& scope, const std::optional<std::string>& only, ClusterClient& client,
                    World& world);
Exit unfreeze_command(const std::string& scope, ClusterClient& client, Console& console);

}  // namespace quorate::cli
