// Arithmetic modulo the order of secp256k1, 4×64-bit limbs, least significant first; no branch and no index depends on
// a value.
#include "base/secret.h"
#include "crypto/curve.h"

namespace quorate {
namespace {

__extension__ using u128 = unsigned __int128;
using u64 = std::uint64_t;
using Limbs = std::array<u64, 4>;

constexpr Limbs kOrder{0xBFD25E8CD0364141, 0xBAAEDCE6AF48A03B, 0xFFFFFFFFFFFFFFFE, 0xFFFFFFFFFFFFFFFF};
constexpr std::array<u64, 3> kComplement{0x402DA1732FC9BEBF, 0x4551231950B75FC4, 1};  // 2^256 − q

// Hides from the optimiser that a mask is all zeros or all ones, so that it makes no branch of it.
inline u64 opaque(u64 mask) {
  __asm__("" : "+r"(mask));
  return mask;
}

// a + b + carry
inline u64 add_carry(u64 a, u64 b, u64& carry) {
  const u128 t = u128{a} + b + carry;
  carry = static_cast<u64>(t >> 64);
  return static_cast<u64>(t);
}
inline u64 sub_borrow(u64 a, u64 b, u64& borrow) {
  const u128 t = u128{a} - b - borrow;
  borrow = static_cast<u64>(t >> 64) & 1;
  return static_cast<u64>(t);
}

// (top·2^256 + a) mod q for a value below 2q.
inline void subtract_order_once(Limbs& r, const Limbs& a, u64 top) {
  Limbs d;
  u64 borrow = 0;
  for (std::size_t i = 0; i < 4; ++i) d[i] = sub_borrow(a[i], kOrder[i], borrow);
  const u64 keep = opaque(0 - (borrow & (top ^ 1)));  // it was below q
  for (std::size_t i = 0; i < 4; ++i) r[i] = (a[i] & keep) | (d[i] & ~keep);
  wipe(d.data(), sizeof d);
}

// r += a·b over the limbs of a fixed-size number; what runs over the end is zero by the callers' bounds.
template <std::size_t R, std::size_t A, std::size_t B>
inline void multiply_add(std::array<u64, R>& r, const u64* a, const std::array<u64, B>& b) {
  static_assert(A + B <= R + 1);
  for (std::size_t i = 0; i < A; ++i) {
    u64 carry = 0;
    for (std::size_t j = 0; j < B; ++j) {
      if (i + j >= R) break;
      const u128 t = u128{a[i]} * b[j] + r[i + j] + carry;
      r[i + j] = static_cast<u64>(t);
      carry = static_cast<u64>(t >> 64);
    }
    for (std::size_t k = i + B; k < R; ++k) r[k] = add_carry(r[k], 0, carry);
  }
}

// 512 bits mod q: 2^256 ≡ 2^256 − q, folded three times.
void reduce(Limbs& r, const std::array<u64, 8>& wide) {
  std::array<u64, 7> a{wide[0], wide[1], wide[2], wide[3], 0, 0, 0};
  multiply_add<7, 4>(a, wide.data() + 4, kComplement);  // < 2^386
  std::array<u64, 5> b{a[0], a[1], a[2], a[3], 0};
  multiply_add<5, 3>(b, a.data() + 4, kComplement);  // < 2^260
  std::array<u64, 5> c{b[0], b[1], b[2], b[3], 0};
  multiply_add<5, 1>(c, b.data() + 4, kComplement);  // < 2^256 + 2^134 < 2q
  const Limbs low{c[0], c[1], c[2], c[3]};
  subtract_order_once(r, low, c[4]);
  wipe(a.data(), sizeof a);
}

}  // namespace

bool Secp256k1::scalar_parse(ScalarRep& r, const std::uint8_t* in32) {
  u64 borrow = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    u64 limb = 0;
    for (std::size_t k = 0; k < 8; ++k) limb = (limb << 8) | in32[8 * (3 - i) + k];
    r[i] = limb;
    sub_borrow(limb, kOrder[i], borrow);
  }
  return borrow == 1;
}

void Secp256k1::scalar_bytes(std::uint8_t* out32, const ScalarRep& a) {
  for (std::size_t i = 0; i < 32; ++i) out32[31 - i] = static_cast<std::uint8_t>(a[i / 8] >> (8 * (i % 8)));
}

void Secp256k1::scalar_reduce(ScalarRep& r, const ByteArray<64>& in) {
  std::array<u64, 8> wide{};
  for (std::size_t i = 0; i < 64; ++i) wide[i / 8] |= u64{in[63 - i]} << (8 * (i % 8));
  reduce(r, wide);
  wipe(wide.data(), sizeof wide);
}

void Secp256k1::scalar_add(ScalarRep& r, const ScalarRep& a, const ScalarRep& b) {
  Limbs t;
  u64 carry = 0;
  for (std::size_t i = 0; i < 4; ++i) t[i] = add_carry(a[i], b[i], carry);
  subtract_order_once(r, t, carry);
}

void Secp256k1::scalar_sub(ScalarRep& r, const ScalarRep& a, const ScalarRep& b) {
  Limbs t;
  u64 borrow = 0;
  for (std::size_t i = 0; i < 4; ++i) t[i] = sub_borrow(a[i], b[i], borrow);
  const u64 below = opaque(0 - borrow);
  u64 carry = 0;
  for (std::size_t i = 0; i < 4; ++i) r[i] = add_carry(t[i], kOrder[i] & below, carry);
}

void Secp256k1::scalar_mul(ScalarRep& r, const ScalarRep& a, const ScalarRep& b) {
  std::array<u64, 8> wide{};
  multiply_add<8, 4>(wide, a.data(), b);
  reduce(r, wide);
  wipe(wide.data(), sizeof wide);
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
  return opaque(differ) == 0;
}

}  // namespace quorate
