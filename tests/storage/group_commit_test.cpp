// Many threads, one writer.
#include <atomic>
#include <future>
#include <thread>

#include "tests/storage/faulty_disk.h"

namespace quorate::storage {
namespace {

constexpr std::size_t kThreads = 16, kEach = 200;

TEST(GroupCommit, ManyThreadsKeepOrderAtomicityAndChain) {
  const TempDir dir;
  FaultyDisk disk;
  const auto store = SqliteStore::create(dir.file("db"), test_key(), test_identity());
  const std::size_t syncs_before = disk.syncs();
  std::vector<std::vector<std::size_t>> finished(kThreads);  // written by the writer's thread only
  std::atomic<std::size_t> left{kThreads * kEach}, won{0}, lost{0};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < kEach; ++i) {
        const std::string name = std::to_string(t) + "/" + std::to_string(i);
        Batch batch;
        batch.insert_request(sample_request(name)).append_audit(sample_entry(name));
        if (i % 4 == 3) batch.claim("race", std::to_string(i));  // every thread wants it
        store->commit(std::move(batch), [&, t, i, name](const CommitResult& r) {
          finished[t].push_back(i);
          if (r.ok()) {
            ++won;
            EXPECT_TRUE(store->request(name)) << "done before it can be read";
          } else {
            EXPECT_EQ(r.conflict, Conflict::claimed);
            EXPECT_FALSE(store->request(name)) << "a conflict left something behind";
            ++lost;
          }
          --left;
        });
      }
    });
  for (std::thread& t : threads) t.join();
  while (left.load() != 0) std::this_thread::yield();

  for (const auto& order : finished) {
    ASSERT_EQ(order.size(), kEach);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  }
  EXPECT_EQ(lost.load(), (kThreads - 1) * kEach / 4);  // exactly one winner each (attack 32)
  const auto log = store->audit(0, SIZE_MAX);
  EXPECT_EQ(log.size(), won.load());
  EXPECT_FALSE(verify_audit_chain(audit_genesis(test_identity()), log, store->audit_head()));
  for (const AuditRecord& r : log) EXPECT_TRUE(store->request(r.entry.text));
  const std::size_t syncs = disk.syncs() - syncs_before;
  RecordProperty("syncs", std::to_string(syncs));
  EXPECT_LT(syncs, kThreads * kEach / 2) << "batches that wait share an fsync";
}

TEST(GroupCommit, QueueIsBounded) {
  const TempDir dir;
  auto store = SqliteStore::create(dir.file("db"), test_key(), test_identity());
  std::promise<void> entered, go;
  store->commit(Batch(), [&](const CommitResult&) {
    entered.set_value();
    go.get_future().wait();  // holds the writer
  });
  entered.get_future().wait();
  std::atomic<std::size_t> ok{0}, overloaded{0};
  const auto count = [&](const CommitResult& r) {
    ok += r.ok();
    overloaded += r.status == CommitStatus::overloaded;
  };
  for (std::size_t i = 0; i < limits::kMaxWriteQueue; ++i) store->commit(Batch(), count);
  EXPECT_EQ(overloaded.load(), 0u);
  store->commit(std::move(Batch().claim("never", "1")), count);
  EXPECT_EQ(overloaded.load(), 1u);  // at once
  EXPECT_TRUE(store->healthy());
  go.set_value();
  store.reset();  // commits what is queued
  EXPECT_EQ(ok.load(), limits::kMaxWriteQueue);
  EXPECT_FALSE(SqliteStore::open(dir.file("db"), test_key(), test_identity())->claimed("never", "1"));
}

TEST(GroupCommit, DoneMayCommit) {
  const TempDir dir;
  const auto store = SqliteStore::create(dir.file("db"), test_key(), test_identity());
  std::promise<CommitResult> second;
  store->commit(std::move(Batch().claim("a", "1")), [&](const CommitResult&) {
    store->commit(std::move(Batch().claim("a", "2")), [&](const CommitResult& r) { second.set_value(r); });
  });
  EXPECT_TRUE(second.get_future().get().ok());
}

}  // namespace
}  // namespace quorate::storage
