#include "transactions/json_values.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace quorate::transactions {
namespace {

std::string_view text_at(const Json& value, const std::string& pointer) {
  if (!value.is_string()) throw JsonError(pointer, "must be a string");
  return value.get_ref<const std::string&>();
}

}  // namespace

U256 quantity(const Json& value, const std::string& pointer) {
  if (value.is_number_integer()) {
    const auto n = value.get<std::int64_t>();
    if (n < 0) throw JsonError(pointer, "must not be negative");
    return U256(n);
  }
  if (!value.is_string()) throw JsonError(pointer, "must be an integer, or a text with one");
  const std::string_view text = text_at(value, pointer);
  if (text.starts_with("0x")) {
    const std::string_view digits = text.substr(2);
    if (digits.empty() || digits.size() > 64) throw JsonError(pointer, "must have 1 to 64 hex digits after 0x");
    const auto bytes = from_hex(std::string(digits.size() % 2, '0') + std::string(digits));
    if (!bytes) throw JsonError(pointer, "has a character that is not a hex digit");
    return from_big_endian(*bytes);
  }
  const auto number = from_decimal(text);
  if (!number)
    throw JsonError(pointer, "must be a decimal number below 2^256 without leading zeros, or 0x and hex digits");
  return *number;
}

std::uint64_t quantity_u64(const Json& value, const std::string& pointer) {
  const U256 number = quantity(value, pointer);
  if (number > std::numeric_limits<std::uint64_t>::max()) throw JsonError(pointer, "must be below 2^64");
  return static_cast<std::uint64_t>(number);
}

Bytes hex_bytes(const Json& value, const std::string& pointer, std::size_t most) {
  const std::string_view text = text_at(value, pointer);
  if (text.size() > 2 + 2 * most) throw JsonError(pointer, "is more than " + std::to_string(most) + " bytes");
  auto bytes = from_0x(text);
  if (!bytes) throw JsonError(pointer, "must be 0x and an even number of hex digits");
  return std::move(*bytes);
}

Bytes32 hex_32(const Json& value, const std::string& pointer) {
  const Bytes bytes = hex_bytes(value, pointer, 32);
  if (bytes.size() != 32) throw JsonError(pointer, "must be 32 bytes");
  Bytes32 out;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

EthAddress address_value(const Json& value, const std::string& pointer) {
  const auto address = parse_eth_address(text_at(value, pointer));
  if (!address)
    throw JsonError(pointer, "must be an address: 0x and 40 hex digits, in one case or with EIP-55's checksum");
  return *address;
}

}  // namespace quorate::transactions
