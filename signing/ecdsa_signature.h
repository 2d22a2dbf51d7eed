// From the sums over all signers to the signature that the world verifies.
#pragma once
#include <optional>

#include "base/ed25519.h"
#include "crypto/point.h"

namespace quorate::ecdsa {

struct Signature {
  Signature64 rs{};              // r ‖ s, low s
  std::uint8_t recovery_id = 0;  // 0…3: bit 0 the parity of y(R), bit 1 that x(R) is not below q
  static auto fields(auto& m) { return std::tie(m.rs, m.recovery_id); }
  friend bool operator==(const Signature&, const Signature&) = default;
};

Scalar<Secp256k1> digest_scalar(const Digest& digest);  // m̂: the digest mod q
Scalar<Secp256k1> x_mod_q(const Point<Secp256k1>& R);   // r_x
// (r_x, s) with nonce point R as chains want it: s or q − s, whichever is lower, and the recovery id of that one, since
// q − s stands for −R.
Signature normalized(const Point<Secp256k1>& R, const Scalar<Secp256k1>& s);
// s = w/u. nullopt: u or s is zero, or libsecp256k1 does not verify the signature under Q, or recovers another key from
// it.
std::optional<Signature> finish(const Point<Secp256k1>& Q, const Digest& digest, const Point<Secp256k1>& R,
                                const Scalar<Secp256k1>& u, const Scalar<Secp256k1>& w);

}  // namespace quorate::ecdsa
