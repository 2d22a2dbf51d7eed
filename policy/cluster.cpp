#include "policy/cluster.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "base/hash.h"

namespace quorate::policy {
namespace {

// A signature names what it is for, so that one for a card is none for a document.
constexpr std::string_view kCardPrefix = "quorate/card/1\n";
constexpr std::string_view kClusterPrefix = "quorate/cluster/1\n";

// RFC 5480: SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING { 04 ‖ x ‖ y } }.
constexpr std::array<std::uint8_t, 27> kP256SpkiPrefix{0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                                       0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                                       0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
constexpr std::size_t kP256SpkiSize = kP256SpkiPrefix.size() + 64;

Bytes prefixed(std::string_view prefix, const Json& document) {
  return bytes_of(std::string(prefix) + to_jcs(document));
}

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

template <std::size_t N>
ByteArray<N> hex_member(JsonObject& object, std::string_view member) {
  const std::string text = object.text(member, 2 * N, 2 * N);
  const auto bytes = array_from_hex<N>(text);
  if (!bytes || !is_lower_hex(text)) object.fail(member, "must be lower-case hex");
  return *bytes;
}

// "name:port", "192.0.2.1:port" or "[2001:db8::1]:port". Whether it resolves is the network's affair.
bool is_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (port.empty() || port.size() > 5 || port.front() == '0') return false;
  std::uint32_t number = 0;
  for (const char c : port) {
    if (c < '0' || c > '9') return false;
    number = number * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (number > 65535) return false;
  const bool bracketed = host.front() == '[';
  if (bracketed) {
    if (host.size() < 4 || host.back() != ']') return false;
    host = host.substr(1, host.size() - 2);
  }
  return std::all_of(host.begin(), host.end(), [&](char c) {
    const bool digit = c >= '0' && c <= '9';
    if (bracketed) return digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
    return digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';
  });
}

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

// Nodes sorted by id, nothing shared between two of them.
std::vector<NodeCard> parse_nodes(const Json& nodes, const std::string& pointer) {
  std::vector<NodeCard> cards;
  std::set<Ed25519PublicKey> identity_keys;
  std::set<Bytes> spkis;
  std::set<std::string> addresses;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const std::string at = pointer + "/" + std::to_string(i);
    NodeCard card = parse_signed_card(nodes[i], at);
    const auto expect = [&](bool condition, const char* member, const char* what) {
      if (!condition) throw JsonError(at + "/card/" + member, what);
    };
    expect(cards.empty() || cards.back().id < card.id, "id", "nodes must be sorted by id, each there once");
    expect(identity_keys.insert(card.identity_key).second, "identity_key", "is another node's, too");
    expect(spkis.insert(card.tls_spki).second, "tls_spki", "is another node's, too");
    expect(addresses.insert(card.peers_address).second, "addresses/peers", "is another node's, too");
    cards.push_back(std::move(card));
  }
  return cards;
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
  json["signature"] = to_hex(identity.sign(prefixed(kCardPrefix, json["card"])));
  return json;
}

NodeCard parse_signed_card(const Json& signed_card, const std::string& pointer) {
  JsonObject object(signed_card, pointer);
  const Json& json = object.any("card");
  NodeCard card = parse_card(json, object.pointer("card"));
  const Signature64 signature = hex_member<64>(object, "signature");
  if (!card.identity_key.verify(prefixed(kCardPrefix, json), signature))
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
  return identity.sign(prefixed(kClusterPrefix, genesis_document));
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
  if (documents.size() > 1) throw JsonError("/documents/1", "a changed cluster is not supported in this version");
  JsonObject entry(documents[0], "/documents/0");
  const Json& genesis = entry.object("document");
  JsonObject document(genesis, "/documents/0/document");
  cluster.version_ = document.integer("version", 1, 1);
  if (!document.text("previous", 0, 64).empty()) document.fail("previous", R"(must be "" in the genesis document)");
  cluster.name_ = document.text("name", 1, limits::kMaxName);
  if (!is_name(cluster.name_)) document.fail("name", "is not a name ([a-z0-9][a-z0-9._-]{0,62})");
  cluster.policy_anchor_ = hex_member<32>(document, "policy_anchor");
  const Json& nodes = document.array("nodes", limits::kMaxNodes);
  if (nodes.size() < limits::kMinThreshold) document.fail("nodes", "a cluster has at least two nodes");
  cluster.nodes_ = parse_nodes(nodes, document.pointer("nodes"));
  document.expect_no_more();

  JsonObject signatures(entry.object("signatures"), "/documents/0/signatures");
  const Bytes signed_bytes = prefixed(kClusterPrefix, genesis);
  for (const NodeCard& node : cluster.nodes_)
    if (!node.identity_key.verify(signed_bytes, hex_member<64>(signatures, node.id)))
      signatures.fail(node.id, "is not this node's signature of the genesis document");
  signatures.expect_no_more();
  entry.expect_no_more();

  cluster.digest_ = jcs_digest(genesis);
  cluster.id_ = to_hex(cluster.digest_);
  if (file.text("id", 64, 64) != cluster.id_) file.fail("id", "is not the SHA-256 of the genesis document");
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
