// Ethereum addresses: 20 bytes, and their texts.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace quorate::transactions {

using EthAddress = ByteArray<20>;

std::string to_text(const EthAddress& address);           // lower case: the normalised form of facts and policies
std::string to_checksum_text(const EthAddress& address);  // EIP-55: what people copy
// 0x and 40 hex digits: of one case, or with EIP-55's checksum.
std::optional<EthAddress> parse_eth_address(std::string_view text);
// The last 20 bytes of the Keccak-256 of X ‖ Y. `public_key`: 33 bytes, a point of secp256k1; nullopt if it is not.
std::optional<EthAddress> eth_address_of(ByteView public_key);
// Of the contract that `sender` creates with this nonce: the last 20 bytes of Keccak-256(RLP([sender, nonce])).
EthAddress created_address(const EthAddress& sender, std::uint64_t nonce);

std::string to_0x(ByteView bytes);
std::optional<Bytes> from_0x(std::string_view text);  // 0x and an even number of hex digits

}  // namespace quorate::transactions
