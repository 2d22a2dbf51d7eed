// A sign request's payload as anybody understands it who has the key's public side: what is to be signed, with which
// keys, and what it does. The same function for a signature, for a node's peers, for an inspection, and for the program
// of a person who is asked to approve it.
#pragma once
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "policy/document.h"
#include "policy/requests.h"
#include "transactions/decode.h"

namespace quorate::policy {

inline constexpr std::size_t kMaxFacts = 1024 * 1024;  // bytes of the JSON of the facts of one payload

struct Signable {
  PayloadKind kind = PayloadKind::unset;
  transactions::KeyFacts key;                 // the root key and the path
  transactions::DerivedKey child;             // at the path
  std::vector<transactions::ToSign> to_sign;  // 1 … limits::kMaxDigests, all in one session
  std::optional<transactions::Facts> facts;   // of payloads that show them
  std::string facts_jcs = "{}";
  Digest payload_digest() const;
  Digest facts_digest() const;
  std::vector<std::string> paths() const;  // of the keys that sign, each once
};

// `body` is a sign request's, `payload` what parse_sign made of it. Throws JsonError for what is malformed beyond that.
std::variant<Signable, transactions::Refusal> read_payload(const Json& body, const SignPayload& payload,
                                                           const transactions::KeyFacts& key);

// What the policy decides over. The query refers to `what`.
void add_to(PolicyQuery& query, const Signable& what);

// The key at the path of `key`; refused with /path if there is none.
std::variant<transactions::DerivedKey, transactions::Refusal> child_at(const transactions::KeyFacts& key);

}  // namespace quorate::policy
