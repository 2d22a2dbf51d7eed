// Approvals by a passkey or a hardware key: an assertion of W3C Web Authentication Level 2, verified as its §7.2 says,
// with ES256 and nothing else (docs/approvals.md). Pure: what is looked at is the policy and the assertion.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/codec.h"
#include "base/json.h"
#include "base/limits.h"
#include "policy/es256.h"

namespace quorate::limits {

// WebAuthn. 64 approvals of this kind, the largest body and a certificate fit into one frame between nodes.
inline constexpr std::size_t kMaxCredentials = 8;          // of one user
inline constexpr std::size_t kMaxOrigins = 8;              // of one credential
inline constexpr std::size_t kMaxRpId = 253;               // bytes: a domain
inline constexpr std::size_t kMaxCredentialId = 512;       // bytes
inline constexpr std::size_t kMaxAuthenticatorData = 512;  // bytes: 37, and what extensions say
inline constexpr std::size_t kMaxClientData = 1024;        // bytes of JSON that a browser has written
inline constexpr std::size_t kMaxEs256Signature = 72;      // bytes of DER
inline constexpr std::size_t kMaxCborDepth = 8;            // of an extension's output
}  // namespace quorate::limits

namespace quorate::policy {

// One authenticator of one person.
struct Credential {
  Bytes id;                          // as the authenticator has named it
  std::string rp_id;                 // the domain that it was made for …
  std::vector<std::string> origins;  // … and the pages on which it may be used
  Es256PublicKey key;
};

// The member `webauthn` of a user: 1 to kMaxCredentials of them. Throws JsonError.
std::vector<Credential> parse_credentials(JsonObject& user);

// What a browser returns of navigator.credentials.get().
struct Assertion {
  BoundedBytes<limits::kMaxCredentialId> credential;
  BoundedBytes<limits::kMaxAuthenticatorData> authenticator_data;
  BoundedBytes<limits::kMaxClientData> client_data_json;
  BoundedBytes<limits::kMaxEs256Signature> signature;
  static auto fields(auto& m) { return std::tie(m.credential, m.authenticator_data, m.client_data_json, m.signature); }
  friend bool operator==(const Assertion&, const Assertion&) = default;
};
// The four members, each in base64url without padding.
Json to_json(const Assertion& assertion);
Assertion parse_assertion(const Json& json, const std::string& pointer);  // throws JsonError

// What is wrong, and with which member.
struct Fault {
  std::string pointer;  // JSON pointer into what was sent
  std::string what;
};

// base64url of the SHA-256 of what is approved: what the browser is asked to have signed.
std::string challenge_of(std::string_view approved);

// nullopt: one of these credentials has signed `approved`, its person was present and has shown who they are. The
// pointers are those of to_json's members.
std::optional<Fault> fault_in(const Assertion& assertion, const std::vector<Credential>& credentials,
                              std::string_view approved);

}  // namespace quorate::policy
