// Numbers for Prometheus, text format 0.0.4.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace quorate::node {

// How long something took. Any thread.
class DurationHistogram {
 public:
  void add(std::chrono::steady_clock::duration took);
  std::string text(const std::string& name, const std::string& help) const;

 private:
  static constexpr std::array<double, 12> kBounds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};  // s
  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> counts_{};
  std::atomic<std::uint64_t> micros_{0};
};

// Memory, descriptors, processor time and start of this process, under the names that Prometheus' own clients use.
std::string process_metrics();

}  // namespace quorate::node
