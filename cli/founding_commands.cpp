#include "cli/founding_commands.h"

#include <algorithm>
#include <charconv>
#include <iostream>

#include "base/limits.h"
#include "cli/cluster_client.h"
#include "cli/files.h"
#include "cli/new_directory.h"
#include "cli/node_folder.h"
#include "cli/user_commands.h"
#include "peers/certificates.h"
#include "policy/cluster_chain.h"
#include "policy/cluster_parts.h"
#include "policy/founding.h"

namespace quorate::cli {
namespace {

Failure invalid(const char* code, const std::string& file, const JsonError& e) {
  return failed(code, file + ": " + (e.pointer.empty() ? "" : e.pointer + " ") + e.what());
}

void expect_keys_on_curve(const std::string& file, const std::vector<policy::NodeCard>& cards) {
  for (const policy::NodeCard& card : cards)
    if (!peers::is_p256_spki(card.tls_spki))
      throw failed("card_invalid", file + ": the tls_spki of " + card.id + " is not a key on P-256");
}

policy::Founding read_founding(const std::string& file) {
  try {
    auto founding = policy::Founding::parse(read_text_file(file));
    expect_keys_on_curve(file, founding.nodes());
    return founding;
  } catch (const JsonError& e) {
    throw invalid("founding_invalid", file, e);
  }
}

Json read_card(const std::string& file) {
  try {
    Json json = parse_json(read_text_file(file));
    expect_keys_on_curve(file, {policy::parse_signed_card(json)});
    return json;
  } catch (const JsonError& e) {
    throw invalid("card_invalid", file, e);
  }
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string lines_of(const policy::NodeCard& card) {
  return "node        " + card.id + "\n  peers     " + card.peers_address + "\n  REST      " + card.rest_address +
         "\n  identity  " + card.identity_key.to_text() + "\n  TLS pin   " + to_hex(peers::pin_of_spki(card.tls_spki)) +
         "\n";
}

Json cards_of(const std::vector<policy::NodeCard>& nodes) {
  Json cards = Json::array();
  for (const policy::NodeCard& node : nodes) cards.push_back(policy::make_card(node));
  return cards;
}

// Everything that a signature of it stands for.
std::string text_of(const policy::Founding& founding) {
  std::vector<std::string> have;
  for (const auto& node : founding.nodes())
    if (founding.has_signed(node.id)) have.push_back(node.id);
  const auto missing = founding.unsigned_nodes();
  std::string text = "cluster     " + founding.name() + "\nfingerprint " + founding.id() + "\nsigned by   " +
                     (have.empty() ? "nobody" : joined(have)) +
                     (missing.empty() ? "" : "; not yet by " + joined(missing)) + "\n";
  for (const auto& node : founding.nodes()) text += lines_of(node);
  return text + "policy\n" + founding.policy_file();
}

Json json_of(const policy::Founding& founding) {
  Json have = Json::array();
  for (const auto& node : founding.nodes())
    if (founding.has_signed(node.id)) have.push_back(node.id);
  return {{"cluster", founding.id()},
          {"name", founding.name()},
          {"nodes", cards_of(founding.nodes())},
          {"signed", have},
          {"missing", founding.unsigned_nodes()},
          {"policy", parse_json(founding.policy_jcs())}};
}

void expect_fingerprint(const std::optional<std::string>& wanted, const policy::Founding& founding,
                        const std::string& file) {
  if (wanted && *wanted != founding.id())
    throw failed("fingerprint_differs", file + " has the fingerprint " + founding.id() + ", not " + one_line(*wanted));
}

// This very node, by the card that its operator has given away.
void expect_own_card(const policy::Founding& founding, const NodeFolder& folder, const std::string& file) {
  const policy::NodeCard* there = founding.find(folder.card.id);
  if (there == nullptr) throw failed("not_in_it", "node " + folder.card.id + " is not one of the nodes of " + file);
  if (*there == folder.card) return;
  const char* what = there->identity_key != folder.card.identity_key     ? "identity key"
                     : there->tls_spki != folder.card.tls_spki           ? "TLS key"
                     : there->peers_address != folder.card.peers_address ? "peers address"
                     : there->rest_address != folder.card.rest_address   ? "REST address"
                                                                         : "seq";
  throw failed("other_card", file + " has another card of node " + folder.card.id + " than " +
                                 (folder.dir / "card.json").string() + ": its " + what + " differs");
}

// "/document/nodes/2/card/…": the third card by node id.
Failure clash(const JsonError& e, const ClusterCreateOptions& options, const std::vector<Json>& cards) {
  constexpr std::string_view nodes = "/document/nodes/", policy = "/policy";
  if (e.pointer.starts_with(policy))
    return failed("policy_invalid", options.policy + ": " + e.pointer.substr(policy.size()) + " " + e.what());
  std::size_t at = 0;
  const char* begin = e.pointer.data() + std::min(nodes.size(), e.pointer.size());
  const char* end = e.pointer.data() + e.pointer.size();
  const auto [stop, error] = std::from_chars(begin, end, at);
  if (!e.pointer.starts_with(nodes) || error != std::errc() || at >= cards.size())
    return failed("founding_invalid", (e.pointer.empty() ? "" : e.pointer + " ") + std::string(e.what()));
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < cards.size(); ++i) order.push_back(i);
  const auto id = [&](std::size_t i) { return cards[i].at("card").at("id").get<std::string>(); };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return id(a) < id(b); });
  return failed("cards_clash",
                options.cards[order[at]] + " (node " + id(order[at]) + "): " + std::string(stop, end) + " " + e.what());
}

}  // namespace

Exit cluster_create(const ClusterCreateOptions& options, Console& console) {
  if (options.cards.size() < limits::kMinThreshold || options.cards.size() > policy::kMostVoters)
    throw usage("give " + std::to_string(limits::kMinThreshold) + " to " + std::to_string(policy::kMostVoters) +
                " cards, each with --card");
  std::vector<Json> cards;
  for (const std::string& file : options.cards) cards.push_back(read_card(file));
  Json policy;
  try {
    policy = parse_json(read_text_file(options.policy, limits::kMaxPolicyBytes));
  } catch (const JsonError& e) {
    throw invalid("policy_invalid", options.policy, e);
  }
  NewFile out(options.out);
  try {
    const auto founding = policy::Founding::make(options.name, cards, policy);
    out.write(view_of(founding.text()));
    console.result(json_of(founding), text_of(founding) + "\nwritten to " + options.out +
                                          ": let every operator sign it (quorate cluster sign)\n");
  } catch (const JsonError& e) {
    throw clash(e, options, cards);
  }
  return Exit::ok;
}

Exit cluster_show(const std::string& file, Console& console) {
  const std::string text = read_text_file(file);
  bool founding = false;
  try {
    const Json json = parse_json(text);
    founding = json.is_object() && json.contains("document");
    if (!founding) {
      const auto cluster = policy::ClusterChain::parse(text).with_newest_cards();
      std::string lines = "cluster     " + cluster.name() + "\nfingerprint " + cluster.id() + "\nversion     " +
                          std::to_string(cluster.version()) + "\n";
      for (const auto& node : cluster.nodes()) lines += lines_of(node);
      console.result({{"cluster", cluster.id()},
                      {"name", cluster.name()},
                      {"version", cluster.version()},
                      {"nodes", cards_of(cluster.nodes())}},
                     lines);
    }
  } catch (const JsonError& e) {
    throw invalid("cluster_document", file, e);
  }
  if (founding) {
    const auto shown = read_founding(file);
    console.result(json_of(shown), text_of(shown));
  }
  return Exit::ok;
}

Exit cluster_sign(const ClusterSignOptions& options, const fs::path& dir, Console& console, std::istream& in) {
  const NodeFolder folder = open_node_folder(dir);
  if (folder.cluster)
    throw failed("node_in_use",
                 "the node in " + folder.dir.string() + " is in cluster " + *folder.cluster + " already");
  const auto founding = read_founding(options.file);
  expect_fingerprint(options.fingerprint, founding, options.file);
  expect_own_card(founding, folder, options.file);
  if (!options.yes) {
    if (console.json()) throw usage("with --json a signature needs --yes");
    console.show(text_of(founding));
    console.note("sign this as the operator of " + folder.card.id + "? Type yes:");
    std::string answer;
    if (!std::getline(in, answer) || answer != "yes") throw failed("not_signed", "nothing was signed");
  }
  const std::string text = policy::to_text({founding.id(), folder.card.id, founding.sign(folder.identity)});
  console.result(parse_json(text), text);
  return Exit::ok;
}

Exit cluster_assemble(const ClusterAssembleOptions& options, Console& console) {
  auto founding = read_founding(options.file);
  for (const std::string& file : options.signatures) {
    try {
      const auto signature = policy::parse_founding_signature(read_text_file(file));
      if (signature.cluster != founding.id())
        throw failed("other_document", file + " is a signature of another document (" + signature.cluster + ") than " +
                                           options.file + " (" + founding.id() + ")");
      founding.add(signature.node, signature.signature);
    } catch (const JsonError& e) {
      throw invalid("signature_invalid", file, e);
    }
  }
  if (const auto missing = founding.unsigned_nodes(); !missing.empty())
    throw failed("incomplete", options.file + " is not yet signed by " + joined(missing));
  write_new_file(options.out, view_of(founding.text()));
  console.result(json_of(founding), "fingerprint " + founding.id() + "\nsigned by all, written to " + options.out +
                                        ": every operator takes it over (quorate cluster accept)\n");
  return Exit::ok;
}

Exit cluster_accept(const ClusterAcceptOptions& options, const fs::path& given, Console& console) {
  const fs::path dir = clean_path(given);
  const auto founding = read_founding(options.file);
  expect_fingerprint(options.fingerprint, founding, options.file);
  if (const auto missing = founding.unsigned_nodes(); !missing.empty())
    throw failed("incomplete", options.file + " is not yet signed by " + joined(missing));
  const bool node = is_node_folder(dir);
  if (options.joining) {  // it gets in later, by what it hears of the others
    const NodeFolder folder = open_node_folder(dir);
    const policy::NodeCard* founder = founding.find(folder.card.id);  // another one of this name: a lost machine's
    if (founder != nullptr && founder->identity_key == folder.card.identity_key)
      throw failed("not_joining", "node " + folder.card.id + " is one of the nodes of " + options.file);
  } else if (node)
    expect_own_card(founding, open_node_folder(dir), options.file);
  else if (!is_user_folder(dir))
    throw failed("no_folder",
                 dir.string() + " is neither a node's folder (quorate node init) nor a user's (quorate user init)");
  std::error_code ignored;
  if (fs::exists(dir / "cluster.json", ignored)) {
    const std::string present = load_cluster(dir).id();
    if (present != founding.id())
      throw failed("directory_used", dir.string() + " belongs to cluster " + present + " already");
  } else {
    replace_file(dir / "policy.json", view_of(founding.policy_file()));
    replace_file(dir / "cluster.json", view_of(founding.cluster_file()));  // the last: it makes the folder a cluster's
  }
  std::string text = "cluster     " + founding.name() + "\nfingerprint " + founding.id() +
                     "\ncompare the fingerprint with the other operators, by voice or on paper, before you go on\n";
  if (node) text += "run the node with: quorated --config " + quoted((dir / "config.toml").string()) + "\n";
  console.result({{"cluster", founding.id()}, {"name", founding.name()}, {"dir", dir.string()}, {"node", node}}, text);
  return Exit::ok;
}

}  // namespace quorate::cli
