#include "signing/trial.h"

#include "base/check.h"
#include "signing/ecdsa.h"
#include "signing/frost.h"

namespace quorate {
namespace {

Digest trial_message() { return Transcript("quorate/reshare/trial-message/1").digest(); }

template <class S>
std::unique_ptr<AnySession> frost_trial(const SessionConfig& config, const KeyShare<typename S::Curve>& share,
                                        std::optional<frost::EffectiveKey<typename S::Curve>> key) {
  QUORATE_ASSERT(key.has_value());  // Y is not the identity, and no tweak is added
  FrostItems<typename S::Curve> items;
  items.push_back({std::move(*key), secret_bytes(trial_message())});
  return std::make_unique<Session<FrostSignatures>>(config, FrostMessages<typename S::Curve>{}, &frost_sign<S>, share,
                                                    std::move(items));
}

std::unique_ptr<AnySession> trial_of(const SessionConfig& config, const PreparedShare<Ed25519>& p) {
  return frost_trial<FrostEd25519>(config, p.share, effective_key_ed25519(p.share.Y, Scalar<Ed25519>::zero()));
}
std::unique_ptr<AnySession> trial_of(const SessionConfig& config, const PreparedShare<Secp256k1>& p) {
  const auto key = effective_key_bip340(p.share.Y, Scalar<Secp256k1>::zero(), std::nullopt);
  return frost_trial<FrostBip340>(config, p.share, key);
}
std::unique_ptr<AnySession> trial_of(const SessionConfig& config, const PreparedEcdsaShare& p) {
  const auto key = ecdsa::effective_key(p.share.Y, Scalar<Secp256k1>::zero());
  QUORATE_ASSERT(key.has_value());
  return std::make_unique<Session<ecdsa::Signatures>>(config, EcdsaMessages{}, &ecdsa_sign, p.share, p.pairwise,
                                                      ecdsa::Keys{*key}, ecdsa::Digests{trial_message()});
}

}  // namespace

template <class C, class Setup>
std::unique_ptr<AnySession> trial_signature(const SessionConfig& config,
                                            const typename Setup::template Prepared<C>& prepared) {
  return trial_of(config, prepared);
}

template std::unique_ptr<AnySession> trial_signature<Secp256k1, NoSetup>(const SessionConfig&,
                                                                         const PreparedShare<Secp256k1>&);
template std::unique_ptr<AnySession> trial_signature<Ed25519, NoSetup>(const SessionConfig&,
                                                                       const PreparedShare<Ed25519>&);
template std::unique_ptr<AnySession> trial_signature<Secp256k1, EcdsaSetup>(const SessionConfig&,
                                                                            const PreparedEcdsaShare&);

}  // namespace quorate
