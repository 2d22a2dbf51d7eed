#include "signing/frost_bip340.h"

#include <sodium.h>

#include "signing/verify.h"

namespace quorate {
namespace {

// SHA-256 of a concatenation, as the RFCs and BIPs define their inputs.
class Sha256 {
 public:
  Sha256() { crypto_hash_sha256_init(&state_); }
  ~Sha256() { wipe(&state_, sizeof state_); }
  Sha256(const Sha256&) = default;
  Sha256& operator=(const Sha256&) = default;
  Sha256& add(ByteView bytes) {
    crypto_hash_sha256_update(&state_, bytes.data(), bytes.size());
    return *this;
  }
  Sha256& add(std::string_view text) { return add(view_of(text)); }
  Bytes32 finish() {
    Bytes32 out;
    crypto_hash_sha256_final(&state_, out.data());
    return out;
  }

 private:
  crypto_hash_sha256_state state_;
};

// BIP-340: SHA-256 begun with SHA-256(tag) twice.
Sha256 tagged(std::string_view tag) {
  const Bytes32 prefix = Sha256().add(tag).finish();
  return Sha256().add(prefix).add(prefix);
}

// RFC 9380 §5.3.1, expand_message_xmd with SHA-256 to 48 bytes, then §5.2 hash_to_field: mod q.
Scalar<Secp256k1> hash_to_scalar(std::string_view use, std::initializer_list<ByteView> parts) {
  constexpr std::size_t L = 48;
  const std::string dst = std::string(FrostBip340::context) + std::string(use);
  const ByteArray<1> dst_length{static_cast<std::uint8_t>(dst.size())};
  const ByteArray<64> Z_pad{};
  const ByteArray<3> l_i_b_str_and_zero{0, L, 0};
  Sha256 first;
  first.add(Z_pad);
  for (const ByteView part : parts) first.add(part);
  const Secret<Bytes32> b_0(first.add(l_i_b_str_and_zero).add(dst).add(dst_length).finish());
  const ByteArray<1> one{1}, two{2};
  const Secret<Bytes32> b_1(Sha256().add(b_0.expose()).add(one).add(dst).add(dst_length).finish());
  Secret<Bytes32> mixed;
  for (std::size_t k = 0; k < 32; ++k) mixed.expose()[k] = b_0.expose()[k] ^ b_1.expose()[k];
  const Secret<Bytes32> b_2(Sha256().add(mixed.expose()).add(two).add(dst).add(dst_length).finish());
  Secret<ByteArray<64>> wide;  // big-endian, the 48 bytes at the end
  std::copy_n(b_1.expose().begin(), 32, wide.expose().begin() + 16);
  std::copy_n(b_2.expose().begin(), L - 32, wide.expose().begin() + 48);
  return Scalar<Secp256k1>::reduce_wide(wide.expose());
}

Scalar<Secp256k1> reduce_32(const Bytes32& digest) {
  ByteArray<64> wide{};
  std::copy(digest.begin(), digest.end(), wide.begin() + 32);
  return Scalar<Secp256k1>::reduce_wide(wide);
}

bool has_odd_y(const Point<Secp256k1>& P) { return P.bytes()[0] == 3; }

}  // namespace

Bytes32 x_only(const Point<Secp256k1>& P) {
  Bytes32 out;
  const auto compressed = P.bytes();
  std::copy(compressed.begin() + 1, compressed.end(), out.begin());
  return out;
}

Scalar<Secp256k1> FrostBip340::H1(std::initializer_list<ByteView> parts) { return hash_to_scalar("rho", parts); }
Scalar<Secp256k1> FrostBip340::H3(std::initializer_list<ByteView> parts) { return hash_to_scalar("nonce", parts); }
Bytes32 FrostBip340::H4(ByteView message) { return Sha256().add(context).add("msg").add(message).finish(); }
Bytes32 FrostBip340::H5(ByteView encoded_list) { return Sha256().add(context).add("com").add(encoded_list).finish(); }

Scalar<Secp256k1> FrostBip340::challenge(const Point<Secp256k1>& R, const Point<Secp256k1>& Q, ByteView message) {
  return reduce_32(tagged("BIP0340/challenge").add(x_only(R)).add(x_only(Q)).add(message).finish());
}

bool FrostBip340::negate(const Point<Secp256k1>& R) { return has_odd_y(R); }

Signature64 FrostBip340::signature(const Point<Secp256k1>& R, const Scalar<Secp256k1>& z) {
  Signature64 out;
  const Bytes32 x = x_only(R);
  std::copy(x.begin(), x.end(), out.begin());
  z.wire_put(out.data() + 32);
  return out;
}

bool FrostBip340::verify(const Point<Secp256k1>& Q, ByteView message, const Signature64& signature) {
  return verify_signature(algorithm, x_only(Q), message, signature);
}

std::optional<frost::EffectiveKey<Secp256k1>> effective_key_bip340(const Point<Secp256k1>& Y,
                                                                   const Scalar<Secp256k1>& tau,
                                                                   const std::optional<TaprootTweak>& tweak) {
  frost::EffectiveKey<Secp256k1> key;  // Q = a·Y + b·G throughout
  key.Q = tau.is_zero() ? Y : Y + Point<Secp256k1>::base(tau);
  key.b = tau;
  if (key.Q.is_identity()) return std::nullopt;
  const auto make_even = [&] {  // g_P, g_Q
    if (!has_odd_y(key.Q)) return;
    key.Q = -key.Q, key.a = -key.a, key.b = -key.b;
  };
  make_even();
  if (!tweak) return key;

  Sha256 h = tagged("TapTweak");
  h.add(x_only(key.Q));
  if (tweak->merkle_root) h.add(*tweak->merkle_root);
  const auto t = Scalar<Secp256k1>::parse(h.finish());
  if (!t) return std::nullopt;  // mutate: a hash above the group order
  key.Q = key.Q + Point<Secp256k1>::base(*t);
  key.b += *t;
  if (key.Q.is_identity()) return std::nullopt;  // mutate: a hash that is the logarithm of −P
  make_even();
  return key;
}

}  // namespace quorate
