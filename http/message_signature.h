// Who is asking: HTTP Message Signatures (RFC 9421) with Ed25519, over exactly the components that
// docs/http-signatures.md names. Pure: no sockets, no clock. The node that a client talks to and every node it is
// forwarded to run the same `verify`.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/ed25519.h"
#include "base/limits.h"

namespace quorate::http {

// A header field as it was received; absent is not the same as empty.
struct Header {
  bool present = false;
  BoundedText<limits::kMaxSignatureField> value;
  static auto fields(auto& m) { return std::tie(m.present, m.value); }
  bool operator==(const Header&) const = default;
};

// A client's request as it was sent: all that a signature can cover, so that any node can verify it again.
struct SignedRequest {
  BoundedText<16> method;
  BoundedText<limits::kMaxTarget> target;  // raw request-target: path, and query with its "?"
  BoundedText<limits::kMaxSignatureField> signature_input;
  BoundedText<limits::kMaxSignatureField> signature;
  Header content_digest;
  Header idempotency_key;
  Header if_match;
  BoundedBytes<limits::kMaxBody> body;
  static auto fields(auto& m) {
    return std::tie(m.method, m.target, m.signature_input, m.signature, m.content_digest, m.idempotency_key, m.if_match,
                    m.body);
  }
  bool operator==(const SignedRequest&) const = default;
};

// What a valid signature says. `verify` alone makes it; it says nothing about freshness or replay.
struct Verified {
  std::string user;
  std::int64_t created = 0;             // Unix seconds
  std::optional<std::int64_t> expires;  // Unix seconds
  std::string nonce;
  std::optional<std::string> idempotency_key;
  std::optional<std::string> if_match;
  std::string method;
  std::string path;      // raw, as sent
  std::string query;     // raw, with its "?"; "?" alone when there is none (RFC 9421 §2.2.7)
  Digest body_digest{};  // SHA-256
};

// Codes: signature_missing, signature_malformed, signature_invalid, component_set, signature_parameters,
// digest_mismatch, unknown_user, wrong_cluster, clock_skew, signature_expired, nonce_replayed.
struct AuthError {
  int status = 401;
  std::string code;
  std::string detail;
};

using KeyLookup = std::function<std::optional<Ed25519PublicKey>(std::string_view user)>;
// Whether it is a signature of the message under this key.
using SignatureCheck = std::function<bool(const Ed25519PublicKey& key, ByteView message, const Signature64& signature)>;
bool check_signature(const Ed25519PublicKey& key, ByteView message, const Signature64& signature);

// `cluster_id` in lower-case hex. Bounded in time and memory for any input; never throws on account of the input.
std::variant<Verified, AuthError> verify(const SignedRequest& request, std::string_view cluster_id,
                                         const KeyLookup& key_of, const SignatureCheck& check = check_signature);
// All of it but the body, which may not have come yet: whether it is the one of Content-Digest.
std::variant<Verified, AuthError> verify_head(const SignedRequest& request, std::string_view cluster_id,
                                              const KeyLookup& key_of, const SignatureCheck& check = check_signature);

// `created` at most 60 s behind and 10 s ahead of `now`, `expires` not yet reached.
std::optional<AuthError> check_fresh(const Verified& who, WallTime now);

AuthError signature_invalid();

// The answer to a (user, nonce) seen before with another request id.
AuthError nonce_replayed();

// "req_" + hex of the first 16 bytes of SHA-256(cluster id as hex, user, method, path, Idempotency-Key or else nonce),
// by sha256_list.
std::string request_id(const Verified& who, std::string_view cluster_id);

inline constexpr std::string_view kNodePrefix = "node:";  // of a keyid that is a node's

struct SignatureParameters {
  std::string user;
  std::string cluster_id;  // lower-case hex
  std::int64_t created = 0;
  std::string nonce;  // 16..64 visible ASCII characters
  std::optional<std::int64_t> expires{};
};
// Fills content_digest (POST, PUT, DELETE), signature_input and signature; method, target, body, idempotency_key and
// if_match are the caller's.
SignedRequest sign_request(SignedRequest request, const SignatureParameters& parameters, const Ed25519SecretKey& key);

// The header fields to send: Signature-Input, Signature and those of the others that are present.
std::vector<std::pair<std::string, std::string>> headers_of(const SignedRequest& request);

// RFC 9421 §2.5: one line per component, then "@signature-params" with the text as received.
struct Component {
  std::string name;
  std::string value;
};
std::string signature_base(const std::vector<Component>& components, std::string_view parameters);

std::string content_digest_of(ByteView body);  // RFC 9530: sha-256=:…:

}  // namespace quorate::http
