// edwards25519 by libsodium. What has to be known about it, in one place:
// - the scalar functions take canonical and zero operands; invert returns −1 for zero and writes zero;
// - the noclamp multiplications ignore bit 255 (never set below q) and return −1 when the result is the identity, which
// they have written;
// - the multiplication of a point refuses points outside the prime-order subgroup, at the cost of checking;
// - add checks neither canonical form nor order, so its operands must have been parsed.
#include <sodium.h>

#include "base/check.h"
#include "base/declassify.h"
#include "base/secret.h"
#include "crypto/curve.h"

namespace quorate {

bool Ed25519::scalar_parse(ScalarRep& r, const std::uint8_t* in32) {
  Secret<ByteArray<64>> wide;
  std::memcpy(wide.expose().data(), in32, 32);
  crypto_core_ed25519_scalar_reduce(r.data(), wide.expose().data());
  return sodium_memcmp(r.data(), in32, 32) == 0;
}
void Ed25519::scalar_bytes(std::uint8_t* out32, const ScalarRep& a) { std::memcpy(out32, a.data(), 32); }
void Ed25519::scalar_reduce(ScalarRep& r, const ByteArray<64>& in) {
  crypto_core_ed25519_scalar_reduce(r.data(), in.data());
}
void Ed25519::scalar_set(ScalarRep& r, std::uint64_t v) {
  r = {};
  for (std::size_t i = 0; i < 8; ++i) r[i] = static_cast<std::uint8_t>(v >> (8 * i));
}
void Ed25519::scalar_add(ScalarRep& r, const ScalarRep& a, const ScalarRep& b) {
  crypto_core_ed25519_scalar_add(r.data(), a.data(), b.data());
}
void Ed25519::scalar_sub(ScalarRep& r, const ScalarRep& a, const ScalarRep& b) {
  crypto_core_ed25519_scalar_sub(r.data(), a.data(), b.data());
}
void Ed25519::scalar_mul(ScalarRep& r, const ScalarRep& a, const ScalarRep& b) {
  crypto_core_ed25519_scalar_mul(r.data(), a.data(), b.data());
}
void Ed25519::scalar_invert(ScalarRep& r, const ScalarRep& a) {
  static_cast<void>(crypto_core_ed25519_scalar_invert(r.data(), a.data()));
}
bool Ed25519::scalar_equal(const ScalarRep& a, const ScalarRep& b) {
  return declassified(sodium_memcmp(a.data(), b.data(), 32) == 0);
}

bool Ed25519::point_parse(PointRep& r, const std::uint8_t* in32) {
  if (crypto_core_ed25519_is_valid_point(in32) != 1) return false;
  std::memcpy(r.bytes.data(), in32, 32);
  return true;
}
void Ed25519::point_bytes(std::uint8_t* out32, const PointRep& P) { std::memcpy(out32, P.bytes.data(), 32); }
bool Ed25519::point_is_identity(const PointRep& P) { return point_equal(P, PointRep{}); }
bool Ed25519::point_equal(const PointRep& P, const PointRep& Q) {
  return declassified(sodium_memcmp(P.bytes.data(), Q.bytes.data(), 32) == 0);
}

void Ed25519::point_negate(PointRep& r, const PointRep& P) {
  r = P;
  if (!point_is_identity(P)) r.bytes[31] ^= 0x80;  // the sign of x, which is 0 in no other point of odd order
}

void Ed25519::point_base(PointRep& r, const ScalarRep& k) {
  const int zero = crypto_scalarmult_ed25519_base_noclamp(r.bytes.data(), k.data());
  declassify(r);  // a multiple of G does not tell the factor
  if (declassified(zero != 0)) QUORATE_ASSERT(point_is_identity(r));
}

void Ed25519::point_multiply(PointRep& r, const ScalarRep& k, const PointRep& P) {
  PointRep product;
  if (!point_is_identity(P) && crypto_scalarmult_ed25519_noclamp(product.bytes.data(), k.data(), P.bytes.data()) != 0)
    QUORATE_ASSERT(point_is_identity(product));
  r = product;
}

void Ed25519::point_add(PointRep& r, const PointRep& P, const PointRep& Q) {
  if (point_is_identity(P)) {
    r = Q;
  } else if (point_is_identity(Q)) {
    r = P;
  } else {
    QUORATE_ASSERT(crypto_core_ed25519_add(r.bytes.data(), P.bytes.data(), Q.bytes.data()) == 0);
  }
}

void Ed25519::point_sum(PointRep& r, std::span<const PointRep* const> Ps) {
  PointRep sum;
  for (const PointRep* P : Ps) point_add(sum, sum, *P);
  r = sum;
}

// By doubling and adding; adding to the identity is free.
void Ed25519::point_add_times(PointRep& r, const PointRep& Q, unsigned k, const PointRep& P) {
  QUORATE_ASSERT(worth_adding(k));
  PointRep sum;
  for (auto bit = std::bit_width(k); bit-- > 0;) {
    point_add(sum, sum, sum);
    if ((k >> bit) & 1) point_add(sum, sum, P);
  }
  point_add(r, sum, Q);
}

void Ed25519::point_multiply_public(PointRep& r, const ScalarRep& k, const PointRep& P) { point_multiply(r, k, P); }

bool Ed25519::point_parse_and_multiply_public(PointRep& r, const ScalarRep& k, const std::uint8_t* in32) {
  return crypto_scalarmult_ed25519_noclamp(r.bytes.data(), k.data(), in32) == 0;
}

void Ed25519::point_base_and_public(PointRep& r, const ScalarRep& s, const ScalarRep& c, const PointRep& P) {
  PointRep sG, cP;
  point_base(sG, s);
  point_multiply(cP, c, P);
  point_add(r, sG, cP);
}

bool Ed25519::point_parse_and_base_and_public(PointRep& P, PointRep& r, const ScalarRep& s, const ScalarRep& c,
                                              const std::uint8_t* in32) {
  PointRep sG, cP;
  if (!point_parse_and_multiply_public(cP, c, in32)) return false;
  std::memcpy(P.bytes.data(), in32, 32);
  point_base(sG, s);
  point_add(r, sG, cP);
  return true;
}

}  // namespace quorate
