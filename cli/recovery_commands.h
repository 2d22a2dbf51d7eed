// `quorate recover-admins`: operators name new admins when the admins' keys are lost (docs/recovery.md).
#pragma once
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "cli/cluster_client.h"
#include "cli/outcome.h"
#include "cli/world.h"

namespace quorate::cli {

struct RecoveryCreateOptions {
  std::vector<std::string> users;    // files: what `quorate user init` has printed
  std::vector<std::string> members;  // ids of users of the policy
  std::string group, out;
  std::int64_t min = 0;
};
// Asks the running nodes what is in force, as the operator of the node in `dir`, and writes a recovery that nobody has
// signed.
Exit recovery_create(const RecoveryCreateOptions& options, const std::filesystem::path& dir, World& world);

Exit recovery_show(const std::string& file, Console& console);

struct RecoverySignOptions {
  std::string file;
  bool yes = false;
};
// Shows it, asks, and prints the signature of the node in `dir`. Offline.
Exit recovery_sign(const RecoverySignOptions& options, const std::filesystem::path& dir, WallTime now, Console& console,
                   std::istream& in);

struct RecoveryAssembleOptions {
  std::string file, out;
  std::vector<std::string> signatures;
};
Exit recovery_assemble(const RecoveryAssembleOptions& options, Console& console);

// To the node in `dir`, or the first other one that answers.
Exit recovery_submit(const std::string& file, const std::filesystem::path& dir, World& world);

// By an admin, to every node of the cluster in force by itself. Exit::no_quorum unless those that have it leave the
// others no majority.
Exit recovery_veto(const std::string& id, const Place& place, World& world);

}  // namespace quorate::cli
