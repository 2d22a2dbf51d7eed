// Verifying signatures as the world outside does, strictly: what passes here passes every chain's verifier.
#pragma once
#include "base/ed25519.h"
#include "keygen/algorithm.h"

namespace quorate {

// public_key and message by algorithm:
//   eddsa_ed25519      32 bytes; any message. S < L, A and R canonical and of prime order, cofactorless (RFC 8032,
//   strict) schnorr_secp256k1  32 bytes, x-only; any message (BIP-340) ecdsa_secp256k1    33 bytes, compressed; the
//   32-byte digest. r ‖ s, low s
// false as well for a key that is none and for Algorithm::unset.
bool verify_signature(Algorithm algorithm, ByteView public_key, ByteView message, const Signature64& signature);

}  // namespace quorate
