#include "policy/cluster_parts.h"

#include <arpa/inet.h>

#include <nlohmann/json.hpp>
#include <set>

namespace quorate::policy {

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
  if (host.front() == '[') {
    if (host.size() < 4 || host.back() != ']') return false;
    in6_addr ignored{};
    return ::inet_pton(AF_INET6, std::string(host.substr(1, host.size() - 2)).c_str(), &ignored) == 1;
  }
  return std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-';
  });
}

Bytes signed_bytes(std::string_view prefix, const Json& document) {
  return bytes_of(std::string(prefix) + to_jcs(document));
}

std::optional<Shared> shared_between(const std::vector<NodeCard>& nodes) {
  std::set<Ed25519PublicKey> identity_keys;
  std::set<Bytes> spkis;
  std::set<std::string> addresses;  // of both kinds: one port serves one of them
  const auto is_new = [&](std::string address) {
    for (char& c : address)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return addresses.insert(std::move(address)).second;
  };
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const NodeCard& card = nodes[i];
    if (i > 0 && card.id <= nodes[i - 1].id) return Shared{i, "id"};
    if (!identity_keys.insert(card.identity_key).second) return Shared{i, "identity_key"};
    if (!spkis.insert(card.tls_spki).second) return Shared{i, "tls_spki"};
    if (!is_new(card.peers_address)) return Shared{i, "addresses/peers"};
    if (!is_new(card.rest_address)) return Shared{i, "addresses/rest"};
  }
  return std::nullopt;
}

std::vector<NodeCard> parse_nodes(const Json& signed_cards, const std::string& pointer) {
  if (signed_cards.size() < limits::kMinThreshold) throw JsonError(pointer, "a cluster has at least two nodes");
  std::vector<NodeCard> cards;
  for (std::size_t i = 0; i < signed_cards.size(); ++i)
    cards.push_back(parse_signed_card(signed_cards[i], pointer + "/" + std::to_string(i)));
  if (const auto shared = shared_between(cards))
    throw JsonError(pointer + "/" + std::to_string(shared->node) + "/card/" + std::string(shared->member),
                    shared->member == "id" ? "nodes must be sorted by id, each there once"
                                           : "is there twice: nodes share no key and no address");
  return cards;
}

std::vector<NodeCard> with_newer_cards(std::vector<NodeCard> nodes, const Json& signed_cards,
                                       const std::string& pointer) {
  for (std::size_t i = 0; i < signed_cards.size(); ++i) {
    const std::string at = pointer + "/" + std::to_string(i);
    const NodeCard card = parse_signed_card(signed_cards[i], at);
    const auto node =
        std::find_if(nodes.begin(), nodes.end(), [&](const NodeCard& present) { return present.id == card.id; });
    if (node == nodes.end()) throw JsonError(at + "/card/id", "is no node of this cluster");
    if (card.identity_key != node->identity_key)
      throw JsonError(at + "/card/identity_key", "is another one: that needs a change of the cluster");
    if (card.seq <= node->seq) throw JsonError(at + "/card/seq", "is not higher than that of the card before");
    *node = card;
  }
  if (const auto shared = shared_between(nodes))
    throw JsonError(pointer, std::string(shared->member) + " of " + nodes[shared->node].id + " is there twice");
  return nodes;
}

bool verify_genesis(const Json& document, const NodeCard& node, const Signature64& signature) {
  return node.identity_key.verify(signed_bytes(kGenesisPrefix, document), signature);
}

Genesis parse_genesis(const Json& document, const std::string& pointer) {
  JsonObject object(document, pointer);
  Genesis genesis;
  object.integer("version", 1, 1);
  if (!object.text("previous", 0, 64).empty()) object.fail("previous", R"(must be "" in the genesis document)");
  genesis.name = object.text("name", 1, limits::kMaxName);
  if (!is_name(genesis.name)) object.fail("name", "is not a name ([a-z0-9][a-z0-9._-]{0,62})");
  genesis.policy_anchor = hex_member<32>(object, "policy_anchor");
  genesis.nodes = parse_nodes(object.array("nodes", limits::kMaxNodes), object.pointer("nodes"));
  object.expect_no_more();
  return genesis;
}

}  // namespace quorate::policy
