// How long things took.
#pragma once
#include <string>
#include <vector>

#include "base/json.h"

namespace quorate::cli {

// Milliseconds, in any order.
class Latencies {
 public:
  void add(double ms) { ms_.push_back(ms); }
  std::size_t size() const { return ms_.size(); }
  // The least of them that is not below a share of q, 0 < q ≤ 1, of all: the nearest rank. 0 of none.
  double quantile(double q) const;
  Json json() const;         // p50, p90, p99, p99.9, max, in milliseconds, to the microsecond
  std::string line() const;  // the same, under heading()
  static std::string heading();

 private:
  std::vector<double> ms_;
};

}  // namespace quorate::cli
