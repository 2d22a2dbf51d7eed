// Points of secp256k1 by libsecp256k1, which cannot represent the identity: that is our flag.
#include <secp256k1_ecdh.h>
#include <secp256k1_ellswift.h>
#include <secp256k1_recovery.h>

#include <vector>

#include "base/check.h"
#include "base/declassify.h"
#include "base/secret.h"
#include "crypto/curve.h"
#include "crypto/secp256k1_limbs.h"
#include "crypto/secp_context.h"

namespace quorate {
namespace {

int copy_coordinates(unsigned char* output, const unsigned char* x32, const unsigned char* y32, void*) {
  output[0] = 4;  // SEC1 uncompressed
  std::memcpy(output + 1, x32, 32);
  std::memcpy(output + 33, y32, 32);
  return 1;
}

}  // namespace

bool Secp256k1::point_parse(PointRep& r, const std::uint8_t* in33) {
  // Compressed only, x < p and on the curve; the group has prime order, and the identity has no such encoding.
  if (secp256k1_ec_pubkey_parse(secp_context(), &r.key, in33, point_size) != 1) return false;
  r.identity = false;
  return true;
}

void Secp256k1::point_bytes(std::uint8_t* out33, const PointRep& P) {
  QUORATE_ASSERT(!P.identity);
  std::size_t length = point_size;
  secp256k1_ec_pubkey_serialize(secp_context(), out33, &length, &P.key, SECP256K1_EC_COMPRESSED);
}

bool Secp256k1::point_equal(const PointRep& P, const PointRep& Q) {
  if (P.identity || Q.identity) return P.identity == Q.identity;
  return declassified(secp256k1_ec_pubkey_cmp(secp_context(), &P.key, &Q.key) == 0);
}

void Secp256k1::point_negate(PointRep& r, const PointRep& P) {
  r = P;
  if (!r.identity) QUORATE_ASSERT(secp256k1_ec_pubkey_negate(secp_context(), &r.key) == 1);
}

void Secp256k1::point_base(PointRep& r, const ScalarRep& k) {
  Secret<Bytes32> bytes;
  scalar_bytes(bytes.expose().data(), k);
  // Fails, in constant time, for zero alone.
  r.identity = secp256k1_ec_pubkey_create(secp_context(), &r.key, bytes.expose().data()) != 1;
  declassify(r);  // a multiple of G does not tell the factor
}

void Secp256k1::point_multiply(PointRep& r, const ScalarRep& k, const PointRep& P) {
  if (P.identity) {
    r = PointRep{};
    return;
  }
  Secret<Bytes32> bytes;
  scalar_bytes(bytes.expose().data(), k);
  Secret<ByteArray<65>> product;
  // ecdh is the library's constant-time multiplication of any point. It fails, in constant time, for zero alone.
  const int nonzero =
      secp256k1_ecdh(secp_context(), product.expose().data(), &P.key, bytes.expose().data(), copy_coordinates, nullptr);
  r = PointRep{};
  if (declassified(nonzero != 1)) return;
  QUORATE_ASSERT(secp256k1_ec_pubkey_parse(secp_context(), &r.key, product.expose().data(), 65) == 1);
  r.identity = false;
}

void Secp256k1::point_swap_if(std::uint64_t bit, PointRep& P, PointRep& Q) {
  static_assert(std::is_trivially_copyable_v<PointRep>);
  const auto mask = static_cast<std::uint8_t>(limbs::mask_of(bit));
  ByteArray<sizeof(PointRep)> p, q;
  std::memcpy(p.data(), &P, sizeof P);
  std::memcpy(q.data(), &Q, sizeof Q);
  for (std::size_t i = 0; i < p.size(); ++i) {
    const auto difference = static_cast<std::uint8_t>((p[i] ^ q[i]) & mask);
    p[i] ^= difference;
    q[i] ^= difference;
  }
  std::memcpy(static_cast<void*>(&P), p.data(), sizeof P);
  std::memcpy(static_cast<void*>(&Q), q.data(), sizeof Q);
}

void Secp256k1::point_add(PointRep& r, const PointRep& P, const PointRep& Q) {
  const std::array<const PointRep*, 2> both{&P, &Q};
  point_sum(r, both);
}

void Secp256k1::point_sum(PointRep& r, std::span<const PointRep* const> Ps) {
  constexpr std::size_t few = 40;
  std::array<const secp256k1_pubkey*, few> on_stack;
  std::vector<const secp256k1_pubkey*> on_heap;
  if (Ps.size() > few) on_heap.resize(Ps.size());
  const secp256k1_pubkey** keys = Ps.size() > few ? on_heap.data() : on_stack.data();
  std::size_t n = 0;
  for (const PointRep* P : Ps)
    if (!P->identity) keys[n++] = &P->key;
  PointRep sum;
  // Returns 0 when the points cancel out; refuses an empty list.
  sum.identity = n == 0 || secp256k1_ec_pubkey_combine(secp_context(), &sum.key, keys, n) != 1;
  r = sum;
}

// One sum of k + 1 points: the library's way back to affine coordinates costs as much as ten additions.
void Secp256k1::point_add_times(PointRep& r, const PointRep& Q, unsigned k, const PointRep& P) {
  QUORATE_ASSERT(worth_adding(k));
  std::array<const PointRep*, limits::kMaxParties + 1> terms;
  terms.fill(&P);
  terms[k] = &Q;
  point_sum(r, std::span(terms).first(k + 1));
}

void Secp256k1::point_multiply_public(PointRep& r, const ScalarRep& k, const PointRep& P) {
  Bytes32 bytes;
  scalar_bytes(bytes.data(), k);
  r = P;
  // Returns 0 for a zero factor.
  if (!r.identity) r.identity = secp256k1_ec_pubkey_tweak_mul(secp_context(), &r.key, bytes.data()) != 1;
}

bool Secp256k1::point_parse_and_multiply_public(PointRep& r, const ScalarRep& k, const std::uint8_t* in33) {
  PointRep P;
  if (!point_parse(P, in33)) return false;
  point_multiply_public(r, k, P);
  return !r.identity;
}

// One double multiplication instead of two single ones: recovering the key of an ECDSA signature (r, σ) of the digest z
// with nonce point P computes r⁻¹·(σ·P − z·G), so that r = x(P) mod q, σ = c·r, z = −s·r give s·G + c·P.
void Secp256k1::point_base_and_public(PointRep& r, const ScalarRep& s, const ScalarRep& c, const PointRep& P) {
  if (P.identity || scalar_equal(c, {})) return point_base(r, s);
  ByteArray<33> encoded;
  point_bytes(encoded.data(), P);
  ScalarRep x, zero{}, sigma, z;
  const bool below_q = scalar_parse(x, encoded.data() + 1);
  ByteArray<64> wide{};
  std::memcpy(wide.data() + 32, encoded.data() + 1, 32);
  scalar_reduce(x, wide);
  scalar_mul(sigma, c, x);
  scalar_mul(z, s, x);
  scalar_sub(z, zero, z);
  ByteArray<64> compact;
  Bytes32 digest;
  scalar_bytes(compact.data(), x);
  scalar_bytes(compact.data() + 32, sigma);
  scalar_bytes(digest.data(), z);
  const int recovery_id = (encoded[0] & 1) | (below_q ? 0 : 2);
  secp256k1_ecdsa_recoverable_signature signature;
  QUORATE_ASSERT(secp256k1_ecdsa_recoverable_signature_parse_compact(secp_context(), &signature, compact.data(),
                                                                     recovery_id) == 1);
  PointRep sum;
  // Returns 0 when the sum is the identity.
  sum.identity = secp256k1_ecdsa_recover(secp_context(), &sum.key, &signature, digest.data()) != 1;
  r = sum;
}

bool Secp256k1::point_parse_and_base_and_public(PointRep& P, PointRep& r, const ScalarRep& s, const ScalarRep& c,
                                                const std::uint8_t* in33) {
  if (scalar_equal(c, {}) || !point_parse(P, in33)) return false;
  point_base_and_public(r, s, c, P);
  return true;
}

void Secp256k1::point_from_uniform(PointRep& r, const ByteArray<64>& in) {
  QUORATE_ASSERT(secp256k1_ellswift_decode(secp_context(), &r.key, in.data()) == 1);
  r.identity = false;
}

}  // namespace quorate
