// A sign request's payload as this node understands it by itself: what is to be signed, with which keys, and what it
// does. The same function for a signature, for its peers, and for an inspection.
#pragma once
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "node/known_keys.h"
#include "node/refusal.h"
#include "node/world.h"
#include "policy/document.h"
#include "policy/requests.h"
#include "transactions/decode.h"

namespace quorate::node {

struct Signable {
  policy::PayloadKind kind = policy::PayloadKind::unset;
  transactions::KeyFacts key;                 // the root key and the path
  transactions::DerivedKey child;             // at the path
  std::vector<transactions::ToSign> to_sign;  // 1 … limits::kMaxDigests, all in one session
  std::optional<transactions::Facts> facts;   // of payloads that show them
  std::string facts_jcs = "{}";
  Digest payload_digest() const;
  std::vector<std::string> paths() const;  // of the keys that sign, each once
};

// `body` is a sign request's, `payload` what policy::parse_sign made of it. Throws JsonError for what is malformed
// beyond that.
std::variant<Signable, Refusal> read_payload(const Json& body, const policy::SignPayload& payload,
                                             const transactions::KeyFacts& key);

// What the policy decides over. The query refers to `what`.
void add_to(policy::PolicyQuery& query, const Signable& what);

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
