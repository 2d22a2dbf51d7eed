#include "cli/membership_commands.h"

#include <iostream>

#include "base/limits.h"
#include "cli/files.h"
#include "cli/key_commands.h"
#include "cli/new_directory.h"
#include "peers/certificates.h"
#include "policy/cluster_chain.h"

namespace quorate::cli {
namespace {

Json read_json(const std::string& file) {
  try {
    return parse_json(read_text_file(file));
  } catch (const JsonError& e) {
    throw failed("card_invalid", file + ": " + (e.pointer.empty() ? "" : e.pointer + " ") + e.what());
  }
}

policy::ClusterChain chain_in(const std::string& text, const std::string& what) {
  try {
    return policy::ClusterChain::parse(text);
  } catch (const JsonError& e) {
    throw failed("cluster_document", what + ": " + (e.pointer.empty() ? "" : e.pointer + ": ") + e.what());
  }
}

// Of this cluster, and in one line with what the folder knows.
void expect_follows(const policy::ClusterChain& next, const policy::ClusterChain& known, const std::string& what) {
  if (next.id() != known.id()) throw failed("other_cluster", what + " is another cluster, " + next.id());
  if (next.version() < known.version())
    throw failed("older", what + " is version " + std::to_string(next.version()) + " of the cluster, the folder has " +
                              std::to_string(known.version()));
  if (!next.extends(known)) throw failed("cluster_fork", what + " is another line of changes than the folder's");
}

policy::ClusterChain known_in(const fs::path& dir) {
  load_cluster(dir);  // says what is wrong with the file by itself
  return chain_in(read_text_file(dir / "cluster.json"), (dir / "cluster.json").string());
}

policy::ClusterChain shown_by(ClusterClient& client) {
  const auto reply = client.get("/v1/cluster");
  auto chain = chain_in(expect_success(reply).dump(), "what the node says");
  if (chain.id() != client.cluster().id()) throw failed("other_cluster", "the node is in another cluster");
  if (chain.version() < client.cluster().version())
    throw failed("older", "the node knows only version " + std::to_string(chain.version()) + " of the cluster");
  return chain;
}

Exit propose(http::ClientCall call, const std::string& text, bool yes, ClusterClient& client, Console& console,
             std::istream& in) {
  if (!yes) {
    if (console.json()) throw usage("with --json a proposal needs --yes");
    console.show(text);
    console.note("propose? Type yes:");
    std::string answer;
    if (!std::getline(in, answer) || answer != "yes") throw failed("not_proposed", "nothing was proposed");
  }
  const auto proposed = client.call(std::move(call));
  const Json& request = expect_success(proposed);
  console.result(request, text_of_request(request));
  return Exit::waiting;
}

std::string card_lines(const policy::NodeCard& card) {
  return "  peers     " + card.peers_address + "\n  REST      " + card.rest_address + "\n  identity  " +
         card.identity_key.to_text() + "\n  TLS pin   " + to_hex(peers::pin_of_spki(card.tls_spki)) + "\n";
}

Exit put(policy::ClusterChain next, const fs::path& dir, const std::string& what, Console& console) {
  const policy::ClusterChain known = known_in(dir);
  expect_follows(next, known, what);
  for (const Json& card : known.renewals()) {
    try {
      next.renew(card);
    } catch (const JsonError&) {  // what the nodes have comes first
    }
  }
  const bool changed = next.text() != known.text();
  if (changed) replace_file(dir / "cluster.json", view_of(next.text()));
  std::string text = "version " + std::to_string(next.version()) + " of the cluster, " +
                     std::to_string(next.nodes().size()) + " nodes" + (changed ? "\n" : "; nothing new\n");
  Json nodes = Json::array();
  for (const policy::NodeCard& card : next.nodes()) {
    text += "node        " + card.id + "\n" + card_lines(card);
    nodes.push_back(policy::make_card(card));
  }
  console.result({{"cluster", next.id()}, {"version", next.version()}, {"changed", changed}, {"nodes", nodes}}, text);
  return Exit::ok;
}

}  // namespace

std::string text_of_membership(const Json& body) {
  JsonObject object(body, "");
  std::string text = "cluster    version " + std::to_string(object.integer("version", 2, INT64_C(1) << 52)) +
                     ", after " + object.text("previous", 64, 64) + "\n";
  if (object.has("node")) {
    text += "leaves     " + one_line(object.text("node", 1, limits::kMaxName)) + "\n";
  } else {
    Json signed_card = Json::object();
    for (const char* member : {"card", "signature"}) signed_card[member] = object.any(member);
    object.text("joins", 128, 128);
    const policy::NodeCard card = policy::parse_signed_card(signed_card);
    text += "joins      " + card.id + "\n" + card_lines(card);
  }
  object.expect_no_more();
  return text;
}

Exit cluster_join(const MembershipOptions& options, ClusterClient& client, Console& console, std::istream& in) {
  Json body = read_json(options.what);
  const policy::ClusterChain now = shown_by(client);
  try {
    now.next_with(body);
  } catch (const JsonError& e) {
    throw failed("offer_invalid", options.what + ": " + (e.pointer.empty() ? "" : e.pointer + " ") + e.what());
  }
  body["version"] = now.version() + 1;
  body["previous"] = to_hex(now.digest());
  const std::string text = text_of_membership(body);
  return propose({"POST", "/v1/cluster/nodes", body.dump(), "", "", {}}, text, options.yes, client, console, in);
}

Exit cluster_remove(const MembershipOptions& options, ClusterClient& client, Console& console, std::istream& in) {
  const policy::ClusterChain now = shown_by(client);
  if (now.document().find(options.what) == nullptr)
    throw usage("the cluster has no node '" + one_line(options.what) + "'");
  const Json body{{"node", options.what}, {"version", now.version() + 1}, {"previous", to_hex(now.digest())}};
  const std::string target = "/v1/cluster/nodes/" + percent_encoded(options.what);
  return propose({"DELETE", target, body.dump(), "", "", {}}, text_of_membership(body), options.yes, client, console,
                 in);
}

Exit cluster_rotate(const std::string& file, ClusterClient& client, Console& console) {
  const Json card = read_json(file);
  policy::NodeCard parsed;
  try {
    parsed = policy::parse_signed_card(card);
  } catch (const JsonError& e) {
    throw failed("card_invalid", file + ": " + (e.pointer.empty() ? "" : e.pointer + " ") + e.what());
  }
  const auto reply = client.call({"PUT", "/v1/cluster/nodes/" + percent_encoded(parsed.id), card.dump(), "", "", {}});
  const Json& done = expect_success(reply);
  const bool added = done.value("added", false);
  console.result(done, "card number " + std::to_string(parsed.seq) + " of " + parsed.id +
                           (added ? " taken over: the nodes tell each other\n" + card_lines(parsed)
                                  : " is known already, or a newer one is\n"));
  return Exit::ok;
}

Exit cluster_update(ClusterClient& client, const fs::path& given, Console& console) {
  return put(shown_by(client), clean_path(given), "what the node says", console);
}

Exit cluster_update(const std::string& file, const fs::path& given, Console& console) {
  return put(chain_in(read_text_file(file), file), clean_path(given), file, console);
}

}  // namespace quorate::cli
