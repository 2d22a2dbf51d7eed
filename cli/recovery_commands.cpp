#include "cli/recovery_commands.h"

#include <algorithm>
#include <iostream>

#include "cli/files.h"
#include "cli/key_commands.h"
#include "cli/node_folder.h"
#include "policy/cluster_chain.h"
#include "policy/recovery.h"

namespace quorate::cli {
namespace {

using policy::Recovery;

Failure recovery_failure(const std::string& file, const JsonError& e) {
  return failed("recovery_invalid", file + ": " + (e.pointer.empty() ? "" : e.pointer + " ") + e.what());
}

Recovery read_recovery(const std::string& file) {
  try {
    const std::string text = read_text_file(file, limits::kMaxRecoveryBytes);
    return Recovery::parse(std::string_view(text));
  } catch (const JsonError& e) {
    throw recovery_failure(file, e);
  }
}

// Everything that a signature of it stands for.
std::string text_of_recovery(const Recovery& recovery) {
  const policy::RecoveryAsked& asked = recovery.asked();
  std::string text = "recovery    " + recovery.id() + "\ndigest      " + to_hex(recovery.digest()) + "\ncluster     " +
                     asked.cluster + "\nfollows     " + to_hex(asked.state) + "\nmade at     " +
                     to_rfc3339(from_unix_seconds(asked.created)) + "\nthreshold   " + std::to_string(asked.threshold) +
                     "\nadmins      " + std::to_string(asked.min) + " of group " + asked.group + "\n";
  for (const Json& user : asked.users)
    text += "  new user  " + one_line(text_at(user, "id")) + "  " + one_line(user.value("key", Json()).dump()) +
            (user.contains("webauthn") ? "  " + one_line(user["webauthn"].dump()) : "") + "\n";
  for (const std::string& member : asked.members) text += "  user      " + one_line(member) + "\n";
  text += "signed by   ";
  if (recovery.signatures().empty()) text += "nobody";
  for (const auto& [node, signature] : recovery.signatures()) text += one_line(node) + " ";
  return text + "\nall who are admins now are admins no more; nothing else of the policy changes\n";
}

Json shown(const Recovery& recovery) {
  Json json = recovery.json();
  json["id"] = recovery.id();
  json["digest"] = to_hex(recovery.digest());
  return json;
}

std::int64_t largest_threshold(ClusterClient& client) {
  std::int64_t largest = 0;
  std::string next;
  do {
    const auto reply = client.get("/v1/keys?limit=200" + (next.empty() ? "" : "&cursor=" + next));
    const Json& page = expect_success(reply);
    for (const Json& key : page.value("items", Json::array()))
      if (text_at(key, "state") != "prepared") largest = std::max(largest, key.value("threshold", std::int64_t{0}));
    next = text_at(page, "next");
  } while (!next.empty());
  return largest;
}

std::string line_of_recovery(const Json& recovery) {
  return text_at(recovery, "id") + "  " + text_at(recovery, "state") + "\nin force from " +
         text_at(recovery, "effective_at") + " on, unless an admin vetoes it";
}

}  // namespace

Exit recovery_create(const RecoveryCreateOptions& options, const fs::path& dir, World& world) {
  NodeFolder folder = open_node_folder(dir);
  policy::RecoveryAsked asked;
  for (const std::string& file : options.users) {
    try {
      Json user = parse_json(read_text_file(file));
      if (user.is_object()) user.erase("groups");  // those of the recovery count
      asked.users.push_back(std::move(user));
    } catch (const JsonError& e) {
      throw failed("user_invalid", file + ": " + (e.pointer.empty() ? "" : e.pointer + " ") + e.what());
    }
  }
  NewFile out(options.out);
  ClusterClient client(folder.dir, folder.card.id, std::move(folder.identity), world);
  try {
    const auto policy_reply = client.get("/v1/policy");
    const auto policy = policy::PolicyDocument::from_json(expect_success(policy_reply));
    const auto cluster_reply = client.get("/v1/cluster");
    const auto cluster = policy::ClusterChain::parse(expect_success(cluster_reply).dump());
    asked.cluster = client.cluster().id();
    asked.state = policy::state_digest(policy.digest(), cluster.version(), cluster.digest());
    asked.created = unix_seconds(world.clock.wall());
    asked.threshold = largest_threshold(client);
    asked.group = options.group;
    asked.min = options.min;
    asked.members = options.members;
    const auto recovery = Recovery::make(asked);
    recovery.next(policy);
    out.write(view_of(recovery.text()));
    world.console.result(shown(recovery),
                         text_of_recovery(recovery) + std::to_string(recovery.needed(cluster.document())) + " of " +
                             std::to_string(cluster.nodes().size()) +
                             " operators must sign it (quorate recover-admins sign)\nwritten to " + options.out + "\n");
  } catch (const JsonError& e) {
    throw recovery_failure("what is asked for", e);
  }
  return Exit::ok;
}

Exit recovery_show(const std::string& file, Console& console) {
  const Recovery recovery = read_recovery(file);
  console.result(shown(recovery), text_of_recovery(recovery));
  return Exit::ok;
}

Exit recovery_sign(const RecoverySignOptions& options, const fs::path& dir, WallTime now, Console& console,
                   std::istream& in) {
  const NodeFolder folder = open_node_folder(dir);
  const Recovery recovery = read_recovery(options.file);
  if (folder.cluster != recovery.asked().cluster)
    throw failed("other_cluster", "the node in " + folder.dir.string() + " is not in the cluster of " + options.file);
  // Made ahead of its time it could wait for one that suits whoever has it.
  const WallTime created = from_unix_seconds(recovery.asked().created);
  if (created > now + limits::kClockAhead) throw failed("clock_skew", options.file + " comes from the future");
  if (now >= created + limits::kRecoveryLife) throw failed("expired", options.file + " was made more than 14 days ago");
  if (!options.yes) {
    if (console.json()) throw usage("with --json a signature needs --yes");
    console.show(text_of_recovery(recovery));
    console.note("sign this as the operator of " + folder.card.id + "? Type yes:");
    std::string answer;
    if (!std::getline(in, answer) || answer != "yes") throw failed("not_signed", "nothing was signed");
  }
  const Json signature = policy::to_json({to_hex(recovery.digest()), folder.card.id, recovery.sign(folder.identity)});
  console.result(signature, signature.dump());
  return Exit::ok;
}

Exit recovery_assemble(const RecoveryAssembleOptions& options, Console& console) {
  Recovery recovery = read_recovery(options.file);
  for (const std::string& file : options.signatures) {
    try {
      const auto signature = policy::parse_recovery_signature(read_text_file(file));
      if (signature.recovery != to_hex(recovery.digest()))
        throw failed("other_document", file + " is a signature of another recovery, " + signature.recovery);
      recovery.add(signature.node, signature.signature);
    } catch (const JsonError& e) {
      throw failed("signature_invalid", file + ": " + (e.pointer.empty() ? "" : e.pointer + " ") + e.what());
    }
  }
  write_new_file(options.out, view_of(recovery.text()));
  console.result(shown(recovery), text_of_recovery(recovery) + "written to " + options.out + "\n");
  return Exit::ok;
}

Exit recovery_submit(const std::string& file, const fs::path& dir, World& world) {
  NodeFolder folder = open_node_folder(dir);
  const Recovery recovery = read_recovery(file);
  ClusterClient client(folder.dir, folder.card.id, std::move(folder.identity), world);
  try {
    recovery.expect_signed(client.cluster());
  } catch (const JsonError& e) {
    throw recovery_failure(file, e);
  }
  const auto reply = client.post("/v1/recoveries", recovery.json());
  const Json& taken = expect_success(reply);
  world.console.result(taken, line_of_recovery(taken));
  return Exit::waiting;
}

namespace {

// The newest document that any node of the known one shows: who has joined since votes for the recovery, too.
policy::ClusterDocument in_force(ClusterClient& client, const Place& place) {
  auto newest = policy::ClusterChain::parse(read_text_file(place.dir / "cluster.json"));
  for (const policy::NodeCard& card : client.cluster().nodes()) {
    if (place.node && card.id != *place.node) continue;
    try {
      const auto reply = client.call_node(card.id, {"GET", "/v1/cluster", "", "", "", {}});
      if (reply.status != 200) continue;
      auto shown = policy::ClusterChain::parse(reply.body.dump());
      if (shown.version() > newest.version() && shown.extends(newest)) std::swap(shown, newest);
      if (!newest.extends(shown) || shown.version() != newest.version()) continue;
      for (const Json& renewed : shown.renewals()) newest.renew(renewed, "");
    } catch (const http::ClientError&) {  // the veto will say so
    } catch (const JsonError&) {          // it shows what is none of this cluster
    }
  }
  return newest.with_newest_cards();
}

}  // namespace

Exit recovery_veto(const std::string& id, const Place& place, World& world) {
  ClusterClient client(place, world);
  client.follow(in_force(client, place));
  const std::size_t n = client.cluster().nodes().size();
  Json vetoed = Json::array(), others = Json::array();
  std::string text;
  std::optional<Failure> refused;
  for (const policy::NodeCard& card : client.cluster().nodes()) {
    if (place.node && card.id != *place.node) continue;
    std::string why;
    try {
      const auto reply =
          client.call_node(card.id, {"POST", "/v1/recoveries/" + percent_encoded(id) + "/veto", "{}", "", "", {}});
      if (reply.status == 200) {
        vetoed.push_back(card.id);
        text += "vetoed on " + card.id + "\n";
        continue;
      }
      const Failure failure = failure_of(reply);
      why = failure.what();
      if (!refused) refused = failure;
    } catch (const http::ClientError& e) {
      why = e.what();
    }
    others.push_back({{"node", card.id}, {"why", why}});
    text += "not on    " + card.id + ": " + one_line(why) + "\n";
  }
  if (vetoed.empty()) throw refused ? *refused : failed("unreachable", "no node answers");
  const bool enough = n - vetoed.size() < n / 2 + 1;
  if (!enough) text += "the others could still be a majority: send it again until more have it\n";
  world.console.result({{"id", id}, {"vetoed_on", vetoed}, {"not_on", others}}, text);
  return enough ? Exit::ok : Exit::no_quorum;
}

}  // namespace quorate::cli
