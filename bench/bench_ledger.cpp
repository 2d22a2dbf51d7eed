// What a look at a window and a reservation cost the node's CPU when the window holds a million requests. The disk's
// fsync is not in it.

#include "bench/floors.h"
#include "bench/million_rows.h"
#include "bench/temporary_directory.h"
#include "storage/ledger_table.h"
#include "storage/sqlite_store.h"

namespace quorate::bench {
namespace {

using namespace storage;

constexpr std::int64_t kBegin = 1'800'000'000, kEnd = kBegin + limits::kMaxWindowHours * 3600;
constexpr std::int64_t kRows = 1'000'000;
const std::string kSum(100, 's');

LedgerReserve reservation(std::int64_t number, std::int64_t time) {
  LedgerReserve r;
  r.request = "req_" + std::to_string(number);
  r.time = time;
  r.parts.push_back({kSum, Bytes32{}});
  r.parts.back().amount[31] = static_cast<std::uint8_t>(number);
  LedgerLimit& limit = r.limits.emplace_back();
  limit.sum = kSum;
  limit.rule = "daily";
  limit.hours = limits::kMaxWindowHours;
  limit.most_count = UINT64_MAX;
  return r;
}

// A database whose longest window holds kRows, and what is asked of it in one transaction; gone when the process ends.
class Filled {
 public:
  Filled() {
    Secret<Bytes32> key;
    { SqliteStore::create(directory_.path() / "db", key, {std::string(64, 'c'), "node1"}); }
    connection_ = std::make_unique<Connection>(directory_.path() / "db", key, OpenAs::writer);
    connection_->exec("BEGIN");
    for (std::int64_t n = 0; n < kRows; ++n) {
      LedgerReserve r = reservation(n, kBegin + (kEnd - kBegin) * n / kRows);
      r.limits.clear();
      ledger_table::reserve(*connection_, r);
    }
    connection_->exec("COMMIT");
    connection_->exec("BEGIN");
  }
  Connection& connection() { return *connection_; }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<Connection> connection_;
};
Filled& filled() {
  static Filled it;
  return it;
}

class MillionRows final : public policy::Ledger {
 public:
  Sum sum(const std::string&, std::int64_t hours) const override {
    const LedgerSum stored = ledger_table::sum(filled().connection(), kSum, hours, kEnd);
    const auto wide = [](const auto& bytes) {
      policy::WideSum sum;
      boost::multiprecision::import_bits(sum, bytes.begin(), bytes.end());
      return sum;
    };
    return {wide(stored.total), wide(stored.own), stored.count, stored.own_count};
  }
};

}  // namespace

const policy::Ledger& million_rows() {
  static const MillionRows ledger;
  return ledger;
}

void add_ledger() {
  benchmark::RegisterBenchmark("ledger/sum/1M", [](benchmark::State& state) {
    Connection& c = filled().connection();
    std::int64_t at = 0;
    // Windows that begin at every minute of the buckets' folds.
    for (auto unused : state) {
      at = (at + 37) % 4096;
      benchmark::DoNotOptimize(ledger_table::sum(c, kSum, limits::kMaxWindowHours - 1, kEnd + 60 * at));
    }
  })->Unit(benchmark::kMicrosecond);
  benchmark::RegisterBenchmark("ledger/reserve/1M", [](benchmark::State& state) {
    Connection& c = filled().connection();
    static std::int64_t number = kRows;
    for (auto unused : state) benchmark::DoNotOptimize(ledger_table::reserve(c, reservation(++number, kEnd)));
  })->Unit(benchmark::kMicrosecond);
}

}  // namespace quorate::bench
