// A node's folder at its operator's: keys, certificate, config, card. Of it only card.json, ca.pem, cluster.json and
// policy.json are for others.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/ed25519.h"
#include "cli/outcome.h"
#include "cli/world.h"
#include "policy/cluster.h"

namespace quorate::cli {

// What a config.toml says that differs from node to node.
struct NodeConfigText {
  std::string node;
  std::string documents;             // where cluster.json and policy.json are: "", "../"
  std::string database_key;          // lines of [database_key]
  std::string rest, peers, metrics;  // to listen on
};
std::string node_config_text(const NodeConfigText& config);
// [database_key] with the key in a file beside the data, and a word of warning.
std::string key_file_lines();

struct NodeInitOptions {
  std::string id, peers, rest;  // as the other operators and clients reach it, host:port
  std::optional<std::string> listen_peers, listen_rest, listen_metrics;
  std::optional<std::string> key_env, passphrase_env;  // at most one of these three
  std::vector<std::string> key_command;
};
// `quorate node init`. `dir` must be missing or empty.
Exit node_init(const NodeInitOptions& options, const std::filesystem::path& dir, World& world);

struct NodeFolder {
  std::filesystem::path dir;
  policy::NodeCard card;
  Json signed_card;
  Ed25519SecretKey identity;
  std::optional<std::string> cluster;  // hex id, once it has accepted one
};
bool is_node_folder(const std::filesystem::path& dir);
// Everything in it fits together and nothing secret is open to others. Throws Failure that names the file.
NodeFolder open_node_folder(const std::filesystem::path& dir);

// `quorate node card`
// `join`: the id of a cluster; with the node's consent to be in it.
Exit node_card(const std::filesystem::path& dir, const std::optional<std::string>& join, Console& console);
struct NodeRenewOptions {
  bool new_key = false;                    // another TLS key
  std::optional<std::string> peers, rest;  // other addresses
};
// `quorate node renew`: a new certificate. As long as the TLS key and the addresses stay, nobody else has to know; else
// there is a new card with a higher seq, for the others' `quorate cluster renew`. Goes on with one that was cut short.
Exit node_renew(const NodeRenewOptions& options, const std::filesystem::path& dir, World& world);

}  // namespace quorate::cli
