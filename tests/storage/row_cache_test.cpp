#include "tests/storage/fixture.h"

namespace quorate::storage {
namespace {

const auto kNever = [](int) { return false; };

TEST(RecentRows, AreReadOnceAndAsTheyWereWrittenLast) {
  RecentRows<int> rows(2);
  int reads = 0;
  const auto read = [&] { return ++reads; };
  EXPECT_EQ(rows.get("a", read, kNever), 1);
  EXPECT_EQ(rows.get("a", read, kNever), 1);
  rows.written("a", 7);
  EXPECT_EQ(rows.get("a", read, kNever), 7);
  rows.forget("a");
  EXPECT_EQ(rows.get("a", read, kNever), 2);
  rows.forget_all();
  EXPECT_EQ(rows.get("a", read, kNever), 3);
}

TEST(RecentRows, WhatWasReadBeforeAWriteIsNotKept) {
  RecentRows<int> rows(2);
  // The disk is asked, then somebody writes, then the answer arrives.
  for (const bool forgets : {false, true}) {
    rows.forget_all();
    const auto slow = [&] {
      if (forgets)
        rows.forget("a");
      else
        rows.written("a", 2);
      return std::optional(1);
    };
    EXPECT_EQ(rows.get("a", slow, kNever), 1);
    EXPECT_EQ(rows.get(
                  "a", [] { return std::optional(2); }, kNever),
              2);
  }
}

TEST(RecentRows, WhatIsLargeIsAskedForEveryTime) {
  RecentRows<int> rows(2);
  int reads = 0;
  for (int i = 1; i <= 2; ++i) {
    EXPECT_TRUE(rows.get(
        "large", [&] { return std::optional(++reads); }, [](int) { return true; }));
    EXPECT_EQ(reads, i);
  }
}

TEST(RecentRows, WhatIsNotThereIsAskedForOnceUntilItIsWritten) {
  RecentRows<int> rows(2);
  int reads = 0;
  const auto nothing = [&]() -> std::optional<int> { return ++reads, std::nullopt; };
  EXPECT_FALSE(rows.get("none", nothing, kNever));
  EXPECT_FALSE(rows.get("none", nothing, kNever));
  EXPECT_EQ(reads, 1);
  rows.written("none", 5);
  EXPECT_EQ(rows.get("none", nothing, kNever), 5);
  rows.forget("none");
  EXPECT_FALSE(rows.get("none", nothing, kNever));
  EXPECT_EQ(reads, 2);
  // The disk is asked, then somebody writes, then the answer arrives.
  const auto overtaken = [&]() -> std::optional<int> { return rows.written("late", 6), std::nullopt; };
  EXPECT_FALSE(rows.get("late", overtaken, kNever));
  EXPECT_EQ(rows.get("late", nothing, kNever), 6);
}

TEST(RecentRows, ThoseUsedLastStay) {
  RecentRows<int> rows(2);
  int reads = 0;
  const auto kept = [&](const std::string& name) {
    const int before = reads;
    rows.get(
        name, [&] { return std::optional(++reads); }, kNever);
    return reads == before;
  };
  rows.written("often", 0);
  for (int i = 0; i < 100; ++i) {
    rows.written(std::to_string(i), i);
    EXPECT_TRUE(kept("often"));
  }
  EXPECT_TRUE(kept("99"));
  EXPECT_FALSE(kept("90"));
}

// Every way in which a row that the cache holds can change.
TEST(SqliteStore, ReadsWhatWasWrittenLastThoughItWasReadBefore) {
  TempDir dir;
  const auto store = SqliteStore::create(dir.file("db"), test_key(), test_identity());
  const auto commit = [&](Batch& batch) { ASSERT_TRUE(store->commit_now(std::move(batch)).ok()); };
  const auto state = [&] { return store->request("r")->state; };

  EXPECT_FALSE(store->request("r"));
  EXPECT_FALSE(store->request("r"));
  commit(Batch().insert_request(sample_request("r", RequestState::queued)));
  EXPECT_EQ(state(), RequestState::queued);
  commit(Batch().update_request(sample_request("r", RequestState::running), {RequestState::queued}));
  EXPECT_EQ(state(), RequestState::running);
  EXPECT_FALSE(store
                   ->commit_now(std::move(Batch()
                                              .put_request(sample_request("r", RequestState::failed))
                                              .claim("k", "")
                                              .put_meta("", SecretBytes())))
                   .ok());
  EXPECT_EQ(state(), RequestState::running);
  commit(Batch().put_request(sample_request("r", RequestState::failed)));
  EXPECT_EQ(state(), RequestState::failed);
  commit(Batch().forget_before(INT64_MAX / 2));
  EXPECT_FALSE(store->request("r"));

  const auto meta = [&] { return store->meta("m").has_value() ? store->meta("m")->size() : 99; };
  EXPECT_EQ(meta(), 99u);
  commit(Batch().put_meta("m", SecretBytes(3)));
  EXPECT_EQ(meta(), 3u);
  commit(Batch().put_meta("m", SecretBytes(limits::kMaxCachedMeta + 1)));
  EXPECT_EQ(meta(), limits::kMaxCachedMeta + 1);
  commit(Batch().put_meta("m", SecretBytes(4), 5));
  EXPECT_EQ(meta(), 4u);
  commit(Batch().forget_before(100));
  EXPECT_EQ(meta(), 99u);
  commit(Batch().put_meta("m", SecretBytes(5)));
  commit(Batch().erase_meta("m"));
  EXPECT_EQ(meta(), 99u);
}

}  // namespace
}  // namespace quorate::storage
