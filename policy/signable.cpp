#include "policy/signable.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/hash.h"
#include "policy/intent.h"

namespace quorate::policy {
namespace {

SignatureScheme policy_scheme(transactions::Scheme scheme) {
  switch (scheme) {
    case transactions::Scheme::ecdsa_secp256k1:
      return SignatureScheme::ecdsa_secp256k1;
    case transactions::Scheme::eddsa_ed25519:
      return SignatureScheme::eddsa_ed25519;
    case transactions::Scheme::schnorr_secp256k1:
      return SignatureScheme::schnorr_secp256k1;
    case transactions::Scheme::unset:
      break;
  }
  return SignatureScheme::unset;
}

transactions::Refusal path_refused(const std::string& why) { return {"path_invalid", "/path", why}; }

}  // namespace

std::variant<transactions::DerivedKey, transactions::Refusal> child_at(const transactions::KeyFacts& key) {
  const auto path = transactions::parse_path(key.path);
  if (!path)
    return path_refused("must be m, or m/ and indices below 2^31 without leading zeros, none of them hardened");
  if (path->empty()) {
    transactions::DerivedKey root;
    root.public_key = key.public_key;
    root.chain_code = key.chain_code;
    return root;
  }
  auto child = transactions::derive(key.scheme, key.public_key, key.chain_code, *path);
  if (!child) return path_refused("there is no child key at this path");
  return std::move(*child);
}

std::variant<Signable, transactions::Refusal> read_payload(const Json& body, const SignPayload& payload,
                                                           const transactions::KeyFacts& key) {
  Signable out;
  out.kind = payload.kind;
  out.key = key;
  auto child = child_at(key);
  if (auto* refused = std::get_if<transactions::Refusal>(&child)) return std::move(*refused);
  out.child = std::get<transactions::DerivedKey>(std::move(child));
  if (!shows_facts(payload.kind)) {
    out.to_sign.push_back({bytes_to_sign(payload, policy_scheme(key.scheme)), out.child, key.path, std::nullopt});
    return out;
  }
  auto decoded = transactions::decode(body.at("payload"), key);
  if (auto* refused = std::get_if<transactions::Refusal>(&decoded)) return std::move(*refused);
  auto& [to_sign, facts] = std::get<transactions::Decoded>(decoded);
  QUORATE_ASSERT(!to_sign.empty() && to_sign.size() <= limits::kMaxDigests);
  out.to_sign = std::move(to_sign);
  out.facts_jcs = to_jcs(transactions::to_json(facts));
  if (out.facts_jcs.size() > kMaxFacts)
    return transactions::Refusal{"payload_unsupported", "/payload", "the payload does more than one request may"};
  out.facts = std::move(facts);
  return out;
}

Digest Signable::payload_digest() const {
  std::vector<ByteView> parts;
  for (const transactions::ToSign& item : to_sign) parts.emplace_back(item.bytes);
  return signing_payload_digest(parts);
}

Digest Signable::facts_digest() const { return sha256(view_of(facts_jcs)); }

std::vector<std::string> Signable::paths() const {
  std::vector<std::string> paths;
  for (const transactions::ToSign& item : to_sign)
    if (std::find(paths.begin(), paths.end(), item.path) == paths.end()) paths.push_back(item.path);
  return paths;
}

void add_to(PolicyQuery& query, const Signable& what) {
  query.payload = what.kind;
  query.facts = what.facts ? &*what.facts : nullptr;
  query.paths = what.paths();
}

}  // namespace quorate::policy
