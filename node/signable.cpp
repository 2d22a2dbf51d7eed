#include "node/signable.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "keygen/ecdsa_share.h"
#include "transactions/bitcoin_address.h"

namespace quorate::node {
namespace {

Refusal unsignable(const transactions::Refusal& refused) {
  return {422, refused.code, refused.detail, refused.pointer};
}

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
  auto child = policy::child_at(key);
  if (const auto* refused = std::get_if<transactions::Refusal>(&child)) return unsignable(*refused);
  return std::get<transactions::DerivedKey>(std::move(child));
}

std::variant<Signable, Refusal> decode_payload(const Json& body, const policy::SignPayload& payload,
                                               const transactions::KeyFacts& key) {
  auto read = policy::read_payload(body, payload, key);
  if (const auto* refused = std::get_if<transactions::Refusal>(&read)) return unsignable(*refused);
  return std::get<Signable>(std::move(read));
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
