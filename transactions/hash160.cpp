#include "transactions/hash160.h"

#include <algorithm>
#include <bit>

#include "base/hash.h"

namespace quorate::transactions {
namespace {

using State = std::array<std::uint32_t, 5>;
using Round = std::array<std::uint8_t, 80>;

// Dobbertin, Bosselaers, Preneel: RIPEMD-160, appendix A.
constexpr Round kWordLeft{0,  1, 2,  3, 4,  5,  6, 7,  8, 9,  10, 11, 12, 13, 14, 15, 7,  4,  13, 1,
                          10, 6, 15, 3, 12, 0,  9, 5,  2, 14, 11, 8,  3,  10, 14, 4,  9,  15, 8,  1,
                          2,  7, 0,  6, 13, 11, 5, 12, 1, 9,  11, 10, 0,  8,  12, 4,  13, 3,  7,  15,
                          14, 5, 6,  2, 4,  0,  5, 9,  7, 12, 2,  10, 14, 1,  3,  8,  11, 6,  15, 13};
constexpr Round kWordRight{5,  14, 7,  0,  9,  2,  11, 4,  13, 6, 15, 8, 1,  10, 3,  12, 6, 11, 3, 7,
                           0,  13, 5,  10, 14, 15, 8,  12, 4,  9, 1,  2, 15, 5,  1,  3,  7, 14, 6, 9,
                           11, 8,  12, 2,  10, 0,  4,  13, 8,  6, 4,  1, 3,  11, 15, 0,  5, 12, 2, 13,
                           9,  7,  10, 14, 12, 15, 10, 4,  1,  5, 8,  7, 6,  2,  13, 14, 0, 3,  9, 11};
constexpr Round kShiftLeft{11, 14, 15, 12, 5, 8,  7,  9,  11, 13, 14, 15, 6,  7,  9,  8,  7,  6,  8,  13,
                           11, 9,  7,  15, 7, 12, 15, 9,  11, 7,  13, 12, 11, 13, 6,  7,  14, 9,  13, 15,
                           14, 8,  13, 6,  5, 12, 7,  5,  11, 12, 14, 15, 14, 15, 9,  8,  9,  14, 5,  6,
                           8,  6,  5,  12, 9, 15, 5,  11, 6,  8,  13, 12, 5,  12, 13, 14, 11, 8,  5,  6};
constexpr Round kShiftRight{8,  9,  9,  11, 13, 15, 15, 5, 7,  7,  8,  11, 14, 14, 12, 6,  9,  13, 15, 7,
                            12, 8,  9,  11, 7,  7,  12, 7, 6,  15, 13, 11, 9,  7,  15, 11, 8,  6,  6,  14,
                            12, 13, 5,  14, 13, 13, 7,  5, 15, 5,  8,  11, 14, 14, 6,  14, 6,  9,  12, 9,
                            12, 5,  15, 8,  8,  5,  12, 9, 12, 5,  14, 6,  8,  13, 6,  5,  15, 13, 11, 11};
constexpr std::array<std::uint32_t, 5> kAddLeft{0x00000000, 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xa953fd4e};
constexpr std::array<std::uint32_t, 5> kAddRight{0x50a28be6, 0x5c4dd124, 0x6d703ef3, 0x7a6d76e9, 0x00000000};

std::uint32_t f(std::size_t group, std::uint32_t x, std::uint32_t y, std::uint32_t z) {
  switch (group) {
    case 0:
      return x ^ y ^ z;
    case 1:
      return (x & y) | (~x & z);
    case 2:
      return (x | ~y) ^ z;
    case 3:
      return (x & z) | (y & ~z);
    default:
      return x ^ (y | ~z);
  }
}

void compress(State& h, const std::uint8_t* block) {
  std::array<std::uint32_t, 16> X;
  for (std::size_t i = 0; i < 16; ++i)
    X[i] = std::uint32_t{block[4 * i]} | std::uint32_t{block[4 * i + 1]} << 8 | std::uint32_t{block[4 * i + 2]} << 16 |
           std::uint32_t{block[4 * i + 3]} << 24;
  const auto line = [&](const Round& r, const Round& s, const auto& K, bool right) {
    State v = h;
    for (std::size_t j = 0; j < 80; ++j) {
      const std::size_t group = j / 16;
      const std::uint32_t T =
          std::rotl(v[0] + f(right ? 4 - group : group, v[1], v[2], v[3]) + X[r[j]] + K[group], s[j]) + v[4];
      v = {v[4], T, v[1], std::rotl(v[2], 10), v[3]};
    }
    return v;
  };
  const State a = line(kWordLeft, kShiftLeft, kAddLeft, false), b = line(kWordRight, kShiftRight, kAddRight, true);
  h = {h[1] + a[2] + b[3], h[2] + a[3] + b[4], h[3] + a[4] + b[0], h[4] + a[0] + b[1], h[0] + a[1] + b[2]};
}

}  // namespace

ByteArray<20> ripemd160(ByteView bytes) {
  State h{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  const std::uint64_t bits = std::uint64_t{bytes.size()} * 8;
  for (; bytes.size() >= 64; bytes = bytes.subspan(64)) compress(h, bytes.data());
  std::array<std::uint8_t, 128> last{};
  std::copy(bytes.begin(), bytes.end(), last.begin());
  last[bytes.size()] = 0x80;
  const std::size_t size = bytes.size() < 56 ? 64 : 128;
  for (std::size_t i = 0; i < 8; ++i) last[size - 8 + i] = static_cast<std::uint8_t>(bits >> (8 * i));
  for (std::size_t at = 0; at < size; at += 64) compress(h, last.data() + at);
  ByteArray<20> out;
  for (std::size_t i = 0; i < 20; ++i) out[i] = static_cast<std::uint8_t>(h[i / 4] >> (8 * (i % 4)));
  return out;
}

ByteArray<20> hash160(ByteView bytes) { return ripemd160(sha256(bytes)); }
Digest hash256(ByteView bytes) { return sha256(sha256(bytes)); }

}  // namespace quorate::transactions
