// FROST(Ed25519, SHA-512), RFC 9591 §6.1. Signatures are RFC 8032's Ed25519.
#pragma once
#include <initializer_list>

#include "keygen/algorithm.h"
#include "signing/frost_math.h"

namespace quorate {

struct FrostEd25519 {
  using Curve = Ed25519;
  static constexpr Algorithm algorithm = Algorithm::eddsa_ed25519;
  static constexpr std::string_view context = "FROST-ED25519-SHA512-v1";

  static Scalar<Ed25519> H1(std::initializer_list<ByteView> parts);
  static Scalar<Ed25519> H3(std::initializer_list<ByteView> parts);
  static ByteArray<64> H4(ByteView message);
  static ByteArray<64> H5(ByteView encoded_list);
  static Scalar<Ed25519> challenge(const Point<Ed25519>& R, const Point<Ed25519>& Q,
                                   ByteView message);  // H2: RFC 8032's
  static bool negate(const Point<Ed25519>&) { return false; }
  static Signature64 signature(const Point<Ed25519>& R, const Scalar<Ed25519>& z);
  static bool verify(const Point<Ed25519>& Q, ByteView message, const Signature64& signature);
};

// Q = Y + τ·G; τ = 0 is the root key. nullopt: Q is the identity.
std::optional<frost::EffectiveKey<Ed25519>> effective_key_ed25519(const Point<Ed25519>& Y, const Scalar<Ed25519>& tau);

}  // namespace quorate
