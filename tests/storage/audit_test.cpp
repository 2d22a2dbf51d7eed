// attack 68: edit, delete, insert, reorder, truncate, fork.
#include "tests/storage/fixture.h"

namespace quorate::storage {
namespace {

struct Log {
  AuditHead genesis = audit_genesis(test_identity());
  std::vector<AuditRecord> records;
  explicit Log(int n) {
    AuditHead head = genesis;
    for (int i = 0; i < n; ++i) {
      records.push_back(audit_record(head, sample_entry("entry " + std::to_string(i), 1000 + i)));
      head = head_of(records.back());
    }
  }
  AuditHead head() const { return head_of(records.back()); }
  std::uint64_t fault(const std::optional<AuditHead>& to = std::nullopt) const {
    const auto f = verify_audit_chain(genesis, records, to);
    return f ? f->seq : 0;
  }
};

TEST(Audit, HonestLog) {
  const Log log(5);
  EXPECT_EQ(log.fault(), 0u);
  EXPECT_EQ(log.fault(log.head()), 0u);
  EXPECT_EQ(log.fault(head_of(log.records[2])), 0u);  // it has grown since the head was kept
  EXPECT_EQ(log.fault(log.genesis), 0u);
  EXPECT_FALSE(verify_audit_chain(head_of(log.records[1]), std::span(log.records).subspan(2), log.head()));
}

TEST(Audit, EveryFieldIsInTheHash) {
  const auto fault = [](auto edit) {
    Log log(5);
    edit(log.records[2]);
    return log.fault();
  };
  EXPECT_EQ(fault([](AuditRecord& r) { r.entry.time += 1; }), 3u);
  EXPECT_EQ(fault([](AuditRecord& r) { r.entry.kind += "x"; }), 3u);
  EXPECT_EQ(fault([](AuditRecord& r) { r.entry.request += "x"; }), 3u);
  EXPECT_EQ(fault([](AuditRecord& r) { r.entry.text += "x"; }), 3u);
  EXPECT_EQ(fault([](AuditRecord& r) { r.hash[0] ^= 1; }), 3u);
  EXPECT_EQ(fault([](AuditRecord& r) { r.previous[0] ^= 1; }), 3u);
  EXPECT_EQ(fault([](AuditRecord& r) { r.seq += 1; }), 3u);
  // Text moved over a boundary between two fields.
  EXPECT_EQ(fault([](AuditRecord& r) {
              r.entry.kind += r.entry.request[0];
              r.entry.request.erase(0, 1);
            }),
            3u);
}

TEST(Audit, EditedEntryWithARecomputedHashBreaksTheNext) {
  Log log(5);
  log.records[2] = audit_record(head_of(log.records[1]), sample_entry("rewritten"));
  EXPECT_EQ(log.fault(), 4u);
}

TEST(Audit, RemovedInsertedReordered) {
  Log removed(5);
  removed.records.erase(removed.records.begin() + 2);
  EXPECT_EQ(removed.fault(), 3u);
  Log inserted(5);
  inserted.records.insert(inserted.records.begin() + 2, inserted.records[1]);
  EXPECT_EQ(inserted.fault(), 3u);
  Log reordered(5);
  std::swap(reordered.records[2], reordered.records[3]);
  EXPECT_EQ(reordered.fault(), 3u);
  Log first(5);
  first.records.erase(first.records.begin());
  EXPECT_EQ(first.fault(), 1u);
}

TEST(Audit, TruncatedTail) {
  Log log(5);
  const AuditHead kept = log.head();
  log.records.pop_back();
  EXPECT_EQ(log.fault(), 0u);  // the log alone does not tell
  EXPECT_EQ(log.fault(kept), 5u);
  log.records.clear();
  EXPECT_EQ(log.fault(kept), 1u);
}

TEST(Audit, Fork) {
  const Log log(5);
  const AuditHead kept = log.head();
  Log fork(3);
  for (int i = 3; i < 7; ++i)
    fork.records.push_back(audit_record(fork.head(), sample_entry("other " + std::to_string(i))));
  EXPECT_EQ(fork.fault(), 0u);
  EXPECT_EQ(fork.fault(kept), 5u);
}

TEST(Audit, AnotherNodesLogIsAnother) {
  const Log log(3);
  EXPECT_TRUE(verify_audit_chain(audit_genesis(test_identity("node2")), log.records));
  EXPECT_TRUE(verify_audit_chain(audit_genesis(test_identity("node1", 'd')), log.records));
}

// The hash as another program would compute it: SHA-256 of the count (7), then each part behind its 8-byte length.
TEST(Audit, KnownAnswer) {
  const AuditRecord r = audit_record({0, Digest{}}, {1700000000, "signed", "req_00", "{}"});
  EXPECT_EQ(to_hex(r.hash), "032b760a1460cb1facdd7703ac0e9a6b9b8bbc785b1a4be53f98c6534d71768d");
  EXPECT_EQ(to_hex(audit_genesis({"c0", "node1"}).hash),
            "8f71c04cab0946709ec59daaad7cd085d85721e85a4ffaea85ad70a054e4be3a");
}

}  // namespace
}  // namespace quorate::storage
