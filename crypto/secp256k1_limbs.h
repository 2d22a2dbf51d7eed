// Arithmetic modulo the order q of secp256k1 on 4×64-bit limbs, least significant first; no branch and no index depends
// on a value. Nothing is wiped here: Scalar<Secp256k1> does that for single values, and code that goes over hundreds
// (crypto/ot/) wipes its buffers once. Loops are unrolled by pragma, for -O2 would keep them as loops, at half the
// speed.
#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace quorate::limbs {

__extension__ using u128 = unsigned __int128;
using u64 = std::uint64_t;
using Limbs = std::array<u64, 4>;

inline constexpr Limbs kOrder{0xBFD25E8CD0364141, 0xBAAEDCE6AF48A03B, 0xFFFFFFFFFFFFFFFE, 0xFFFFFFFFFFFFFFFF};
inline constexpr std::array<u64, 3> kComplement{0x402DA1732FC9BEBF, 0x4551231950B75FC4, 1};  // 2^256 − q

// Hides from the optimiser that a mask is all zeros or all ones, so that it makes no branch of it.
inline u64 opaque(u64 mask) {
  __asm__("" : "+r"(mask));
  return mask;
}
// All ones for 1, all zeros for 0.
inline u64 mask_of(u64 bit) { return opaque(0 - bit); }

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

// 32 bytes, big-endian; any value.
inline Limbs load(const std::uint8_t* in32) {
  Limbs r;
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 4; ++i) {
    u64 limb;
    std::memcpy(&limb, in32 + 8 * (3 - i), 8);
    r[i] = std::endian::native == std::endian::little ? __builtin_bswap64(limb) : limb;
  }
  return r;
}
inline void store(std::uint8_t* out32, const Limbs& a) {
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 4; ++i) {
    const u64 limb = std::endian::native == std::endian::little ? __builtin_bswap64(a[i]) : a[i];
    std::memcpy(out32 + 8 * (3 - i), &limb, 8);
  }
}

// 1 if a < q, else 0.
inline u64 below_order(const Limbs& a) {
  u64 borrow = 0;
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 4; ++i) sub_borrow(a[i], kOrder[i], borrow);
  return borrow;
}

// (top·2^256 + a) mod q for a value below 2q.
inline Limbs subtract_order_once(const Limbs& a, u64 top) {
  const u64 subtract = mask_of((below_order(a) & (top ^ 1)) ^ 1);
  Limbs r;
  u64 borrow = 0;
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 4; ++i) r[i] = sub_borrow(a[i], kOrder[i] & subtract, borrow);
  return r;
}

// a·b
template <std::size_t A, std::size_t B>
inline std::array<u64, A + B> multiply(const u64* a, const u64* b) {
  std::array<u64, A + B> r{};
#pragma GCC unroll 8
  for (std::size_t i = 0; i < A; ++i) {
    u64 carry = 0;
#pragma GCC unroll 8
    for (std::size_t j = 0; j < B; ++j) {
      const u128 t = u128{a[i]} * b[j] + r[i + j] + carry;
      r[i + j] = static_cast<u64>(t);
      carry = static_cast<u64>(t >> 64);
    }
    r[i + B] = carry;
  }
  return r;
}

// a with its upper N limbs folded: 2^256 ≡ 2^256 − q. R: the limbs of the result, by the callers' bounds.
template <std::size_t N, std::size_t R>
inline std::array<u64, R> fold(const u64* a) {
  static_assert(kComplement[2] == 1);
  const u64* high = a + 4;
  const std::array<u64, N + 2> p = multiply<N, 2>(high, kComplement.data());
  std::array<u64, R> r;
  u64 carry = 0;
#pragma GCC unroll 8
  for (std::size_t k = 0; k < R; ++k) {
    u128 t = carry;
    if (k < 4) t += a[k];
    if (k < N + 2) t += p[k];
    if (k >= 2 && k < N + 2) t += high[k - 2];
    r[k] = static_cast<u64>(t);
    carry = static_cast<u64>(t >> 64);
  }
  return r;
}

// Below 2^522, mod q. `a` is left as secret as the number.
template <std::size_t N>
inline Limbs reduce(const std::array<u64, N>& wide, std::array<u64, 7>& a) {
  static_assert(N == 8 || N == 9);
  a = fold<N - 4, 7>(wide.data());                    // < 2^396
  const std::array<u64, 5> b = fold<3, 5>(a.data());  // < 2^270
  const std::array<u64, 5> c = fold<1, 5>(b.data());  // < 2^256 + 2^144 < 2q
  return subtract_order_once({c[0], c[1], c[2], c[3]}, c[4]);
}

}  // namespace quorate::limbs
