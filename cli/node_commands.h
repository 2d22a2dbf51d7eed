// `quorate node status` and `quorate api`.
#pragma once
#include <iosfwd>
#include <optional>
#include <string>

#include "cli/cluster_client.h"

namespace quorate::cli {

// Of every node, or of the one that is chosen. Not ok when one of them does not answer.
Exit node_status(const Place& place, ClusterClient& client, Console& console);

struct ApiOptions {
  std::string method, target;
  std::optional<std::string> body;  // JSON text, or @file, or - for standard input
  std::string idempotency_key, if_match;
  std::optional<int> wait_seconds;
};
// Signs the call as it is, and prints the answer's body, also of an error.
Exit api_command(const ApiOptions& options, ClusterClient& client, Console& console, std::istream& in);

}  // namespace quorate::cli
