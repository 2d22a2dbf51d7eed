#include "http/message_signature.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "http/structured_fields.h"

namespace quorate::http {
namespace {

constexpr std::string_view kLabel = "sig1";
constexpr std::string_view kTagPrefix = "quorate-v1:";

AuthError refused(std::string_view code, std::string detail) { return {401, std::string(code), std::move(detail)}; }

bool has_content(std::string_view method) { return method == "POST" || method == "PUT" || method == "DELETE"; }

bool all_in(std::string_view text, char least) {
  return std::all_of(text.begin(), text.end(), [least](char c) { return c >= least && c <= '~'; });
}

// A user id: [a-z0-9][a-z0-9._-]{0,62}
bool is_name(std::string_view text) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (text.empty() || text.size() > limits::kMaxName || !plain(text.front())) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) { return plain(c) || c == '.' || c == '_' || c == '-'; });
}

// Or a node that asks for what the policy has it ask for: "node:" and its id. Or its operator, for what node/api.cpp
// lets one do.
bool is_requester(std::string_view text) {
  return is_name(text.starts_with(kNodePrefix) ? text.substr(kNodePrefix.size()) : text);
}

// No value may bring a line break, or white space that an intermediary would trim, into the signature base.
bool is_plain(const Header& header) {
  const std::string& v = header.value;
  if (!header.present) return v.empty();
  return all_in(v, ' ') && (v.empty() || (v.front() != ' ' && v.back() != ' '));
}

std::optional<AuthError> check_form(const SignedRequest& r) {
  const std::string& method = r.method;
  const std::string& target = r.target;
  if (method != "GET" && !has_content(method)) return refused("component_set", "this method cannot be signed");
  if (target.empty() || target.front() != '/' || !all_in(target, '!') || target.find('#') != std::string::npos)
    return AuthError{400, "bad_target", "the request-target must be an absolute path in visible ASCII"};
  if (method == "GET" && !r.body.empty()) return AuthError{400, "unexpected_body", "a GET carries no body"};
  if (!is_plain(r.content_digest) || !is_plain(r.idempotency_key) || !is_plain(r.if_match))
    return AuthError{400, "malformed_header", "a signed header is not plain visible ASCII"};
  const std::string& key = r.idempotency_key.value;
  if (r.idempotency_key.present && (key.empty() || key.size() > limits::kMaxIdempotencyKey || !all_in(key, '!')))
    return AuthError{400, "malformed_header", "Idempotency-Key must be 1 to 255 visible ASCII characters"};
  return std::nullopt;
}

// The components that this request must cover, with their values.
std::vector<Component> components_of(const SignedRequest& r) {
  const std::string& target = r.target;
  const std::size_t query = target.find('?');
  std::vector<Component> out = {{"@method", r.method},
                                {"@path", target.substr(0, query)},
                                {"@query", query == std::string::npos ? "?" : target.substr(query)}};
  if (r.content_digest.present) out.push_back({"content-digest", r.content_digest.value});
  if (r.idempotency_key.present) out.push_back({"idempotency-key", r.idempotency_key.value});
  if (r.if_match.present) out.push_back({"if-match", r.if_match.value});
  return out;
}

// `required`, in the order in which the client listed them; nullopt unless the list is exactly that set.
std::optional<std::vector<Component>> in_order_of(const std::vector<std::string>& listed,
                                                  std::vector<Component> required) {
  std::vector<Component> out;
  if (listed.size() != required.size()) return std::nullopt;
  for (const std::string& name : listed) {
    const auto it = std::find_if(required.begin(), required.end(), [&](const Component& c) { return c.name == name; });
    if (it == required.end()) return std::nullopt;
    out.push_back(std::move(*it));
    required.erase(it);  // so that a name listed twice is not found
  }
  return out;
}

// created, nonce, keyid, alg, tag: each once; expires at most once; nothing else.
class Parameters {
 public:
  explicit Parameters(const InnerList& list) {
    for (const auto& [name, value] : list.parameters) {
      if (name == "created")
        number(value, created_);
      else if (name == "expires")
        number(value, expires_);
      else if (name == "nonce")
        text(value, nonce_);
      else if (name == "keyid")
        text(value, keyid_);
      else if (name == "alg")
        text(value, alg_);
      else if (name == "tag")
        text(value, tag_);
      else
        ok_ = false;
    }
  }
  std::optional<AuthError> check(std::string_view cluster_id) const {
    if (!ok_ || !created_ || !nonce_ || !keyid_ || !alg_ || !tag_)
      return refused("signature_parameters", "parameters must be created, nonce, keyid, alg, tag and at most expires");
    if (*alg_ != "ed25519") return refused("signature_parameters", "alg must be \"ed25519\"");
    if (nonce_->size() < limits::kMinNonce || nonce_->size() > limits::kMaxNonce)
      return refused("signature_parameters", "nonce must have 16 to 64 characters");
    if (!is_requester(*keyid_)) return refused("signature_parameters", "keyid must be a user id");
    if (!tag_->starts_with(kTagPrefix))
      return refused("signature_parameters", "tag must be \"quorate-v1:<cluster id>\"");
    if (tag_->substr(kTagPrefix.size()) != cluster_id) return refused("wrong_cluster", "signed for another cluster");
    return std::nullopt;
  }
  void move_to(Verified& who) {
    who.created = *created_;
    who.expires = expires_;
    who.nonce = std::move(*nonce_);
    who.user = std::move(*keyid_);
  }
  const std::string& keyid() const { return *keyid_; }

 private:
  void number(const ParameterValue& value, std::optional<std::int64_t>& out) {
    if (const auto* n = std::get_if<std::int64_t>(&value))
      out = *n;
    else
      ok_ = false;
  }
  void text(const ParameterValue& value, std::optional<std::string>& out) {
    if (const auto* s = std::get_if<std::string>(&value))
      out = *s;
    else
      ok_ = false;
  }
  std::optional<std::int64_t> created_, expires_;
  std::optional<std::string> nonce_, keyid_, alg_, tag_;
  bool ok_ = true;
};

// RFC 9530: sha-256 must be there and be the body's; other algorithms are ignored.
std::optional<AuthError> check_digest(const SignedRequest& r, const Digest& body) {
  const auto digests = parse_byte_sequences(r.content_digest.value.text);
  if (!digests) return refused("digest_mismatch", "Content-Digest is not a dictionary of byte sequences");
  for (const auto& [algorithm, value] : *digests) {
    if (algorithm != "sha-256") continue;
    if (!equal_constant_time(value, body)) return refused("digest_mismatch", "Content-Digest is not the body's");
    return std::nullopt;
  }
  return refused("digest_mismatch", "Content-Digest has no sha-256");
}

}  // namespace

std::string signature_base(const std::vector<Component>& components, std::string_view parameters) {
  std::string out;
  for (const Component& c : components) out += "\"" + c.name + "\": " + c.value + "\n";
  return out + "\"@signature-params\": " + std::string(parameters);
}

std::string content_digest_of(ByteView body) { return "sha-256=" + to_sf_bytes(sha256(body)); }

bool check_signature(const Ed25519PublicKey& key, ByteView message, const Signature64& signature) {
  return key.verify(message, signature);
}

std::variant<Verified, AuthError> verify(const SignedRequest& request, std::string_view cluster_id,
                                         const KeyLookup& key_of, const SignatureCheck& check) {
  auto out = verify_head(request, cluster_id, key_of, check);
  if (auto* who = std::get_if<Verified>(&out)) {
    who->body_digest = sha256(request.body);
    if (request.content_digest.present)
      if (auto error = check_digest(request, who->body_digest)) return *error;
  }
  return out;
}

std::variant<Verified, AuthError> verify_head(const SignedRequest& request, std::string_view cluster_id,
                                              const KeyLookup& key_of, const SignatureCheck& check) {
  if (request.signature_input.text.empty() || request.signature.text.empty())
    return refused("signature_missing", "Signature-Input and Signature are required");
  if (auto error = check_form(request)) return *error;

  const auto inputs = parse_inner_lists(request.signature_input.text);
  const auto signatures = parse_byte_sequences(request.signature.text);
  if (!inputs || !signatures) return refused("signature_malformed", "Signature-Input or Signature cannot be read");
  if (inputs->size() != 1 || signatures->size() != 1 || inputs->front().name != kLabel ||
      signatures->front().first != kLabel)
    return refused("signature_malformed", "there must be exactly one signature, labelled sig1");
  const InnerList& input = inputs->front();
  const Bytes& raw = signatures->front().second;
  Signature64 signature;
  if (raw.size() != signature.size()) return refused("signature_malformed", "the signature must have 64 bytes");
  std::copy(raw.begin(), raw.end(), signature.begin());

  if (request.content_digest.present != has_content(request.method.text))
    return refused("component_set", "content-digest must be sent and covered on POST, PUT and DELETE, and only there");
  const auto components = in_order_of(input.items, components_of(request));
  if (!components) {
    std::string names;
    for (const Component& c : components_of(request)) names += (names.empty() ? "" : ", ") + c.name;
    return refused("component_set", "the covered components must be exactly: " + names);
  }
  Parameters parameters(input);
  if (auto error = parameters.check(cluster_id)) return *error;

  // A user that is not there costs the same time as one that is.
  static const Ed25519PublicKey nobody = Ed25519SecretKey::from_seed(Secret<Bytes32>(Bytes32{})).public_key();
  const auto key = key_of(parameters.keyid());
  const bool valid = check(key.value_or(nobody), view_of(signature_base(*components, input.text)), signature);
  if (!key) return refused("unknown_user", "the policy has no such user");
  if (!valid) return signature_invalid();

  Verified who;
  parameters.move_to(who);
  if (request.idempotency_key.present) who.idempotency_key = request.idempotency_key.value.text;
  if (request.if_match.present) who.if_match = request.if_match.value.text;
  who.method = request.method.text;
  for (const Component& c : *components) {
    if (c.name == "@path") who.path = c.value;
    if (c.name == "@query") who.query = c.value;
  }
  return who;
}

std::optional<AuthError> check_fresh(const Verified& who, WallTime now) {
  // Fifteen digits of seconds (the most that is parsed) do not overflow as milliseconds.
  const WallTime created = from_unix_seconds(who.created);
  if (created < now - limits::kClockBehind || created > now + limits::kClockAhead)
    return refused("clock_skew", "created must lie within 60 s before and 10 s after this node's clock, which says " +
                                     to_rfc3339(now));
  if (who.expires && from_unix_seconds(*who.expires) <= now)
    return refused("signature_expired", "the signature has expired");
  return std::nullopt;
}

AuthError signature_invalid() { return refused("signature_invalid", "the signature does not verify"); }

AuthError nonce_replayed() { return refused("nonce_replayed", "this nonce has been used before"); }

std::string request_id(const Verified& who, std::string_view cluster_id) {
  const std::string& last = who.idempotency_key ? *who.idempotency_key : who.nonce;
  const ByteView parts[] = {view_of(cluster_id), view_of(who.user), view_of(who.method), view_of(who.path),
                            view_of(last)};
  const Digest digest = sha256_list(parts);
  return "req_" + to_hex(ByteView(digest).first(16));
}

SignedRequest sign_request(SignedRequest request, const SignatureParameters& p, const Ed25519SecretKey& key) {
  QUORATE_ASSERT(p.nonce.size() >= limits::kMinNonce && p.nonce.size() <= limits::kMaxNonce);
  if (has_content(request.method.text)) request.content_digest = {true, content_digest_of(request.body)};
  const std::vector<Component> components = components_of(request);
  std::string input = "(";
  for (const Component& c : components) input += (input.size() > 1 ? " \"" : "\"") + c.name + "\"";
  input += ");created=" + std::to_string(p.created);
  if (p.expires) input += ";expires=" + std::to_string(*p.expires);
  input += ";nonce=" + to_sf_string(p.nonce) + ";keyid=" + to_sf_string(p.user) +
           ";alg=\"ed25519\";tag=" + to_sf_string(std::string(kTagPrefix) + p.cluster_id);
  const Signature64 signature = key.sign(view_of(signature_base(components, input)));
  request.signature_input = std::string(kLabel) + "=" + input;
  request.signature = std::string(kLabel) + "=" + to_sf_bytes(signature);
  return request;
}

std::vector<std::pair<std::string, std::string>> headers_of(const SignedRequest& r) {
  std::vector<std::pair<std::string, std::string>> out = {{"Signature-Input", r.signature_input},
                                                          {"Signature", r.signature}};
  if (r.content_digest.present) out.emplace_back("Content-Digest", r.content_digest.value);
  if (r.idempotency_key.present) out.emplace_back("Idempotency-Key", r.idempotency_key.value);
  if (r.if_match.present) out.emplace_back("If-Match", r.if_match.value);
  return out;
}

}  // namespace quorate::http
