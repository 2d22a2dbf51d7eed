#include "storage/stored_record.h"

namespace quorate::storage {

SecretBytes seal_share(const Identity& identity, const ShareRow& row) {
  StoredShare s;
  s.cluster = identity.cluster;
  s.node = identity.node;
  s.key = row.key;
  s.number = row.number;
  s.party = row.party;
  s.blob.assign(row.blob.begin(), row.blob.end());
  return encode(s);
}

SecretBytes open_share(const Identity& identity, const ShareInfo& row, ByteView sealed) {
  const std::string where = "share of key " + row.key + " number " + std::to_string(row.number);
  StoredShare s;
  try {
    s = decode<StoredShare>(sealed);
  } catch (const Malformed& e) {
    throw StorageCorrupt(where + ": not a share record: " + e.what());
  }
  if (s.version != StoredShare::kVersion) throw StorageCorrupt(where + ": unknown version");
  if (s.cluster.text != identity.cluster) throw StorageCorrupt(where + ": belongs to another cluster");
  if (s.node.text != identity.node) throw StorageCorrupt(where + ": belongs to node " + s.node.text);
  if (s.key.text != row.key || s.number != row.number || s.party != row.party)
    throw StorageCorrupt(where + ": the row was swapped with that of key " + s.key.text + " number " +
                         std::to_string(s.number) + " party " + std::to_string(s.party));
  return secret_bytes(s.blob);
}

Bytes seal_ledger_record(const LedgerEntry& entry) {
  LedgerRecord r;
  r.others.assign(entry.others.begin(), entry.others.end());
  for (const LedgerPart& part : entry.parts) r.parts.push_back({part.sum, part.amount});
  const SecretBytes bytes = encode(r);
  return {bytes.begin(), bytes.end()};
}

void open_ledger_record(LedgerEntry& entry, ByteView sealed) {
  const std::string where = "entry of " + entry.request + " in the ledger";
  try {
    const auto r = decode<LedgerRecord>(sealed);
    if (r.version != LedgerRecord::kVersion) throw StorageCorrupt(where + ": unknown version");
    for (const auto& node : r.others) entry.others.push_back(node.text);
    for (const LedgerRecord::Part& part : r.parts) entry.parts.push_back({part.sum.text, part.amount});
  } catch (const Malformed& e) {
    throw StorageCorrupt(where + ": " + e.what());
  }
}

KdfRecord parse_kdf(ByteView bytes) {
  const auto r = decode<KdfRecord>(bytes);
  if (r.magic != KdfRecord::kMagic) throw Malformed("not a Quorate salt file");
  if (r.version != 1) throw Malformed("a salt file of an unknown version");
  if (r.passes < 1 || r.passes > 16) throw Malformed("passes outside 1 to 16");
  if (r.memory_bytes < (std::uint64_t{8} << 20) || r.memory_bytes > (std::uint64_t{1} << 30))
    throw Malformed("memory outside 8 MiB to 1 GiB");
  return r;
}

}  // namespace quorate::storage
