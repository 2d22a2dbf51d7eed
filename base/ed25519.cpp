#include "base/ed25519.h"

#include <sodium.h>

#include <algorithm>

#include "base/check.h"

namespace quorate {
namespace {

constexpr std::array<std::uint8_t, 16> kPkcs8Prefix{0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                                    0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
constexpr std::array<std::uint8_t, 12> kSpkiPrefix{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
constexpr std::string_view kBegin = "-----BEGIN PRIVATE KEY-----";
constexpr std::string_view kEnd = "-----END PRIVATE KEY-----";

}  // namespace

std::optional<Ed25519PublicKey> Ed25519PublicKey::parse(ByteView bytes) {
  if (bytes.size() != 32) return std::nullopt;
  // Canonical, on the curve, not of small order, in the prime-order subgroup.
  if (crypto_core_ed25519_is_valid_point(bytes.data()) != 1) return std::nullopt;
  Ed25519PublicKey key;
  std::copy(bytes.begin(), bytes.end(), key.bytes_.begin());
  return key;
}

std::optional<Ed25519PublicKey> Ed25519PublicKey::parse_text(std::string_view text) {
  constexpr std::string_view prefix = "ed25519:";
  if (!text.starts_with(prefix)) return std::nullopt;
  const auto bytes = array_from_hex<32>(text.substr(prefix.size()));
  if (!bytes) return std::nullopt;
  return parse(*bytes);
}

bool Ed25519PublicKey::verify(ByteView message, const Signature64& signature) const {
  if (bytes_ == Bytes32{}) return false;
  // libsodium recomputes R from S < L and a canonical A, and compares bytes: with A of prime order R is, too.
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(), bytes_.data()) == 0;
}

std::string Ed25519PublicKey::to_text() const { return "ed25519:" + to_hex(bytes_); }

void Ed25519PublicKey::wire_put(std::uint8_t* out) const {
  QUORATE_ASSERT(bytes_ != Bytes32{});
  std::copy(bytes_.begin(), bytes_.end(), out);
}

Ed25519PublicKey Ed25519PublicKey::wire_get(ByteView in) {
  const auto key = parse(in);
  if (!key) throw Malformed("not an Ed25519 public key");
  return *key;
}

Ed25519SecretKey Ed25519SecretKey::generate(Rng& rng) { return from_seed(rng.secret<32>()); }

Ed25519SecretKey Ed25519SecretKey::from_seed(const Secret<Bytes32>& seed) {
  Ed25519SecretKey key;
  crypto_sign_seed_keypair(key.public_.bytes_.data(), key.key_.expose().data(), seed.expose().data());
  return key;
}

std::optional<Ed25519SecretKey> Ed25519SecretKey::from_pem(std::string_view pem) {
  const auto begin = pem.find(kBegin);
  if (begin == std::string_view::npos) return std::nullopt;
  const auto body_at = begin + kBegin.size();
  const auto end = pem.find(kEnd, body_at);
  if (end == std::string_view::npos) return std::nullopt;
  SecretBytes text;
  text.reserve(end - body_at);
  for (const char c : pem.substr(body_at, end - body_at))
    if (c != '\n' && c != '\r' && c != ' ') text.push_back(static_cast<std::uint8_t>(c));
  Secret<ByteArray<48>> der;
  std::size_t length = 0;
  if (sodium_base642bin(der.expose().data(), 48, reinterpret_cast<const char*>(text.data()), text.size(), nullptr, &length,
                        nullptr, sodium_base64_VARIANT_ORIGINAL) != 0 ||
      length != 48 || !std::equal(kPkcs8Prefix.begin(), kPkcs8Prefix.end(), der.expose().begin()))
    return std::nullopt;
  Secret<Bytes32> seed;
  std::copy_n(der.expose().begin() + 16, 32, seed.expose().begin());
  return from_seed(seed);
}

SecretBytes Ed25519SecretKey::to_pem() const {
  Secret<ByteArray<48>> der;
  std::copy(kPkcs8Prefix.begin(), kPkcs8Prefix.end(), der.expose().begin());
  std::copy_n(key_.expose().begin(), 32, der.expose().begin() + 16);
  Secret<ByteArray<65>> text;  // 48 bytes are 64 characters and a NUL
  sodium_bin2base64(reinterpret_cast<char*>(text.expose().data()), 65, der.expose().data(), 48, sodium_base64_VARIANT_ORIGINAL);
  SecretBytes out;
  out.reserve(kBegin.size() + kEnd.size() + 64 + 3);
  const auto add = [&](std::string_view s) { out.insert(out.end(), s.begin(), s.end()); };
  add(kBegin), add("\n");
  out.insert(out.end(), text.expose().begin(), text.expose().begin() + 64);
  add("\n"), add(kEnd), add("\n");
  return out;
}

Signature64 Ed25519SecretKey::sign(ByteView message) const {
  Signature64 out;
  crypto_sign_detached(out.data(), nullptr, message.data(), message.size(), key_.expose().data());
  return out;
}

std::string ed25519_public_pem(const Bytes32& public_key) {
  Bytes der(kSpkiPrefix.begin(), kSpkiPrefix.end());
  der.insert(der.end(), public_key.begin(), public_key.end());
  return "-----BEGIN PUBLIC KEY-----\n" + to_base64(der) + "\n-----END PUBLIC KEY-----\n";
}

}  // namespace quorate
