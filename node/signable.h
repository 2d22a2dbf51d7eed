// What this node knows of a key, and so of a payload that the key is to sign.
#pragma once
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "node/known_keys.h"
#include "node/refusal.h"
#include "node/world.h"
#include "policy/signable.h"

namespace quorate::node {

using policy::add_to;
using policy::Signable;

// policy's, refused as the API answers it.
std::variant<Signable, Refusal> decode_payload(const Json& body, const policy::SignPayload& payload,
                                               const transactions::KeyFacts& key);

// What verifiers take: of BIP-340 the x coordinate, tweaked for an output of taproot.
Bytes verification_key(Algorithm algorithm, const transactions::ToSign& item);

transactions::Scheme scheme_of(Algorithm algorithm);

// What its certificate and this node's share say of a key. Only members know the chain code: without a share there are
// no children, and a refusal names who has one. `needs_chain_code`: not so where only the root key matters.
std::variant<transactions::KeyFacts, Refusal> key_facts(const storage::KeyRow& row, const KnownKey& known,
                                                        const std::string& path, bool needs_chain_code,
                                                        const World& world);
// The same for a payload: PSBTs find their keys by paths of their own.
std::variant<transactions::KeyFacts, Refusal> key_facts(const storage::KeyRow& row, const KnownKey& known,
                                                        const policy::SignPayload& payload, const World& world);

// The key at the path of `key`; refused with /path if there is none.
std::variant<transactions::DerivedKey, Refusal> child_at(const transactions::KeyFacts& key);

}  // namespace quorate::node
