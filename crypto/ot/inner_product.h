// Sums of products modulo the order of secp256k1 that are reduced once. Constant-time.
#pragma once
#include "base/secret.h"
#include "crypto/secp256k1_limbs.h"

namespace quorate::ot {

using limbs::Limbs;

// A number below 2^256 in five digits of 52 bits, least significant first: so short that 128 bits hold the sum of
// thousands of products of two, and no carry is looked at before the end.
using Split = std::array<std::uint64_t, 5>;
inline constexpr unsigned kDigit = 52;
inline constexpr std::uint64_t kDigitMask = (std::uint64_t{1} << kDigit) - 1;

inline Split split(const Limbs& a) {
  return {a[0] & kDigitMask, ((a[0] >> 52) | (a[1] << 12)) & kDigitMask, ((a[1] >> 40) | (a[2] << 24)) & kDigitMask,
          ((a[2] >> 28) | (a[3] << 36)) & kDigitMask, a[3] >> 16};
}
// a where the mask (all ones or all zeros) is ones, else 0.
inline Split masked(const Split& a, std::uint64_t mask) {
  return {a[0] & mask, a[1] & mask, a[2] & mask, a[3] & mask, a[4] & mask};
}

// Up to 512 products and as many numbers. Wiped when it dies.
class Sum {
 public:
  Sum() = default;
  Sum(const Sum&) = delete;
  Sum& operator=(const Sum&) = delete;
  ~Sum() {
    wipe(columns_.data(), sizeof columns_);
    wipe(folded_.data(), sizeof folded_);
  }

  void clear() { columns_ = {}; }
  void add(const Split& a) {
#pragma GCC unroll 5
    for (std::size_t i = 0; i < 5; ++i) columns_[i] += a[i];
  }
  void add_product(const Split& a, const Split& b) {
#pragma GCC unroll 9
    for (std::size_t k = 0; k < 9; ++k) {
      limbs::u128 column = columns_[k];
#pragma GCC unroll 5
      for (std::size_t i = 0; i < 5; ++i)
        if (k >= i && k - i < 5) column += limbs::u128{a[i]} * b[k - i];
      columns_[k] = column;
    }
  }
  Limbs mod_q() {
    // 2^522 bounds the sum, so that all of it is in eleven digits, which are put together to nine limbs.
    std::array<std::uint64_t, 9> wide{};
    limbs::u128 rest = 0;
#pragma GCC unroll 11
    for (unsigned k = 0; k < 11; ++k) {
      if (k < 9) rest += columns_[k];
      const std::uint64_t digit = static_cast<std::uint64_t>(rest) & kDigitMask;
      rest >>= kDigit;
      const unsigned limb = kDigit * k / 64, shift = kDigit * k % 64;
      wide[limb] |= digit << shift;
      if (shift > 64 - kDigit && limb + 1 < wide.size()) wide[limb + 1] |= digit >> (64 - shift);
    }
    const Limbs r = limbs::reduce(wide, folded_);
    wipe(wide.data(), sizeof wide);
    return r;
  }

 private:
  std::array<limbs::u128, 9> columns_{};
  std::array<std::uint64_t, 7> folded_{};
};

}  // namespace quorate::ot
