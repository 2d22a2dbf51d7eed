#include "cli/operator_words.h"

#include <CLI/CLI.hpp>

#include "cli/cluster_cards.h"
#include "cli/files.h"

namespace quorate::cli {
namespace {

// What an operator does in the node's own folder.
void add_own_node(CLI::App& node, OperatorWords& words, const OperatorRun& run) {
  NodeInitOptions& options = words.node_init;
  auto* init = node.add_subcommand("init", "make a node's folder: its keys, certificate, config and card");
  init->add_option("--id", options.id, "of the node, [a-z0-9][a-z0-9._-]{0,62}")->required();
  init->add_option("--peers", options.peers, "host:port at which the other nodes reach it")->required();
  init->add_option("--rest", options.rest, "host:port at which clients reach it")->required();
  init->add_option("--listen-peers", options.listen_peers, "instead of all addresses of the machine");
  init->add_option("--listen-rest", options.listen_rest, "instead of all addresses of the machine");
  init->add_option("--listen-metrics", options.listen_metrics, "instead of 127.0.0.1, REST's port + 200");
  auto* key = init->add_option_group("database key", "where it comes from (default: a file in the folder)");
  key->add_option("--key-command", options.key_command, "a program that prints it, and its arguments");
  key->add_option("--key-env", options.key_env, "a variable that holds it");
  key->add_option("--passphrase-env", options.passphrase_env, "a variable that holds a passphrase");
  key->require_option(0, 1);
  init->callback(
      [&words, run] { run.chosen = [&words, run] { return node_init(words.node_init, run.folder(), run.world); }; });
  auto* card = node.add_subcommand("card", "print the signed card, for the other operators");
  card->add_option("--join", words.join, "a running cluster's id: with the node's consent to be in it");
  card->callback(
      [&words, run] { run.chosen = [&words, run] { return node_card(run.folder(), words.join, run.world.console); }; });
  auto* renew = node.add_subcommand("renew", "a new certificate; with an option, a new card for the others");
  renew->add_flag("--new-key", words.node_renew.new_key, "for another TLS key");
  renew->add_option("--peers", words.node_renew.peers, "host:port, another address for the other nodes");
  renew->add_option("--rest", words.node_renew.rest, "host:port, another address for clients");
  renew->callback(
      [&words, run] { run.chosen = [&words, run] { return node_renew(words.node_renew, run.folder(), run.world); }; });
}

// Of a running cluster.
void add_membership(CLI::App& cluster, OperatorWords& w, const OperatorRun& run) {
  auto* join = cluster.add_subcommand("join", "ask the admins to let a node in");
  join->add_option("offer", w.membership.what, "a file: what `quorate node card --join` has printed")->required();
  auto* remove = cluster.add_subcommand("remove", "ask the admins to let a node go that has no shares");
  remove->add_option("node", w.membership.what, "its id")->required();
  for (auto* one : {join, remove}) {
    one->add_flag("--yes", w.membership.yes, "without asking");
    const auto act = one == join ? cluster_join : cluster_remove;
    one->callback([&w, run, act] {
      run.chosen = [&w, run, act] {
        return run.with_client([&](ClusterClient& c) { return act(w.membership, c, run.world.console, run.in); });
      };
    });
  }
  auto* rotate = cluster.add_subcommand("rotate", "tell the nodes another one's new card: its TLS key, its addresses");
  rotate->add_option("card", w.file, "a file")->required();
  rotate->callback([&w, run] {
    run.chosen = [&w, run] {
      return run.with_client([&](ClusterClient& c) { return cluster_rotate(w.file, c, run.world.console); });
    };
  });
  auto* update = cluster.add_subcommand("update", "the nodes as they are now, into a user's or a node's cluster.json");
  update->add_option("file", w.update, "another cluster.json (default: ask the nodes)");
  update->callback([&w, run] {
    run.chosen = [&w, run] {
      if (w.update) return cluster_update(*w.update, run.folder_or_default(), run.world.console);
      return run.with_client(
          [&](ClusterClient& c) { return cluster_update(c, find_place(run.global, run.env).dir, run.world.console); });
    };
  });
}

void add_clusters(CLI::App& app, OperatorWords& w, const OperatorRun& run) {
  auto* cluster = app.add_subcommand(
      "cluster",
      "clusters of several operators: create, show, sign, assemble, accept, renew; join, remove, rotate, update");
  cluster->require_subcommand(1);
  auto* create = cluster->add_subcommand("create", "what all operators shall sign, from their nodes' cards");
  create->add_option("--card", w.cluster_create.cards, "a file; for every node")->required()->allow_extra_args(false);
  create->add_option("--policy", w.cluster_create.policy, "a file: the first policy")->required();
  create->add_option("--name", w.cluster_create.name, "of the cluster")->required();
  create->add_option("--out", w.cluster_create.out, "a new file")->required();
  create->callback(
      [&w, run] { run.chosen = [&w, run] { return cluster_create(w.cluster_create, run.world.console); }; });
  auto* show = cluster->add_subcommand("show", "nodes, policy and fingerprint, offline");
  show->add_option("file", w.file, "of create or assemble, or a cluster.json (default: the one in --dir)");
  show->callback([&w, run] {
    run.chosen = [&w, run] {
      if (w.file.empty()) {
        const fs::path dir = run.global.dir ? fs::path(*run.global.dir) : find_place(run.global, run.env).dir;
        w.file = (dir / "cluster.json").string();
      }
      return cluster_show(w.file, run.world.console);
    };
  });
  auto* sign = cluster->add_subcommand("sign", "show it, and print this node's signature (--dir: the node's folder)");
  sign->add_option("file", w.cluster_sign.file, "of create")->required();
  sign->add_option("--fingerprint", w.cluster_sign.fingerprint, "only if it has this one");
  sign->add_flag("--yes", w.cluster_sign.yes, "without asking");
  sign->callback([&w, run] {
    run.chosen = [&w, run] { return cluster_sign(w.cluster_sign, run.folder(), run.world.console, run.in); };
  });
  auto* assemble = cluster->add_subcommand("assemble", "put all signatures into it");
  assemble->add_option("file", w.cluster_assemble.file, "of create")->required();
  assemble->add_option("--signature", w.cluster_assemble.signatures, "a file; of every node")
      ->required()
      ->allow_extra_args(false);
  assemble->add_option("--out", w.cluster_assemble.out, "a new file")->required();
  assemble->callback(
      [&w, run] { run.chosen = [&w, run] { return cluster_assemble(w.cluster_assemble, run.world.console); }; });
  auto* accept = cluster->add_subcommand("accept", "check it, and put it into a node's or a user's folder (--dir)");
  accept->add_option("file", w.cluster_accept.file, "of assemble")->required();
  accept->add_option("--fingerprint", w.cluster_accept.fingerprint, "only if it has this one");
  accept->add_flag("--joining", w.cluster_accept.joining, "for a node that is none of the founders, and is to join");
  accept->callback([&w, run] {
    run.chosen = [&w, run] { return cluster_accept(w.cluster_accept, run.folder_or_default(), run.world.console); };
  });
  auto* renew =
      cluster->add_subcommand("renew", "take over a node's new card, into a node's or a user's folder (--dir)");
  renew->add_option("card", w.file, "a file")->required();
  renew->callback([&w, run] {
    run.chosen = [&w, run] { return cluster_renew(w.file, run.folder_or_default(), run.world.console); };
  });
  add_membership(*cluster, w, run);
}

void add_recovery(CLI::App& app, OperatorWords& w, const OperatorRun& run) {
  auto* recover = app.add_subcommand(
      "recover-admins",
      "new admins, by the operators, when the admins' keys are lost: create, show, sign, assemble, submit, veto");
  recover->require_subcommand(1);
  auto* create = recover->add_subcommand("create", "what operators shall sign (--dir: a node's folder)");
  create
      ->add_option("--user", w.recovery_create.users, "a file: what `quorate user init` has printed; for every new one")
      ->allow_extra_args(false);
  create->add_option("--member", w.recovery_create.members, "a user of the policy who shall be an admin, too")
      ->allow_extra_args(false);
  create->add_option("--group", w.recovery_create.group, "the admins' from then on: one that nobody is in yet")
      ->required();
  create->add_option("--min", w.recovery_create.min, "so many of them decide")->required();
  create->add_option("--out", w.recovery_create.out, "a new file")->required();
  create->callback(
      [&w, run] { run.chosen = [&w, run] { return recovery_create(w.recovery_create, run.folder(), run.world); }; });
  auto* show = recover->add_subcommand("show", "who the admins would be, and who has signed; offline");
  show->add_option("file", w.file, "of create or assemble")->required();
  show->callback([&w, run] { run.chosen = [&w, run] { return recovery_show(w.file, run.world.console); }; });
  auto* sign = recover->add_subcommand("sign", "show it, and print this node's signature (--dir: the node's folder)");
  sign->add_option("file", w.recovery_sign.file, "of create")->required();
  sign->add_flag("--yes", w.recovery_sign.yes, "without asking");
  sign->callback([&w, run] {
    run.chosen = [&w, run] {
      return recovery_sign(w.recovery_sign, run.folder(), run.world.clock.wall(), run.world.console, run.in);
    };
  });
  auto* assemble = recover->add_subcommand("assemble", "put signatures into it");
  assemble->add_option("file", w.recovery_assemble.file, "of create")->required();
  assemble->add_option("--signature", w.recovery_assemble.signatures, "a file; of every node that has signed")
      ->required()
      ->allow_extra_args(false);
  assemble->add_option("--out", w.recovery_assemble.out, "a new file")->required();
  assemble->callback(
      [&w, run] { run.chosen = [&w, run] { return recovery_assemble(w.recovery_assemble, run.world.console); }; });
  auto* submit =
      recover->add_subcommand("submit", "to the nodes, where it waits for 72 hours (--dir: a node's folder)");
  submit->add_option("file", w.file, "of assemble")->required();
  submit->callback([&w, run] { run.chosen = [&w, run] { return recovery_submit(w.file, run.folder(), run.world); }; });
  auto* veto = recover->add_subcommand("veto", "any admin: it never comes into force");
  veto->add_option("recovery", w.file, "its id, rec_…")->required();
  veto->callback([&w, run] {
    run.chosen = [&w, run] { return recovery_veto(w.file, find_place(run.global, run.env), run.world); };
  });
}

void add_users(CLI::App& app, OperatorWords& w, const OperatorRun& run) {
  auto* user = app.add_subcommand("user", "users: init");
  user->require_subcommand(1);
  auto* init = user->add_subcommand("init", "make a user's key, and show it as the policy names it");
  init->add_option("--id", w.user_init.id, "of the user, [a-z0-9][a-z0-9._-]{0,62}")->required();
  init->add_option("--groups", w.user_init.groups, "comma-separated, only to be shown")->delimiter(',');
  init->callback(
      [&w, run] { run.chosen = [&w, run] { return user_init(w.user_init, run.folder_or_default(), run.world); }; });
}

}  // namespace

fs::path OperatorRun::folder() const {
  if (global.dir) return *global.dir;
  if (!env.quorate_dir) throw usage("name the node's folder with --dir");
  return *env.quorate_dir;
}

Exit OperatorRun::with_client(const std::function<Exit(ClusterClient&)>& act) const {
  ClusterClient client(find_place(global, env), world);
  return act(client);
}

fs::path OperatorRun::folder_or_default() const { return global.dir || env.quorate_dir ? folder() : default_dir(env); }

void add_operator_words(CLI::App& app, OperatorWords& words, const OperatorRun& run) {
  add_own_node(*app.get_subcommand("node"), words, run);
  add_clusters(app, words, run);
  add_recovery(app, words, run);
  add_users(app, words, run);
}

}  // namespace quorate::cli
