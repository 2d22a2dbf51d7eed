#include "crypto/ot/pads.h"

#include <bit>

namespace quorate::ot {
namespace {

void store_le(std::uint8_t* out, std::uint64_t v) {
  if constexpr (std::endian::native == std::endian::big) v = __builtin_bswap64(v);
  std::memcpy(out, &v, sizeof v);
}

void add(Block& to, const Block& b) {
  for (std::size_t n = 0; n < b.size(); ++n) to[n] ^= b[n];
}

}  // namespace

// H(w, j, k) = π(π(w) ⊕ v) ⊕ π(w), all inner calls of π together and then all outer ones.
Pads::Pads(FixedKeyAes& pi, std::span<const Block> columns, std::size_t first) : blocks_(columns.size() * kPadBlocks) {
  Columns inner(columns.begin(), columns.end());
  pi.permute(inner);
  for (std::size_t n = 0; n < columns.size(); ++n) {
    for (std::size_t k = 0; k < kPadBlocks; ++k) {
      Block& v = blocks_[n * kPadBlocks + k];
      store_le(v.data(), first + n);
      store_le(v.data() + 8, k);
      add(v, inner[n]);
    }
  }
  pi.permute(blocks_);
  for (std::size_t n = 0; n < columns.size(); ++n)
    for (std::size_t k = 0; k < kPadBlocks; ++k) add(blocks_[n * kPadBlocks + k], inner[n]);
}

}  // namespace quorate::ot
