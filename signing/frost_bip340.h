// FROST for BIP-340 Schnorr signatures on secp256k1, with the hashes of FROST(secp256k1, SHA-256) (RFC 9591 §6.5) under
// the context string "FROST-secp256k1-SHA256-TR-v1", additive derivation and BIP-341's tweak.
#pragma once
#include <initializer_list>

#include "keygen/algorithm.h"
#include "signing/frost_math.h"

namespace quorate {

struct FrostBip340 {
  using Curve = Secp256k1;
  static constexpr Algorithm algorithm = Algorithm::schnorr_secp256k1;
  static constexpr std::string_view context = "FROST-secp256k1-SHA256-TR-v1";

  static Scalar<Secp256k1> H1(std::initializer_list<ByteView> parts);
  static Scalar<Secp256k1> H3(std::initializer_list<ByteView> parts);
  static Bytes32 H4(ByteView message);
  static Bytes32 H5(ByteView encoded_list);
  static Scalar<Secp256k1> challenge(const Point<Secp256k1>& R, const Point<Secp256k1>& Q,
                                     ByteView message);  // H2: BIP-340's
  static bool negate(const Point<Secp256k1>& R);         // Y is odd
  static Signature64 signature(const Point<Secp256k1>& R, const Scalar<Secp256k1>& z);
  static bool verify(const Point<Secp256k1>& Q, ByteView message, const Signature64& signature);
};

// BIP-341's tweak of an internal key: no script tree (key path only), or its Merkle root.
struct TaprootTweak {
  std::optional<Digest> merkle_root;
};

// P = Y + τ·G with even Y, Q = P + H_TapTweak(x(P) ‖ root)·G with even Y; without a tweak Q = P. The public key is
// x(Q). nullopt: P or Q is the identity, or the tweak is not below q.
std::optional<frost::EffectiveKey<Secp256k1>> effective_key_bip340(const Point<Secp256k1>& Y,
                                                                   const Scalar<Secp256k1>& tau,
                                                                   const std::optional<TaprootTweak>& tweak);

Bytes32 x_only(const Point<Secp256k1>& P);

}  // namespace quorate
