// The names of the algorithms, as requests give them.
#pragma once

namespace quorate::test {

constexpr const char* kEd25519 = "eddsa-ed25519";
constexpr const char* kBip340 = "schnorr-secp256k1";
constexpr const char* kEcdsa = "ecdsa-secp256k1";

}  // namespace quorate::test
