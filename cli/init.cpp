#include "cli/init.h"

#include "base/ed25519.h"
#include "base/limits.h"
#include "cli/cluster_client.h"
#include "cli/files.h"
#include "cli/new_directory.h"
#include "cli/node_folder.h"
#include "cli/ports.h"
#include "cli/stop_signals.h"
#include "peers/certificates.h"
#include "policy/cluster.h"
#include "policy/document.h"
#include "policy/first_policy.h"
#include "policy/kinds.h"

namespace quorate::cli {
namespace {

struct NewNode {
  policy::NodeCard card;
  Ed25519SecretKey identity;
};

NewNode make_node(const fs::path& stage, int i, int base_port, const peers::Authority& authority, World& world) {
  stop_if_asked();
  const LocalPorts ports = local_ports(base_port, i);
  NewNode node{{}, Ed25519SecretKey::generate(world.rng)};
  node.card.id = "node" + std::to_string(i);
  node.card.identity_key = node.identity.public_key();
  node.card.rest_address = local_address(ports.rest);
  node.card.peers_address = local_address(ports.peers);
  node.card.seq = 1;

  const fs::path dir = stage / node.card.id;
  make_private_directory(dir);
  write_new_file(dir / "identity.pem", node.identity.to_pem());
  const SecretBytes tls_key = peers::make_tls_key(world.rng);
  write_new_file(dir / "tls.key.pem", tls_key);
  const peers::LeafRequest leaf{node.card.id, {}, {}};
  write_new_file(dir / "tls.cert.pem", view_of(peers::issue_leaf(authority, tls_key, leaf, world.clock, world.rng)));
  node.card.tls_spki = peers::spki_of_key(tls_key);
  const auto database_key = world.rng.secret<32>();
  write_new_file(dir / "database.key", database_key.expose());
  write_new_file(dir / "config.toml",
                 view_of(node_config_text({node.card.id, "../", key_file_lines(), node.card.rest_address,
                                           node.card.peers_address, local_address(ports.metrics)})));
  return node;
}

// The first policy, its cluster not yet named. Whoever has neither a key nor an authenticator in it gets a key, in
// `users`.
Json policy_for(const InitOptions& options, const fs::path& users, std::vector<std::string>& made, World& world) {
  const auto new_user = [&](const std::string& id) {
    const auto key = Ed25519SecretKey::generate(world.rng);
    write_new_file(users / (id + ".pem"), key.to_pem());
    made.push_back(id);
    return key.public_key();
  };
  if (!options.policy) {
    const auto admin = new_user("admin");
    return policy::first_policy("", {"admin", admin}, {"approver", new_user("approver")});
  }
  const std::string file = options.policy->string();
  try {
    Json document = parse_json(read_text_file(file, limits::kMaxPolicyBytes));
    if (!document.is_object()) throw JsonError("", "must be an object");
    document["version"] = 1;
    document["previous"] = "";
    if (const auto all = document.find("users"); all != document.end() && all->is_array())
      for (Json& user : *all)
        if (user.is_object() && !user.contains("key") && !user.contains("webauthn") &&
            policy::is_name(text_at(user, "id")))
          user["key"] = new_user(text_at(user, "id")).to_text();
    document["cluster"] = std::string(64, '0');
    policy::PolicyDocument::from_json(document);
    return document;
  } catch (const JsonError& e) {
    throw failed("policy_invalid", file + ": " + (e.pointer.empty() ? "" : e.pointer + " ") + e.what());
  }
}

// Two readings of one file name the same place, also through a symbolic link.
bool same_place(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return a == b || fs::equivalent(a, b, ignored);
}

// "" when the config now leads to `dir`, else why it does not.
std::string write_client_config(const fs::path& dir, const Environment& env) {
  const fs::path file = client_config(env);
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(file, ignored))) {
    try {
      fs::create_directories(file.parent_path());
      write_new_file(file, view_of(client_config_text(dir, "admin")));
      return "";
    } catch (const std::exception& e) {
      return "could not write the client config: " + one_line(e.what());
    }
  }
  const Place present = find_place({}, {env.home, env.program, std::nullopt});
  if (same_place(present.dir, dir)) return "";
  return file.string() + " names another cluster (" + present.dir.string() + ") and was left as it is";
}

}  // namespace

InitResult init_cluster(const InitOptions& options, World& world) {
  if (options.nodes < static_cast<int>(limits::kMinThreshold) || options.nodes > static_cast<int>(policy::kMostVoters))
    throw usage("--nodes must be from " + std::to_string(limits::kMinThreshold) + " to " +
                std::to_string(policy::kMostVoters));
  if (!policy::is_name(options.name)) throw usage("--name must match [a-z0-9][a-z0-9._-]{0,62}");
  check_port_range(options.base_port, options.nodes);

  NewDirectory made(clean_path(options.dir), "cluster.json");
  if (const auto busy = busy_port(options.base_port, options.nodes))
    throw failed("port_busy", *busy + " is already in use: choose others with --base-port");
  const fs::path& stage = made.stage();

  const peers::Authority authority = peers::make_ca("quorate " + options.name, world.clock, world.rng);
  make_private_directory(stage / "ca");
  write_new_file(stage / "ca" / "ca.key.pem", authority.key_pem);
  write_new_file(stage / "ca.pem", view_of(authority.certificate_pem));

  make_private_directory(stage / "users");
  InitResult result;
  Json first = policy_for(options, stage / "users", result.users, world);

  std::vector<NewNode> nodes;
  for (int i = 1; i <= options.nodes; ++i) nodes.push_back(make_node(stage, i, options.base_port, authority, world));

  std::vector<Json> cards;
  for (const auto& node : nodes) cards.push_back(policy::sign_card(node.card, node.identity));
  const Json genesis = policy::make_genesis(options.name, cards, policy::policy_anchor(first));
  std::vector<std::pair<std::string, Signature64>> signatures;
  for (const auto& node : nodes) signatures.emplace_back(node.card.id, policy::sign_genesis(genesis, node.identity));

  result.cluster_id = policy::cluster_id_of(genesis);
  first["cluster"] = result.cluster_id;
  write_new_file(stage / "policy.json", view_of(first.dump(2) + "\n"));
  write_new_file(stage / "cluster.json", view_of(policy::make_cluster_file(genesis, signatures).dump(2) + "\n"));
  for (const auto& node : nodes) {
    result.nodes.push_back(node.card.id);
    result.rest.push_back("https://" + node.card.rest_address);
  }
  made.finish();
  return result;
}

void init_command(const InitOptions& options, const Environment& env, World& world) {
  const StopSignals signals;
  const InitResult made = init_cluster(options, world);
  const fs::path dir = clean_path(options.dir);
  const std::string remark = write_client_config(dir, env);
  const std::string flag = remark.empty() ? "" : " --dir " + quoted(dir.string());
  const std::string program = quoted(env.program);
  const std::vector<std::string> next{
      program + " up" + flag,
      program + " key create" + flag + " --name first --algorithm eddsa-ed25519 --threshold 2",
      program + " sign" + flag + " --key first --message 'hello'",
  };

  std::string text = "cluster " + made.cluster_id + "\nin      " + dir.string() + "\n";
  for (std::size_t i = 0; i < made.nodes.size(); ++i) text += made.nodes[i] + "   " + made.rest[i] + "\n";
  std::string users;
  for (const std::string& user : made.users) users += (users.empty() ? "" : ", ") + user;
  text += "users   " + users + " (" + (dir / "users").string() + ")\n";
  text += "note    each node's key_file lies beside the data: for trying out, not for keys that matter\n";
  if (!remark.empty()) text += "note    " + remark + "\n";
  text += "\nnext:\n";
  for (const auto& command : next) text += "  " + command + "\n";

  Json nodes = Json::array();
  for (std::size_t i = 0; i < made.nodes.size(); ++i) nodes.push_back({{"id", made.nodes[i]}, {"url", made.rest[i]}});
  Json json{
      {"cluster", made.cluster_id}, {"dir", dir.string()}, {"nodes", nodes}, {"users", made.users}, {"next", next}};
  if (!remark.empty()) json["note"] = remark;
  world.console.result(json, text);
}

}  // namespace quorate::cli
