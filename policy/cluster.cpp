#include "policy/cluster.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "policy/cluster_parts.h"

namespace quorate::policy {
namespace {

constexpr std::string_view kCardPrefix = "quorate/card/1\n";

// RFC 5480: SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING { 04 ‖ x ‖ y } }.
constexpr std::array<std::uint8_t, 27> kP256SpkiPrefix{0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                                       0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                                       0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
constexpr std::size_t kP256SpkiSize = kP256SpkiPrefix.size() + 64;

std::string address_member(JsonObject& object, std::string_view member) {
  std::string text = object.text(member, 1, limits::kMaxAddress);
  if (!is_address(text)) object.fail(member, "must be host:port");
  return text;
}

NodeCard parse_card(const Json& json, const std::string& pointer) {
  JsonObject object(json, pointer);
  NodeCard card;
  card.id = object.text("id", 1, limits::kMaxName);
  if (!is_name(card.id)) object.fail("id", "is not a name ([a-z0-9][a-z0-9._-]{0,62})");
  const auto key = Ed25519PublicKey::parse_text(object.text("identity_key", 1, 128));
  if (!key) object.fail("identity_key", "must be ed25519: and the 64 hex digits of a public key of prime order");
  card.identity_key = *key;
  const auto spki = hex_member<kP256SpkiSize>(object, "tls_spki");
  if (!std::equal(kP256SpkiPrefix.begin(), kP256SpkiPrefix.end(), spki.begin()))
    object.fail("tls_spki", "must be the DER of an uncompressed P-256 SubjectPublicKeyInfo");
  card.tls_spki.assign(spki.begin(), spki.end());
  JsonObject addresses(object.object("addresses"), object.pointer("addresses"));
  card.peers_address = address_member(addresses, "peers");
  card.rest_address = address_member(addresses, "rest");
  addresses.expect_no_more();
  card.seq = object.integer("seq", 1, INT64_C(1) << 52);
  object.expect_no_more();
  return card;
}

}  // namespace

Json make_card(const NodeCard& card) {
  Json json = Json::object();
  json["id"] = card.id;
  json["identity_key"] = card.identity_key.to_text();
  json["tls_spki"] = to_hex(card.tls_spki);
  json["addresses"]["peers"] = card.peers_address;
  json["addresses"]["rest"] = card.rest_address;
  json["seq"] = card.seq;
  return json;
}

Json sign_card(const NodeCard& card, const Ed25519SecretKey& identity) {
  Json json = Json::object();
  json["card"] = make_card(card);
  json["signature"] = to_hex(identity.sign(signed_bytes(kCardPrefix, json["card"])));
  return json;
}

NodeCard parse_signed_card(const Json& signed_card, const std::string& pointer) {
  JsonObject object(signed_card, pointer);
  const Json& json = object.any("card");
  NodeCard card = parse_card(json, object.pointer("card"));
  const Signature64 signature = hex_member<64>(object, "signature");
  if (!card.identity_key.verify(signed_bytes(kCardPrefix, json), signature))
    object.fail("signature", "is not the identity key's signature of this card");
  object.expect_no_more();
  return card;
}

Json make_genesis(const std::string& cluster_name, std::vector<Json> signed_cards, const Digest& policy_anchor) {
  std::sort(signed_cards.begin(), signed_cards.end(),
            [](const Json& a, const Json& b) { return a.at("card").at("id") < b.at("card").at("id"); });
  Json document = Json::object();
  document["version"] = 1;
  document["previous"] = "";
  document["name"] = cluster_name;
  document["policy_anchor"] = to_hex(policy_anchor);
  document["nodes"] = std::move(signed_cards);
  return document;
}

std::string cluster_id_of(const Json& genesis_document) { return to_hex(jcs_digest(genesis_document)); }

Signature64 sign_genesis(const Json& genesis_document, const Ed25519SecretKey& identity) {
  return identity.sign(signed_bytes(kGenesisPrefix, genesis_document));
}

Json make_cluster_file(const Json& genesis_document,
                       const std::vector<std::pair<std::string, Signature64>>& signature_of_node) {
  Json entry = Json::object();
  entry["document"] = genesis_document;
  entry["signatures"] = Json::object();
  for (const auto& [node, signature] : signature_of_node) entry["signatures"][node] = to_hex(signature);
  Json file = Json::object();
  file["id"] = cluster_id_of(genesis_document);
  file["documents"] = Json::array({entry});
  return file;
}

ClusterDocument ClusterDocument::parse(std::string_view text) {
  if (text.size() > limits::kMaxClusterBytes) throw JsonError("", "is larger than a cluster document may be");
  const Json json = parse_json(text);
  JsonObject file(json, "");
  ClusterDocument cluster;

  const Json& documents = file.array("documents", limits::kMaxListEntries);
  if (documents.empty()) file.fail("documents", "must begin with the genesis document");
  if (documents.size() > 1) throw JsonError("/documents/1", "is for who reads the whole chain");
  JsonObject entry(documents[0], "/documents/0");
  const Json& genesis = entry.object("document");
  Genesis parsed = parse_genesis(genesis, "/documents/0/document");
  cluster.version_ = 1;
  cluster.name_ = std::move(parsed.name);
  cluster.policy_anchor_ = parsed.policy_anchor;
  cluster.nodes_ = std::move(parsed.nodes);

  JsonObject signatures(entry.object("signatures"), "/documents/0/signatures");
  for (const NodeCard& node : cluster.nodes_)
    if (!verify_genesis(genesis, node, hex_member<64>(signatures, node.id)))
      signatures.fail(node.id, "is not this node's signature of the genesis document");
  signatures.expect_no_more();
  entry.expect_no_more();

  cluster.digest_ = jcs_digest(genesis);
  cluster.id_ = to_hex(cluster.digest_);
  if (file.text("id", 64, 64) != cluster.id_) file.fail("id", "is not the SHA-256 of the genesis document");
  if (file.has("cards"))
    cluster.nodes_ =
        with_newer_cards(std::move(cluster.nodes_), file.array("cards", limits::kMaxNodes), file.pointer("cards"));
  file.expect_no_more();
  cluster.json_ = to_jcs(json);
  return cluster;
}

const NodeCard* ClusterDocument::find(std::string_view node_id) const {
  const auto it = std::find_if(nodes_.begin(), nodes_.end(), [&](const NodeCard& node) { return node.id == node_id; });
  return it == nodes_.end() ? nullptr : &*it;
}

const NodeCard* ClusterDocument::find_by_spki(ByteView tls_spki) const {
  const auto it = std::find_if(nodes_.begin(), nodes_.end(), [&](const NodeCard& node) {
    return std::equal(node.tls_spki.begin(), node.tls_spki.end(), tls_spki.begin(), tls_spki.end());
  });
  return it == nodes_.end() ? nullptr : &*it;
}

bool ClusterDocument::anchors(const PolicyDocument& policy) const {
  return policy.version() == 1 && policy.cluster_id() == id_ && policy.anchor() == policy_anchor_;
}

}  // namespace quorate::policy
