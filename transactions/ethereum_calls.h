// What a call does, told from its call data: tokens' transfers and allowances, Safe's execTransaction with the call
// inside it. Anything else is an unknown call, and an unknown movement.
#pragma once
#include "transactions/ethereum_address.h"
#include "transactions/facts.h"

namespace quorate::transactions {

struct EthCall {
  EthAddress from{};  // who calls: its assets move
  EthAddress to{};
  U256 value;
  Bytes data;
};

// Appends the call's movements and calls to `facts`, whose chain is set ("unknown" gives assets that are). Returns the
// call in words:
// {"name", "arguments": {…}, "inner"?: {…}}, or {"name": "unknown"}.
Json add_call(Facts& facts, const EthCall& call);

std::string native_asset(const std::string& chain);  // "eip155:1/slip44:60", on every chain of eip155
std::string token_asset(const std::string& chain, std::string_view standard, const EthAddress& contract);
std::string token_asset(const std::string& chain, std::string_view standard, const EthAddress& contract,
                        const U256& id);

// A Safe's transaction, executed or only signed: what it calls, and what it may pay for its gas. Appends like add_call.
struct SafeTransaction {
  EthAddress safe{}, to{};
  U256 value;
  Bytes data;
  std::uint8_t operation = 0;  // 0: call; else a delegatecall, which may do anything with the Safe
  U256 gas_price;
  EthAddress gas_token{}, refund_receiver{};
};
Json add_safe_transaction(Facts& facts, const SafeTransaction& tx, unsigned depth);

}  // namespace quorate::transactions
