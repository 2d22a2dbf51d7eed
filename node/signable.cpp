#include "node/signable.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "keygen/ecdsa_share.h"
#include "node/record.h"
#include "policy/intent.h"
#include "transactions/bitcoin_address.h"

namespace quorate::node {
namespace {

policy::SignatureScheme policy_scheme(transactions::Scheme scheme) {
  switch (scheme) {
    case transactions::Scheme::ecdsa_secp256k1:
      return policy::SignatureScheme::ecdsa_secp256k1;
    case transactions::Scheme::eddsa_ed25519:
      return policy::SignatureScheme::eddsa_ed25519;
    case transactions::Scheme::schnorr_secp256k1:
      return policy::SignatureScheme::schnorr_secp256k1;
    case transactions::Scheme::unset:
      break;
  }
  return policy::SignatureScheme::unset;
}

Refusal path_refused(const std::string& why) { return {422, "path_invalid", why, "/path"}; }

// nullopt: this node has no share of the key.
std::optional<Bytes32> chain_code_of(const storage::KeyRow& row, const KnownKey& known, const World& world) {
  const CertificateBody& body = known.certificate.body;
  const Member* me = body.committee.find(world.me.id);
  if (me == nullptr) return std::nullopt;
  const auto stored = world.store.active_share(row.id);
  if (!stored) return std::nullopt;
  const auto of = [&](const auto& share) -> Bytes32 {
    if (!share) throw storage::StorageCorrupt("the share of key " + row.id + " belongs elsewhere");
    return share->chain_code.expose();
  };
  switch (body.algorithm) {
    case Algorithm::eddsa_ed25519:
      return of(stored_share<Ed25519>(stored->blob, body, std::get<KeyPoints<Ed25519>>(known.points), me->id));
    case Algorithm::schnorr_secp256k1:
      return of(stored_share<Secp256k1>(stored->blob, body, std::get<KeyPoints<Secp256k1>>(known.points), me->id));
    case Algorithm::ecdsa_secp256k1: {
      const auto share = stored_ecdsa_share(stored->blob, body, std::get<KeyPoints<Secp256k1>>(known.points), me->id);
      if (!share) throw storage::StorageCorrupt("the share of key " + row.id + " belongs elsewhere");
      return share->share.chain_code.expose();
    }
    case Algorithm::unset:
      break;
  }
  impossible("an algorithm is set");
}

}  // namespace

transactions::Scheme scheme_of(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::ecdsa_secp256k1:
      return transactions::Scheme::ecdsa_secp256k1;
    case Algorithm::eddsa_ed25519:
      return transactions::Scheme::eddsa_ed25519;
    case Algorithm::schnorr_secp256k1:
      return transactions::Scheme::schnorr_secp256k1;
    case Algorithm::unset:
      break;
  }
  return transactions::Scheme::unset;
}

std::variant<transactions::KeyFacts, Refusal> key_facts(const storage::KeyRow& row, const KnownKey& known,
                                                        const std::string& path, bool needs_chain_code,
                                                        const World& world) {
  const CertificateBody& body = known.certificate.body;
  transactions::KeyFacts facts;
  facts.scheme = scheme_of(body.algorithm);
  facts.public_key.assign(body.Y.begin(), body.Y.end());
  facts.path = path;
  if (!needs_chain_code) return facts;
  const auto chain_code = world.known_keys->chain_code(row, [&] { return chain_code_of(row, known, world); });
  if (!chain_code) {
    std::string members;
    for (const Member& m : body.committee.members()) members += (members.empty() ? "" : ", ") + m.node.text;
    return Refusal{409, "no_share",
                   world.me.id + " has no share of this key and does not know its children; ask one of " + members,
                   std::nullopt};
  }
  facts.chain_code = *chain_code;
  return facts;
}

std::variant<transactions::KeyFacts, Refusal> key_facts(const storage::KeyRow& row, const KnownKey& known,
                                                        const policy::SignPayload& payload, const World& world) {
  const bool needed = payload.path != "m" || payload.kind == policy::PayloadKind::btc_psbt;
  return key_facts(row, known, payload.path, needed, world);
}

std::variant<transactions::DerivedKey, Refusal> child_at(const transactions::KeyFacts& key) {
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

std::variant<Signable, Refusal> read_payload(const Json& body, const policy::SignPayload& payload,
                                             const transactions::KeyFacts& key) {
  Signable out;
  out.kind = payload.kind;
  out.key = key;
  auto child = child_at(key);
  if (auto* refused = std::get_if<Refusal>(&child)) return std::move(*refused);
  out.child = std::get<transactions::DerivedKey>(std::move(child));
  if (!policy::shows_facts(payload.kind)) {
    out.to_sign.push_back(
        {policy::bytes_to_sign(payload, policy_scheme(key.scheme)), out.child, key.path, std::nullopt});
    return out;
  }
  auto decoded = transactions::decode(body.at("payload"), key);
  if (const auto* refused = std::get_if<transactions::Refusal>(&decoded))
    return Refusal{422, refused->code, refused->detail, refused->pointer};
  auto& [to_sign, facts] = std::get<transactions::Decoded>(decoded);
  QUORATE_ASSERT(!to_sign.empty() && to_sign.size() <= limits::kMaxDigests);
  out.to_sign = std::move(to_sign);
  out.facts_jcs = to_jcs(transactions::to_json(facts));
  if (out.facts_jcs.size() > kMaxFacts)
    return Refusal{422, "payload_unsupported", "the payload does more than one request may", "/payload"};
  out.facts = std::move(facts);
  return out;
}

Digest Signable::payload_digest() const {
  std::vector<ByteView> parts;
  for (const transactions::ToSign& item : to_sign) parts.emplace_back(item.bytes);
  return policy::signing_payload_digest(parts);
}

std::vector<std::string> Signable::paths() const {
  std::vector<std::string> paths;
  for (const transactions::ToSign& item : to_sign)
    if (std::find(paths.begin(), paths.end(), item.path) == paths.end()) paths.push_back(item.path);
  return paths;
}

void add_to(policy::PolicyQuery& query, const Signable& what) {
  query.payload = what.kind;
  query.facts = what.facts ? &*what.facts : nullptr;
  query.paths = what.paths();
}

Bytes verification_key(Algorithm algorithm, const transactions::ToSign& item) {
  const Bytes& key = item.key.public_key;
  if (algorithm != Algorithm::schnorr_secp256k1) return key;
  if (!item.merkle_root) return Bytes(key.begin() + 1, key.end());
  const auto output = transactions::taproot_output_key(key, *item.merkle_root);
  QUORATE_ASSERT(output.has_value());  // the script that it spends has it
  return Bytes(output->begin(), output->end());
}

}  // namespace quorate::node
