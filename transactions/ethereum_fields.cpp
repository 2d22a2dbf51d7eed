// A transaction from its fields as JSON.
#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "transactions/ethereum_transaction.h"
#include "transactions/json_values.h"
#include "transactions/rlp.h"

namespace quorate::transactions {
namespace {

std::string at(const std::string& pointer, std::size_t i) { return pointer + "/" + std::to_string(i); }

const Json& list_at(const Json& value, const std::string& pointer) {
  if (!value.is_array()) throw JsonError(pointer, "must be a list");
  return value;
}

EthType type_of(JsonObject& in) {
  if (in.has("type")) {
    const U256 type = quantity(in.any("type"), in.pointer("type"));
    if (type > 4) in.fail("type", "must be 0 (legacy), 1, 2, 3 or 4");
    return static_cast<EthType>(static_cast<unsigned>(type));
  }
  if (in.has("authorization_list")) return EthType::set_code;
  if (in.has("blob_versioned_hashes")) return EthType::blob;
  if (in.has("max_fee_per_gas")) return EthType::dynamic_fee;
  return in.has("access_list") ? EthType::access_list : EthType::legacy;
}

std::vector<EthAccess> access_list(const Json& list, const std::string& pointer) {
  std::vector<EthAccess> out;
  for (std::size_t i = 0; i < list_at(list, pointer).size(); ++i) {
    JsonObject entry(list[i], at(pointer, i));
    EthAccess access;
    access.address = address_value(entry.any("address"), entry.pointer("address"));
    const Json& keys = list_at(entry.any("storage_keys"), entry.pointer("storage_keys"));
    for (std::size_t k = 0; k < keys.size(); ++k)
      access.storage_keys.push_back(hex_32(keys[k], at(entry.pointer("storage_keys"), k)));
    entry.expect_no_more();
    out.push_back(std::move(access));
  }
  return out;
}

std::vector<EthAuthorization> authorizations(const Json& list, const std::string& pointer) {
  std::vector<EthAuthorization> out;
  for (std::size_t i = 0; i < list_at(list, pointer).size(); ++i) {
    JsonObject entry(list[i], at(pointer, i));
    const auto number = [&](std::string_view name) { return quantity(entry.any(name), entry.pointer(name)); };
    EthAuthorization a;
    a.chain_id = number("chain_id");
    a.address = address_value(entry.any("address"), entry.pointer("address"));
    a.nonce = quantity_u64(entry.any("nonce"), entry.pointer("nonce"));
    const U256 y_parity = number("y_parity");
    if (y_parity > 255) entry.fail("y_parity", "is too large");
    a.y_parity = static_cast<std::uint8_t>(y_parity);
    a.r = number("r");
    a.s = number("s");
    entry.expect_no_more();
    out.push_back(std::move(a));
  }
  return out;
}

// check() names the field first: "nonce: is too large".
void check_at(const EthTransaction& tx, const std::string& pointer) {
  try {
    check(tx);
  } catch (const Malformed& e) {
    const std::string text = e.what();
    const auto colon = text.find(": ");
    throw JsonError(pointer + "/" + text.substr(0, colon), text.substr(colon + 2));
  }
}

}  // namespace

EthTransaction parse_transaction_fields(const Json& fields, const std::string& pointer) {
  JsonObject in(fields, pointer);
  const auto number = [&](std::string_view name) { return quantity(in.any(name), in.pointer(name)); };
  const auto number_u64 = [&](std::string_view name) { return quantity_u64(in.any(name), in.pointer(name)); };
  EthTransaction tx;
  tx.type = type_of(in);
  tx.chain_id = number_u64("chain_id");
  tx.nonce = number_u64("nonce");
  tx.gas = number_u64("gas");
  if (in.has("to") && !in.any("to").is_null()) tx.to = address_value(in.any("to"), in.pointer("to"));
  if (in.has("value")) tx.value = number("value");
  if (in.has("data")) tx.data = hex_bytes(in.any("data"), in.pointer("data"), limits::kMaxSignedBytes);
  if (tx.type == EthType::legacy || tx.type == EthType::access_list) {
    tx.gas_price = number("gas_price");
  } else {
    tx.max_fee_per_gas = number("max_fee_per_gas");
    tx.max_priority_fee_per_gas = number("max_priority_fee_per_gas");
  }
  if (tx.type != EthType::legacy && in.has("access_list"))
    tx.access_list = access_list(in.any("access_list"), in.pointer("access_list"));
  if (tx.type == EthType::blob) {
    tx.max_fee_per_blob_gas = number("max_fee_per_blob_gas");
    const std::string where = in.pointer("blob_versioned_hashes");
    const Json& hashes = list_at(in.any("blob_versioned_hashes"), where);
    for (std::size_t i = 0; i < hashes.size(); ++i) tx.blob_versioned_hashes.push_back(hex_32(hashes[i], at(where, i)));
  }
  if (tx.type == EthType::set_code)
    tx.authorization_list = authorizations(in.any("authorization_list"), in.pointer("authorization_list"));
  in.expect_no_more();
  check_at(tx, pointer);
  return tx;
}

}  // namespace quorate::transactions
