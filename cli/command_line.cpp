#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>

#include "base/check.h"
#include "cli/audit_commands.h"
#include "cli/bench.h"
#include "cli/cluster_client.h"
#include "cli/demo.h"
#include "cli/event_commands.h"
#include "cli/freeze_commands.h"
#include "cli/init.h"
#include "cli/key_commands.h"
#include "cli/node_commands.h"
#include "cli/operator_words.h"
#include "cli/policy_commands.h"
#include "cli/ports.h"
#include "cli/refresh_keys.h"
#include "cli/sign_commands.h"
#include "cli/up.h"
#include "cli/vote_commands.h"

namespace quorate::cli {
namespace {

const std::vector<std::string> kAlgorithms{"eddsa-ed25519", "schnorr-secp256k1", "ecdsa-secp256k1"};
const std::vector<std::string> kHashes{"sha256", "double_sha256", "keccak256"};
const std::vector<std::string> kDecisions{"approve", "reject"};
const std::vector<std::string> kNetworks{"mainnet", "testnet", "signet", "regtest"};

// The parsed words. Options bind to its members; the chosen subcommand's callback sets `chosen`.
struct Words {
  GlobalOptions global;
  InitOptions init;
  DemoOptions demo;
  BenchOptions bench;
  KeyCreateOptions key_create;
  KeyRefreshOptions key_refresh;
  KeyReshareOptions key_reshare;
  RequestListOptions request_list;
  KeyDeriveOptions derive;
  SignOptions sign;
  InspectOptions inspect;
  VerifyOptions verify;
  ApiOptions api;
  AuditVerifyOptions audit_verify;
  EventsOptions events;
  PolicyProposeOptions propose;
  PolicySimulateOptions simulate;
  VoteOptions vote;
  OperatorWords operators;
  ChallengeOptions challenge;
  std::string key, request, file, scope;
  std::optional<std::int64_t> policy_version;
  bool pem = false;
  std::function<Exit()> chosen;
};

// What every command needs to do its work.
struct Run {
  Words& words;
  const Environment& env;
  World& world;
  std::istream& in;

  Place place() const { return find_place(words.global, env); }
  // The program and the global options, as they were given.
  std::vector<std::string> command() const {
    std::vector<std::string> all{env.program};
    const GlobalOptions& given = words.global;
    for (const auto& [flag, value] : {std::pair("--dir", given.dir), {"--as", given.user}, {"--node", given.node}})
      if (value) all.insert(all.end(), {flag, *value});
    if (given.json) all.emplace_back("--json");
    return all;
  }
  // Calls `command` with a client of the cluster.
  template <class F>
  Exit with_client(F command) const {
    ClusterClient client(place(), world);
    return command(client);
  }
};

// The group takes more options.
CLI::Option_group* add_message(CLI::App& command, MessageOptions& message, std::optional<std::string>& digest,
                               std::optional<std::string>& hash) {
  auto* what = command.add_option_group("message", "exactly one of");
  what->add_option("--message", message.message, "text, @file, or - for standard input");
  what->add_option("--message-hex", message.hex, "hex");
  what->add_option("--message-base64", message.base64, "base64");
  what->add_option("--digest", digest, "32 bytes in hex, signed blindly");
  what->require_option(1);
  command.add_option("--hash", hash, "hash of a message, for secp256k1 keys (default sha256)")
      ->check(CLI::IsMember(kHashes));
  return what;
}

CLI::Option_group* add_payload(CLI::App& command, PayloadOptions& payload) {
  auto* what = add_message(command, payload.message, payload.digest, payload.hash);
  what->add_option("--eth-message", payload.eth_message, "text, @file or -, signed as personal_sign does (EIP-191)");
  what->add_option("--eth-tx", payload.eth_tx,
                   "an unsigned transaction: 0x…, or a file of that or of its fields as JSON");
  what->add_option("--typed-data", payload.typed_data, "EIP-712: a file of JSON, or -");
  what->add_option("--psbt", payload.psbt, "base64, or a file");
  what->add_option("--solana", payload.solana, "a transaction's message: base64, or a file");
  command.add_option("--network", payload.network, "Bitcoin's, of a PSBT (default mainnet)")
      ->check(CLI::IsMember(kNetworks));
  return what;
}

void add_local(CLI::App& app, Run& run) {
  Words& w = run.words;
  auto* init = app.add_subcommand("init", "make a cluster on this machine, for trying out");
  init->add_option("--nodes", w.init.nodes, "how many nodes")->capture_default_str();
  init->add_option("--base-port", w.init.base_port, "node i listens on BASE+i, BASE+100+i and BASE+200+i")
      ->capture_default_str();
  init->add_option("--name", w.init.name, "of the cluster")->capture_default_str();
  init->add_option(
      "--policy", w.init.policy,
      "a file: the first policy, instead of one for an admin and an approver; who has no key in it gets one");
  init->callback([&run] {
    run.words.chosen = [&run] {
      InitOptions options = run.words.init;
      if (run.words.global.dir)
        options.dir = *run.words.global.dir;
      else
        options.dir = run.env.quorate_dir ? std::filesystem::path(*run.env.quorate_dir) : default_dir(run.env);
      init_command(options, run.env, run.world);
      return Exit::ok;
    };
  });

  auto* up = app.add_subcommand("up", "run the nodes of a local cluster until Ctrl-C (with --node: only that one)");
  up->callback([&run] { run.words.chosen = [&run] { return up_command(run.place(), run.world); }; });

  auto* demo =
      app.add_subcommand("demo", "a whole cluster from nothing: keys, signatures, a node killed and brought back");
  demo->add_flag("--keep", w.demo.keep, "keep the directory");
  demo->add_option("--base-port", w.demo.base_port, "instead of a free one");
  demo->callback([&run] {
    run.words.chosen = [&run] {
      if (run.words.global.dir) run.words.demo.dir = *run.words.global.dir;
      return demo_command(run.words.demo, run.world);
    };
  });
}

void add_keys(CLI::App& app, Run& run) {
  Words& w = run.words;
  auto* key = app.add_subcommand("key", "keys: create, list, show, derive, refresh, reshare, archive, unarchive");
  key->require_subcommand(1);

  auto* create = key->add_subcommand("create", "let nodes generate a key together");
  create->add_option("--name", w.key_create.name, "[a-z0-9][a-z0-9._-]{0,62}")->required();
  create->add_option("--algorithm", w.key_create.algorithm, "what it signs with")
      ->required()
      ->check(CLI::IsMember(kAlgorithms));
  create->add_option("--threshold", w.key_create.threshold, "nodes that sign together (default: a majority)");
  create->add_option("--participants", w.key_create.participants, "node ids, comma-separated (default: all)")
      ->delimiter(',')
      ->allow_extra_args(false);
  create->callback([&run] {
    run.words.chosen = [&run] {
      return run.with_client([&](ClusterClient& c) { return key_create(run.words.key_create, c, run.world.console); });
    };
  });

  auto* refresh =
      key->add_subcommand("refresh", "new shares for the same nodes; what was stolen of the old ones is worth nothing");
  refresh->add_option("keys", w.key_refresh.keys, "names or ids");
  refresh->add_flag("--all", w.key_refresh.all, "every key that is not archived");
  refresh->add_option("--not-since", w.key_refresh.not_since,
                      "leave out keys refreshed or reshared at this time or later, 2026-11-23T17:00:00Z");
  refresh->add_option("--parallel", w.key_refresh.parallel, "keys at a time")
      ->check(CLI::Range(1, kMostRefreshThreads))
      ->capture_default_str();
  refresh->callback([&run] {
    run.words.chosen = [&run] {
      run.words.key_refresh.command = run.command();
      return refresh_keys(run.words.key_refresh, run.place(), run.world);
    };
  });

  auto* reshare = key->add_subcommand("reshare", "new shares for other nodes or another threshold; the key stays");
  reshare->add_option("key", w.key_reshare.key, "name or id")->required();
  reshare->add_option("--threshold", w.key_reshare.threshold, "nodes that sign together (default: as now)");
  reshare->add_option("--participants", w.key_reshare.participants, "node ids of all new members, comma-separated")
      ->required()
      ->delimiter(',');
  reshare->callback([&run] {
    run.words.chosen = [&run] {
      return run.with_client(
          [&](ClusterClient& c) { return key_reshare(run.words.key_reshare, c, run.world.console); });
    };
  });

  for (const bool archived : {true, false}) {
    auto* archive = key->add_subcommand(archived ? "archive" : "unarchive",
                                        archived ? "the key signs no more; its shares stay" : "the key signs again");
    archive->add_option("key", w.key, "name or id")->required();
    archive->callback([&run, archived] {
      run.words.chosen = [&run, archived] {
        return run.with_client(
            [&](ClusterClient& c) { return key_archive(run.words.key, archived, c, run.world.console); });
      };
    });
  }

  auto* list = key->add_subcommand("list", "all keys");
  list->callback([&run] {
    run.words.chosen = [&run] {
      return run.with_client([&](ClusterClient& c) { return key_list(c, run.world.console); });
    };
  });

  auto* derive = key->add_subcommand("derive", "a child of a key: its public key, addresses, xpub");
  derive->add_option("key", w.derive.key, "name or id")->required();
  derive->add_option("--path", w.derive.path, "m/0/5, nothing hardened")->required();
  derive->add_option("--network", w.derive.network, "Bitcoin's (default mainnet)")->check(CLI::IsMember(kNetworks));
  derive->callback([&run] {
    run.words.chosen = [&run] {
      return run.with_client([&](ClusterClient& c) { return key_derive(run.words.derive, c, run.world.console); });
    };
  });

  auto* show = key->add_subcommand("show", "one key");
  show->add_option("key", w.key, "name or id")->required();
  show->add_flag("--pem", w.pem, "only the public key, as OpenSSL reads it");
  show->callback([&run] {
    run.words.chosen = [&run] {
      return run.with_client(
          [&](ClusterClient& c) { return key_show(run.words.key, run.words.pem, c, run.world.console); });
    };
  });
}

void add_signatures(CLI::App& app, Run& run) {
  Words& w = run.words;
  auto* sign = app.add_subcommand("sign", "sign with a key");
  sign->add_option("--key", w.sign.key, "name or id")->required();
  add_payload(*sign, w.sign.payload);
  sign->add_option("--memo", w.sign.memo, "stored with the request");
  sign->add_option("--path", w.sign.path, "of a child key, m/0/5");
  sign->add_option("--out", w.sign.out, "a new file for the raw bytes of the signature, or for the signed PSBT");
  sign->callback([&run] {
    run.words.chosen = [&run] {
      return run.with_client(
          [&](ClusterClient& c) { return sign_command(run.words.sign, c, run.world.console, run.in); });
    };
  });

  auto* inspect = app.add_subcommand("inspect", "what a node sees in a payload; nothing is signed");
  inspect->add_option("--key", w.inspect.key, "name or id")->required();
  add_payload(*inspect, w.inspect.payload);
  inspect->add_option("--path", w.inspect.path, "of a child key, m/0/5");
  inspect->callback([&run] {
    run.words.chosen = [&run] {
      return run.with_client(
          [&](ClusterClient& c) { return inspect_command(run.words.inspect, c, run.world.console, run.in); });
    };
  });

  auto* load = app.add_subcommand("bench", "sign without pause, and tell how fast that went");
  load->add_option("--key", w.bench.keys, "name or id; several take turns")->required();
  load->add_option("--clients", w.bench.clients, "that ask at the same time")
      ->check(CLI::Range(1, kMostBenchClients))
      ->capture_default_str();
  load->add_option("--seconds", w.bench.seconds, "that are measured")
      ->check(CLI::Range(1, kMostBenchSeconds))
      ->capture_default_str();
  load->add_option("--warm-up", w.bench.warm_up, "seconds before")
      ->check(CLI::Range(0, kMostBenchSeconds))
      ->capture_default_str();
  load->add_option("--rate", w.bench.rate, "requests a second in all, answered or not (default: one after the other)");
  load->callback([&run] { run.words.chosen = [&run] { return bench(run.words.bench, run.place(), run.world); }; });

  auto* verify = app.add_subcommand("verify", "check a signature, offline");
  verify->add_option("--algorithm", w.verify.algorithm, "of the key")->required()->check(CLI::IsMember(kAlgorithms));
  verify->add_option("--public-key", w.verify.public_key, "hex")->required();
  verify->add_option("--signature", w.verify.signature, "hex")->required();
  add_message(*verify, w.verify.message, w.verify.digest, w.verify.hash);
  verify->callback(
      [&run] { run.words.chosen = [&run] { return verify_command(run.words.verify, run.world.console, run.in); }; });
}

void add_requests(CLI::App& app, Run& run) {
  Words& w = run.words;
  auto* request = app.add_subcommand("request", "requests: list, show, approve, reject, challenge, cancel");
  request->require_subcommand(1);
  auto* list = request->add_subcommand("list", "newest first");
  list->add_option("--state", w.request_list.state);
  list->add_option("--kind", w.request_list.kind);
  list->add_option("--key", w.request_list.key);
  list->add_option("--limit", w.request_list.limit)->check(CLI::Range(1, 200))->capture_default_str();
  list->callback([&run] {
    run.words.chosen = [&run] {
      return run.with_client(
          [&](ClusterClient& c) { return request_list(run.words.request_list, c, run.world.console); });
    };
  });
  auto* show = request->add_subcommand("show", "one request");
  show->add_option("request", w.request, "its id, req_…")->required();
  show->callback([&run] {
    run.words.chosen = [&run] {
      return run.with_client([&](ClusterClient& c) { return request_show(run.words.request, c, run.world.console); });
    };
  });
  for (const auto vote : {policy::Vote::approve, policy::Vote::reject}) {
    const bool approves = vote == policy::Vote::approve;
    auto* one = request->add_subcommand(std::string(policy::name_of(vote)),
                                        approves ? "show what a request does, and approve it" : "end a request");
    one->add_option("request", w.vote.request, "its id, req_…")->required();
    if (approves) one->add_flag("--yes", w.vote.yes, "without asking");
    one->add_option("--webauthn", w.vote.webauthn,
                    "a file: what a passkey or hardware key has signed, as PublicKeyCredential.toJSON() gives it");
    one->add_option("--approver", w.vote.approver, "whose passkey it is, if not the user's");
    one->callback([&run, vote] {
      run.words.chosen = [&run, vote] {
        return run.with_client(
            [&](ClusterClient& c) { return vote_command(run.words.vote, vote, c, run.world.console, run.in); });
      };
    });
  }
  auto* challenge = request->add_subcommand("challenge", "show what a request does, and what a passkey has to sign");
  challenge->add_option("request", w.challenge.request, "its id, req_…")->required();
  challenge->add_option("--approver", w.challenge.approver, "whose passkey it is, if not the user's");
  challenge->add_option("--decision", w.challenge.decision, "approve or reject")
      ->check(CLI::IsMember(kDecisions))
      ->capture_default_str();
  challenge->callback([&run] {
    run.words.chosen = [&run] {
      return run.with_client(
          [&](ClusterClient& c) { return challenge_command(run.words.challenge, c, run.world.console); });
    };
  });
  auto* cancel = request->add_subcommand("cancel", "withdraw a request of one's own; admins any");
  cancel->add_option("request", w.request, "its id, req_…")->required();
  cancel->callback([&run] {
    run.words.chosen = [&run] {
      return run.with_client([&](ClusterClient& c) { return cancel_command(run.words.request, c, run.world.console); });
    };
  });
}

void add_audit(CLI::App& app, Run& run) {
  Words& w = run.words;
  auto* audit = app.add_subcommand("audit", "a node's log: export, verify");
  audit->require_subcommand(1);
  auto* get = audit->add_subcommand("export", "all of it, one JSON object per line");
  get->callback([&run] {
    run.words.chosen = [&run] {
      const Place place = run.place();
      if (!place.node) throw usage("every node has a log of its own: name one with --node");
      ClusterClient client(place, run.world);
      return audit_export(*place.node, client, run.world);
    };
  });
  auto* verify = audit->add_subcommand("verify",
                                       "exported logs, offline: nothing changed, removed, added, cut or forked (with "
                                       "--dir: nor by the nodes' own words)");
  verify->add_option("files", w.audit_verify.files, "exports, of one node or of several")->required();
  verify->add_option("--head", w.audit_verify.heads,
                     "NODE:SEQ:HASH that was kept elsewhere; may be given several times");
  verify->callback([&run] {
    run.words.chosen = [&run] {
      const Place place = run.place();
      if (std::filesystem::exists(place.dir / "cluster.json")) run.words.audit_verify.cluster = load_cluster(place.dir);
      return audit_verify(run.words.audit_verify, run.world.console);
    };
  });
}

void add_events(CLI::App& app, Run& run) {
  auto* events = app.add_subcommand("events", "what happens at a node, a line each, until Ctrl-C");
  events->add_option("--after", run.words.events.after, "begin behind this entry of its log (default: from now on)");
  events->callback(
      [&run] { run.words.chosen = [&run] { return events_command(run.words.events, run.place(), run.world); }; });
}

void add_policy(CLI::App& app, Run& run) {
  Words& w = run.words;
  auto* policy = app.add_subcommand("policy", "the policy: show, check, diff, propose, simulate");
  policy->require_subcommand(1);
  auto* show = policy->add_subcommand("show", "the one in force, or an earlier version");
  show->add_option("--version", w.policy_version)->check(CLI::PositiveNumber);
  show->callback([&run] {
    run.words.chosen = [&run] {
      return run.with_client(
          [&](ClusterClient& c) { return policy_show(run.words.policy_version, c, run.world.console); });
    };
  });
  auto* check = policy->add_subcommand("check", "whether a file is a policy, offline");
  check->add_option("file", w.file, "JSON")->required();
  check->callback([&run] { run.words.chosen = [&run] { return policy_check(run.words.file, run.world.console); }; });
  auto* diff = policy->add_subcommand("diff", "what a file would change of the policy in force");
  diff->add_option("file", w.file, "JSON")->required();
  diff->callback([&run] {
    run.words.chosen = [&run] {
      return run.with_client([&](ClusterClient& c) { return policy_diff(run.words.file, c, run.world.console); });
    };
  });
  auto* propose = policy->add_subcommand("propose", "ask the admins to put a file in force as the next version");
  propose->add_option("file", w.propose.file, "JSON; version, previous and cluster are filled in")->required();
  propose->add_flag("--yes", w.propose.yes, "without asking");
  propose->add_option("--idempotency-key", w.propose.idempotency_key);
  propose->callback([&run] {
    run.words.chosen = [&run] {
      return run.with_client(
          [&](ClusterClient& c) { return policy_propose(run.words.propose, c, run.world.console, run.in); });
    };
  });
  auto* simulate = policy->add_subcommand("simulate", "every rule, and why it holds or not; nothing is signed");
  add_payload(*simulate, w.simulate.payload)->require_option(0, 1);
  simulate->add_option("--kind", w.simulate.kind, "of the request (default: sign, with a payload)");
  simulate->add_option("--key", w.simulate.key, "name or id; of create_key, the new name");
  simulate->add_option("--path", w.simulate.path, "of a child key, m/0/5");
  simulate->add_option("--user", w.simulate.user, "who would ask (default: who asks now)");
  simulate->add_option("--at", w.simulate.at, "when, 2026-11-23T17:00:00Z (default: now)");
  simulate->add_option("--policy", w.simulate.policy,
                       "a file, instead of the policy in force; of change_policy, what it would be changed into");
  simulate->callback([&run] {
    run.words.chosen = [&run] {
      return run.with_client(
          [&](ClusterClient& c) { return policy_simulate(run.words.simulate, c, run.world.console, run.in); });
    };
  });
}

void add_freezes(CLI::App& app, Run& run) {
  Words& w = run.words;
  auto* freeze = app.add_subcommand("freeze", "any admin: from now on no share of a key, or of any, is used");
  freeze->add_option("scope", w.scope, "a key's name or id, or all")->required();
  freeze->callback(
      [&run] { run.words.chosen = [&run] { return freeze_command(run.words.scope, run.place(), run.world); }; });
  auto* unfreeze =
      app.add_subcommand("unfreeze", "ask the admins to lift a freeze, which waits for the policy's delay");
  unfreeze->add_option("scope", w.scope, "as it was frozen")->required();
  unfreeze->callback([&run] {
    run.words.chosen = [&run] {
      return run.with_client([&](ClusterClient& c) { return unfreeze_command(run.words.scope, c, run.world.console); });
    };
  });
}

void add_nodes(CLI::App& app, Run& run) {
  Words& w = run.words;
  auto* node = app.add_subcommand("node", "nodes: init, card, renew, status");
  node->require_subcommand(1);
  auto* status = node->add_subcommand("status", "of every node");
  status->callback([&run] {
    run.words.chosen = [&run] {
      const Place place = run.place();
      ClusterClient client(place, run.world);
      return node_status(place, client, run.world.console);
    };
  });

  auto* api = app.add_subcommand("api", "sign and send any call of the REST API");
  api->add_option("method", w.api.method, "GET, POST, PUT, DELETE")
      ->required()
      ->check(CLI::IsMember({"GET", "POST", "PUT", "DELETE"}));
  api->add_option("path", w.api.target, "/v1/…")->required();
  api->add_option("body", w.api.body, "JSON, @file, or - for standard input");
  api->add_option("--idempotency-key", w.api.idempotency_key);
  api->add_option("--if-match", w.api.if_match);
  api->add_option("--wait", w.api.wait_seconds, "seconds (Prefer: wait)")->check(CLI::Range(0, 60));
  api->callback([&run] {
    run.words.chosen = [&run] {
      return run.with_client(
          [&](ClusterClient& c) { return api_command(run.words.api, c, run.world.console, run.in); });
    };
  });
}

// Global options are understood after a subcommand, too.
void let_globals_through(CLI::App& app) {
  for (auto* sub : app.get_subcommands({})) {
    sub->fallthrough();
    let_globals_through(*sub);
  }
}

Exit parse_and_run(std::vector<std::string> arguments, Run& run) {
  CLI::App app("Threshold key management and signing.", "quorate");
  app.set_version_flag("--version", "quorate " + std::string(kVersion));
  app.add_flag("--json", run.words.global.json, "results as JSON on standard output");
  app.add_option("--dir", run.words.global.dir,
                 "the cluster's directory (or QUORATE_DIR, or ~/.config/quorate/config.toml)");
  app.add_option("--as", run.words.global.user, "the user who asks (default admin)");
  app.add_option("--node", run.words.global.node, "the node to talk to (default: the first that answers)");
  app.require_subcommand(1);
  add_local(app, run);
  add_keys(app, run);
  add_signatures(app, run);
  add_requests(app, run);
  add_audit(app, run);
  add_events(app, run);
  add_policy(app, run);
  add_freezes(app, run);
  add_nodes(app, run);
  add_operator_words(app, run.words.operators, {run.words.global, run.env, run.world, run.in, run.words.chosen});
  let_globals_through(app);

  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
  try {
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app.get_subcommands();
    run.world.console.say(app.help());
    return Exit::ok;
  } catch (const CLI::CallForVersion& e) {
    run.world.console.result({{"version", kVersion}}, e.what());
    return Exit::ok;
  } catch (const CLI::ParseError& e) {
    throw usage(std::string(e.what()) + " (see --help)");
  }
  QUORATE_ASSERT(run.words.chosen);
  return run.words.chosen();
}

}  // namespace

Exit run(std::vector<std::string> arguments, const Environment& env, World& world, std::istream& in) {
  // Known before anything can go wrong with the words themselves.
  world.console.use_json(std::find(arguments.begin(), arguments.end(), "--json") != arguments.end());
  Words words;
  Run all{words, env, world, in};
  try {
    return parse_and_run(std::move(arguments), all);
  } catch (const Failure& failure) {
    world.console.fail(failure);
    return failure.exit;
  } catch (const std::exception& e) {
    world.console.fail(failed("internal", e.what()));
    return Exit::failed;
  }
}

}  // namespace quorate::cli
