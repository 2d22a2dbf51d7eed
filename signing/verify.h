// Verifying signatures as the world outside does, strictly: what passes here passes every chain's verifier.
#pragma once
#include <optional>

#include "base/ed25519.h"
#include "crypto/point.h"
#include "keygen/algorithm.h"

namespace quorate {

// public_key and message by algorithm:
//   eddsa_ed25519      32 bytes; any message. S < L, A and R canonical and of prime order, cofactorless (RFC 8032,
//   strict) schnorr_secp256k1  32 bytes, x-only; any message (BIP-340) ecdsa_secp256k1    33 bytes, compressed; the
//   32-byte digest. r ‖ s, low s
// false as well for a key that is none and for Algorithm::unset.
bool verify_signature(Algorithm algorithm, ByteView public_key, ByteView message, const Signature64& signature);
// As eddsa_ed25519, of a key that is known to be canonical and of prime order: to find that costs as much again.
bool verify_ed25519(const Point<Ed25519>& key, ByteView message, const Signature64& signature);

// The compressed key under which r ‖ s is an ECDSA signature of the digest; recovery_id 0…3 tells which of up to four.
// nullopt: there is none. It takes high s as well, which verify_signature refuses.
std::optional<ByteArray<33>> recover_key(const Digest& digest, const Signature64& signature, std::uint8_t recovery_id);

// The recovery id of an ECDSA signature that verify_signature takes, and nullopt for all that it refuses.
std::optional<std::uint8_t> verify_recoverable(ByteView public_key, const Digest& digest, const Signature64& signature);

}  // namespace quorate
