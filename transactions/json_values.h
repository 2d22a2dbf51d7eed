// Values as Ethereum's JSON writes them: quantities as integers, decimal texts or 0x texts; bytes as 0x texts.
#pragma once
#include "base/json.h"
#include "transactions/amount.h"
#include "transactions/ethereum_address.h"

namespace quorate::transactions {

// An integer ≥ 0, a decimal text, or 0x and 1 to 64 digits. Throws JsonError at `pointer`, as all of these.
U256 quantity(const Json& value, const std::string& pointer);
std::uint64_t quantity_u64(const Json& value, const std::string& pointer);
Bytes hex_bytes(const Json& value, const std::string& pointer, std::size_t most);
Bytes32 hex_32(const Json& value, const std::string& pointer);
EthAddress address_value(const Json& value, const std::string& pointer);

}  // namespace quorate::transactions
