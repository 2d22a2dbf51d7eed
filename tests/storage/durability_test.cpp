// Crashes, power cuts and full disks: what was reported is there, what was not is there wholly or not at all (attacks
// 44, 56).
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "tests/storage/faulty_disk.h"
#include "tests/storage/workload.h"

namespace quorate::storage {
namespace {

std::unique_ptr<SqliteStore> open_at(const std::string& path) {
  return SqliteStore::open(path, test_key(), test_identity());
}

void create_at(const std::string& path) {
  const auto store = SqliteStore::create(path, test_key(), test_identity());
  ASSERT_TRUE(store->commit_now(first_batch()).ok());
}

// The child: commits number after number, several in flight, and writes each to the pipe when it is durable.
[[noreturn]] void commit_for_ever(const std::string& path, std::uint64_t from, int pipe) {
  const auto store = open_at(path);
  std::atomic<int> in_flight{0};
  for (std::uint64_t i = from;; ++i) {
    while (in_flight.load() > 20) std::this_thread::yield();
    ++in_flight;
    store->commit(numbered_batch(i), [i, pipe, &in_flight](const CommitResult& r) {
      if (!r.ok() || ::write(pipe, &i, sizeof i) != sizeof i) ::_exit(3);
      --in_flight;
    });
  }
}

TEST(Durability, KilledAtRandomMoments) {
  const TempDir dir;
  create_at(dir.file("db"));
  SeededRng rng(44);
  std::uint64_t next = 1;
  std::uint64_t reported_in_all = 0;
  for (int round = 0; round < 30; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) commit_for_ever(dir.file("db"), next, ends[1]);
    ::close(ends[1]);
    std::set<std::uint64_t> reported;
    std::uint64_t i = 0;
    // The first report says that it is open; then some time more.
    if (::read(ends[0], &i, sizeof i) == sizeof i) reported.insert(i);
    std::this_thread::sleep_for(std::chrono::microseconds(rng.below(40'000)));
    ::kill(child, SIGKILL);
    while (::read(ends[0], &i, sizeof i) == sizeof i) reported.insert(i);
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
    ASSERT_FALSE(reported.empty());
    reported_in_all += reported.size();

    const auto store = open_at(dir.file("db"));
    for (const std::uint64_t n : reported) EXPECT_TRUE(check_whole(*store, n)) << n << " was reported and is lost";
    std::uint64_t last = *reported.rbegin();
    while (check_whole(*store, last + 1)) ++last;
    for (std::uint64_t n = last + 1; n < last + 40; ++n) EXPECT_FALSE(check_whole(*store, n));
    EXPECT_EQ(check_sound(*store), last);
    next = last + 1;
    ASSERT_FALSE(testing::Test::HasFailure());
  }
  RecordProperty("reported", std::to_string(reported_in_all));
}

TEST(Durability, PowerCutLosesNothingReported) {
  const TempDir dir;
  create_at(dir.file("db"));
  constexpr std::uint64_t kBatches = 120;
  struct Cut {
    std::filesystem::path at;
    std::uint64_t reported;
  };
  std::vector<Cut> cuts;
  {
    FaultyDisk disk;
    auto store = open_at(dir.file("db"));
    SeededRng rng(56);
    std::uint64_t reported = 0;  // written by `done`, read before a write: both on the writer's thread
    disk.on_event([&] {
      if (cuts.size() == 60 || rng.below(40) != 0) return;
      cuts.push_back({dir.path() / ("cut" + std::to_string(cuts.size())), reported});
      disk.power_cut(cuts.back().at, rng);
    });
    std::atomic<std::uint64_t> left{2 * kBatches};
    for (std::uint64_t i = 1; i <= 2 * kBatches; ++i) {
      store->commit(numbered_batch(i), [&, i](const CommitResult& r) {
        EXPECT_TRUE(r.ok()) << r.text;
        reported = i;
        --left;
      });
      // The first half one by one, the second half in groups.
      while (i <= kBatches && left.load() > 2 * kBatches - i) std::this_thread::yield();
    }
    store.reset();
  }
  ASSERT_GE(cuts.size(), 20u);
  for (const Cut& cut : cuts) {
    SCOPED_TRACE(cut.at.string());
    const auto store = open_at((cut.at / "db").string());
    const std::size_t there = check_sound(*store);
    EXPECT_GE(there, cut.reported);
    for (std::uint64_t n = 1; n <= 2 * kBatches; ++n) EXPECT_EQ(check_whole(*store, n), n <= there) << n;
  }
}

// For every k until nothing fails any more: the k-th write (or sync) fails.
void expect_nothing_halved(FaultyDisk::Fault fault) {
  std::size_t k = 1;
  for (bool failed = true; failed; ++k) {
    SCOPED_TRACE(k);
    const TempDir dir;
    create_at(dir.file("db"));
    constexpr std::uint64_t kBatches = 11;
    std::uint64_t ok = 0;
    {
      FaultyDisk disk;
      auto store = open_at(dir.file("db"));
      disk.fail_at(k, fault);
      for (std::uint64_t i = 1; i <= kBatches; ++i) {
        const CommitResult r = store->commit_now(numbered_batch(i));
        if (r.ok()) {
          EXPECT_EQ(ok, i - 1) << "a batch after a broken one";
          ok = i;
        } else {
          EXPECT_EQ(r.status, CommitStatus::broken);
          EXPECT_FALSE(r.text.empty());
          EXPECT_FALSE(store->healthy());
          EXPECT_EQ(store->failure(), r.text);
        }
      }
      failed = disk.has_failed();
      if (!failed) {
        EXPECT_EQ(ok, kBatches);
        EXPECT_TRUE(store->healthy());
      } else {
        EXPECT_FALSE(store->healthy());
      }
      disk.fail_at(0, FaultyDisk::Fault::none);
      store.reset();
    }
    const auto store = open_at(dir.file("db"));
    EXPECT_TRUE(store->healthy());
    const std::size_t there = check_sound(*store);
    EXPECT_GE(there, ok);
    EXPECT_LE(there, ok + 1);  // the one that broke may have reached the disk
    for (std::uint64_t n = 1; n <= kBatches; ++n) EXPECT_EQ(check_whole(*store, n), n <= there);
    EXPECT_TRUE(store->commit_now(numbered_batch(there + 1)).ok());
    ASSERT_FALSE(testing::Test::HasFailure());
    if (k >= 20) k += k / 10;
  }
  EXPECT_GT(k, 8u);
}
TEST(Durability, DiskFullFromTheKthWriteOn) { expect_nothing_halved(FaultyDisk::Fault::full_from); }
TEST(Durability, OneFailedWrite) { expect_nothing_halved(FaultyDisk::Fault::full_once); }
TEST(Durability, OneFailedSync) { expect_nothing_halved(FaultyDisk::Fault::sync_once); }

// A share that was deleted lies in no old page of the write-ahead log.
TEST(Durability, LogIsCutAfterAShareIsDeleted) {
  const TempDir dir;
  create_at(dir.file("db"));
  const auto store = open_at(dir.file("db"));
  ASSERT_TRUE(store->commit_now(numbered_batch(1)).ok());
  EXPECT_GT(std::filesystem::file_size(dir.file("db-wal")), 0u);
  ASSERT_TRUE(store->commit_now(numbered_batch(kActivateEvery)).ok());
  ASSERT_EQ(store->commit_now(numbered_batch(1)).conflict, Conflict::claimed);  // comes after the cut
  EXPECT_EQ(std::filesystem::file_size(dir.file("db-wal")), 0u);
}

}  // namespace
}  // namespace quorate::storage
