#include "crypto/ot/gf128.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/check.h"

// The only code of the product for one processor: no other way leads to its carry-less multiplication.
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace quorate::ot {
namespace {

using u64 = std::uint64_t;

u64 load_le(const std::uint8_t* in) {
  u64 v;
  std::memcpy(&v, in, 8);
  return std::endian::native == std::endian::little ? v : __builtin_bswap64(v);
}
void store_le(std::uint8_t* out, u64 v) {
  if constexpr (std::endian::native == std::endian::big) v = __builtin_bswap64(v);
  std::memcpy(out, &v, 8);
}

// The low half of a carry-less product by integer multiplications: every fourth bit is kept, so that the at most 16
// carries of a place run into the gaps and, from place 60 on, out of the number.
u64 multiply_low(u64 x, u64 y) {
  constexpr u64 every_fourth = 0x1111111111111111;
  std::array<u64, 4> a, b;
  for (std::size_t i = 0; i < 4; ++i) {
    a[i] = x & (every_fourth << i);
    b[i] = y & (every_fourth << i);
  }
  u64 r = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    u64 sum = 0;
    for (std::size_t k = 0; k < 4; ++k) sum ^= a[k] * b[(i - k) & 3];
    r |= sum & (every_fourth << i);
  }
  return r;
}

u64 reverse_bits(u64 v) {
  v = ((v & 0x5555555555555555) << 1) | ((v >> 1) & 0x5555555555555555);
  v = ((v & 0x3333333333333333) << 2) | ((v >> 2) & 0x3333333333333333);
  v = ((v & 0x0f0f0f0f0f0f0f0f) << 4) | ((v >> 4) & 0x0f0f0f0f0f0f0f0f);
  return __builtin_bswap64(v);
}

// r ^= x·y, 128 bits.
void add_product(u64* r, u64 x, u64 y) {
  r[0] ^= multiply_low(x, y);
  r[1] ^= reverse_bits(multiply_low(reverse_bits(x), reverse_bits(y))) >> 1;
}

// 256 bits modulo the polynomial: x^128 ≡ x^7 + x^2 + x + 1.
void reduce(const std::array<u64, 4>& w, u64& low, u64& high) {
  // What the factor x^7 + x^2 + x + 1 shifts out of w[3] comes back at the bottom, at most 7 bits of it.
  const u64 out = w[2] ^ (w[3] >> 63) ^ (w[3] >> 62) ^ (w[3] >> 57);
  low = w[0] ^ out ^ (out << 1) ^ (out << 2) ^ (out << 7);
  high = w[1] ^ w[3] ^ (w[3] << 1) ^ (w[3] << 2) ^ (w[3] << 7) ^ (out >> 63) ^ (out >> 62) ^ (out >> 57);
}

}  // namespace

void hash_rows_portable(std::span<const Block> e, const std::uint8_t* rows, std::size_t n, Block* out) {
  for (std::size_t i = 0; i < n; ++i) {
    std::array<u64, 4> wide{};
    for (const Block& e_l : e) {
      const u64 a = load_le(e_l.data()), b = load_le(e_l.data() + 8);
      const u64 c = load_le(rows), d = load_le(rows + 8);
      rows += 16;
      add_product(wide.data(), a, c);
      add_product(wide.data() + 1, a, d);
      add_product(wide.data() + 1, b, c);
      add_product(wide.data() + 2, b, d);
    }
    wide[0] ^= load_le(rows);
    wide[1] ^= load_le(rows + 8);
    rows += 16;
    u64 low = 0, high = 0;
    reduce(wide, low, high);
    store_le(out[i].data(), low);
    store_le(out[i].data() + 8, high);
  }
}

#if defined(__x86_64__)

bool has_carryless_multiply() {
  return __builtin_cpu_supports("pclmul") != 0;  // mutate: speed only
}

__attribute__((target("pclmul,sse2"))) void hash_rows_carryless(std::span<const Block> e, const std::uint8_t* rows,
                                                                std::size_t n, Block* out) {
  const auto load = [](const std::uint8_t* in) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(in)); };
  for (std::size_t i = 0; i < n; ++i) {
    __m128i low = _mm_setzero_si128(), middle = low, high = low;
    for (const Block& e_l : e) {
      const __m128i a = load(e_l.data()), y = load(rows);
      rows += 16;
      low = _mm_xor_si128(low, _mm_clmulepi64_si128(a, y, 0x00));
      middle = _mm_xor_si128(middle, _mm_clmulepi64_si128(a, y, 0x01));
      middle = _mm_xor_si128(middle, _mm_clmulepi64_si128(a, y, 0x10));
      high = _mm_xor_si128(high, _mm_clmulepi64_si128(a, y, 0x11));
    }
    low = _mm_xor_si128(_mm_xor_si128(low, _mm_slli_si128(middle, 8)), load(rows));
    high = _mm_xor_si128(high, _mm_srli_si128(middle, 8));
    rows += 16;
    std::array<u64, 4> wide;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(wide.data()), low);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(wide.data() + 2), high);
    u64 lower = 0, upper = 0;
    reduce(wide, lower, upper);
    store_le(out[i].data(), lower);
    store_le(out[i].data() + 8, upper);
  }
}

#else

bool has_carryless_multiply() { return false; }
void hash_rows_carryless(std::span<const Block>, const std::uint8_t*, std::size_t, Block*) {
  impossible("this processor has no carry-less multiplication");
}

#endif

void hash_rows(std::span<const Block> e, const std::uint8_t* rows, std::size_t n, Block* out) {
  if (has_carryless_multiply()) return hash_rows_carryless(e, rows, n, out);  // mutate: speed only
  hash_rows_portable(e, rows, n, out);
}

}  // namespace quorate::ot
