// A stream of numbered batches, each of which leaves the same number in several tables, so that a lost or half-written
// one shows.
#pragma once
#include "tests/storage/fixture.h"

namespace quorate::storage {

inline constexpr std::uint64_t kActivateEvery = 5;

inline Batch first_batch() {
  Batch b;
  b.put_key(sample_key("aa", "hot"))
      .insert_share(sample_share("aa", 1, "secret of 1"))
      .activate("aa", 1, bytes_of("1"));
  return b;
}

// Batch i: claim, request, meta, strike, audit entry; every kActivateEvery-th one also prepares and activates the share
// of number i + 1.
inline Batch numbered_batch(std::uint64_t i) {
  const std::string n = std::to_string(i);
  Batch b;
  b.claim("n", n)
      .insert_request(sample_request("req_" + n))
      .put_meta("m/" + n, secret_bytes(view_of(n)))
      .add_strike("aa", 1'000'000'000, Digest{}, "node" + n)
      .append_audit(sample_entry(n));
  if (i % kActivateEvery == 0) {
    const std::uint64_t before = i == kActivateEvery ? 1 : i + 1 - kActivateEvery;
    b.insert_successor(sample_share("aa", i + 1, "secret of " + std::to_string(i + 1)),
                       bytes_of(std::to_string(before)))
        .succeed(sample_succession("aa", std::to_string(before), i + 1, std::to_string(i + 1), {before}));
  }
  return b;
}

// All of batch i is there (true), nothing of it is (false), or the test fails.
inline bool check_whole(const Store& store, std::uint64_t i) {
  const std::string n = std::to_string(i);
  const bool there = store.claimed("n", n);
  EXPECT_EQ(store.request("req_" + n).has_value(), there) << i;
  EXPECT_EQ(store.meta("m/" + n).has_value(), there) << i;
  EXPECT_EQ(store.strikes("aa", Digest{}, "node" + n), there ? 1u : 0u) << i;
  return there;
}

// The key is active with exactly one share, that of its number (attack 44), and the audit log is a chain that logs each
// number once. Returns how many entries it has.
inline std::size_t check_sound(const Store& store) {
  const auto key = store.key_by_id("aa");
  const auto share = store.active_share("aa");
  EXPECT_TRUE(key && share);
  if (!key || !share) return 0;
  EXPECT_EQ(key->state, KeyState::active);
  EXPECT_EQ(key->number, share->number);
  EXPECT_EQ(key->certificate, bytes_of(std::to_string(key->number)));
  EXPECT_EQ(text_of_secret(share->blob), "secret of " + std::to_string(key->number));
  EXPECT_TRUE(store.prepared_shares().empty());
  for (std::uint64_t older = 1; older < key->number; ++older) EXPECT_FALSE(store.share("aa", older)) << older;
  const auto log = store.audit(0, SIZE_MAX);
  const auto fault = verify_audit_chain(audit_genesis(store.identity()), log, store.audit_head());
  EXPECT_FALSE(fault) << fault->seq << ": " << fault->what;
  for (const AuditRecord& r : log) EXPECT_TRUE(store.claimed("n", r.entry.text)) << r.entry.text;
  return log.size();
}

}  // namespace quorate::storage
