// The ledger of windows keeps to its limits with many at once, and killed between any two steps (attack 62).
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <thread>

#include "tests/storage/ledger_fixture.h"
#include "tests/support/runs.h"

namespace quorate::storage {
namespace {

// 1,000 at once on one store: what passes is what there is room for (attack 62).
TEST(LedgerConcurrency, NeverPassesALimit) {
  const TempDir dir;
  const auto store = SqliteStore::create(dir.file("db"), test_key(), test_identity());
  std::atomic<int> passed{0}, refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 20; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        Batch batch;
        batch.reserve(reservation("r" + std::to_string(t) + "/" + std::to_string(i), 10, {at_most(1'234)}));
        const CommitResult r = store->commit_now(std::move(batch));
        ++(r.ok() ? passed : refused);
        EXPECT_TRUE(r.ok() || r.conflict == Conflict::limit) << r.text;
        EXPECT_LE(number_of(store->ledger_sum("s", 24, kNow).total), 1'234u);
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(passed, 123);
  EXPECT_EQ(refused, 877);
  EXPECT_EQ(number_of(store->ledger_sum("s", 24, kNow).total), 1'230u);
}

// Killed 200 times with kill -9 between a reservation and whatever follows it. The child does what a node does: at its
// start it lets go of what is reserved, for nobody works on it any more; then it reserves, spends and settles one
// request after the other, and says so before it goes on. Time goes on, so that room comes free.
constexpr std::uint64_t kCap = 40;
constexpr std::int64_t kCapHours = 12;
std::int64_t time_of(int round) { return kNow + round * 600; }
LedgerReserve capped(const std::string& request, int round) {
  return reservation(request, 3, {{"s", "often", kCapHours, false, amount(3 * kCap), kCap}}, time_of(round));
}
[[noreturn]] void work_until_killed(const std::string& db, int round, int to) {
  const auto say = [to](char what) {
    if (::write(to, &what, 1) != 1) ::_exit(4);
  };
  const auto store = SqliteStore::open(db, test_key(), test_identity());
  for (const LedgerEntry& entry : store->ledger_open(SIZE_MAX))
    if (!store->commit_now(std::move(Batch().unreserve(entry.request))).ok()) ::_exit(5);
  for (int n = 0;; ++n) {
    const std::string request = std::to_string(round) + "/" + std::to_string(n);
    const CommitResult r = store->commit_now(std::move(Batch().reserve(capped(request, round))));
    if (r.conflict == Conflict::limit) {
      say('f');
      ::pause();
    }
    if (!r.ok()) ::_exit(6);
    say('r');
    if (!store->commit_now(std::move(Batch().spend(request, time_of(round)))).ok()) ::_exit(7);
    say('s');
    if (!store->commit_now(std::move(Batch().settle({request, time_of(round), {{"s", amount(3)}}}))).ok()) ::_exit(8);
    say('d');
  }
}

TEST(LedgerDurability, KilledBetweenReserveAndSettleTwoHundredTimes) {
  const TempDir dir;
  const int rounds = static_cast<int>(test::runs(200));
  { SqliteStore::create(dir.file("db"), test_key(), test_identity()); }
  std::map<std::string, int> spent;  // what the child has said of it, and in which round
  int open_at_death = 0, full = 0;
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) work_until_killed(dir.file("db"), round, ends[1]);
    ::close(ends[1]);
    // Mostly right after the first reservation, while it is about to spend it.
    std::string said;
    const auto read_one = [&] {
      char c = 0;
      if (::read(ends[0], &c, 1) != 1) return false;
      said += c;
      return true;
    };
    while (said.size() < 1 + static_cast<std::size_t>(round % 3) && !said.ends_with('f')) ASSERT_TRUE(read_one());
    ::kill(child, SIGKILL);
    while (read_one()) continue;
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
    full += said.ends_with('f') ? 1 : 0;
    for (std::size_t n = 0; 3 * n + 1 < said.size(); ++n)
      if (said[3 * n + 1] == 's') spent[std::to_string(round) + "/" + std::to_string(n)] = round;

    const auto store = SqliteStore::open(dir.file("db"), test_key(), test_identity());
    const std::int64_t now = time_of(round);
    const LedgerSum sum = store->ledger_sum("s", kCapHours, now);
    EXPECT_LE(sum.count, kCap);
    EXPECT_EQ(number_of(sum.total), 3 * sum.count);
    EXPECT_EQ(sum.own_count, sum.count);
    // What was said is there: spent, or more.
    std::uint64_t in_window = 0;
    for (const auto& [request, since] : spent) {
      const auto entry = store->ledger_entry(request);
      ASSERT_TRUE(entry);
      EXPECT_EQ(entry->own, LedgerOwn::spent) << request;
      in_window += since > round - kCapHours * 6 ? 1 : 0;
    }
    EXPECT_GE(sum.count, in_window);
    // The one reservation that may be open counts until it is let go of.
    const auto open = store->ledger_open(SIZE_MAX);
    EXPECT_LE(open.size(), 1u);
    for (const LedgerEntry& entry : open) {
      ++open_at_death;
      EXPECT_TRUE(entry.request.starts_with(std::to_string(round) + "/"));
      EXPECT_EQ(entry.minute, minute_of(now));
    }
  }
  EXPECT_GE(open_at_death, rounds / 10);
  EXPECT_GE(full, rounds < 200 ? 0 : 20);  // the first of them fill the window
  // Nothing that came to nothing has kept room: what counts is what was spent, and the rest of the cap is free.
  const auto store = SqliteStore::open(dir.file("db"), test_key(), test_identity());
  for (const LedgerEntry& entry : store->ledger_open(SIZE_MAX))
    ASSERT_TRUE(store->commit_now(std::move(Batch().unreserve(entry.request))).ok());
  const std::int64_t now = time_of(rounds - 1);
  std::uint64_t counted = 0;
  for (const LedgerEntry& entry : store->ledger_after(0, SIZE_MAX)) {
    EXPECT_NE(entry.own, LedgerOwn::reserved);
    counted += entry.own == LedgerOwn::spent && entry.minute >= window_begin(minute_of(now), kCapHours) ? 1 : 0;
  }
  EXPECT_EQ(store->ledger_sum("s", kCapHours, now).count, counted);
  for (std::uint64_t n = 0; n <= kCap - counted; ++n) {
    const CommitResult r =
        store->commit_now(std::move(Batch().reserve(capped("last/" + std::to_string(n), rounds - 1))));
    EXPECT_EQ(r.ok(), n < kCap - counted) << n;
  }
}

}  // namespace
}  // namespace quorate::storage
