// Records with a layout of our own, as they lie in the database or beside it. A layout that changes gets the next
// version number and keeps its old fixture (tests/storage/fixtures).
#pragma once
#include "base/codec.h"
#include "base/limits.h"
#include "storage/store.h"

namespace quorate::storage {

// What the blob column of a share holds. The header repeats where the row belongs, so that a row moved to another key,
// number, party, node or cluster is refused (attack 59).
struct StoredShare {
  static constexpr std::uint16_t kVersion = 1;
  std::uint16_t version = kVersion;
  BoundedText<64> cluster;
  BoundedText<limits::kMaxName> node;
  BoundedText<limits::kMaxStoredName> key;
  std::uint64_t number = 0;
  std::uint16_t party = 0;
  BoundedSecretBytes<limits::kMaxRecord> blob;
  static auto fields(auto& m) { return std::tie(m.version, m.cluster, m.node, m.key, m.number, m.party, m.blob); }
};

SecretBytes seal_share(const Identity& identity, const ShareRow& row);
// The blob of `row` taken out of its header. Throws StorageCorrupt unless the header says what the row and `identity`
// say.
SecretBytes open_share(const Identity& identity, const ShareInfo& row, ByteView sealed);

// What the record column of a row of the ledger holds.
struct LedgerRecord {
  struct Part {
    BoundedText<limits::kMaxStoredName> sum;
    Bytes32 amount{};
    static auto fields(auto& m) { return std::tie(m.sum, m.amount); }
  };
  static constexpr std::uint16_t kVersion = 1;
  std::uint16_t version = kVersion;
  Bounded<BoundedText<limits::kMaxStoredName>, limits::kMaxNodes> others;
  Bounded<Part, limits::kMaxLedgerParts> parts;
  static auto fields(auto& m) { return std::tie(m.version, m.others, m.parts); }
};
Bytes seal_ledger_record(const LedgerEntry& entry);
// Into `entry`. Throws StorageCorrupt for bytes that are no such record.
void open_ledger_record(LedgerEntry& entry, ByteView sealed);

// How a passphrase is stretched; lies beside the database as <database>.salt. Not secret.
struct KdfRecord {
  static constexpr std::uint32_t kMagic = 0x514b4446;  // "QKDF"
  std::uint32_t magic = kMagic;
  std::uint16_t version = 1;
  ByteArray<16> salt{};
  std::uint64_t passes = 0;        // of Argon2id
  std::uint64_t memory_bytes = 0;  // of Argon2id
  static auto fields(auto& m) { return std::tie(m.magic, m.version, m.salt, m.passes, m.memory_bytes); }
};
// Throws Malformed, also for costs outside what this program would choose or could bear.
KdfRecord parse_kdf(ByteView bytes);

}  // namespace quorate::storage
