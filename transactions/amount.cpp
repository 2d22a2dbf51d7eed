#include "transactions/amount.h"

#include <algorithm>

#include "base/check.h"

namespace quorate::transactions {
namespace {

using boost::multiprecision::uint512_t;

std::optional<U256> narrow(const uint512_t& wide) {
  if (wide > uint512_t(std::numeric_limits<U256>::max())) return std::nullopt;
  return U256(wide);
}

}  // namespace

std::optional<U256> add(const U256& a, const U256& b) { return narrow(uint512_t(a) + uint512_t(b)); }
std::optional<U256> multiply(const U256& a, const U256& b) { return narrow(uint512_t(a) * uint512_t(b)); }

std::string to_decimal(const U256& value) { return value.str(); }

std::optional<U256> from_decimal(std::string_view text) {
  constexpr std::size_t kMostDigits = 78;  // of 2^256
  if (text.empty() || text.size() > kMostDigits || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  uint512_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10u + static_cast<unsigned>(c - '0');
  }
  return narrow(value);
}

U256 from_big_endian(ByteView bytes) {
  QUORATE_ASSERT(bytes.size() <= 32);
  U256 value = 0;
  for (const std::uint8_t b : bytes) value = (value << 8) | b;
  return value;
}

Bytes32 to_big_endian(const U256& value) {
  Bytes32 out{};
  U256 rest = value;
  for (std::size_t i = out.size(); i-- > 0; rest >>= 8) out[i] = static_cast<std::uint8_t>(rest & 0xff);
  return out;
}

Bytes to_shortest_big_endian(const U256& value) {
  const Bytes32 wide = to_big_endian(value);
  const auto first = std::find_if(wide.begin(), wide.end(), [](std::uint8_t b) { return b != 0; });
  return {first, wide.end()};
}

}  // namespace quorate::transactions
