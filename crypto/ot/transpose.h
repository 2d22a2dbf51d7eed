// Rows of bits to columns. Constant-time.
#pragma once
#include <span>

#include "crypto/ot/parameters.h"

namespace quorate::ot {

// The first columns.size() columns of κ rows that lie one behind the other, each of row_size bytes (a multiple of 16):
// bit i of columns[j] = bit j of row i.
void transpose(const std::uint8_t* rows, std::size_t row_size, std::span<Block> columns);

}  // namespace quorate::ot
