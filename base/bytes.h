// Byte strings and their text forms.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quorate {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
template <std::size_t N> using ByteArray = std::array<std::uint8_t, N>;
using Bytes32 = ByteArray<32>;
using Digest = Bytes32;

inline ByteView view_of(std::string_view s) { return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()}; }
inline std::string_view text_of(ByteView b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }
inline Bytes bytes_of(std::string_view s) { return {s.begin(), s.end()}; }

// Lower case, no prefix.
std::string to_hex(ByteView bytes);
// Lower or upper case, even length; nothing else.
std::optional<Bytes> from_hex(std::string_view hex);
template <std::size_t N> std::optional<ByteArray<N>> array_from_hex(std::string_view hex) {
  if (hex.size() != 2 * N) return std::nullopt;
  const auto bytes = from_hex(hex);
  if (!bytes) return std::nullopt;
  ByteArray<N> out;
  std::memcpy(out.data(), bytes->data(), N);
  return out;
}

// RFC 4648 §4, padded. Decoding is strict: canonical, no white space.
std::string to_base64(ByteView bytes);
std::optional<Bytes> from_base64(std::string_view text);

// Runs in time that depends on the lengths only.
bool equal_constant_time(ByteView a, ByteView b);

bool is_valid_utf8(std::string_view text);

}  // namespace quorate
