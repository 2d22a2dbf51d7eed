#include "node/protocols.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "keygen/dkg.h"
#include "keygen/key_share.h"
#include "node/keys.h"
#include "session/context.h"
#include "signing/frost.h"
#include "signing/verify.h"

namespace quorate::node {
namespace {

Bytes32 cluster_id_of(const World& world) {
  const auto id = array_from_hex<32>(world.cluster.id());
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
  p.policy_digest = world.policy.digest();
  p.request_digest = x.request_digest;
  p.config_version = static_cast<std::uint64_t>(world.cluster.version());
  return p;
}

template <class C>
std::shared_ptr<const KeyShare<C>> load_share(const SignPlan& plan, PartyId me, const World& world) {
  const auto row = world.store.active_share(plan.key.id);
  if (!row) throw storage::StorageCorrupt("key " + plan.key.id + " has no share on this node");
  try {
    auto prepared = decode<PreparedShare<C>>(row->blob);
    if (!prepared.share.belongs_to(plan.certificate.body, me))
      throw storage::StorageCorrupt("the share of key " + plan.key.id + " belongs elsewhere");
    return std::make_shared<const KeyShare<C>>(std::move(prepared.share));
  } catch (const Malformed& e) {
    throw storage::StorageCorrupt("the share of key " + plan.key.id + ": " + e.what());
  }
}

// As the algorithm's verifiers take it: BIP-340 keys are x-only.
ByteView verification_key(const CertificateBody& body) {
  const ByteView Y = body.Y;
  return body.algorithm == Algorithm::schnorr_secp256k1 ? Y.subspan(1) : Y;
}

template <class S>
MadeSession made(const SessionConfig& config, std::shared_ptr<const KeyShare<typename S::Curve>> share,
                 std::optional<frost::EffectiveKey<typename S::Curve>> key, const SignPlan& plan) {
  if (!key) throw storage::StorageCorrupt("key " + plan.key.id + " is the identity");
  auto session = std::make_unique<Session<Signature64>>(config, FrostMessages<typename S::Curve>{}, &frost_sign<S>,
                                                        *share, std::move(*key), secret_bytes(plan.to_be_signed));
  return {std::move(share), std::move(session)};
}

template <class C>
std::optional<SecretBytes> certificate_of(AnySession& session) {
  auto* dkg = dynamic_cast<Session<DkgResult<C>>*>(&session);
  if (dkg == nullptr || !dkg->has_result()) return std::nullopt;
  return encode(dkg->take_result().certificate);
}

}  // namespace

SessionId session_id_of(const Examined& x, PartySet signers, const Bytes32& random, const World& world) {
  SessionContext context;
  context.cluster = cluster_id_of(world);
  context.committee = x.committee();
  context.signers = signers;
  context.request = x.request_digest;
  if (const CreateKeyPlan* plan = x.create()) {
    context.protocol = "dkg/" + std::string(name_of(plan->algorithm)) + "/1";
  } else {
    const SignPlan& sign = *x.sign();
    context.protocol = "frost/" + std::string(name_of(sign.certificate.body.algorithm)) + "/1";
    context.key_id = sign.key.id;
    context.certificate = sign.certificate.body.digest();
  }
  return session_id(context, random);
}

MadeSession make_session(const Examined& x, const SessionId& sid, PartySet signers, PartyId me, const World& world) {
  const SessionConfig config{sid, signers, me, world.rng};
  if (const CreateKeyPlan* plan = x.create()) {
    auto parameters = dkg_parameters(x, world);
    if (is_on<Ed25519>(plan->algorithm))
      return {nullptr, std::make_unique<Session<DkgResult<Ed25519>>>(config, DkgMessages<Ed25519>{}, &dkg<Ed25519>,
                                                                     std::move(parameters), world.identity)};
    return {nullptr, std::make_unique<Session<DkgResult<Secp256k1>>>(config, DkgMessages<Secp256k1>{}, &dkg<Secp256k1>,
                                                                     std::move(parameters), world.identity)};
  }
  const SignPlan& plan = *x.sign();
  if (is_on<Ed25519>(plan.certificate.body.algorithm)) {
    auto share = load_share<Ed25519>(plan, me, world);
    auto key = effective_key_ed25519(share->Y, Scalar<Ed25519>::zero());
    return made<FrostEd25519>(config, std::move(share), std::move(key), plan);
  }
  auto share = load_share<Secp256k1>(plan, me, world);
  auto key = effective_key_bip340(share->Y, Scalar<Secp256k1>::zero(), std::nullopt);
  return made<FrostBip340>(config, std::move(share), std::move(key), plan);
}

std::optional<SecretBytes> result_of(AnySession& session, const Examined& x) {
  if (const CreateKeyPlan* plan = x.create())
    return is_on<Ed25519>(plan->algorithm) ? certificate_of<Ed25519>(session) : certificate_of<Secp256k1>(session);
  auto* frost = dynamic_cast<Session<Signature64>*>(&session);
  if (frost == nullptr || !frost->has_result()) return std::nullopt;
  return secret_bytes(frost->take_result());
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
      storage::KeyRow row;
      row.id = proven.key_id;
      row.name = body.name;
      row.algorithm = std::string(name_of(body.algorithm));
      row.state = storage::KeyState::active;
      row.number = body.number;
      row.certificate.assign(result.begin(), result.end());
      proven.result = {{"key", key_view(row)}};
      proven.certificate = std::move(certificate);
      return proven;
    } catch (const Malformed&) {
      return std::nullopt;
    }
  }
  const SignPlan& plan = *x.sign();
  const CertificateBody& body = plan.certificate.body;
  Signature64 signature{};
  if (result.size() != signature.size()) return std::nullopt;
  std::copy(result.begin(), result.end(), signature.begin());
  if (!verify_signature(body.algorithm, verification_key(body), plan.to_be_signed, signature)) return std::nullopt;
  Json nodes = Json::array();
  for (const PartyId i : signers)
    if (const Member* member = body.committee.find(i)) nodes.push_back(member->node.text);
  proven.key_id = plan.key.id;
  proven.result = {{"signature", {{"hex", to_hex(result)}}},
                   {"public_key", public_key_view(body.algorithm, body.Y)["hex"]},
                   {"path", plan.payload.path},
                   {"signers", std::move(nodes)}};
  return proven;
}

Millis round_timeout_of(const Examined& x) {
  return x.create() != nullptr ? limits::kKeygenRoundTimeout : limits::kSignRoundTimeout;
}

}  // namespace quorate::node
