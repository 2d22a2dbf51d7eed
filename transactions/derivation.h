// Child keys without hardening, from the public key and the chain code alone: BIP-32 for secp256k1, and an additive
// scheme of the same form for Ed25519 (no public standard exists that signers of RFC 8032 share). The child's private
// key is x + τ mod q.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace quorate::transactions {

enum class Scheme { unset = 0, ecdsa_secp256k1, eddsa_ed25519, schnorr_secp256k1 };

using Path = std::vector<std::uint32_t>;  // every index below 2^31

// "m", "m/0/5": decimal without leading zeros; nothing hardened; at most 255 deep. nullopt: anything else.
std::optional<Path> parse_path(std::string_view text);
std::string to_text(const Path& path);

struct DerivedKey {
  Bytes public_key;  // 33 bytes SEC1 compressed, or 32 of Ed25519
  Bytes32 chain_code{};
  Bytes32 tau{};  // the sum of the tweaks along the path, in the curve's scalar encoding (big-endian on secp256k1); 0
                  // for "m"
  std::uint8_t depth = 0;
  ByteArray<4> parent_fingerprint{};  // BIP-32; zeros for the root and on Ed25519
  std::uint32_t child_number = 0;
};

// nullopt: the public key is none of the scheme's, or BIP-32's case of probability 2^-127 (I_L ≥ n, a child that is the
// identity).
std::optional<DerivedKey> derive(Scheme scheme, ByteView public_key, const Bytes32& chain_code, const Path& path);

// HASH160 of the public key, the first four bytes (BIP-32).
ByteArray<4> fingerprint(ByteView public_key);

}  // namespace quorate::transactions
