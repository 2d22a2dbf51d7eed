// What one signature writes on one node: its request, its part in a window, the audit log. CPU of the whole process;
// 64 are on their way at once, as from so many clients, and share transactions.
#include <condition_variable>
#include <mutex>

#include "bench/floors.h"
#include "bench/temporary_directory.h"
#include "storage/sqlite_store.h"

namespace quorate::bench {
namespace {

using namespace storage;

constexpr std::int64_t kNow = 1'800'000'000;
constexpr std::size_t kAtOnce = 64;
constexpr std::size_t kRecordBytes = 1900, kAuditBytes = 450;  // as those of a message of some words

class Signings {
 public:
  Signings() {
    const Secret<Bytes32> key;
    const Identity identity{std::string(64, 'c'), "node1"};
    { SqliteStore::create(directory_.path() / "db", key, identity); }
    store_ = SqliteStore::open(directory_.path() / "db", key, identity);
  }

  // So many, from the acceptance to the signature.
  void run(std::size_t count) {
    std::unique_lock lock(mutex_);
    left_ = count;
    under_way_ = std::min(count, kAtOnce);
    for (std::size_t i = 0; i < under_way_; ++i) begin();
    done_.wait(lock, [&] { return under_way_ == 0; });
    if (failed_) throw std::runtime_error("the store has refused a batch");
  }

 private:
  RequestRow row(RequestState state) {
    RequestRow r;
    r.kind = "sign";
    r.state = state;
    r.user = "admin";
    r.key = "key_0123456789abcdef0123456789abcdef";
    r.created = kNow + static_cast<std::int64_t>(number_ / 500);
    r.expires = r.created + 60;
    r.forget_after = r.created + 86'400;
    r.record = SecretBytes(kRecordBytes, 7);
    return r;
  }
  AuditEntry audit(const RequestRow& r, const char* kind) { return {kNow, kind, r.id, std::string(kAuditBytes, 'a')}; }
  LedgerPart part() {
    LedgerPart p{std::string(100, 's'), {}};
    p.amount[31] = 1;
    return p;
  }

  // Under the mutex.
  void begin() {
    --left_;
    ++number_;
    RequestRow r = row(RequestState::running);
    r.id = "req_" + to_hex(rng_.bytes<16>());  // a hash of what was asked
    Batch batch;
    batch.insert_request(r);
    batch.put_meta("nonce/admin/" + to_hex(rng_.bytes<16>()), SecretBytes(36, 1), r.forget_after);
    LedgerReserve reservation;
    reservation.request = r.id;
    reservation.time = r.created;
    reservation.parts.push_back(part());
    LedgerLimit& limit = reservation.limits.emplace_back();
    limit.sum = reservation.parts[0].sum;
    limit.rule = "daily";
    limit.hours = 24;
    limit.most_count = UINT64_MAX;
    batch.reserve(std::move(reservation));
    batch.append_audit(audit(r, "accepted"));
    commit(std::move(batch), [this, r] { spend(r); });
  }
  void spend(const RequestRow& r) {
    Batch batch;
    batch.update_request(r, {RequestState::running});
    batch.put_meta("released/" + r.id, SecretBytes(1, 1), r.forget_after);
    batch.spend(r.id, r.created);
    batch.append_audit(audit(r, "released"));
    commit(std::move(batch), [this, r] { end(r); });
  }
  void end(RequestRow r) {
    r.state = RequestState::succeeded;
    Batch batch;
    batch.update_request(r, {RequestState::running});
    LedgerSettle settlement;
    settlement.request = r.id;
    settlement.time = r.created;
    settlement.parts.push_back(part());
    batch.settle(std::move(settlement));
    batch.append_audit(audit(r, "succeeded"));
    commit(std::move(batch), [this] {
      if (left_ > 0) return begin();
      if (--under_way_ == 0) done_.notify_one();
    });
  }
  void commit(Batch batch, std::function<void()> then) {
    store_->commit(std::move(batch), [this, then = std::move(then)](const CommitResult& result) {
      const std::lock_guard lock(mutex_);
      failed_ = failed_ || !result.ok();
      then();
    });
  }

  TemporaryDirectory directory_;
  std::unique_ptr<SqliteStore> store_;
  SystemRng rng_;
  std::mutex mutex_;
  std::condition_variable done_;
  std::size_t left_ = 0, under_way_ = 0, number_ = 0;
  bool failed_ = false;
};

}  // namespace

void add_storage() {
  benchmark::RegisterBenchmark("storage/signature",
                               [](benchmark::State& state) {
                                 constexpr std::size_t kEach = 1'000;
                                 Signings signings;
                                 signings.run(2 * kEach);  // pages are there, and the log has been written once round
                                 double cpu = 0;
                                 std::size_t count = 0;
                                 for (auto unused : state) {
                                   const double before = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
                                   signings.run(kEach);
                                   cpu += cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - before;
                                   count += kEach;
                                 }
                                 state.counters["cpu_us"] = cpu / static_cast<double>(count) * 1e6;
                               })
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

}  // namespace quorate::bench
