#include "transactions/bech32.h"

#include <algorithm>

namespace quorate::transactions {
namespace {

constexpr std::string_view kCharset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr std::uint32_t kBech32 = 1, kBech32m = 0x2bc830a3;
constexpr std::size_t kChecksumSize = 6, kMostBech32Characters = 90;

std::uint32_t polymod(std::span<const std::uint8_t> values) {
  constexpr std::array<std::uint32_t, 5> kGenerator{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
  std::uint32_t check = 1;
  for (const std::uint8_t value : values) {
    const std::uint32_t top = check >> 25;
    check = (check & 0x1ffffff) << 5 ^ value;
    for (std::size_t i = 0; i < 5; ++i)
      if ((top >> i) & 1) check ^= kGenerator[i];
  }
  return check;
}

Bytes expand(std::string_view prefix) {
  Bytes out;
  for (const char c : prefix) out.push_back(static_cast<std::uint8_t>(c >> 5));
  out.push_back(0);
  for (const char c : prefix) out.push_back(static_cast<std::uint8_t>(c & 31));
  return out;
}

// Groups of `from` bits as groups of `to` bits. Without padding the bits that are left must be zero and fewer than
// `from`.
std::optional<Bytes> regroup(ByteView in, unsigned from, unsigned to, bool pad) {
  Bytes out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const std::uint8_t value : in) {
    bits = (bits << from | value) & 0xfff;
    for (count += from; count >= to; count -= to)
      out.push_back(static_cast<std::uint8_t>(bits >> (count - to) & ((1u << to) - 1)));
  }
  const std::uint32_t rest = bits & ((1u << count) - 1);
  if (pad) {
    if (count != 0) out.push_back(static_cast<std::uint8_t>(rest << (to - count)));
  } else if (count >= from || rest != 0) {
    return std::nullopt;
  }
  return out;
}

bool is_program(unsigned version, std::size_t size) {
  return version <= 16 && size >= 2 && size <= 40 && (version != 0 || size == 20 || size == 32);
}

}  // namespace

std::string to_segwit_address(std::string_view prefix, const WitnessProgram& program) {
  Bytes data{static_cast<std::uint8_t>(program.version)};
  const auto groups = regroup(program.program, 8, 5, true);
  data.insert(data.end(), groups->begin(), groups->end());
  Bytes text = expand(prefix);
  text.insert(text.end(), data.begin(), data.end());
  text.insert(text.end(), kChecksumSize, 0);
  const std::uint32_t check = polymod(text) ^ (program.version == 0 ? kBech32 : kBech32m);
  for (std::size_t i = 0; i < kChecksumSize; ++i)
    data.push_back(static_cast<std::uint8_t>(check >> (5 * (5 - i)) & 31));
  std::string out = std::string(prefix) + "1";
  for (const std::uint8_t value : data) out += kCharset[value];
  return out;
}

std::optional<WitnessProgram> from_segwit_address(std::string_view prefix, std::string_view address) {
  if (address.size() > kMostBech32Characters) return std::nullopt;
  std::string text(address);
  const bool upper = std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  const bool lower = std::any_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  if (upper && lower) return std::nullopt;
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  const auto one = text.rfind('1');
  if (one == std::string::npos || text.substr(0, one) != prefix) return std::nullopt;
  Bytes data;
  for (const char c : text.substr(one + 1)) {
    const auto at = kCharset.find(c);
    if (at == std::string_view::npos) return std::nullopt;
    data.push_back(static_cast<std::uint8_t>(at));
  }
  if (data.size() < 1 + kChecksumSize) return std::nullopt;
  Bytes all = expand(prefix);
  all.insert(all.end(), data.begin(), data.end());
  WitnessProgram out{data[0], {}};
  if (polymod(all) != (out.version == 0 ? kBech32 : kBech32m)) return std::nullopt;
  auto program = regroup(ByteView(data).subspan(1, data.size() - 1 - kChecksumSize), 5, 8, false);
  if (!program || !is_program(out.version, program->size())) return std::nullopt;
  out.program = std::move(*program);
  return out;
}

std::optional<std::string> descriptor_checksum(std::string_view descriptor) {
  constexpr std::string_view kInput =
      "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
  constexpr std::array<std::uint64_t, 5> kGenerator{0xf5dee51989, 0xa9fdca3312, 0x1bab10e32d, 0x3706b1677a,
                                                    0x644d626ffd};
  std::uint64_t check = 1;
  const auto feed = [&](std::uint64_t value) {
    const std::uint64_t top = check >> 35;
    check = (check & 0x7ffffffff) << 5 ^ value;
    for (std::size_t i = 0; i < 5; ++i)
      if ((top >> i) & 1) check ^= kGenerator[i];
  };
  std::uint64_t group = 0;
  unsigned members = 0;
  for (const char c : descriptor) {
    const auto at = kInput.find(c);
    if (at == std::string_view::npos) return std::nullopt;
    feed(at & 31);
    group = group * 3 + (at >> 5);
    if (++members == 3) {
      feed(group);
      group = members = 0;
    }
  }
  if (members > 0) feed(group);
  for (int i = 0; i < 8; ++i) feed(0);
  check ^= 1;
  std::string out;
  for (unsigned i = 0; i < 8; ++i) out += kCharset[check >> (5 * (7 - i)) & 31];
  return out;
}

}  // namespace quorate::transactions
