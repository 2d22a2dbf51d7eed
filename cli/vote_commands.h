// `quorate request approve`, `reject` and `cancel`.
#pragma once
#include <iosfwd>
#include <string>

#include "cli/cluster_client.h"
#include "policy/approval.h"

namespace quorate::cli {

struct VoteOptions {
  std::string request;
  bool yes = false;  // without asking
};

// What a request asks for, as this program understands it from what is to be signed alone; the node that shows it is
// not believed. `about`: of a sign request its key, of a change_policy the policy in force, as a node shows them. Throws
// Failure when the request is not what it says.
std::string understood(const Json& request, const Json& about, const std::string& cluster_id);

Exit vote_command(const VoteOptions& options, policy::Vote vote, ClusterClient& client, Console& console,
                  std::istream& in);
Exit cancel_command(const std::string& request, ClusterClient& client, Console& console);

}  // namespace quorate::cli
