// Keys whose secret is known, and short ways to say payloads.
#pragma once
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "crypto/point.h"
#include "transactions/decode.h"

namespace quorate::transactions {

inline Bytes hex(std::string_view text) { return from_hex(text).value(); }

inline Scalar<Secp256k1> secret_scalar(std::uint8_t fill) {
  const Bytes bytes(32, fill);
  return Scalar<Secp256k1>::parse(bytes).value();
}

inline KeyFacts ecdsa_key(std::uint8_t fill = 0x46, std::string path = "m") {
  const auto encoded = Point<Secp256k1>::base(secret_scalar(fill)).bytes();
  KeyFacts key{Scheme::ecdsa_secp256k1, Bytes(encoded.begin(), encoded.end()), {}, std::move(path)};
  key.chain_code.fill(0x11);
  return key;
}
inline KeyFacts schnorr_key(std::uint8_t fill = 0x46, std::string path = "m") {
  KeyFacts key = ecdsa_key(fill, std::move(path));
  key.scheme = Scheme::schnorr_secp256k1;
  return key;
}
inline KeyFacts ed25519_key(std::string path = "m") {
  const auto encoded = Point<Ed25519>::base(Scalar<Ed25519>::from_u64(12345)).bytes();
  KeyFacts key{Scheme::eddsa_ed25519, Bytes(encoded.begin(), encoded.end()), {}, std::move(path)};
  key.chain_code.fill(0x22);
  return key;
}

inline Decoded taken(const Json& payload, const KeyFacts& key) {
  auto result = decode(payload, key);
  if (const auto* refusal = std::get_if<Refusal>(&result))
    throw std::runtime_error(refusal->code + " " + refusal->pointer + " " + refusal->detail);
  return std::get<Decoded>(std::move(result));
}

// "code pointer: detail"; "" when the payload is taken.
inline std::string refused(const Json& payload, const KeyFacts& key) {
  const auto result = decode(payload, key);
  const auto* refusal = std::get_if<Refusal>(&result);
  return refusal == nullptr ? "" : refusal->code + " " + refusal->pointer + ": " + refusal->detail;
}

inline std::string first_bytes(const Decoded& decoded) { return to_hex(decoded.to_sign.at(0).bytes); }

// What a movement says, in one line.
inline std::string line(const Movement& m) {
  return std::string(name_of(m.kind)) + " " + m.amount.text() + " " + m.asset + " " + m.from + " > " + m.to +
         (m.or_asset.empty() ? "" : " or " + m.or_asset) + (m.to_owner.empty() ? "" : " of " + m.to_owner);
}
// What a call says: "contract selector".
inline std::vector<std::string> call_lines(const Facts& facts) {
  std::vector<std::string> out;
  for (const Call& call : facts.calls) out.push_back(call.contract + " " + call.selector);
  return out;
}
inline std::vector<std::string> lines(const Facts& facts) {
  std::vector<std::string> out;
  for (const Movement& m : facts.movements) out.push_back(line(m));
  return out;
}

#define EXPECT_PREFIX(text, prefix) EXPECT_EQ(std::string(text).substr(0, std::string(prefix).size()), prefix)

}  // namespace quorate::transactions
