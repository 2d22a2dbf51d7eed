// Amounts, limits and reservations of one sum, "s".
#pragma once
#include "tests/storage/fixture.h"

namespace quorate::storage {

inline constexpr std::int64_t kHour = 3600, kNow = 1'800'000'000;

inline Bytes32 amount(std::uint64_t v) {
  Bytes32 bytes{};
  for (std::size_t i = 0; i < 8; ++i) bytes[31 - i] = static_cast<std::uint8_t>(v >> (8 * i));
  return bytes;
}
inline std::uint64_t number_of(const WideAmount& wide) {
  for (std::size_t i = 0; i < 32; ++i) EXPECT_EQ(wide[i], 0);
  std::uint64_t v = 0;
  for (std::size_t i = 32; i < 40; ++i) v = v << 8 | wide[i];
  return v;
}
inline LedgerLimit at_most(std::uint64_t most, const std::string& sum = "s", std::int64_t hours = 24,
                           bool own_only = false) {
  return {sum, "daily", hours, own_only, amount(most), std::nullopt};
}
inline LedgerLimit at_most_times(std::uint64_t most, bool own_only = false) {
  return {"s", "often", 24, own_only, std::nullopt, most};
}
inline LedgerReserve reservation(const std::string& request, std::uint64_t v, std::vector<LedgerLimit> limits,
                                 std::int64_t time = kNow) {
  return {request, time, {{"s", amount(v)}}, std::move(limits)};
}

}  // namespace quorate::storage
