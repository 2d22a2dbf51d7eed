// The vectors under tests/vectors/, which the reference model in tests/reference/ makes (attack 25), and the keys that
// it deals instead of a setup.
#pragma once
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/hash.h"
#include "base/json.h"
#include "crypto/ot/base_ot.h"

namespace quorate::test {

inline Json reference_vectors(const std::string& name) {
  std::ifstream in(std::string(QUORATE_SOURCE_DIR) + "/tests/vectors/" + name + ".json");
  std::ostringstream text;
  text << in.rdbuf();
  return parse_json(text.str());  // throws if there is no such file
}

// Short byte strings stand there in full, long ones as length, SHA-256 and first bytes.
inline testing::AssertionResult matches(const Json& expected, ByteView bytes) {
  if (expected.is_string()) {
    if (to_hex(bytes) == expected.get<std::string>()) return testing::AssertionSuccess();
    return testing::AssertionFailure() << to_hex(bytes) << " instead of " << expected.get<std::string>();
  }
  const std::string first = to_hex(bytes.first(std::min<std::size_t>(bytes.size(), 32)));
  if (bytes.size() != expected.at("bytes").get<std::size_t>())
    return testing::AssertionFailure() << bytes.size() << " bytes instead of " << expected.at("bytes");
  if (first != expected.at("first").get<std::string>())
    return testing::AssertionFailure() << "begins with " << first << " instead of " << expected.at("first");
  if (to_hex(sha256(bytes)) != expected.at("sha256").get<std::string>())
    return testing::AssertionFailure() << "differs behind its first 32 bytes";
  return testing::AssertionSuccess();
}
template <class T>
requires(!std::convertible_to<const T&, ByteView>) testing::AssertionResult
    matches(const Json& expected, const T& value) {
  return matches(expected, ByteView(encode(value)));
}

inline SeededRng rng_of(const Json& seed) { return SeededRng(seed.get<std::uint64_t>()); }
inline PartyId party_of(const Json& index) { return PartyId(index.get<unsigned>()); }
template <std::size_t N>
ByteArray<N> bytes_in(const Json& hex) {
  return array_from_hex<N>(hex.get<std::string>()).value();
}
inline Scalar<Secp256k1> scalar_in(const Json& hex) { return Scalar<Secp256k1>::parse(bytes_in<32>(hex)).value(); }

// From a generator: Δ, then k_0^0, k_0^1, k_1^0, …
struct DealtDirection {
  ot::ReceiverKeys A;
  ot::SenderKeys B;

  explicit DealtDirection(Rng& rng) {
    rng.fill(A.delta.expose());
    for (std::size_t i = 0; i < ot::kKappa; ++i) {
      for (ot::OtKey& k : B.k[i]) rng.fill(k.expose());
      const bool delta_i = (A.delta.expose()[i / 8] >> (i % 8)) & 1;
      A.k[i] = B.k[i][delta_i ? 1 : 0].copy();
    }
  }
};

}  // namespace quorate::test
