#include "transactions/base58.h"

#include <algorithm>

#include "transactions/hash160.h"

namespace quorate::transactions {
namespace {

constexpr std::string_view kAlphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::size_t kMostBase58Characters = 128;

// Digits of `from`, most significant first, as digits of base `to`; leading zeros are kept one for one.
Bytes convert(ByteView digits, unsigned from, unsigned to) {
  Bytes out;  // least significant first
  for (const std::uint8_t digit : digits) {
    unsigned carry = digit;
    for (std::uint8_t& place : out) {
      carry += place * from;
      place = static_cast<std::uint8_t>(carry % to);
      carry /= to;
    }
    for (; carry != 0; carry /= to) out.push_back(static_cast<std::uint8_t>(carry % to));
  }
  for (std::size_t i = 0; i < digits.size() && digits[i] == 0; ++i) out.push_back(0);
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace

std::string to_base58(ByteView bytes) {
  std::string out;
  for (const std::uint8_t digit : convert(bytes, 256, 58)) out += kAlphabet[digit];
  return out;
}

std::optional<Bytes> from_base58(std::string_view text) {
  if (text.size() > kMostBase58Characters) return std::nullopt;
  Bytes digits;
  for (const char c : text) {
    const auto at = kAlphabet.find(c);
    if (at == std::string_view::npos) return std::nullopt;
    digits.push_back(static_cast<std::uint8_t>(at));
  }
  return convert(digits, 58, 256);
}

std::string to_base58check(ByteView payload) {
  Bytes bytes(payload.begin(), payload.end());
  const Digest checksum = hash256(payload);
  bytes.insert(bytes.end(), checksum.begin(), checksum.begin() + 4);
  return to_base58(bytes);
}

std::optional<Bytes> from_base58check(std::string_view text) {
  auto bytes = from_base58(text);
  if (!bytes || bytes->size() < 4) return std::nullopt;
  const ByteView all(*bytes), payload = all.first(all.size() - 4);
  const Digest checksum = hash256(payload);
  if (!std::equal(checksum.begin(), checksum.begin() + 4, all.end() - 4)) return std::nullopt;
  bytes->resize(payload.size());
  return bytes;
}

}  // namespace quorate::transactions
