// A node of a cluster document and its keys.
#pragma once
#include <string>

#include "base/rng.h"
#include "policy/cluster.h"

namespace quorate::policy {

struct KeyedNode {
  Ed25519SecretKey key;
  NodeCard card;
};

// Nothing here looks at the point itself, only at its form.
inline Bytes spki_of(std::uint8_t fill) {
  Bytes out = *from_hex("3059301306072a8648ce3d020106082a8648ce3d03010703420004");
  out.resize(91, fill);
  return out;
}

// node1, node2 …, at h1.example, h2.example …; the TLS key of the first ones is spki_of(number). `again`: the same id
// with other keys.
inline KeyedNode keyed_node(std::uint8_t number, std::uint8_t again = 0) {
  const auto fill = static_cast<std::uint8_t>(number + 100 * again);
  SeededRng rng(1'000u + fill);  // the keys of no user
  auto key = Ed25519SecretKey::generate(rng);
  const std::string host = "h" + std::to_string(number) + ".example";
  NodeCard card{"node" + std::to_string(number), key.public_key(), spki_of(fill), host + ":7101", host + ":7001", 1};
  return {std::move(key), std::move(card)};
}

}  // namespace quorate::policy
