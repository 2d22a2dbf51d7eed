// Scalars of secp256k1, one at a time; no branch and no index depends on a value.
#include "base/declassify.h"
#include "base/secret.h"
#include "crypto/curve.h"
#include "crypto/secp256k1_limbs.h"

namespace quorate {
namespace {

using namespace limbs;

// 512 bits mod q; wiped.
void reduce_and_wipe(Limbs& r, std::array<u64, 8>& wide) {
  std::array<u64, 7> folded;
  r = reduce(wide, folded);
  wipe(wide.data(), sizeof wide);
  wipe(folded.data(), sizeof folded);
}

}  // namespace

bool Secp256k1::scalar_parse(ScalarRep& r, const std::uint8_t* in32) {
  r = load(in32);
  return below_order(r) == 1;
}

void Secp256k1::scalar_bytes(std::uint8_t* out32, const ScalarRep& a) { store(out32, a); }

void Secp256k1::scalar_reduce(ScalarRep& r, const ByteArray<64>& in) {
  const Limbs high = load(in.data()), low = load(in.data() + 32);
  std::array<u64, 8> wide{low[0], low[1], low[2], low[3], high[0], high[1], high[2], high[3]};
  reduce_and_wipe(r, wide);
}

void Secp256k1::scalar_add(ScalarRep& r, const ScalarRep& a, const ScalarRep& b) {
  Limbs t;
  u64 carry = 0;
  for (std::size_t i = 0; i < 4; ++i) t[i] = add_carry(a[i], b[i], carry);
  r = subtract_order_once(t, carry);
}

void Secp256k1::scalar_sub(ScalarRep& r, const ScalarRep& a, const ScalarRep& b) {
  Limbs t;
  u64 borrow = 0;
  for (std::size_t i = 0; i < 4; ++i) t[i] = sub_borrow(a[i], b[i], borrow);
  const u64 below = mask_of(borrow);
  u64 carry = 0;
  for (std::size_t i = 0; i < 4; ++i) r[i] = add_carry(t[i], kOrder[i] & below, carry);
}

void Secp256k1::scalar_mul(ScalarRep& r, const ScalarRep& a, const ScalarRep& b) {
  std::array<u64, 8> wide = multiply<4, 4>(a.data(), b.data());
  reduce_and_wipe(r, wide);
}

// Fermat: a^(q−2). The exponent is public.
void Secp256k1::scalar_invert(ScalarRep& r, const ScalarRep& a) {
  std::array<Limbs, 16> power;  // a^0 … a^15
  power[0] = {1, 0, 0, 0};
  for (std::size_t i = 1; i < 16; ++i) scalar_mul(power[i], power[i - 1], a);
  Limbs exponent = kOrder;
  exponent[0] -= 2;
  Limbs t = power[0];
  for (std::size_t nibble = 64; nibble-- > 0;) {
    for (int k = 0; k < 4; ++k) scalar_mul(t, t, t);
    scalar_mul(t, t, power[(exponent[nibble / 16] >> (4 * (nibble % 16))) & 15]);
  }
  r = t;
  wipe(power.data(), sizeof power);
  wipe(t.data(), sizeof t);
}

bool Secp256k1::scalar_equal(const ScalarRep& a, const ScalarRep& b) {
  u64 differ = 0;
  for (std::size_t i = 0; i < 4; ++i) differ |= a[i] ^ b[i];
  return declassified(opaque(differ) == 0);
}

}  // namespace quorate
