// `quorate cluster join|remove|rotate|update`: the nodes of a running cluster change (docs/cluster.md).
#pragma once
#include <filesystem>
#include <iosfwd>
#include <string>

#include "cli/cluster_client.h"
#include "cli/outcome.h"
#include "cli/world.h"

namespace quorate::cli {

struct MembershipOptions {
  std::string what;  // of join, a file with an offer (quorate node card --join); of remove, a node
  bool yes = false;  // without asking
};
// Both show the change, ask, and propose it to the admins.
Exit cluster_join(const MembershipOptions& options, ClusterClient& client, Console& console, std::istream& in);
Exit cluster_remove(const MembershipOptions& options, ClusterClient& client, Console& console, std::istream& in);

// A node's newer card, to the nodes, which tell each other.
Exit cluster_rotate(const std::string& file, ClusterClient& client, Console& console);

// The cluster as the nodes have it now, or as another cluster.json says, into a folder's cluster.json. Verified from
// the first document on; never an older one, nor one of another line.
Exit cluster_update(ClusterClient& client, const std::filesystem::path& dir, Console& console);
Exit cluster_update(const std::string& file, const std::filesystem::path& dir, Console& console);

// What the body of a change_cluster says, for who approves it.
std::string text_of_membership(const Json& body);

}  // namespace quorate::cli
