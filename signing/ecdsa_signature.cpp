#include "signing/ecdsa_signature.h"

#include "signing/verify.h"

namespace quorate::ecdsa {
namespace {

using K = Secp256k1;

Scalar<K> reduce_32(ByteView number) {
  ByteArray<64> wide{};
  std::copy(number.begin(), number.end(), wide.begin() + 32);
  return Scalar<K>::reduce_wide(wide);
}

ByteView x_of(const Point<K>::Encoding& R) { return ByteView(R).subspan(1); }

}  // namespace

Scalar<K> digest_scalar(const Digest& digest) { return reduce_32(digest); }

Scalar<K> x_mod_q(const Point<K>& R) { return reduce_32(x_of(R.bytes())); }

Signature normalized(const Point<K>& R, const Scalar<K>& s) {
  const auto encoded = R.bytes();
  const bool odd_y = encoded[0] == 3;
  const bool x_overflows = !Scalar<K>::parse(x_of(encoded)).has_value();      // x(R) ≥ q
  const Bytes32 plain = s.bytes().expose(), negated = (-s).bytes().expose();  // public from here on
  const bool high = negated < plain;
  Signature signature;
  x_mod_q(R).wire_put(signature.rs.data());
  std::copy_n((high ? negated : plain).begin(), 32, signature.rs.begin() + 32);
  signature.recovery_id = static_cast<std::uint8_t>((x_overflows ? 2 : 0) | (odd_y != high ? 1 : 0));
  return signature;
}

std::optional<Signature> finish(const Point<K>& Q, const Digest& digest, const Point<K>& R, const Scalar<K>& u,
                                const Scalar<K>& w) {
  const Scalar<K> s = w * u.inverse();
  if (u.is_zero() || s.is_zero()) return std::nullopt;  // mutate: such an (r, 0) does not verify either
  const Signature signature = normalized(R, s);
  const auto key = Q.bytes();
  // Either of these two refuses what the other does, by another way through the library.
  if (!verify_signature(Algorithm::ecdsa_secp256k1, key, digest, signature.rs))  // mutate: see above
    return std::nullopt;
  if (recover_key(digest, signature.rs, signature.recovery_id) != key) return std::nullopt;  // mutate: see above
  return signature;
}

}  // namespace quorate::ecdsa
