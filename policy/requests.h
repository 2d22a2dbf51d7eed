// The bodies of mutating calls, parsed the same way by every node. All functions throw JsonError with a pointer for
// what is malformed.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "policy/kinds.h"

namespace quorate::policy {

enum class SignatureScheme { unset = 0, ecdsa_secp256k1, eddsa_ed25519, schnorr_secp256k1 };
std::string_view name_of(SignatureScheme scheme);  // "eddsa-ed25519" …; "" for unset
std::optional<SignatureScheme> parse_scheme(std::string_view text);

// POST /v1/keys
struct CreateKey {
  std::string name;
  SignatureScheme algorithm = SignatureScheme::unset;
  std::size_t threshold = 0;              // 2 … participants
  std::vector<std::string> participants;  // node ids, unique, sorted
};
CreateKey parse_create_key(const Json& body);

// POST /v1/keys/{key}/refresh, …/reshare
struct Reshare {
  bool refresh = false;                   // the committee stays, and the next two are not set
  std::size_t threshold = 0;              // 2 … participants
  std::vector<std::string> participants;  // unique, sorted
  // The certificate that the client saw in force, so that nobody can show it another one: for a refresh or reshare of
  // that one and no other.
  std::optional<Digest> certificate;
};
Reshare parse_refresh(const Json& body);  // {} or {"certificate": …}
Reshare parse_reshare(const Json& body);

// POST /v1/freeze, /v1/unfreeze: "all", or a key's name or id.
std::string parse_freeze_scope(const Json& body);

// archive, unarchive, cancel: exactly {}.
void parse_empty(const Json& body);

enum class MessageHash { unset = 0, sha256, double_sha256, keccak256 };
std::optional<MessageHash> parse_hash(std::string_view text);

// POST /v1/keys/{key}/signatures
struct SignPayload {
  PayloadKind kind = PayloadKind::unset;
  Bytes bytes;                            // of `message`: the message; of `digest`: its 32 bytes; else empty
  MessageHash hash = MessageHash::unset;  // as given; unset: not given
  std::string path = "m";                 // as given: transactions::parse_path says whether it is one
  std::string memo;                       // at most kMaxMemo bytes of UTF-8
};
// The members of a payload that shows_facts() are left to transactions::decode.
SignPayload parse_sign(const Json& body);

// What a key of this scheme signs for a message or a digest: the message itself for Ed25519, 32 bytes for the others.
// Throws JsonError (pointer into the body) when scheme and payload do not fit.
Bytes bytes_to_sign(const SignPayload& payload, SignatureScheme scheme);

}  // namespace quorate::policy
