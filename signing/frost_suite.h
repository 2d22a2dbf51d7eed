// Which FROST belongs to which curve, for a key's root (no derivation, no tweak).
#pragma once
#include "signing/frost_bip340.h"
#include "signing/frost_ed25519.h"
#include "signing/verify.h"

namespace quorate {

template <class C>
struct FrostSuite;

template <>
struct FrostSuite<Ed25519> {
  using Suite = FrostEd25519;
  static std::optional<frost::EffectiveKey<Ed25519>> root_key(const Point<Ed25519>& Y) {
    return effective_key_ed25519(Y, Scalar<Ed25519>::zero());
  }
  static bool verify(const frost::EffectiveKey<Ed25519>& key, ByteView message, const Signature64& signature) {
    const auto Q = key.Q.bytes();
    return verify_signature(Algorithm::eddsa_ed25519, Q, message, signature);
  }
};

template <>
struct FrostSuite<Secp256k1> {
  using Suite = FrostBip340;
  static std::optional<frost::EffectiveKey<Secp256k1>> root_key(const Point<Secp256k1>& Y) {
    return effective_key_bip340(Y, Scalar<Secp256k1>::zero(), std::nullopt);
  }
  static bool verify(const frost::EffectiveKey<Secp256k1>& key, ByteView message, const Signature64& signature) {
    const Bytes32 Q = x_only(key.Q);
    return verify_signature(Algorithm::schnorr_secp256k1, Q, message, signature);
  }
};

}  // namespace quorate
