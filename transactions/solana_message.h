// Solana's messages, legacy and version 0: what Ed25519 signs. Strict: compact-u16 in the shortest form, no trailing
// bytes, every index within its list; what parses serialises to the same bytes.
#pragma once
#include <optional>
#include <vector>

#include "base/codec.h"

namespace quorate::transactions {

struct SolanaInstruction {
  std::uint8_t program = 0;  // index into the accounts
  Bytes accounts;            // indices into the accounts, those of tables after the static ones
  Bytes data;
};

struct SolanaTableLookup {
  Bytes32 table{};
  Bytes writable, readonly;  // indices into the table
};

struct SolanaMessage {
  std::optional<std::uint8_t> version;  // nullopt: legacy; else 0
  std::uint8_t required_signatures = 0, readonly_signed = 0, readonly_unsigned = 0;
  std::vector<Bytes32> accounts;  // the first required_signatures sign; the very first pays the fee
  Bytes32 recent_blockhash{};
  std::vector<SolanaInstruction> instructions;
  std::vector<SolanaTableLookup> lookups;  // version 0

  static SolanaMessage parse(ByteView bytes);  // throws Malformed
  Bytes bytes() const;
};

void put_compact_u16(Bytes& out, std::size_t value);

}  // namespace quorate::transactions
