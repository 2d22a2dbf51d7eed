#include "crypto/ot/transpose.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/secret.h"

namespace quorate::ot {
namespace {

using u64 = std::uint64_t;

// 64×64 bits in place: bit j of word i ↔ bit i of word j. Halves change places, then their halves, and so on.
void transpose_square(std::array<u64, 64>& words) {
  u64 mask = 0x00000000ffffffff;
  for (unsigned width = 32; width != 0; width >>= 1, mask ^= mask << width) {
    for (std::size_t base = 0; base < 64; base += 2 * width) {
      for (std::size_t i = base; i < base + width; ++i) {
        const u64 t = ((words[i] >> width) ^ words[i + width]) & mask;
        words[i + width] ^= t;
        words[i] ^= t << width;
      }
    }
  }
}

u64 little_endian(u64 v) { return std::endian::native == std::endian::little ? v : __builtin_bswap64(v); }

}  // namespace

void transpose(const std::uint8_t* rows, std::size_t row_size, std::span<Block> columns) {
  QUORATE_ASSERT(row_size % 16 == 0 && 8 * row_size >= columns.size());
  std::array<u64, 64> words;
  for (std::size_t j = 0; j < columns.size(); j += 64) {
    const std::size_t count = std::min<std::size_t>(64, columns.size() - j);
    for (std::size_t half = 0; half < 2; ++half) {
      for (std::size_t i = 0; i < 64; ++i) {
        std::memcpy(&words[i], rows + (64 * half + i) * row_size + j / 8, 8);
        words[i] = little_endian(words[i]);
      }
      transpose_square(words);
      for (std::size_t k = 0; k < count; ++k) {
        const u64 w = little_endian(words[k]);
        std::memcpy(columns[j + k].data() + 8 * half, &w, 8);
      }
    }
  }
  wipe(words.data(), sizeof words);
}

}  // namespace quorate::ot
