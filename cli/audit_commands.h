// `quorate audit …`: a node's log as a file, and whether such files are what the node once said they were.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/cluster_client.h"

namespace quorate::cli {

// One JSON object per line: first whose log it is, how far it goes, and how far the others' had come by their own
// signed word that this node has kept; then every entry.
Exit audit_export(const std::string& node, ClusterClient& client, World& world);

struct AuditVerifyOptions {
  std::vector<std::string> files;  // exports; several of one node must not contradict each other
  std::vector<std::string> heads;  // "node1:17:<64 hex digits>": a head that somebody has kept elsewhere
  std::optional<policy::ClusterDocument> cluster{};  // without it what nodes have kept of each other is not looked at
};
// Exit::failed when an entry was changed, removed, inserted or reordered, a log is cut or forked. Offline.
Exit audit_verify(const AuditVerifyOptions& options, Console& console);

}  // namespace quorate::cli
