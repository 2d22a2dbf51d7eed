#include "cli/latencies.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace quorate::cli {
namespace {

struct Quantile {
  const char* name;
  double q;
};
constexpr Quantile kShown[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};

}  // namespace

double Latencies::quantile(double q) const {
  if (ms_.empty()) return 0;
  auto sorted = ms_;
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(std::clamp<std::size_t>(rank, 1, sorted.size()) - 1);
  std::nth_element(sorted.begin(), at, sorted.end());
  return *at;
}

Json Latencies::json() const {
  Json out = Json::object();
  for (const auto& [name, q] : kShown) out[name] = std::round(quantile(q) * 1e3) / 1e3;
  return out;
}

std::string Latencies::line() const {
  std::string out;
  for (const auto& shown : kShown) {
    char text[32];
    std::snprintf(text, sizeof text, "%10.2f", quantile(shown.q));
    out += text;
  }
  return out;
}

std::string Latencies::heading() {
  std::string out;
  for (const auto& shown : kShown) out += std::string(10 - std::string_view(shown.name).size(), ' ') + shown.name;
  return out;
}

}  // namespace quorate::cli
