#include "policy/webauthn.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/base64url.h"
#include "base/hash.h"

namespace quorate::policy {
namespace {

// ---- the policy's members

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// Labels of letters, digits and inner hyphens: a domain as a browser writes it.
bool is_domain(std::string_view text) {
  for (;;) {
    const std::string_view label = text.substr(0, text.find('.'));
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    if (!std::all_of(label.begin(), label.end(), [](char c) { return is_lower_or_digit(c) || c == '-'; })) return false;
    if (label.size() == text.size()) return true;
    text.remove_prefix(label.size() + 1);
  }
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 && text.front() != '0' &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Whether a page of this origin may use the credentials of the domain: a browser asks the same. Only a page of this
// machine comes without TLS.
bool is_origin_of(std::string_view origin, std::string_view rp_id) {
  constexpr std::string_view tls = "https://", plain = "http://";
  const bool local = rp_id == "localhost" && origin.starts_with(plain);
  if (!local && !origin.starts_with(tls)) return false;
  std::string_view host = origin.substr(local ? plain.size() : tls.size());
  if (const auto colon = host.find(':'); colon != std::string_view::npos) {
    if (!is_port(host.substr(colon + 1))) return false;
    host = host.substr(0, colon);
  }
  if (!is_domain(host) || !host.ends_with(rp_id)) return false;
  return host.size() == rp_id.size() || host[host.size() - rp_id.size() - 1] == '.';
}

Bytes base64url_member(JsonObject& object, std::string_view member, std::size_t most) {
  auto bytes = from_base64url(object.text(member, 1, (most * 4 + 2) / 3));
  if (!bytes) object.fail(member, "must be base64url without padding");
  return std::move(*bytes);
}

Credential parse_credential(const Json& json, const std::string& pointer) {
  JsonObject object(json, pointer);
  const auto key = Es256PublicKey::parse_hex(object.text("public_key", 1, 2 * Es256PublicKey::kSize));
  if (!key) object.fail("public_key", "must be a point of P-256 in hex: 04 and x and y, or 02 or 03 and x");
  Credential credential{base64url_member(object, "credential_id", limits::kMaxCredentialId),
                        object.text("rp_id", 1, limits::kMaxRpId),
                        {},
                        *key};
  if (!is_domain(credential.rp_id)) object.fail("rp_id", "must be a domain in lower case");
  const Json& origins = object.array("origins", limits::kMaxOrigins);
  if (origins.empty()) object.fail("origins", "must not be empty");
  for (std::size_t i = 0; i < origins.size(); ++i) {
    const std::string at = object.pointer("origins") + "/" + std::to_string(i);
    if (!origins[i].is_string()) throw JsonError(at, "must be a string");
    const auto& origin = origins[i].get_ref<const std::string&>();
    if (!is_origin_of(origin, credential.rp_id))
      throw JsonError(at, "must be https://, " + credential.rp_id + " or a name below it, and a port if it has one");
    if (std::find(credential.origins.begin(), credential.origins.end(), origin) != credential.origins.end())
      throw JsonError(at, "is there twice");
    credential.origins.push_back(origin);
  }
  object.expect_no_more();
  return credential;
}

// ---- authenticator data (§6.1)

constexpr std::size_t kHead = 32 + 1 + 4;  // rpIdHash, flags, signCount
constexpr std::uint8_t kUserPresent = 0x01, kUserVerified = 0x04, kAttested = 0x40, kExtensions = 0x80;
constexpr unsigned kArray = 4, kMap = 5;  // CBOR's major types

// Takes one well-formed item of CBOR (RFC 8949) of definite length from the front; false: there is none.
bool skip_cbor(ByteView& in, std::size_t depth) {
  if (in.empty() || depth == 0) return false;
  const unsigned major = in[0] >> 5u, information = in[0] & 31u;
  const std::size_t length = information < 24 ? 0 : information < 28 ? std::size_t{1} << (information - 24) : in.size();
  if (in.size() - 1 < length) return false;
  std::uint64_t n = information;
  if (length != 0) {
    n = 0;
    for (std::size_t i = 0; i < length; ++i) n = n << 8u | in[1 + i];
  }
  in = in.subspan(1 + length);
  if (major == 2 || major == 3) {  // bytes, text
    if (in.size() < n) return false;
    in = in.subspan(static_cast<std::size_t>(n));
    return true;
  }
  if (major == 6) return skip_cbor(in, depth - 1);    // what is tagged
  if (major != kArray && major != kMap) return true;  // numbers, simple values
  for (std::uint64_t i = 0; i < n; ++i)               // a count that lies ends with the bytes
    if (!skip_cbor(in, depth - 1) || (major == kMap && !skip_cbor(in, depth - 1))) return false;
  return true;
}

bool is_one_map(ByteView bytes) {
  return !bytes.empty() && bytes[0] >> 5u == kMap && skip_cbor(bytes, limits::kMaxCborDepth) && bytes.empty();
}

std::optional<std::string> wrong_authenticator_data(ByteView data, const Credential& credential) {
  if (data.size() < kHead) return "is too short";
  // §7.2 steps 15 to 17
  if (!equal_constant_time(data.first(32), sha256(view_of(credential.rp_id))))
    return "is of another rp_id than " + credential.rp_id;
  const std::uint8_t flags = data[32];
  if ((flags & kUserPresent) == 0) return "does not say that the person was present";
  if ((flags & kUserVerified) == 0)
    return "does not say that the person was verified: ask with userVerification \"required\"";
  // §6.1: an assertion carries no credential. What extensions say is of no account, but it must be what they say.
  if ((flags & kAttested) != 0) return "carries a new credential";
  const ByteView rest = data.subspan(kHead);
  if ((flags & kExtensions) != 0 ? !is_one_map(rest) : !rest.empty()) return "has more or fewer bytes than it says";
  return std::nullopt;
}

// ---- client data (§5.8.1)

std::string_view text_in(const Json& json, const char* name) {
  const auto it = json.find(name);
  return it != json.end() && it->is_string() ? std::string_view(it->get_ref<const std::string&>()) : std::string_view();
}

std::optional<std::string> wrong_client_data(ByteView bytes, const Credential& credential, std::string_view approved) {
  Json json;
  try {
    json = parse_json(text_of(bytes));
  } catch (const JsonError& e) {
    return "is not as a browser writes it: " + (e.pointer.empty() ? "" : e.pointer + " ") + e.what();
  }
  if (!json.is_object()) return "is no object";
  // §7.2 steps 11 to 14. Other members may be there: browsers add some.
  if (text_in(json, "type") != "webauthn.get") return "is not of type webauthn.get";
  if (text_in(json, "challenge") != challenge_of(approved))
    return "has another challenge than that of this person's decision about this request's intent";
  const std::string_view origin = text_in(json, "origin");
  if (std::find(credential.origins.begin(), credential.origins.end(), origin) == credential.origins.end())
    return "is of an origin that the policy does not list for this credential";
  if (json.contains("topOrigin") || (json.contains("crossOrigin") && json.at("crossOrigin") != false))
    return "is of a page within another page";
  // No node has seen the browser's connection.
  if (const auto binding = json.find("tokenBinding");
      binding != json.end() && (!binding->is_object() || text_in(*binding, "status") != "supported"))
    return "is bound to a connection";
  return std::nullopt;
}

}  // namespace

std::vector<Credential> parse_credentials(JsonObject& user) {
  std::vector<Credential> credentials;
  const Json& array = user.array("webauthn", limits::kMaxCredentials);
  if (array.empty()) user.fail("webauthn", "must not be empty");
  for (std::size_t i = 0; i < array.size(); ++i)
    credentials.push_back(parse_credential(array[i], user.pointer("webauthn") + "/" + std::to_string(i)));
  return credentials;
}

Json to_json(const Assertion& assertion) {
  return {{"credential", to_base64url(assertion.credential)},
          {"authenticator_data", to_base64url(assertion.authenticator_data)},
          {"client_data_json", to_base64url(assertion.client_data_json)},
          {"signature", to_base64url(assertion.signature)}};
}

Assertion parse_assertion(const Json& json, const std::string& pointer) {
  JsonObject object(json, pointer);
  Assertion assertion;
  const auto read = [&](std::string_view member, auto& into) {
    const Bytes bytes = base64url_member(object, member, into.max_count);
    into.assign(bytes.begin(), bytes.end());
  };
  read("credential", assertion.credential);
  read("authenticator_data", assertion.authenticator_data);
  read("client_data_json", assertion.client_data_json);
  read("signature", assertion.signature);
  object.expect_no_more();
  return assertion;
}

std::string challenge_of(std::string_view approved) { return to_base64url(sha256(view_of(approved))); }

std::optional<Fault> fault_in(const Assertion& assertion, const std::vector<Credential>& credentials,
                              std::string_view approved) {
  // §7.2 steps 5 to 7
  const auto credential = std::find_if(credentials.begin(), credentials.end(), [&](const Credential& c) {
    return std::equal(c.id.begin(), c.id.end(), assertion.credential.begin(), assertion.credential.end());
  });
  if (credential == credentials.end()) return Fault{"/credential", "is none of this person's"};
  if (auto wrong = wrong_client_data(assertion.client_data_json, *credential, approved))
    return Fault{"/client_data_json", std::move(*wrong)};
  if (auto wrong = wrong_authenticator_data(assertion.authenticator_data, *credential))
    return Fault{"/authenticator_data", std::move(*wrong)};
  // Steps 19 and 20. Step 21, the count of signatures, is not looked at: nodes share no memory of it.
  Bytes signed_bytes(assertion.authenticator_data.begin(), assertion.authenticator_data.end());
  const Digest hash = sha256(assertion.client_data_json);
  signed_bytes.insert(signed_bytes.end(), hash.begin(), hash.end());
  if (!credential->key.verify(signed_bytes, assertion.signature))
    return Fault{"/signature", "is not that credential's signature over authenticator_data and client_data_json"};
  return std::nullopt;
}

}  // namespace quorate::policy
