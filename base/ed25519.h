// Ed25519 (RFC 8032) for identities: nodes and users. Verification is strict, so that every verifier agrees:
// canonical S, canonical A and R of prime order, cofactorless equation.
#pragma once
#include <compare>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/rng.h"
#include "base/secret.h"

namespace quorate {

using Signature64 = ByteArray<64>;

// A canonical point of prime order. Default-constructed it is unset: verifies nothing and cannot be encoded.
class Ed25519PublicKey {
 public:
  static std::optional<Ed25519PublicKey> parse(ByteView bytes);
  static std::optional<Ed25519PublicKey> parse_text(std::string_view text);  // "ed25519:" + 64 hex digits

  bool verify(ByteView message, const Signature64& signature) const;
  const Bytes32& bytes() const { return bytes_; }
  std::string to_text() const;
  auto operator<=>(const Ed25519PublicKey&) const = default;

  static constexpr std::size_t wire_size = 32;
  void wire_put(std::uint8_t* out) const;
  static Ed25519PublicKey wire_get(ByteView in);

 private:
  friend class Ed25519SecretKey;  // its half of a pair is valid by construction
  Bytes32 bytes_{};
};

class Ed25519SecretKey {
 public:
  static Ed25519SecretKey generate(Rng& rng);
  static Ed25519SecretKey from_seed(const Secret<Bytes32>& seed);
  // PKCS#8 (RFC 8410) as OpenSSL reads and writes it. nullopt: not an Ed25519 key in that form.
  static std::optional<Ed25519SecretKey> from_pem(std::string_view pem);
  SecretBytes to_pem() const;

  const Ed25519PublicKey& public_key() const { return public_; }
  Signature64 sign(ByteView message) const;

 private:
  Ed25519SecretKey() = default;
  Secret<ByteArray<64>> key_;  // libsodium's form: seed ‖ public key
  Ed25519PublicKey public_;
};

// SubjectPublicKeyInfo, as `openssl pkeyutl -verify -pubin` reads it.
std::string ed25519_public_pem(const Bytes32& public_key);

}  // namespace quorate
