#include "storage/audit.h"

#include "base/hash.h"

namespace quorate::storage {
namespace {

ByteArray<8> big_endian(std::uint64_t v) {
  ByteArray<8> out;
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(v >> (8 * (7 - i)));
  return out;
}

Digest audit_hash(const Digest& previous, std::uint64_t seq, const AuditEntry& e) {
  const auto number = big_endian(seq);
  const auto time = big_endian(static_cast<std::uint64_t>(e.time));
  const ByteView parts[] = {
      view_of("quorate/audit/entry/1"), previous, number, time, view_of(e.kind), view_of(e.request), view_of(e.text)};
  return sha256_list(parts);
}

}  // namespace

AuditHead audit_genesis(const Identity& identity) {
  const ByteView parts[] = {view_of("quorate/audit/genesis/1"), view_of(identity.cluster), view_of(identity.node)};
  return {0, sha256_list(parts)};
}

AuditRecord audit_record(const AuditHead& before, AuditEntry entry) {
  AuditRecord r;
  r.seq = before.seq + 1;
  r.previous = before.hash;
  r.hash = audit_hash(r.previous, r.seq, entry);
  r.entry = std::move(entry);
  return r;
}

std::optional<AuditFault> verify_audit_chain(const AuditHead& from, std::span<const AuditRecord> records,
                                             const std::optional<AuditHead>& to) {
  AuditHead head = from;
  bool met = to && *to == from;
  for (const AuditRecord& r : records) {
    if (r.seq != head.seq + 1) return AuditFault{head.seq + 1, "an entry is missing or out of order"};
    if (r.previous != head.hash) return AuditFault{r.seq, "does not follow the entry before it"};
    if (r.hash != audit_hash(r.previous, r.seq, r.entry)) return AuditFault{r.seq, "was changed"};
    head = head_of(r);
    if (to && to->seq == head.seq) {
      if (*to != head) return AuditFault{r.seq, "another entry than the one that was signed for: the log was forked"};
      met = true;
    }
  }
  if (to && !met) return AuditFault{head.seq + 1, "the log ends before the head that was signed for"};
  return std::nullopt;
}

}  // namespace quorate::storage
