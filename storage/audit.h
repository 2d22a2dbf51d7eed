// The audit log of one node: a hash chain. The head (sequence number and hash) commits to every entry before it.
#pragma once
#include <optional>
#include <span>
#include <string>

#include "base/bytes.h"

namespace quorate::storage {

// What node appends.
struct AuditEntry {
  std::int64_t time = 0;  // unix seconds
  std::string kind;
  std::string request;  // request id or empty
  std::string text;     // JSON
};

// What the log holds: hash = SHA-256 of the list (tag, previous, seq, time, kind, request, text).
struct AuditRecord {
  std::uint64_t seq = 0;  // 1, 2, 3 …
  AuditEntry entry;
  Digest previous{};
  Digest hash{};
};

struct AuditHead {
  std::uint64_t seq = 0;  // 0: nothing logged yet, and hash is audit_genesis()
  Digest hash{};
  friend bool operator==(const AuditHead&, const AuditHead&) = default;
};

// Whose database it is.
struct Identity {
  std::string cluster;  // cluster id, 64 hex digits
  std::string node;     // node id
  friend bool operator==(const Identity&, const Identity&) = default;
};

// Where a node's chain starts, so that one node's log cannot pass for another's.
AuditHead audit_genesis(const Identity& identity);
AuditRecord audit_record(const AuditHead& before, AuditEntry entry);
inline AuditHead head_of(const AuditRecord& r) { return {r.seq, r.hash}; }

// The first thing wrong with `records` as the continuation of `from`, or nothing. Finds an edited, removed, inserted or
// reordered entry. With `to` (a head that somebody else has kept) also a log that was cut or forked: `to` must be one
// of the records, or `from` itself.
struct AuditFault {
  std::uint64_t seq = 0;  // where
  std::string what;
};
std::optional<AuditFault> verify_audit_chain(const AuditHead& from, std::span<const AuditRecord> records,
                                             const std::optional<AuditHead>& to = std::nullopt);

}  // namespace quorate::storage
