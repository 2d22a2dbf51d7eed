// `quorate cluster create|show|sign|assemble|accept`: operators make a cluster of their nodes by passing files of
// public things around (docs/operators.md).
#pragma once
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "cli/outcome.h"
#include "cli/world.h"

namespace quorate::cli {

struct ClusterCreateOptions {
  std::vector<std::string> cards;
  std::string policy, name, out;
};
// Writes a founding that nobody has signed.
Exit cluster_create(const ClusterCreateOptions& options, Console& console);

// A founding, signed or not, or a cluster.json; offline.
Exit cluster_show(const std::string& file, Console& console);

struct ClusterSignOptions {
  std::string file;
  std::optional<std::string> fingerprint;  // that it must have
  bool yes = false;
};
// Shows the founding, asks, and prints the signature of the node in `dir`.
Exit cluster_sign(const ClusterSignOptions& options, const std::filesystem::path& dir, Console& console,
                  std::istream& in);

struct ClusterAssembleOptions {
  std::string file, out;
  std::vector<std::string> signatures;
};
// Writes the founding with the signatures of all nodes.
Exit cluster_assemble(const ClusterAssembleOptions& options, Console& console);

struct ClusterAcceptOptions {
  std::string file;
  bool joining = false;  // the node is none of the founders, and is to join
  std::optional<std::string> fingerprint;
};
// Puts cluster.json and policy.json into a node's folder or a user's.
Exit cluster_accept(const ClusterAcceptOptions& options, const std::filesystem::path& dir, Console& console);

}  // namespace quorate::cli
