// Times are told in floors, which another machine shares: one floor is the library's fixed-base multiplication of the
// same curve, measured in the same run, turn by turn with the work.
#pragma once
#include <benchmark/benchmark.h>
#include <secp256k1.h>
#include <sodium.h>
#include <time.h>

#include <algorithm>
#include <vector>

#include "crypto/point.h"
#include "crypto/secp_context.h"

namespace quorate::bench {

// CPU time of this thread, or of the process, in seconds: other processes do not count.
inline double cpu_seconds(clockid_t whose = CLOCK_THREAD_CPUTIME_ID) {
  timespec t{};
  clock_gettime(whose, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

template <class C>
struct Floor;
template <>
struct Floor<Secp256k1> {
  static void once(const Bytes32& k) {
    secp256k1_pubkey out;
    benchmark::DoNotOptimize(secp256k1_ec_pubkey_create(secp_context(), &out, k.data()));
    benchmark::DoNotOptimize(out);
  }
};
template <>
struct Floor<Ed25519> {
  static void once(const Bytes32& k) {
    Bytes32 out;
    benchmark::DoNotOptimize(crypto_scalarmult_ed25519_base_noclamp(out.data(), k.data()));
    benchmark::DoNotOptimize(out);
  }
};

inline double median(std::vector<double> v) {
  if (v.empty()) return 0;
  const auto middle = v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2);
  std::nth_element(v.begin(), middle, v.end());
  return *middle;
}

// Sums up the timed parts of one run of the work; the benchmark's own timer runs during them only.
class Stopwatch {
 public:
  explicit Stopwatch(benchmark::State& state) : state_(state) {}
  template <class F>
  decltype(auto) time(F&& part) {
    struct Adder {
      Stopwatch& mine;
      double start;
      explicit Adder(Stopwatch& stopwatch) : mine(stopwatch) {
        mine.state_.ResumeTiming();
        start = cpu_seconds();
      }
      ~Adder() {
        mine.total_ += cpu_seconds() - start;
        mine.state_.PauseTiming();
      }
    } adder(*this);
    return part();
  }
  double seconds() const { return total_; }

 private:
  benchmark::State& state_;
  double total_ = 0;
};

// work(stopwatch) is run once per iteration and does what is measured `times` over. The counters are of one: `floors`
// is the ratio of the medians of the first turns, in which floors and work alternate.
template <class C, class Work>
void measure(benchmark::State& state, int times, Work&& work) {
  constexpr int kFloorsPerTurn = 8;
  constexpr std::size_t kTurns = 300;
  SystemRng rng;
  const Bytes32 k = Scalar<C>::random(rng).bytes().expose();
  std::vector<double> floors, works;
  Floor<C>::once(k);
  for (auto _ : state) {
    state.PauseTiming();
    const bool told = works.size() < kTurns;
    if (told) {
      const double start = cpu_seconds();
      for (int n = 0; n < kFloorsPerTurn; ++n) Floor<C>::once(k);
      floors.push_back((cpu_seconds() - start) / kFloorsPerTurn);
    }
    Stopwatch stopwatch(state);
    work(stopwatch);
    if (told) works.push_back(stopwatch.seconds() / times);
    state.ResumeTiming();
  }
  state.counters["floors"] = median(works) / median(floors);
  state.counters["median_us"] = median(works) * 1e6;
  state.counters["floor_us"] = median(floors) * 1e6;
}

template <class Work>
void add(const std::string& name, Work work) {
  benchmark::RegisterBenchmark(name.c_str(), work)->Unit(benchmark::kMicrosecond);
}

void add_points();
void add_ot();
void add_protocols();
void add_policy();
void add_ledger();
void add_storage();

}  // namespace quorate::bench
