// What a key signs with. The names are the API's.
#pragma once
#include <optional>
#include <string_view>

#include "base/codec.h"
#include "crypto/curve.h"

namespace quorate {

enum class Algorithm : std::uint8_t { unset = 0, ecdsa_secp256k1 = 1, eddsa_ed25519 = 2, schnorr_secp256k1 = 3 };

std::string_view name_of(Algorithm algorithm);
std::optional<Algorithm> parse_algorithm(std::string_view name);

// Whether the algorithm's keys are points of C.
template <class C>
bool is_on(Algorithm algorithm);
template <>
bool is_on<Secp256k1>(Algorithm algorithm);
template <>
bool is_on<Ed25519>(Algorithm algorithm);

// An Algorithm in a message or record; never unset there.
struct AlgorithmField {
  Algorithm value = Algorithm::unset;
  AlgorithmField() = default;
  AlgorithmField(Algorithm a) : value(a) {}
  operator Algorithm() const { return value; }

  static constexpr std::size_t wire_size = 1;
  void wire_put(std::uint8_t* out) const;
  static AlgorithmField wire_get(ByteView in);
};

}  // namespace quorate
