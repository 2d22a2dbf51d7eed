// The intent: what every node compares before it takes part, and what approvers sign.
#pragma once
#include <span>
#include <string>

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "policy/kinds.h"
#include "transactions/facts.h"

namespace quorate::policy {

// All fields are in the JCS, all as strings but `v`, which is 1.
struct Intent {
  std::string cluster;  // id, hex
  std::string request;  // "req_…"
  Kind kind = Kind::unset;
  std::string key;         // id, hex; "" when there is none yet
  std::string key_name;    // "" when the request is about no key
  std::string public_key;  // hex, of the child at `path`; "" when there is none yet
  std::string path = "m";
  Digest payload_digest{};
  Digest facts_digest{};                               // no_facts_digest() for payloads without facts
  std::string decoder{transactions::kNoFactsVersion};  // transactions::decoder_version of the payload's kind
  std::int64_t policy_version = 0;
  Digest policy_digest{};
  std::string requested_by;  // user id
  WallTime expires_at{};     // whole seconds
};

Json to_json(const Intent& intent);
Json what_is_signed(const Intent& intent);  // of these members only public_key, path and the digests of the payload
std::string intent_jcs(const Intent& intent);
Digest request_digest(const Intent& intent);  // SHA-256 of intent_jcs: what the protocols bind
// Strict inverse of to_json, for an intent from outside. Throws JsonError.
Intent parse_intent(const Json& json, const std::string& pointer = "");

// The byte strings handed to the signature scheme, count- and length-prefixed.
Digest signing_payload_digest(std::span<const ByteView> to_be_signed);
Digest signing_payload_digest(ByteView to_be_signed);  // one
Digest body_payload_digest(const Json& body);          // every other kind: SHA-256 of JCS(body)
Digest no_facts_digest();                              // SHA-256 of "{}"

// A request without approvals lives limits::kRequestLife from its signed `created`.
WallTime expires_without_approvals(std::int64_t created_unix_seconds);
WallTime expires_with_approvals(std::int64_t created_unix_seconds, std::int64_t hours);

}  // namespace quorate::policy
