// How many seeds a simulation goes through.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace quorate::test {

// `normal`, or fewer: QUORATE_RUNS is the most, for builds in which everything is slow.
inline std::uint64_t runs(std::uint64_t normal) {
  const char* most = std::getenv("QUORATE_RUNS");
  return most == nullptr ? normal : std::clamp<std::uint64_t>(std::strtoull(most, nullptr, 10), 1, normal);
}

// The same for a simulation that goes on finding new cases: QUORATE_SAMPLES asks for another number of them, for an
// hour that is to spare.
inline std::uint64_t samples(std::uint64_t normal) {
  const char* asked = std::getenv("QUORATE_SAMPLES");
  return asked == nullptr ? runs(normal) : std::max<std::uint64_t>(std::strtoull(asked, nullptr, 10), 1);
}

// To go through cases one by one, or in steps of `n` where QUORATE_RUNS is set.
inline std::uint64_t stride(std::uint64_t n) { return std::getenv("QUORATE_RUNS") == nullptr ? 1 : n; }

// Every case there is, where there is usually time for some of them.
inline bool thorough() { return std::getenv("QUORATE_THOROUGH") != nullptr; }

}  // namespace quorate::test
