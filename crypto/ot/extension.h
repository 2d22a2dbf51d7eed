// OT extension: from 128 base OTs to ξ·m correlated ones, q_j = t_j ⊕ β_j·Δ (IKNP with the check of SoftSpokenOT,
// ePrint 2022/192; docs/ecdsa.md, Extension). One message, B → A.
#pragma once
#include <optional>
#include <vector>

#include "crypto/ot/base_ot.h"

namespace quorate::ot {

struct ExtensionMessage {  // B → A
  Bytes32 nonce{};
  BoundedBytes<kKappa * kMaxRowBytes> u;  // κ rows of row_bytes(m)
  Block x_check{};                        // x̃
  Digest t_check{};                       // T̃
  static auto fields(auto& m) { return std::tie(m.nonce, m.u, m.x_check, m.t_check); }
};
// Whether u has the rows of m instances. To be checked before anything else.
bool has_length(const ExtensionMessage& message, std::size_t m);

using Columns = std::vector<Block, WipingAllocator<Block>>;  // ξ·m of them

// B's choices and columns.
struct Chosen {
  SecretBytes beta;  // ⌈ξ·m/8⌉ bytes; bit j of the choices of all instances, in order
  Columns t;
};
struct Extended {
  Chosen chosen;
  ExtensionMessage message;
};
Extended extend(const Direction& direction, const SenderKeys& keys, std::size_t m, Rng& rng);  // B

// A: its columns q. nullopt: the check failed, and B may have learned bits of Δ: close the gate. Constant-time in Δ but
// for the result. Needs has_length.
std::optional<Columns> receive_extension(const Direction& direction, const ReceiverKeys& keys, std::size_t m,
                                         const ExtensionMessage& message);

}  // namespace quorate::ot
