#include "node/protocols.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "keygen/dkg.h"
#include "keygen/key_share.h"
#include "keygen/reshare.h"
#include "node/keys.h"
#include "node/signature_view.h"
#include "session/context.h"
#include "signing/ecdsa.h"
#include "signing/frost.h"
#include "signing/trial.h"

namespace quorate::node {
namespace {

Bytes32 cluster_id_of(const World& world) {
  const auto id = array_from_hex<32>(world.cluster->id());
  QUORATE_ASSERT(id);
  return *id;
}

DkgParameters dkg_parameters(const Examined& x, const World& world) {
  const CreateKeyPlan& plan = *x.create();
  DkgParameters p;
  p.cluster_id = cluster_id_of(world);
  p.name = plan.body.name;
  p.algorithm = plan.algorithm;
  p.committee = plan.committee;
  p.policy_digest = world.policy->digest();
  p.request_digest = x.request_digest;
  p.config_version = static_cast<std::uint64_t>(world.cluster->version());
  return p;
}

// Plan: SignPlan or ResharePlan.
storage::ShareRow share_row(const auto& plan, const World& world) {
  auto row = world.store.active_share(plan.key.id);
  if (!row) throw storage::StorageCorrupt("key " + plan.key.id + " has no share on this node");
  return std::move(*row);
}

template <class C>
std::shared_ptr<const KeyShare<C>> load_share(const auto& plan, PartyId me, const World& world) {
  const storage::ShareRow row = share_row(plan, world);
  auto share = stored_share<C>(row.blob, plan.body(), std::get<KeyPoints<C>>(plan.known->points), me);
  if (!share) throw storage::StorageCorrupt("the share of key " + plan.key.id + " belongs elsewhere");
  return std::make_shared<const KeyShare<C>>(std::move(*share));
}

template <class C>
Scalar<C> tau_of(const transactions::ToSign& item) {
  const auto tau = Scalar<C>::parse(item.key.tau);
  QUORATE_ASSERT(tau);  // transactions/ reduces it
  return *tau;
}

std::optional<frost::EffectiveKey<Ed25519>> effective_key(const Point<Ed25519>& Y, const transactions::ToSign& item) {
  return effective_key_ed25519(Y, tau_of<Ed25519>(item));
}
std::optional<frost::EffectiveKey<Secp256k1>> effective_key(const Point<Secp256k1>& Y,
                                                            const transactions::ToSign& item) {
  std::optional<TaprootTweak> tweak;
  if (item.merkle_root) tweak.emplace();
  if (item.merkle_root && !item.merkle_root->empty()) {
    QUORATE_ASSERT(item.merkle_root->size() == sizeof(Digest));
    std::copy(item.merkle_root->begin(), item.merkle_root->end(), tweak->merkle_root.emplace().begin());
  }
  return effective_key_bip340(Y, tau_of<Secp256k1>(item), tweak);
}
Bytes encoded(const Point<Ed25519>& Q) {
  const auto bytes = Q.bytes();
  return {bytes.begin(), bytes.end()};
}
Bytes encoded(const Point<Secp256k1>& Q) {
  const auto bytes = x_only(Q);
  return {bytes.begin(), bytes.end()};
}

template <class S>
MadeSession make_frost(const SessionConfig& config, const SignPlan& plan, PartyId me, const World& world) {
  using C = typename S::Curve;
  auto share = load_share<C>(plan, me, world);
  FrostItems<C> items;
  for (const transactions::ToSign& item : plan.what->to_sign) {
    auto key = effective_key(share->Y, item);
    if (!key) throw storage::StorageCorrupt("a child of key " + plan.key.id + " is the identity");
    QUORATE_ASSERT(encoded(key->Q) == verification_key(S::algorithm, item));  // as the decoder derived it
    items.push_back({std::move(*key), secret_bytes(item.bytes)});
  }
  auto session =
      std::make_unique<Session<FrostSignatures>>(config, FrostMessages<C>{}, &frost_sign<S>, *share, std::move(items));
  return {std::move(share), std::move(session)};
}

template <class C, class Setup>
std::unique_ptr<AnySession> make_dkg(const SessionConfig& config, DkgParameters parameters, const World& world) {
  return std::make_unique<Session<DkgResult<C, Setup>>>(config, DkgMessages<C, Setup>{}, &dkg<C, Setup>,
                                                        std::move(parameters), world.identity);
}

std::shared_ptr<const EcdsaShare> load_ecdsa_share(const auto& plan, PartyId me, const World& world) {
  const storage::ShareRow row = share_row(plan, world);
  auto stored = stored_ecdsa_share(row.blob, plan.body(), std::get<KeyPoints<Secp256k1>>(plan.known->points), me);
  if (!stored) throw storage::StorageCorrupt("the share of key " + plan.key.id + " belongs elsewhere");
  return std::make_shared<const EcdsaShare>(std::move(*stored));
}

MadeSession make_ecdsa(const SessionConfig& config, const SignPlan& plan, PartyId me, const World& world) {
  const auto share = load_ecdsa_share(plan, me, world);
  ecdsa::Keys keys;
  ecdsa::Digests digests;
  for (const transactions::ToSign& item : plan.what->to_sign) {
    const auto key = ecdsa::effective_key(share->share.Y, tau_of<Secp256k1>(item));
    if (!key) throw storage::StorageCorrupt("a child of key " + plan.key.id + " is the identity");
    const auto Q = key->Q.bytes();
    QUORATE_ASSERT(Bytes(Q.begin(), Q.end()) == item.key.public_key);  // as the decoder derived it
    keys.push_back(*key);
    QUORATE_ASSERT(item.bytes.size() == sizeof(Digest));
    std::copy(item.bytes.begin(), item.bytes.end(), digests.emplace_back().begin());
  }
  return {share, std::make_unique<Session<ecdsa::Signatures>>(config, EcdsaMessages{}, &ecdsa_sign, share->share,
                                                              share->pairwise, std::move(keys), std::move(digests))};
}

template <class C, class Setup>
MadeSession make_reshare(const SessionConfig& config, ReshareParameters parameters, const ResharePlan& plan,
                         const World& world) {
  std::shared_ptr<const void> kept;
  const KeyShare<C>* old = nullptr;
  if (parameters.dealers().contains(config.me)) {
    if constexpr (Setup::kPairwise) {
      const auto share = load_ecdsa_share(plan, config.me, world);
      old = &share->share;
      kept = share;
    } else {
      const auto share = load_share<C>(plan, config.me, world);
      old = share.get();
      kept = share;
    }
  }
  auto session = std::make_unique<Session<ReshareResult<C, Setup>>>(config, ReshareMessages<C, Setup>{},
                                                                    &reshare<C, Setup>, std::move(parameters), old,
                                                                    world.identity, &trial_signature<C, Setup>);
  return {std::move(kept), std::move(session)};
}

// Of a key generation or a reshare.
template <class C, class Setup>
std::optional<SecretBytes> certificate_of(AnySession& session) {
  auto* dkg = dynamic_cast<Session<DkgResult<C, Setup>>*>(&session);
  if (dkg != nullptr && dkg->has_result()) return encode(dkg->take_result().certificate);
  auto* reshare = dynamic_cast<Session<ReshareResult<C, Setup>>*>(&session);
  if (reshare != nullptr && reshare->has_result()) return encode(reshare->take_result().certificate);
  return std::nullopt;
}
std::optional<SecretBytes> certificate_of(Algorithm algorithm, AnySession& session) {
  switch (algorithm) {
    case Algorithm::eddsa_ed25519:
      return certificate_of<Ed25519, NoSetup>(session);
    case Algorithm::ecdsa_secp256k1:
      return certificate_of<Secp256k1, EcdsaSetup>(session);
    case Algorithm::schnorr_secp256k1:
      return certificate_of<Secp256k1, NoSetup>(session);
    case Algorithm::unset:
      break;
  }
  impossible("an algorithm is set");
}

std::optional<ReshareParameters> reshare_parameters(const Examined& x, const Terms& terms, const World& world) {
  const ResharePlan& plan = *x.reshare();
  ReshareTerms t;
  t.base = plan.known->certificate;
  t.dealers = terms.signers;
  t.committee = plan.committee;
  t.number = terms.number;
  t.policy_digest = world.policy->digest();
  t.request_digest = x.request_digest;
  t.config_version = static_cast<std::uint64_t>(world.cluster->version());
  return ReshareParameters::make(std::move(t));
}

}  // namespace

Terms terms_of(const Propose& propose) { return {set_of(propose.signers), propose.random, propose.number}; }

PartySet parties_of(const Examined& x, PartySet signers) {
  const ResharePlan* plan = x.reshare();
  return plan == nullptr ? signers : signers | plan->committee.parties();
}

std::optional<SessionId> session_id_of(const Examined& x, const Terms& terms, const World& world) {
  if (x.reshare() != nullptr) {
    const auto parameters = reshare_parameters(x, terms, world);
    return parameters ? std::optional(parameters->session_id(terms.random)) : std::nullopt;
  }
  SessionContext context;
  context.cluster = cluster_id_of(world);
  context.committee = x.committee();
  context.signers = terms.signers;
  context.request = x.request_digest;
  if (const CreateKeyPlan* plan = x.create()) {
    context.protocol = "dkg/" + std::string(name_of(plan->algorithm)) + "/1";
  } else {
    const SignPlan& sign = *x.sign();
    const std::string family = x.gated() ? "dkls23/" : "frost/";
    context.protocol = family + std::string(name_of(sign.body().algorithm)) + "/2";
    context.key_id = sign.key.id;
    context.certificate = x.certificate();
  }
  return session_id(context, terms.random);
}

MadeSession make_session(const Examined& x, const Terms& terms, PartyId me, const World& world) {
  const PartySet parties = parties_of(x, terms.signers);
  if (const ResharePlan* plan = x.reshare()) {
    auto parameters = reshare_parameters(x, terms, world);
    QUORATE_ASSERT(parameters);
    const SessionConfig config{parameters->session_id(terms.random), parties, me, world.rng};
    switch (plan->body().algorithm) {
      case Algorithm::eddsa_ed25519:
        return make_reshare<Ed25519, NoSetup>(config, std::move(*parameters), *plan, world);
      case Algorithm::ecdsa_secp256k1:
        return make_reshare<Secp256k1, EcdsaSetup>(config, std::move(*parameters), *plan, world);
      case Algorithm::schnorr_secp256k1:
        return make_reshare<Secp256k1, NoSetup>(config, std::move(*parameters), *plan, world);
      case Algorithm::unset:
        break;
    }
    impossible("an algorithm is set");
  }
  const SessionConfig config{session_id_of(x, terms, world).value(), parties, me, world.rng};
  if (const CreateKeyPlan* plan = x.create()) {
    auto parameters = dkg_parameters(x, world);
    switch (plan->algorithm) {
      case Algorithm::eddsa_ed25519:
        return {nullptr, make_dkg<Ed25519, NoSetup>(config, std::move(parameters), world)};
      case Algorithm::ecdsa_secp256k1:
        return {nullptr, make_dkg<Secp256k1, EcdsaSetup>(config, std::move(parameters), world)};
      case Algorithm::schnorr_secp256k1:
        return {nullptr, make_dkg<Secp256k1, NoSetup>(config, std::move(parameters), world)};
      case Algorithm::unset:
        break;
    }
    impossible("an algorithm is set");
  }
  const SignPlan& plan = *x.sign();
  switch (plan.body().algorithm) {
    case Algorithm::eddsa_ed25519:
      return make_frost<FrostEd25519>(config, plan, me, world);
    case Algorithm::ecdsa_secp256k1:
      return make_ecdsa(config, plan, me, world);
    case Algorithm::schnorr_secp256k1:
      return make_frost<FrostBip340>(config, plan, me, world);
    case Algorithm::unset:
      break;
  }
  impossible("an algorithm is set");
}

std::optional<SecretBytes> result_of(AnySession& session, const Examined& x, SeenSignatures& seen) {
  if (const CreateKeyPlan* plan = x.create()) return certificate_of(plan->algorithm, session);
  if (const ResharePlan* plan = x.reshare()) return certificate_of(plan->body().algorithm, session);
  const SignPlan& plan = *x.sign();
  SecretBytes joined;
  std::size_t made = 0;
  const auto add = [&](const Signature64& signature, std::uint8_t recovery_id) {
    QUORATE_ASSERT(made < plan.what->to_sign.size());
    note_verified(plan.body().algorithm, plan.what->to_sign[made++], signature, recovery_id, seen);
    joined.insert(joined.end(), signature.begin(), signature.end());
  };
  if (auto* ecdsa = dynamic_cast<Session<ecdsa::Signatures>*>(&session)) {
    if (!ecdsa->has_result()) return std::nullopt;
    for (const ecdsa::Signature& s : ecdsa->take_result()) add(s.rs, s.recovery_id);
    return joined;
  }
  auto* frost = dynamic_cast<Session<FrostSignatures>*>(&session);
  if (frost == nullptr || !frost->has_result()) return std::nullopt;
  for (const Signature64& signature : frost->take_result()) add(signature, 0);
  return joined;
}

bool is_first_round(std::string_view round) {
  return round == FrostRound1<Ed25519>::tag || round == ecdsa::Round1::tag;
}

std::optional<Proven> prove(const Examined& x, ByteView result, PartySet signers, const World& world) {
  Proven proven;
  if (const CreateKeyPlan* plan = x.create()) {
    try {
      auto certificate = decode<KeyCertificate>(result);
      const CertificateBody& body = certificate.body;
      if (body.cluster_id != cluster_id_of(world) || body.name.text != plan->body.name ||
          body.algorithm != plan->algorithm || body.committee != plan->committee ||
          body.request_digest != x.request_digest || !verify_certificate(certificate))
        return std::nullopt;
      proven.key_id = to_hex(body.key_id);
      proven.result = {{"key", key_view(row_of_new_key(certificate))}};
      proven.certificate = std::move(certificate);
      return proven;
    } catch (const Malformed&) {
      return std::nullopt;
    }
  }
  const SignPlan& plan = *x.sign();
  const CertificateBody& body = plan.body();
  auto shown = sign_result(body.algorithm, *plan.what, *plan.document, result, *world.seen);
  if (!shown) return std::nullopt;
  proven.key_id = plan.key.id;
  proven.result = std::move(*shown);
  Json nodes = Json::array();
  for (const PartyId i : signers)
    if (const Member* member = body.committee.find(i)) nodes.push_back(member->node.text);
  proven.result["signers"] = std::move(nodes);
  return proven;
}

Millis round_timeout_of(const Examined& x) {
  return x.makes_certificate() ? limits::kKeygenRoundTimeout : limits::kSignRoundTimeout;
}

}  // namespace quorate::node
