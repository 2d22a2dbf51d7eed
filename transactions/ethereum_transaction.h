// Ethereum transactions: legacy with EIP-155, EIP-2930, EIP-1559, EIP-4844 (without its blobs: the network form is the
// client's), EIP-7702. Bytes to values and back, without loss: what parses serialises to the same bytes.
#pragma once
#include <vector>

#include "base/json.h"
#include "transactions/amount.h"
#include "transactions/ethereum_address.h"

namespace quorate::transactions {

// EIP-2718's types; legacy transactions have none.
enum class EthType { legacy = 0, access_list = 1, dynamic_fee = 2, blob = 3, set_code = 4 };
std::string_view name_of(EthType type);  // "legacy", "eip2930", "eip1559", "eip4844", "eip7702"

struct EthAccess {
  EthAddress address{};
  std::vector<Bytes32> storage_keys;
};

// EIP-7702: somebody else's signed wish that his account runs the code at `address`.
struct EthAuthorization {
  U256 chain_id;  // 0: any chain
  EthAddress address{};
  std::uint64_t nonce = 0;
  std::uint8_t y_parity = 0;
  U256 r, s;
};

struct EthTransaction {
  EthType type = EthType::legacy;
  std::uint64_t chain_id = 0;
  std::uint64_t nonce = 0;
  U256 gas_price;                                  // legacy, 2930; wei per gas
  U256 max_priority_fee_per_gas, max_fee_per_gas;  // the others
  std::uint64_t gas = 0;
  std::optional<EthAddress> to;  // nullopt: creates a contract
  U256 value;                    // wei
  Bytes data;
  std::vector<EthAccess> access_list;
  U256 max_fee_per_blob_gas;  // 4844
  std::vector<Bytes32> blob_versioned_hashes;
  std::vector<EthAuthorization> authorization_list;  // 7702
};

struct EthSignature {
  std::uint8_t y_parity = 0;
  Bytes32 r{}, s{};
};

// Of the unsigned form: RLP([… , chain id, 0, 0]) of EIP-155, or the type's byte and its RLP. Throws Malformed, whose
// text begins with the field's name; also for what no chain would take (check()).
EthTransaction parse_unsigned_transaction(ByteView bytes);
// Of an object with the members chain_id, nonce, gas, … of docs/transactions.md. Throws JsonError.
EthTransaction parse_transaction_fields(const Json& fields, const std::string& pointer);

Bytes unsigned_bytes(const EthTransaction& tx);
Digest signing_hash(const EthTransaction& tx);  // Keccak-256 of unsigned_bytes
// What a client broadcasts (for 4844 without the blobs' sidecar), and whose Keccak-256 is the transaction's hash.
Bytes signed_bytes(const EthTransaction& tx, const EthSignature& signature);

// The rules about single values that hold on every chain. Throws Malformed, whose text begins with the field's name.
void check(const EthTransaction& tx);
// gas · the highest price per gas, and the same for the blobs. nullopt: above 2^256.
std::optional<U256> fee_ceiling(const EthTransaction& tx);

}  // namespace quorate::transactions
