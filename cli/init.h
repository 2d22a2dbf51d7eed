// `quorate init`: a whole cluster on one machine, for trying out.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/settings.h"
#include "cli/world.h"

namespace quorate::cli {

struct InitOptions {
  std::filesystem::path dir;
  int nodes = 3;
  int base_port = 7000;
  std::string name = "local";  // of the cluster
  // The first policy, instead of the one for an admin and an approver. Who has no key in it gets one.
  std::optional<std::filesystem::path> policy{};
};

struct InitResult {
  std::string cluster_id;          // hex
  std::vector<std::string> nodes;  // ids
  std::vector<std::string> rest;   // URLs
  std::vector<std::string> users;  // whose keys were made
};

// Writes `dir`, which must be missing or empty; all of it is on the disk when this returns. Throws Failure, and then
// leaves nothing behind: for a directory in use or a busy port it names it; `interrupted` while StopSignals are held
// and one has come.
InitResult init_cluster(const InitOptions& options, World& world);

// The command: init_cluster, then the user's client config (never over one that is there), then what to do next.
void init_command(const InitOptions& options, const Environment& env, World& world);

}  // namespace quorate::cli
