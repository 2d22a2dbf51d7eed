#include "keygen/algorithm.h"

#include "base/check.h"

namespace quorate {

std::string_view name_of(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::unset:
      return "unset";
    case Algorithm::ecdsa_secp256k1:
      return "ecdsa-secp256k1";
    case Algorithm::eddsa_ed25519:
      return "eddsa-ed25519";
    case Algorithm::schnorr_secp256k1:
      return "schnorr-secp256k1";
  }
  return "unknown";
}

std::optional<Algorithm> parse_algorithm(std::string_view name) {
  for (const Algorithm a : {Algorithm::ecdsa_secp256k1, Algorithm::eddsa_ed25519, Algorithm::schnorr_secp256k1})
    if (name == name_of(a)) return a;
  return std::nullopt;
}

template <>
bool is_on<Secp256k1>(Algorithm algorithm) {
  return algorithm == Algorithm::ecdsa_secp256k1 || algorithm == Algorithm::schnorr_secp256k1;
}
template <>
bool is_on<Ed25519>(Algorithm algorithm) {
  return algorithm == Algorithm::eddsa_ed25519;
}

void AlgorithmField::wire_put(std::uint8_t* out) const {
  QUORATE_ASSERT(value != Algorithm::unset);
  *out = static_cast<std::uint8_t>(value);
}

AlgorithmField AlgorithmField::wire_get(ByteView in) {
  for (const Algorithm a : {Algorithm::ecdsa_secp256k1, Algorithm::eddsa_ed25519, Algorithm::schnorr_secp256k1})
    if (in[0] == static_cast<std::uint8_t>(a)) return a;
  throw Malformed("not an algorithm");
}

}  // namespace quorate
