// Sizes of DKLs23's oblivious transfers on secp256k1 (docs/ecdsa.md). Directed pair (A, B): A puts values in and holds
// Δ; B's values are random.
#pragma once
#include <cstddef>

#include "base/bytes.h"
#include "base/limits.h"
#include "crypto/party_id.h"

namespace quorate::ot {

inline constexpr std::size_t kKappa = 128;                  // base OTs; bits of Δ
inline constexpr std::size_t kStatistical = 80;             // λ_s
inline constexpr std::size_t kXi = 256 + 2 * kStatistical;  // ξ: choice bits of one instance
inline constexpr std::size_t kOutputs = 3;                  // pads per column: two inputs and the check's

// 128 bits: an element of GF(2^128), a column, Δ.
using Block = ByteArray<16>;

// Choice blocks of a row for m instances; a row has one more, the mask.
constexpr std::size_t choice_blocks(std::size_t m) { return (kXi * m + 127) / 128; }
constexpr std::size_t row_bytes(std::size_t m) { return 16 * (choice_blocks(m) + 1); }
inline constexpr std::size_t kMaxRowBytes = row_bytes(limits::kMaxDigests);

// Who is who in one directed pair of one session.
struct Direction {
  Digest sid{};
  PartyId A, B;
};

}  // namespace quorate::ot
