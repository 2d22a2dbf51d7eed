#include "transactions/ethereum_address.h"

#include <algorithm>

#include "crypto/uncompressed.h"
#include "transactions/keccak.h"
#include "transactions/rlp.h"

namespace quorate::transactions {
namespace {

EthAddress last_20(const Digest& digest) {
  EthAddress out;
  std::copy(digest.begin() + 12, digest.end(), out.begin());
  return out;
}

}  // namespace

std::string to_0x(ByteView bytes) { return "0x" + to_hex(bytes); }

std::optional<Bytes> from_0x(std::string_view text) {
  if (!text.starts_with("0x")) return std::nullopt;
  return from_hex(text.substr(2));
}

std::string to_text(const EthAddress& address) { return to_0x(address); }

std::string to_checksum_text(const EthAddress& address) {
  std::string text = to_hex(address);
  const std::string hash = to_hex(keccak256(text));
  for (std::size_t i = 0; i < text.size(); ++i)  // EIP-55: upper case where the hash's digit is 8 or more
    if (text[i] >= 'a' && hash[i] >= '8') text[i] = static_cast<char>(text[i] - 'a' + 'A');
  return "0x" + text;
}

std::optional<EthAddress> parse_eth_address(std::string_view text) {
  if (!text.starts_with("0x")) return std::nullopt;
  const std::string_view digits = text.substr(2);
  const auto address = array_from_hex<20>(digits);
  if (!address) return std::nullopt;
  const auto has = [&](char first, char last) {
    return std::any_of(digits.begin(), digits.end(), [=](char c) { return c >= first && c <= last; });
  };
  if (has('a', 'f') && has('A', 'F') && to_checksum_text(*address) != text) return std::nullopt;
  return address;
}

std::optional<EthAddress> eth_address_of(ByteView public_key) {
  const auto point = Point<Secp256k1>::parse(public_key);
  if (!point) return std::nullopt;
  const ByteArray<65> sec1 = uncompressed(*point);
  return last_20(keccak256(ByteView(sec1).subspan(1)));
}

EthAddress created_address(const EthAddress& sender, std::uint64_t nonce) {
  return last_20(keccak256(rlp_list({rlp_text(sender), rlp_integer(nonce)})));
}

}  // namespace quorate::transactions
