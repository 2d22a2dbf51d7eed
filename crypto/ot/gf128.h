// GF(2^128) modulo x^128 + x^7 + x^2 + x + 1; bit b of a block (bit b mod 8 of byte b/8) is the coefficient of x^b.
// Constant-time.
#pragma once
#include <span>

#include "crypto/ot/parameters.h"

namespace quorate::ot {

// The universal hash of the extension's check, over `n` rows that lie one behind the other, each of e.size() blocks and
// one more: h(y) = Σ_l e_l·y_l + y_L. out: n blocks.
void hash_rows(std::span<const Block> e, const std::uint8_t* rows, std::size_t n, Block* out);

// Its two ways of multiplying; hash_rows takes the processor's instruction where there is one.
void hash_rows_portable(std::span<const Block> e, const std::uint8_t* rows, std::size_t n, Block* out);
bool has_carryless_multiply();
void hash_rows_carryless(std::span<const Block> e, const std::uint8_t* rows, std::size_t n, Block* out);

}  // namespace quorate::ot
