#include "transactions/keccak.h"

#include <bit>

namespace quorate::transactions {
namespace {

using State = std::array<std::uint64_t, 25>;  // lane A[x, y] at x + 5y

constexpr std::size_t kRate = 136;  // bytes: (1600 − 2·256) / 8

constexpr std::array<std::uint64_t, 24> kRoundConstants{
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};

// FIPS 202 §3.2.2, §3.2.3: along the walk (x, y) → (y, 2x+3y) that starts at (1, 0).
constexpr std::array<int, 24> kRotations{1,  3,  6,  10, 15, 21, 28, 36, 45, 55, 2,  14,
                                         27, 41, 56, 8,  25, 43, 62, 18, 39, 61, 20, 44};
constexpr std::array<std::size_t, 24> kLanes{10, 7,  11, 17, 18, 3, 5,  16, 8,  21, 24, 4,
                                             15, 23, 19, 13, 12, 2, 20, 14, 22, 9,  6,  1};

void keccak_f1600(State& A) {
  for (const std::uint64_t round_constant : kRoundConstants) {
    std::array<std::uint64_t, 5> C{};  // θ
    for (std::size_t x = 0; x < 5; ++x) C[x] = A[x] ^ A[x + 5] ^ A[x + 10] ^ A[x + 15] ^ A[x + 20];
    for (std::size_t x = 0; x < 5; ++x) {
      const std::uint64_t D = C[(x + 4) % 5] ^ std::rotl(C[(x + 1) % 5], 1);
      for (std::size_t y = 0; y < 25; y += 5) A[x + y] ^= D;
    }
    std::uint64_t moving = A[1];  // ρ and π
    for (std::size_t i = 0; i < 24; ++i) {
      const std::uint64_t next = A[kLanes[i]];
      A[kLanes[i]] = std::rotl(moving, kRotations[i]);
      moving = next;
    }
    for (std::size_t y = 0; y < 25; y += 5) {  // χ
      const std::array<std::uint64_t, 5> row{A[y], A[y + 1], A[y + 2], A[y + 3], A[y + 4]};
      for (std::size_t x = 0; x < 5; ++x) A[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
    }
    A[0] ^= round_constant;  // ι
  }
}

void absorb(State& A, const std::uint8_t* block) {
  for (std::size_t i = 0; i < kRate; ++i) A[i / 8] ^= std::uint64_t{block[i]} << (8 * (i % 8));
  keccak_f1600(A);
}

}  // namespace

Digest keccak256(ByteView bytes) {
  State A{};
  while (bytes.size() >= kRate) {
    absorb(A, bytes.data());
    bytes = bytes.subspan(kRate);
  }
  std::array<std::uint8_t, kRate> last{};
  std::copy(bytes.begin(), bytes.end(), last.begin());
  last[bytes.size()] ^= 0x01;
  last[kRate - 1] ^= 0x80;
  absorb(A, last.data());
  Digest out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(A[i / 8] >> (8 * (i % 8)));
  return out;
}

}  // namespace quorate::transactions
