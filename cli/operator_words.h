// The words of operators and new users: `node init|card|renew`, `cluster …`, `recover-admins …`, `user init`.
#pragma once
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

#include "cli/founding_commands.h"
#include "cli/membership_commands.h"
#include "cli/node_folder.h"
#include "cli/recovery_commands.h"
#include "cli/settings.h"
#include "cli/user_commands.h"
#include "cli/world.h"

namespace CLI {
class App;
}

namespace quorate::cli {

struct OperatorWords {
  NodeInitOptions node_init;
  NodeRenewOptions node_renew;
  ClusterCreateOptions cluster_create;
  ClusterSignOptions cluster_sign;
  ClusterAssembleOptions cluster_assemble;
  ClusterAcceptOptions cluster_accept;
  UserInitOptions user_init;
  MembershipOptions membership;
  RecoveryCreateOptions recovery_create;
  RecoverySignOptions recovery_sign;
  RecoveryAssembleOptions recovery_assemble;
  std::optional<std::string> join, update;
  std::string file;
};

struct OperatorRun {
  const GlobalOptions& global;
  const Environment& env;
  World& world;
  std::istream& in;
  std::function<Exit()>& chosen;  // set by the subcommand that was given

  // What --dir or the environment names, never what another folder's config does.
  std::filesystem::path folder() const;             // Failure (usage) if nothing does
  std::filesystem::path folder_or_default() const;  // else default_dir()
  Exit with_client(const std::function<Exit(ClusterClient&)>& run) const;
};

// `app` has a subcommand `node` already. `words` outlives `app`, and so does what `run` refers to.
void add_operator_words(CLI::App& app, OperatorWords& words, const OperatorRun& run);

}  // namespace quorate::cli
