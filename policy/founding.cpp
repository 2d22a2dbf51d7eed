#include "policy/founding.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "policy/cluster_parts.h"
#include "policy/document.h"

namespace quorate::policy {
namespace {

constexpr std::size_t kMaxFoundingBytes = limits::kMaxClusterBytes + limits::kMaxPolicyBytes;
constexpr std::size_t kMaxSignatureFile = 4096;

// The same error, with the pointer of what was read before.
template <class F>
auto within(const std::string& pointer, F read) {
  try {
    return read();
  } catch (const JsonError& e) {
    throw JsonError(pointer + e.pointer, e.what());
  }
}

std::string pretty(const std::string& jcs) { return parse_json(jcs).dump(2) + "\n"; }

}  // namespace

Founding Founding::make(const std::string& cluster_name, const std::vector<Json>& signed_cards,
                        const Json& first_policy) {
  for (std::size_t i = 0; i < signed_cards.size(); ++i)
    parse_signed_card(signed_cards[i], "/cards/" + std::to_string(i));
  if (!first_policy.is_object()) throw JsonError("/policy", "must be an object");
  Json policy = first_policy;
  policy["version"] = 1;
  policy["previous"] = "";
  policy["cluster"] = std::string(64, '0');  // its place; the anchor is without it
  const Json document = make_genesis(cluster_name, signed_cards, policy_anchor(policy));
  policy["cluster"] = cluster_id_of(document);
  Json founding = Json::object();
  founding["id"] = policy["cluster"];
  founding["document"] = document;
  founding["policy"] = policy;
  founding["signatures"] = Json::object();
  return parse(to_jcs(founding));
}

Founding Founding::parse(std::string_view text) {
  if (text.size() > kMaxFoundingBytes) throw JsonError("", "is larger than a founding document may be");
  const Json json = parse_json(text);
  JsonObject file(json, "");
  Founding founding;

  const Json& document = file.object("document");
  Genesis genesis = parse_genesis(document, "/document");
  if (genesis.nodes.size() > kMostVoters)
    throw JsonError("/document/nodes", "a cluster has at most " + std::to_string(kMostVoters) + " nodes");
  founding.id_ = cluster_id_of(document);
  if (file.text("id", 64, 64) != founding.id_) file.fail("id", "is not the SHA-256 of the genesis document");
  founding.genesis_name_ = std::move(genesis.name);
  founding.nodes_ = std::move(genesis.nodes);
  founding.document_ = to_jcs(document);

  const Json& policy_json = file.object("policy");
  const auto policy = within("/policy", [&] { return PolicyDocument::from_json(policy_json); });
  if (policy.version() != 1) throw JsonError("/policy/version", "must be 1");
  if (policy.cluster_id() != founding.id_) throw JsonError("/policy/cluster", "is not this cluster's id");
  if (policy.anchor() != genesis.policy_anchor)
    throw JsonError("/policy", "is not the policy that the genesis document was made with");
  founding.policy_ = policy.jcs();

  JsonObject signatures(file.object("signatures"), "/signatures");
  for (const NodeCard& node : founding.nodes_)
    if (signatures.has(node.id)) founding.add(node.id, hex_member<64>(signatures, node.id));
  signatures.expect_no_more();
  file.expect_no_more();
  return founding;
}

const NodeCard* Founding::find(std::string_view node) const {
  const auto it = std::find_if(nodes_.begin(), nodes_.end(), [&](const NodeCard& card) { return card.id == node; });
  return it == nodes_.end() ? nullptr : &*it;
}

std::vector<std::string> Founding::unsigned_nodes() const {
  std::vector<std::string> missing;
  for (const NodeCard& node : nodes_)
    if (!has_signed(node.id)) missing.push_back(node.id);
  return missing;
}

Signature64 Founding::sign(const Ed25519SecretKey& identity) const {
  return sign_genesis(parse_json(document_), identity);
}

void Founding::add(const std::string& node, const Signature64& signature) {
  const NodeCard* card = find(node);
  if (card == nullptr) throw JsonError("/signatures", "'" + node + "' is not one of the nodes");
  if (!verify_genesis(parse_json(document_), *card, signature))
    throw JsonError("/signatures/" + node, "is not this node's signature of the genesis document");
  signatures_[node] = signature;
}

std::string Founding::text() const {
  Json file = Json::object();
  file["id"] = id_;
  file["document"] = parse_json(document_);
  file["policy"] = parse_json(policy_);
  file["signatures"] = Json::object();
  for (const auto& [node, signature] : signatures_) file["signatures"][node] = to_hex(signature);
  return file.dump(2) + "\n";
}

std::string Founding::cluster_file() const {
  QUORATE_ASSERT(unsigned_nodes().empty());
  return make_cluster_file(parse_json(document_), {signatures_.begin(), signatures_.end()}).dump(2) + "\n";
}

std::string Founding::policy_file() const { return pretty(policy_); }

std::string to_text(const FoundingSignature& signature) {
  Json file = Json::object();
  file["cluster"] = signature.cluster;
  file["node"] = signature.node;
  file["signature"] = to_hex(signature.signature);
  return file.dump(2) + "\n";
}

FoundingSignature parse_founding_signature(std::string_view text) {
  if (text.size() > kMaxSignatureFile) throw JsonError("", "is larger than a signature may be");
  const Json json = parse_json(text);
  JsonObject file(json, "");
  FoundingSignature out;
  out.cluster = to_hex(hex_member<32>(file, "cluster"));
  out.node = file.text("node", 1, limits::kMaxName);
  if (!is_name(out.node)) file.fail("node", "is not a name ([a-z0-9][a-z0-9._-]{0,62})");
  out.signature = hex_member<64>(file, "signature");
  file.expect_no_more();
  return out;
}

}  // namespace quorate::policy
