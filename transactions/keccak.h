// Keccak-256 as Ethereum uses it: Keccak[512] of the submission to the SHA-3 competition, padding 0x01 (FIPS 202 has
// 0x06).
#pragma once
#include <string_view>

#include "base/bytes.h"

namespace quorate::transactions {

Digest keccak256(ByteView bytes);
inline Digest keccak256(std::string_view text) { return keccak256(view_of(text)); }

}  // namespace quorate::transactions
