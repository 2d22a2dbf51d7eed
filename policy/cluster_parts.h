// What the documents about a cluster are made of: cards in a row, signatures in hex, the genesis document without its
// signatures. For the readers of such documents.
#pragma once
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/cluster.h"

namespace quorate::policy {

// "name:port", "192.0.2.1:port" or "[2001:db8::1]:port": what the mesh can read, so that no card stops a node from
// starting. Whether it resolves is the network's affair.
bool is_address(std::string_view text);

// A signature names what it is for, so that one for a card is none for a document.
inline constexpr std::string_view kGenesisPrefix = "quorate/cluster/1\n";
Bytes signed_bytes(std::string_view prefix, const Json& document);

// So many bytes in lower-case hex. Throws JsonError.
template <std::size_t N>
ByteArray<N> hex_member(JsonObject& object, std::string_view member) {
  const std::string text = object.text(member, 2 * N, 2 * N);
  const auto bytes = array_from_hex<N>(text);
  if (!bytes || to_hex(*bytes) != text) object.fail(member, "must be lower-case hex");
  return *bytes;
}

// Nodes sorted by id, 2 to 64 of them, every card verified, no id, key or address there twice. Throws JsonError.
std::vector<NodeCard> parse_nodes(const Json& signed_cards, const std::string& pointer);

// The first node, in order, that shares an id, key or address with one before it or is not sorted, and which member it
// is. Host names are compared without regard to case, and the two addresses of one node count, too.
struct Shared {
  std::size_t node = 0;
  std::string_view member;  // of its card: "id", "tls_spki", "addresses/rest"
};
std::optional<Shared> shared_between(const std::vector<NodeCard>& nodes);

// The nodes with newer cards of their own in the places of the old ones, all of them at once. Throws JsonError: no
// node's, not newer, of another identity key, or something is shared afterwards.
std::vector<NodeCard> with_newer_cards(std::vector<NodeCard> nodes, const Json& signed_cards,
                                       const std::string& pointer);

// What a genesis document says; the nodes' signatures of the whole are not part of it.
struct Genesis {
  std::string name;
  Digest policy_anchor{};
  std::vector<NodeCard> nodes;
};
Genesis parse_genesis(const Json& document, const std::string& pointer);  // throws JsonError
bool verify_genesis(const Json& document, const NodeCard& node, const Signature64& signature);

}  // namespace quorate::policy
