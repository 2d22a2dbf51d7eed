// Amounts: 256-bit integers in base units, or "unknown", which is a value of its own and never zero.
#pragma once
#include <boost/multiprecision/cpp_int.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace quorate::transactions {

using U256 = boost::multiprecision::uint256_t;  // arithmetic wraps: sums and products of input go through add, multiply

std::optional<U256> add(const U256& a, const U256& b);       // nullopt: does not fit in 256 bits
std::optional<U256> multiply(const U256& a, const U256& b);  // nullopt: does not fit in 256 bits

std::string to_decimal(const U256& value);
// Digits without leading zeros, below 2^256; nothing else.
std::optional<U256> from_decimal(std::string_view text);

U256 from_big_endian(ByteView bytes);  // at most 32 bytes
Bytes32 to_big_endian(const U256& value);
Bytes to_shortest_big_endian(const U256& value);  // no leading zeros, empty for 0

inline constexpr std::string_view kUnknown = "unknown";

class Amount {
 public:
  Amount() = default;  // unknown
  Amount(U256 value) : value_(std::move(value)) {}
  static Amount unknown() { return {}; }

  bool is_known() const { return value_.has_value(); }
  const U256& value() const { return value_.value(); }  // throws std::bad_optional_access if unknown
  std::string text() const { return value_ ? to_decimal(*value_) : std::string(kUnknown); }
  friend bool operator==(const Amount&, const Amount&) = default;

 private:
  std::optional<U256> value_;
};

}  // namespace quorate::transactions
