// The ledger of windows: what each operation does, against SQLite and the memory store; both against a naive ledger
// (attack 67).
#include "base/rng.h"
#include "tests/storage/both_stores.h"
#include "tests/storage/ledger_fixture.h"
#include "tests/support/runs.h"

namespace quorate::storage {
namespace {

template <class Kind>
class Ledger : public testing::Test {
 protected:
  Store& store() { return kind_.get(); }
  void reopen() { kind_.reopen(); }
  CommitResult commit(Batch& batch) { return store().commit_now(std::move(batch)); }
  void ok(Batch& batch) {
    const CommitResult r = commit(batch);
    EXPECT_TRUE(r.ok()) << r.text;
  }
  void refused(Batch& batch, const std::string& rule) {
    const CommitResult r = commit(batch);
    EXPECT_EQ(r.conflict, Conflict::limit);
    EXPECT_EQ(r.text, rule);
  }
  void bad(Conflict expected, Batch& batch) { EXPECT_EQ(commit(batch).conflict, expected); }
  // {total, count, own, own_count}
  std::vector<std::uint64_t> sums(std::int64_t now = kNow, std::int64_t hours = 24, const std::string& name = "s") {
    const LedgerSum s = store().ledger_sum(name, hours, now);
    return {number_of(s.total), s.count, number_of(s.own), s.own_count};
  }
  Kind kind_;
};
TYPED_TEST_SUITE(Ledger, BothStores);

TYPED_TEST(Ledger, IsEmptyAtFirst) {
  EXPECT_EQ(this->sums(), (std::vector<std::uint64_t>{0, 0, 0, 0}));
  EXPECT_FALSE(this->store().ledger_entry("r"));
  EXPECT_TRUE(this->store().ledger_open(10).empty());
  EXPECT_EQ(this->store().ledger_seq(), 0u);
  EXPECT_TRUE(this->store().ledger_after(0, 10).empty());
}

TYPED_TEST(Ledger, UpToTheLimitAndNotOneMore) {
  this->ok(Batch().reserve(reservation("a", 60, {at_most(100)})));
  this->refused(Batch().reserve(reservation("b", 41, {at_most(100)})), "daily");
  EXPECT_FALSE(this->store().ledger_entry("b"));
  EXPECT_EQ(this->sums(), (std::vector<std::uint64_t>{60, 1, 60, 1}));
  this->ok(Batch().reserve(reservation("b", 40, {at_most(100)})));
  this->refused(Batch().reserve(reservation("c", 1, {at_most(100)})), "daily");
  this->ok(Batch().reserve(reservation("c", 0, {at_most(100)})));
  this->reopen();
  EXPECT_EQ(this->sums(), (std::vector<std::uint64_t>{100, 3, 100, 3}));
}

TYPED_TEST(Ledger, Counts) {
  this->ok(Batch().reserve(reservation("a", 5, {at_most_times(2)})));
  this->ok(Batch().reserve(reservation("b", 5, {at_most_times(2)})));
  this->refused(Batch().reserve(reservation("c", 0, {at_most_times(2)})), "often");
  this->refused(Batch().reserve(reservation("c", 0, {at_most_times(0)})), "often");
}

TYPED_TEST(Ledger, ALimitWithoutABoundHasNoRoom) {
  this->refused(Batch().reserve(reservation("a", 0, {LedgerLimit{"s", "none", 24, false, std::nullopt, std::nullopt}})),
                "none");
}

TYPED_TEST(Ledger, EveryLimitCounts) {
  this->refused(Batch().reserve(reservation("a", 60, {at_most(100), at_most_times(0)})), "often");
  this->refused(Batch().reserve(reservation("a", 60, {at_most(59), at_most_times(1)})), "daily");
  LedgerLimit both = at_most(100);
  both.most_count = 0;
  this->refused(Batch().reserve(reservation("a", 60, {both})), "daily");
  this->ok(Batch().reserve(reservation("a", 60, {at_most(60), at_most_times(1)})));
}

TYPED_TEST(Ledger, AgainCountsOnceAndLooksAgain) {
  this->ok(Batch().reserve(reservation("a", 60, {at_most(100)})));
  this->ok(Batch().reserve(reservation("a", 60, {at_most(100)})));
  EXPECT_EQ(this->sums(), (std::vector<std::uint64_t>{60, 1, 60, 1}));
  this->ok(Batch().hear({"b", "node2", kNow, {{"s", amount(50)}}}));
  this->refused(Batch().reserve(reservation("a", 60, {at_most(100)})), "daily");
  // It is refused, and stays reserved.
  EXPECT_EQ(this->store().ledger_entry("a")->own, LedgerOwn::reserved);
  EXPECT_EQ(this->sums(), (std::vector<std::uint64_t>{110, 2, 60, 1}));
}

TYPED_TEST(Ledger, OwnSumsAreOfThisNodeAlone) {
  this->ok(Batch().hear({"b", "node2", kNow, {{"s", amount(90)}}}));
  this->ok(Batch().settle({"c", kNow, {{"s", amount(90)}}}));
  this->ok(Batch().reserve(reservation("a", 100, {at_most(100, "s", 24, true), at_most_times(1, true)})));
  this->refused(Batch().reserve(reservation("d", 1, {at_most(100, "s", 24, true)})), "daily");
  this->refused(Batch().reserve(reservation("d", 0, {at_most_times(1, true)})), "often");
  EXPECT_EQ(this->sums(), (std::vector<std::uint64_t>{280, 3, 100, 1}));
  // A settled one that this node joins is its own.
  this->ok(Batch().reserve(reservation("c", 90, {})));
  EXPECT_EQ(this->sums(), (std::vector<std::uint64_t>{280, 3, 190, 2}));
}

TYPED_TEST(Ledger, RoomComesFreeOnlyBeforeTheLastWord) {
  this->ok(Batch().reserve(reservation("a", 60, {at_most(100)})));
  EXPECT_EQ(this->store().ledger_open(10).size(), 1u);
  EXPECT_EQ(this->store().ledger_open(0).size(), 0u);
  this->ok(Batch().unreserve("a"));
  EXPECT_EQ(this->store().ledger_open(10).size(), 0u);
  EXPECT_EQ(this->sums(), (std::vector<std::uint64_t>{0, 0, 0, 0}));
  this->bad(Conflict::not_found, Batch().spend("a", kNow));
  this->ok(Batch().reserve(reservation("a", 60, {at_most(100)})));
  this->ok(Batch().spend("a", kNow));
  EXPECT_EQ(this->store().ledger_open(10).size(), 0u);
  this->ok(Batch().unreserve("a"));
  EXPECT_EQ(this->sums(), (std::vector<std::uint64_t>{60, 1, 60, 1}));
  this->ok(Batch().spend("a", kNow));
  this->bad(Conflict::not_found, Batch().spend("never", kNow));
  this->ok(Batch().unreserve("never"));
  this->ok(Batch().unhear("never", "node2"));
}

TYPED_TEST(Ledger, CountsWhileAnyNodeIsInIt) {
  this->ok(Batch().hear({"a", "node3", kNow, {{"s", amount(60)}}}));
  this->ok(Batch().hear({"a", "node2", kNow, {{"s", amount(60)}}}));
  this->ok(Batch().hear({"a", "node2", kNow, {{"s", amount(60)}}}));
  EXPECT_EQ(this->store().ledger_entry("a")->others, (std::vector<std::string>{"node2", "node3"}));
  EXPECT_EQ(this->sums(), (std::vector<std::uint64_t>{60, 1, 0, 0}));
  this->ok(Batch().unhear("a", "node2"));
  EXPECT_EQ(this->sums(), (std::vector<std::uint64_t>{60, 1, 0, 0}));
  this->ok(Batch().unhear("a", "node3"));
  EXPECT_EQ(this->sums(), (std::vector<std::uint64_t>{0, 0, 0, 0}));
  this->ok(Batch().settle({"a", kNow, {{"s", amount(60)}}}));
  this->ok(Batch().unreserve("a"));
  EXPECT_EQ(this->sums(), (std::vector<std::uint64_t>{60, 1, 0, 0}));
  EXPECT_TRUE(this->store().ledger_entry("a")->certain);
}

TYPED_TEST(Ledger, ManySumsAndLaterOnes) {
  this->ok(Batch().reserve({"a", kNow, {{"s", amount(60)}, {"t", amount(7)}}, {at_most(60), at_most(7, "t")}}));
  // The policy asks for more now; of one sum the greater amount counts.
  this->ok(Batch().reserve({"a", kNow, {{"s", amount(50)}, {"r", amount(1)}, {"t", amount(8)}}, {}}));
  EXPECT_EQ(this->sums(), (std::vector<std::uint64_t>{60, 1, 60, 1}));
  EXPECT_EQ(this->sums(kNow, 24, "t"), (std::vector<std::uint64_t>{8, 1, 8, 1}));
  EXPECT_EQ(this->sums(kNow, 24, "r"), (std::vector<std::uint64_t>{1, 1, 1, 1}));
  EXPECT_EQ(this->store().ledger_entry("a")->parts,
            (std::vector<LedgerPart>{{"r", amount(1)}, {"s", amount(60)}, {"t", amount(8)}}));
  this->ok(Batch().unreserve("a"));
  for (const char* sum : {"r", "s", "t"})
    EXPECT_EQ(this->sums(kNow, 24, sum), (std::vector<std::uint64_t>{0, 0, 0, 0}));
}

TYPED_TEST(Ledger, SumsOfGreatestAmountsDoNotOverflow) {
  Bytes32 most;
  most.fill(0xff);
  for (const char* request : {"a", "b", "c"}) this->ok(Batch().settle({request, kNow, {{"s", most}}}));
  WideAmount expected{};
  expected[7] = 2;
  std::fill(expected.begin() + 8, expected.end(), 0xff);
  expected[39] = 0xfd;
  EXPECT_EQ(this->store().ledger_sum("s", 24, kNow).total, expected);
  LedgerLimit limit = at_most(0);
  limit.most_amount = most;
  this->refused(Batch().reserve(reservation("d", 0, {limit})), "daily");
  this->ok(Batch().reserve({"e", kNow, {{"t", most}}, {LedgerLimit{"t", "x", 1, false, most, {}}}}));
}

TYPED_TEST(Ledger, AWindowEndsToTheMinute) {
  const std::int64_t begin = kNow / 60 * 60;
  this->ok(Batch().reserve(reservation("a", 60, {}, begin + 59)));
  EXPECT_EQ(this->sums(begin + kHour, 1)[0], 60u);
  EXPECT_EQ(this->sums(begin + kHour + 59, 1)[0], 60u);
  EXPECT_EQ(this->sums(begin + kHour + 60, 1)[0], 0u);
  EXPECT_EQ(this->sums(begin + 720 * kHour + 59, 720)[0], 60u);
  EXPECT_EQ(this->sums(begin + 720 * kHour + 60, 720)[0], 0u);
  this->ok(Batch().reserve(reservation("b", 100, {at_most(100, "s", 1)}, begin + kHour + 60)));
}

TYPED_TEST(Ledger, AClockThatGoesBackForgetsNothing) {  // attack 67
  this->ok(Batch().reserve(reservation("a", 60, {at_most(100)}, kNow)));
  for (const std::int64_t back : {1 * kHour, 24 * kHour, 400 * kHour}) {
    EXPECT_EQ(this->sums(kNow - back)[0], 60u);
    this->refused(Batch().reserve(reservation("b", 41, {at_most(100)}, kNow - back)), "daily");
  }
  this->ok(Batch().reserve(reservation("b", 40, {at_most(100)}, kNow - 24 * kHour)));
  this->ok(Batch().settle({"c", kNow - 24 * kHour, {{"s", amount(1)}}}));
  this->reopen();
  // They count from the latest time that was seen, not from what the clock says.
  EXPECT_EQ(this->store().ledger_entry("b")->minute, kNow / 60);
  EXPECT_EQ(this->store().ledger_entry("c")->minute, kNow / 60);
  EXPECT_EQ(this->sums(kNow + 24 * kHour)[0], 101u);
  // Another node's clock does not move this one.
  this->ok(Batch().hear({"d", "node2", kNow + 48 * kHour, {{"s", amount(5)}}}));
  EXPECT_EQ(this->sums(kNow)[0], 106u);
}

TYPED_TEST(Ledger, ALaterAttemptCountsFromThen) {
  this->ok(Batch().reserve(reservation("a", 60, {}, kNow)));
  this->ok(Batch().spend("a", kNow + kHour));
  EXPECT_EQ(this->sums(kNow + 25 * kHour)[0], 60u);
  this->ok(Batch().reserve(reservation("b", 50, {}, kNow + 20 * kHour)));
  this->refused(Batch().reserve(reservation("a", 60, {at_most(100)}, kNow + 40 * kHour)), "daily");
  EXPECT_EQ(this->store().ledger_entry("a")->minute, (kNow + kHour) / 60);
  this->ok(Batch().reserve(reservation("a", 60, {at_most(110)}, kNow + 40 * kHour)));
  EXPECT_EQ(this->sums(kNow + 60 * kHour)[0], 60u);
  EXPECT_EQ(this->store().ledger_entry("a")->own, LedgerOwn::spent);
  // What others say of an earlier time moves nothing back, and of a later one moves it on.
  this->ok(Batch().hear({"a", "node2", kNow, {{"s", amount(60)}}}));
  EXPECT_EQ(this->store().ledger_entry("a")->minute, (kNow + 40 * kHour) / 60);
  this->ok(Batch().hear({"a", "node2", kNow + 41 * kHour, {{"s", amount(60)}}}));
  EXPECT_EQ(this->store().ledger_entry("a")->minute, (kNow + 41 * kHour) / 60);
  // What has happened is known to have happened when it was reserved.
  this->ok(Batch().settle({"a", kNow + 50 * kHour, {{"s", amount(60)}}}));
  EXPECT_EQ(this->store().ledger_entry("a")->minute, (kNow + 41 * kHour) / 60);
}

TYPED_TEST(Ledger, NewsAreOfOwnParts) {
  Store& s = this->store();
  this->ok(Batch().hear({"b", "node2", kNow, {{"s", amount(1)}}}));
  this->ok(Batch().settle({"c", kNow, {{"s", amount(1)}}}));
  EXPECT_EQ(s.ledger_seq(), 0u);
  this->ok(Batch().reserve(reservation("a", 1, {})));
  this->ok(Batch().reserve(reservation("d", 1, {})));
  this->ok(Batch().reserve(reservation("a", 1, {})));  // the same
  EXPECT_EQ(s.ledger_seq(), 2u);
  const auto names = [&](std::uint64_t after, std::size_t n) {
    std::string all;
    for (const LedgerEntry& e : s.ledger_after(after, n)) all += e.request;
    return all;
  };
  EXPECT_EQ(names(0, 10), "ad");
  EXPECT_EQ(names(0, 1), "a");
  EXPECT_EQ(names(1, 10), "d");
  this->ok(Batch().unreserve("a"));
  EXPECT_EQ(names(0, 10), "da");
  EXPECT_EQ(names(2, 10), "a");
  EXPECT_EQ(s.ledger_after(2, 10)[0].own, LedgerOwn::none);
  this->ok(Batch().spend("d", kNow + 60));
  EXPECT_EQ(names(3, 10), "d");
  this->reopen();
  EXPECT_EQ(this->store().ledger_seq(), 4u);
  EXPECT_TRUE(this->store().ledger_after(UINT64_MAX, 10).empty());
}

TYPED_TEST(Ledger, PrunesWhatNoWindowSees) {
  this->ok(Batch().reserve(reservation("old", 60, {}, kNow)));
  this->ok(Batch().settle({"new", kNow + 60, {{"s", amount(7)}}}));
  const std::int64_t end = kNow + limits::kMaxWindowHours * kHour;
  this->ok(Batch().prune_ledger(end));
  EXPECT_TRUE(this->store().ledger_entry("old"));
  this->ok(Batch().prune_ledger(end + 60));
  EXPECT_FALSE(this->store().ledger_entry("old"));
  ASSERT_TRUE(this->store().ledger_entry("new"));
  EXPECT_EQ(this->sums(end + 60, limits::kMaxWindowHours)[0], 7u);
  // The clock has been seen: a later reservation at an earlier time counts from then.
  this->ok(Batch().reserve(reservation("old", 60, {}, kNow)));
  EXPECT_EQ(this->sums(end + 60, 1)[0], 60u);
  // What is heard of too late is in no window.
  this->ok(Batch().hear({"late", "node2", kNow - 48 * kHour, {{"s", amount(3)}}}));
  EXPECT_EQ(this->sums(end + 60, limits::kMaxWindowHours)[0], 67u);
  this->ok(Batch().prune_ledger(end + 60));
  EXPECT_FALSE(this->store().ledger_entry("late"));
}

TYPED_TEST(Ledger, OutOfBounds) {
  const auto out = [&](Batch& batch) { this->bad(Conflict::out_of_bounds, batch); };
  out(Batch().reserve(reservation("", 1, {})));
  out(Batch().reserve(reservation("a", 1, {}, -1)));
  out(Batch().reserve(reservation("a", 1, {}, INT64_MAX)));
  out(Batch().reserve(reservation("a", 1, {at_most(1, "other")})));  // a limit of what this adds nothing to
  out(Batch().reserve(reservation("a", 1, {at_most(1, "s", 0)})));
  out(Batch().reserve(reservation("a", 1, {at_most(1, "s", limits::kMaxWindowHours + 1)})));
  out(Batch().reserve({"a", kNow, {{"s", amount(1)}, {"s", amount(1)}}, {}}));
  out(Batch().reserve({"a", kNow, {{"", amount(1)}}, {}}));
  out(Batch().reserve(
      {"a", kNow, {{"s", amount(1)}}, std::vector<LedgerLimit>(limits::kMaxLedgerLimits + 1, at_most(1))}));
  std::vector<LedgerPart> many;
  for (std::size_t i = 0; i <= limits::kMaxLedgerParts; ++i) many.push_back({std::to_string(i), amount(1)});
  out(Batch().settle({"a", kNow, many}));
  out(Batch().spend("", kNow));
  out(Batch().spend("a", -1));
  out(Batch().unreserve(""));
  out(Batch().hear({"a", "", kNow, {}}));
  out(Batch().hear({"a", "node2", -1, {}}));
  out(Batch().unhear("a", ""));
  out(Batch().prune_ledger(-1));
  for (std::size_t i = 0; i < limits::kMaxNodes; ++i)
    this->ok(Batch().hear({"a", "node" + std::to_string(i), kNow, {}}));
  out(Batch().hear({"a", "one too many", kNow, {}}));
  // What came to be too much over time is refused as well.
  many.pop_back();
  this->ok(Batch().settle({"b", kNow, {{"x", amount(1)}}}));
  out(Batch().settle({"b", kNow, many}));
}

// Who was away asks for what it has missed, and is shown the requests.
TYPED_TEST(Ledger, KeepsTheRequestsOfItsOwnPartsWhileAWindowSeesThem) {
  for (const char* id : {"own", "heard", "released", "none"}) {
    RequestRow row = sample_request(id, RequestState::succeeded, kNow);
    row.forget_after = kNow + kHour;
    this->ok(Batch().insert_request(row));
  }
  this->ok(Batch().reserve(reservation("own", 1, {})).spend("own", kNow));
  this->ok(Batch().hear({"heard", "node2", kNow, {{"s", amount(1)}}}));
  this->ok(Batch().reserve(reservation("released", 1, {})).unreserve("released"));
  const auto there = [&](std::int64_t time) {
    this->ok(Batch().forget_before(time));
    std::string ids;
    for (const char* id : {"own", "heard", "released", "none"})
      if (this->store().request(id)) ids += std::string(id) + " ";
    return ids;
  };
  const std::int64_t end = kNow / 60 * 60 + limits::kMaxWindowHours * kHour + 60;
  EXPECT_EQ(there(kNow + kHour), "own heard released none ");
  EXPECT_EQ(there(kNow + kHour + 1), "own ");
  EXPECT_EQ(there(end - 1), "own ");
  EXPECT_EQ(there(end), "");
}

// Conflicts undo the clock and the sums of the whole batch.
TYPED_TEST(Ledger, AConflictUndoesAll) {
  this->ok(Batch().reserve(reservation("a", 60, {})));
  Batch batch;
  batch.reserve(reservation("b", 5, {})).unreserve("a").reserve(reservation("c", 96, {at_most(100)}, kNow + kHour));
  this->refused(batch, "daily");
  EXPECT_EQ(this->sums(), (std::vector<std::uint64_t>{60, 1, 60, 1}));
  EXPECT_EQ(this->store().ledger_seq(), 1u);
  EXPECT_EQ(this->store().ledger_after(0, 10).size(), 1u);
}

// ---- the same operations to both, in random order, over random times

TEST(LedgerModel, BucketsHoldWhatTheEntriesSay) {
  const TempDir dir;
  const auto sql = SqliteStore::create(dir.file("db"), test_key(), test_identity());
  MemoryStore naive(test_identity());
  SeededRng rng(67);
  std::int64_t now = kNow;
  const std::vector<std::string> sums = {"s", "t", "u"};
  const std::vector<std::int64_t> hours = {1, 2, 24, 168, 720};
  for (int step = 0; step < 2000 / static_cast<int>(test::stride(2)); ++step) {
    now += static_cast<std::int64_t>(rng.below(10)) * static_cast<std::int64_t>(rng.below(1'000));
    if (rng.below(30) == 0) now += static_cast<std::int64_t>(rng.below(2'000'000));
    const std::int64_t seen = rng.below(20) == 0 ? now - static_cast<std::int64_t>(rng.below(3'000'000)) : now;
    const std::string request = "r" + std::to_string(rng.below(300));
    const std::string node = "node" + std::to_string(rng.below(4));
    std::vector<LedgerPart> parts;
    for (const std::string& sum : sums)
      if (rng.below(3) != 0 || sum == "s") parts.push_back({sum, amount(rng.below(1'000))});
    Batch batch;
    for (std::uint64_t n = 1 + rng.below(3); n > 0; --n) {
      switch (rng.below(8)) {
        case 0:
        case 1:
        case 2: {
          std::vector<LedgerLimit> limits;
          if (rng.below(2) == 0)
            limits.push_back(at_most(rng.below(60'000), "s", hours[rng.below(hours.size())], rng.below(2) == 0));
          batch.reserve({request, seen, parts, limits});
          break;
        }
        case 3:
          batch.spend(request, seen);
          break;
        case 4:
          batch.settle({request, seen, parts});
          break;
        case 5:
          batch.unreserve(request);
          break;
        case 6:
          batch.hear({request, node, now - static_cast<std::int64_t>(rng.below(2'700'000)), parts});
          break;
        default:
          batch.unhear(request, node);
      }
    }
    if (rng.below(50) == 0) batch.prune_ledger(now);
    Batch same = batch;
    const CommitResult a = sql->commit_now(std::move(batch)), b = naive.commit_now(std::move(same));
    ASSERT_EQ(a.conflict, b.conflict) << a.text;
    if (a.conflict == Conflict::limit) {
      ASSERT_EQ(a.text, b.text);
    }
    ASSERT_EQ(sql->ledger_entry(request), naive.ledger_entry(request));
    for (const std::string& sum : sums)
      for (const std::int64_t h : hours) ASSERT_EQ(sql->ledger_sum(sum, h, now), naive.ledger_sum(sum, h, now)) << step;
    if (step % 100 == 0) {
      ASSERT_EQ(sql->ledger_open(1000), naive.ledger_open(1000));
      ASSERT_EQ(sql->ledger_after(0, 1000), naive.ledger_after(0, 1000));
    }
  }
  EXPECT_GT(now, kNow + 10 * 720 * kHour);
}

// An entry that outlives the buckets that it was in, because few are pruned at a time, may still change.
TEST(LedgerPruning, IsBoundedAndLeavesNothing) {
  const TempDir dir;
  const auto store = SqliteStore::create(dir.file("db"), test_key(), test_identity());
  constexpr int kEntries = 2 * limits::kMaxForgotten + 10;
  for (int i = 0; i < kEntries; ++i) {
    Batch batch;
    batch.hear({"r" + std::to_string(i), "node2", kNow, {{"s", amount(1)}}});
    store->commit(std::move(batch), [](const CommitResult& r) { ASSERT_TRUE(r.ok()) << r.text; });
  }
  ASSERT_TRUE(store->commit_now(std::move(Batch().put_meta("all", secret_bytes(view_of("x"))))).ok());
  EXPECT_EQ(store->ledger_sum("s", 1, kNow).count, 0u + kEntries);
  const std::int64_t late = kNow + 1'000 * kHour;
  const auto left = [&] {
    int n = 0;
    for (int i = 0; i < kEntries; ++i) n += store->ledger_entry("r" + std::to_string(i)).has_value();
    return n;
  };
  for (int n = kEntries; n > 0; n = std::max(0, n - int{limits::kMaxForgotten})) {
    EXPECT_EQ(left(), n);
    const CommitResult r = store->commit_now(std::move(Batch().prune_ledger(late).unhear("r2005", "node2")));
    ASSERT_TRUE(r.ok()) << r.text;
  }
  EXPECT_EQ(left(), 0);
  EXPECT_EQ(store->ledger_sum("s", 720, kNow), LedgerSum{});
}

// ---- rows that nobody wrote

TEST(LedgerRows, DamageIsSaid) {
  const TempDir dir;
  {
    const auto store = SqliteStore::create(dir.file("db"), test_key(), test_identity());
    ASSERT_TRUE(store->commit_now(std::move(Batch().reserve(reservation("a", 1, {})))).ok());
  }
  const auto error_after = [&](const std::string& sql, auto question) -> std::string {
    {
      Connection c(dir.file("db"), test_key(), OpenAs::writer);
      c.exec(sql);
    }
    const auto store = SqliteStore::open(dir.file("db"), test_key(), test_identity());
    try {
      question(*store);
      return "no error";
    } catch (const StorageCorrupt& e) {
      return e.what();
    }
  };
  const auto entry = [](Store& s) { s.ledger_entry("a"); };
  const auto sum = [](Store& s) { s.ledger_sum("s", 24, kNow); };
  EXPECT_EQ(error_after("SELECT 1", entry), "no error");
  EXPECT_EQ(error_after("UPDATE ledger SET own = 3", entry), "a row of the ledger with an unknown state");
  EXPECT_EQ(error_after("UPDATE ledger SET own = 1, record = CAST(x'0002' || substr(record, 3) AS BLOB)", entry),
            "entry of a in the ledger: unknown version");
  EXPECT_NE(error_after("UPDATE ledger SET record = x'00'", entry), "no error");
  EXPECT_EQ(error_after("UPDATE ledger_buckets SET own = x'00'", sum), "a sum of the ledger with a wrong length");
  EXPECT_EQ(error_after("DELETE FROM ledger_state", sum), "the ledger of windows has no clock");
}

}  // namespace
}  // namespace quorate::storage
