// quorate_bench: what one party's cryptography costs. Google Benchmark's options apply (--benchmark_filter,
// --benchmark_format=json, …).
#include "base/freed_memory.h"
#include "bench/floors.h"

int main(int argc, char** argv) {
  if (sodium_init() < 0) return 1;
  quorate::keep_freed_memory();  // as a node does
  quorate::bench::add_points();
  quorate::bench::add_ot();
  quorate::bench::add_protocols();
  quorate::bench::add_policy();
  quorate::bench::add_ledger();
  quorate::bench::add_storage();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
