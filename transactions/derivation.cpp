#include "transactions/derivation.h"

#include <sodium.h>

#include <algorithm>

#include "base/limits.h"
#include "crypto/point.h"
#include "transactions/hash160.h"

namespace quorate::transactions {
namespace {

constexpr std::uint32_t kHardened = 0x80000000;

ByteArray<64> hmac_sha512(const Bytes32& key, std::initializer_list<ByteView> parts) {
  crypto_auth_hmacsha512_state state;
  crypto_auth_hmacsha512_init(&state, key.data(), key.size());
  for (const ByteView part : parts) crypto_auth_hmacsha512_update(&state, part.data(), part.size());
  ByteArray<64> out;
  crypto_auth_hmacsha512_final(&state, out.data());
  return out;
}

template <class C>
struct Step {
  Scalar<C> tweak;
  Bytes32 chain_code{};
};

template <class C>
std::optional<Step<C>> step(const Bytes32& c, const Point<C>& K, std::uint32_t i);

// BIP-32, CKDpub: I = HMAC-SHA512(c_par, serP(K_par) ‖ ser32(i))
template <>
std::optional<Step<Secp256k1>> step(const Bytes32& c, const Point<Secp256k1>& K, std::uint32_t i) {
  const ByteArray<4> ser32{static_cast<std::uint8_t>(i >> 24), static_cast<std::uint8_t>(i >> 16),
                           static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
  const auto serP = K.bytes();
  const ByteArray<64> I = hmac_sha512(c, {serP, ser32});
  const auto I_L = Scalar<Secp256k1>::parse(ByteView(I).first(32));
  if (!I_L) return std::nullopt;  // I_L ≥ n
  Step<Secp256k1> out{*I_L, {}};
  std::copy(I.begin() + 32, I.end(), out.chain_code.begin());
  return out;
}

// The same with 64 bytes for the tweak, so that it has no bias modulo q, and others for the chain code.
template <>
std::optional<Step<Ed25519>> step(const Bytes32& c, const Point<Ed25519>& A, std::uint32_t i) {
  const ByteArray<4> ser32{static_cast<std::uint8_t>(i >> 24), static_cast<std::uint8_t>(i >> 16),
                           static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
  const auto encoded = A.bytes();
  Step<Ed25519> out{
      Scalar<Ed25519>::reduce_wide(hmac_sha512(c, {view_of("quorate/ed25519-child/tweak/1"), encoded, ser32})), {}};
  const ByteArray<64> next = hmac_sha512(c, {view_of("quorate/ed25519-child/chain/1"), encoded, ser32});
  std::copy_n(next.begin(), 32, out.chain_code.begin());
  return out;
}

template <class C>
std::optional<DerivedKey> derive_on(ByteView public_key, const Bytes32& chain_code, const Path& path) {
  auto K = Point<C>::parse(public_key);
  if (!K || path.size() > limits::kMaxPathDepth) return std::nullopt;
  DerivedKey out;
  out.chain_code = chain_code;
  Scalar<C> tau;
  for (const std::uint32_t i : path) {
    if (i >= kHardened) return std::nullopt;
    const auto next = step<C>(out.chain_code, *K, i);
    if (!next) return std::nullopt;
    if constexpr (std::is_same_v<C, Secp256k1>) out.parent_fingerprint = fingerprint(K->bytes());
    K = Point<C>::base(next->tweak) + *K;  // K_i = point(I_L) + K_par
    if (K->is_identity()) return std::nullopt;
    tau += next->tweak;
    out.chain_code = next->chain_code;
    out.child_number = i;
    ++out.depth;
  }
  const auto encoded = K->bytes();
  out.public_key.assign(encoded.begin(), encoded.end());
  out.tau = tau.bytes().expose();  // public: it follows from public values
  return out;
}

}  // namespace

std::optional<Path> parse_path(std::string_view text) {
  Path path;
  if (text == "m") return path;
  if (!text.starts_with("m/")) return std::nullopt;
  text.remove_prefix(2);
  for (;;) {
    const auto slash = text.find('/');
    const std::string_view index = text.substr(0, slash);
    if (index.empty() || index.size() > 10 || (index.size() > 1 && index[0] == '0')) return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : index) {
      if (c < '0' || c > '9') return std::nullopt;
      value = 10 * value + static_cast<unsigned>(c - '0');
    }
    if (value >= kHardened || path.size() == limits::kMaxPathDepth) return std::nullopt;
    path.push_back(static_cast<std::uint32_t>(value));
    if (slash == std::string_view::npos) return path;
    text.remove_prefix(slash + 1);
  }
}

std::string to_text(const Path& path) {
  std::string out = "m";
  for (const std::uint32_t i : path) out += "/" + std::to_string(i);
  return out;
}

std::optional<DerivedKey> derive(Scheme scheme, ByteView public_key, const Bytes32& chain_code, const Path& path) {
  switch (scheme) {
    case Scheme::unset:
      return std::nullopt;
    case Scheme::ecdsa_secp256k1:
    case Scheme::schnorr_secp256k1:
      return derive_on<Secp256k1>(public_key, chain_code, path);
    case Scheme::eddsa_ed25519:
      return derive_on<Ed25519>(public_key, chain_code, path);
  }
  return std::nullopt;
}

ByteArray<4> fingerprint(ByteView public_key) {
  const ByteArray<20> hash = hash160(public_key);
  return {hash[0], hash[1], hash[2], hash[3]};
}

}  // namespace quorate::transactions
