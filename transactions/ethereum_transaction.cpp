#include "transactions/ethereum_transaction.h"

#include <algorithm>

#include "base/check.h"
#include "base/limits.h"
#include "transactions/keccak.h"
#include "transactions/rlp.h"

namespace quorate::transactions {
namespace {

EthAddress read_address(RlpReader& in, std::string_view field) {
  const ByteView bytes = in.text(field, 20);
  EthAddress out;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

Bytes32 read_32(RlpReader& in, std::string_view field) {
  const ByteView bytes = in.text(field, 32);
  Bytes32 out;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

std::uint64_t read_u64(RlpReader& in, std::string_view field) {
  return static_cast<std::uint64_t>(in.integer(field, 64));
}

std::optional<EthAddress> read_to(RlpReader& in) {
  const ByteView bytes = in.text("to");
  if (bytes.empty()) return std::nullopt;
  if (bytes.size() != 20) throw Malformed("to: must have 20 bytes, or none");
  EthAddress out;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

Bytes read_data(RlpReader& in) {
  const ByteView bytes = in.text("data");
  return {bytes.begin(), bytes.end()};
}

std::vector<EthAccess> read_access_list(RlpReader& in) {
  std::vector<EthAccess> out;
  RlpReader list = in.list("access_list");
  while (!list.at_end()) {
    RlpReader entry = list.list("access_list");
    EthAccess access;
    access.address = read_address(entry, "access_list");
    RlpReader keys = entry.list("access_list");
    while (!keys.at_end()) access.storage_keys.push_back(read_32(keys, "access_list"));
    entry.expect_end("access_list");
    out.push_back(std::move(access));
  }
  return out;
}

std::vector<EthAuthorization> read_authorizations(RlpReader& in) {
  std::vector<EthAuthorization> out;
  RlpReader list = in.list("authorization_list");
  while (!list.at_end()) {
    RlpReader entry = list.list("authorization_list");
    EthAuthorization a;
    a.chain_id = entry.integer("authorization_list");
    a.address = read_address(entry, "authorization_list");
    a.nonce = read_u64(entry, "authorization_list");
    a.y_parity = static_cast<std::uint8_t>(entry.integer("authorization_list", 8));
    a.r = entry.integer("authorization_list");
    a.s = entry.integer("authorization_list");
    entry.expect_end("authorization_list");
    out.push_back(std::move(a));
  }
  return out;
}

EthTransaction read_legacy(RlpReader in) {
  EthTransaction tx;
  tx.nonce = read_u64(in, "nonce");
  tx.gas_price = in.integer("gas_price");
  tx.gas = read_u64(in, "gas");
  tx.to = read_to(in);
  tx.value = in.integer("value");
  tx.data = read_data(in);
  if (in.at_end())
    throw Malformed("chain_id: is missing; without EIP-155 the transaction would be valid on every chain");
  tx.chain_id = read_u64(in, "chain_id");
  if (in.integer("r") != 0 || in.integer("s") != 0)
    throw Malformed("r: must be 0 in an unsigned transaction (is it signed already?)");
  in.expect_end("transaction");
  return tx;
}

EthTransaction read_typed(EthType type, RlpReader in) {
  EthTransaction tx;
  tx.type = type;
  tx.chain_id = read_u64(in, "chain_id");
  tx.nonce = read_u64(in, "nonce");
  if (type == EthType::access_list) {
    tx.gas_price = in.integer("gas_price");
  } else {
    tx.max_priority_fee_per_gas = in.integer("max_priority_fee_per_gas");
    tx.max_fee_per_gas = in.integer("max_fee_per_gas");
  }
  tx.gas = read_u64(in, "gas");
  tx.to = read_to(in);
  tx.value = in.integer("value");
  tx.data = read_data(in);
  tx.access_list = read_access_list(in);
  if (type == EthType::blob) {
    tx.max_fee_per_blob_gas = in.integer("max_fee_per_blob_gas");
    RlpReader hashes = in.list("blob_versioned_hashes");
    while (!hashes.at_end()) tx.blob_versioned_hashes.push_back(read_32(hashes, "blob_versioned_hashes"));
  }
  if (type == EthType::set_code) tx.authorization_list = read_authorizations(in);
  in.expect_end("transaction");
  return tx;
}

Bytes encode_to(const EthTransaction& tx) { return tx.to ? rlp_text(*tx.to) : rlp_text({}); }

Bytes encode_access_list(const EthTransaction& tx) {
  std::vector<Bytes> list;
  for (const EthAccess& access : tx.access_list) {
    std::vector<Bytes> keys;
    for (const Bytes32& key : access.storage_keys) keys.push_back(rlp_text(key));
    list.push_back(rlp_list({rlp_text(access.address), rlp_list(keys)}));
  }
  return rlp_list(list);
}

// The fields without a signature; legacy: without EIP-155's three.
std::vector<Bytes> encode_fields(const EthTransaction& tx) {
  std::vector<Bytes> out;
  if (tx.type == EthType::legacy)
    return {rlp_integer(tx.nonce), rlp_integer(tx.gas_price), rlp_integer(tx.gas),
            encode_to(tx),         rlp_integer(tx.value),     rlp_text(tx.data)};
  out = {rlp_integer(tx.chain_id), rlp_integer(tx.nonce)};
  if (tx.type == EthType::access_list) {
    out.push_back(rlp_integer(tx.gas_price));
  } else {
    out.push_back(rlp_integer(tx.max_priority_fee_per_gas));
    out.push_back(rlp_integer(tx.max_fee_per_gas));
  }
  out.push_back(rlp_integer(tx.gas));
  out.push_back(encode_to(tx));
  out.push_back(rlp_integer(tx.value));
  out.push_back(rlp_text(tx.data));
  out.push_back(encode_access_list(tx));
  if (tx.type == EthType::blob) {
    out.push_back(rlp_integer(tx.max_fee_per_blob_gas));
    std::vector<Bytes> hashes;
    for (const Bytes32& hash : tx.blob_versioned_hashes) hashes.push_back(rlp_text(hash));
    out.push_back(rlp_list(hashes));
  }
  if (tx.type == EthType::set_code) {
    std::vector<Bytes> list;
    for (const EthAuthorization& a : tx.authorization_list)
      list.push_back(rlp_list({rlp_integer(a.chain_id), rlp_text(a.address), rlp_integer(a.nonce),
                               rlp_integer(a.y_parity), rlp_integer(a.r), rlp_integer(a.s)}));
    out.push_back(rlp_list(list));
  }
  return out;
}

Bytes with_type(const EthTransaction& tx, std::span<const Bytes> fields) {
  Bytes out;
  if (tx.type != EthType::legacy) out.push_back(static_cast<std::uint8_t>(tx.type));
  const Bytes list = rlp_list(fields);
  out.insert(out.end(), list.begin(), list.end());
  return out;
}

}  // namespace

std::string_view name_of(EthType type) {
  switch (type) {
    case EthType::legacy:
      return "legacy";
    case EthType::access_list:
      return "eip2930";
    case EthType::dynamic_fee:
      return "eip1559";
    case EthType::blob:
      return "eip4844";
    case EthType::set_code:
      return "eip7702";
  }
  return "";
}

EthTransaction parse_unsigned_transaction(ByteView bytes) {
  if (bytes.empty()) throw Malformed("transaction: is empty");
  EthTransaction tx;
  if (bytes[0] >= 0xc0) {
    RlpReader whole(bytes);
    const RlpReader items = whole.list("transaction");
    whole.expect_end("transaction");
    tx = read_legacy(items);
  } else {
    if (bytes[0] < 1 || bytes[0] > 4)
      throw Malformed("type: must be 1, 2, 3 or 4 (EIP-2718), or the transaction an RLP list");
    RlpReader whole(bytes.subspan(1));
    const RlpReader items = whole.list("transaction");
    whole.expect_end("transaction");
    tx = read_typed(static_cast<EthType>(bytes[0]), items);
  }
  check(tx);
  return tx;
}

void check(const EthTransaction& tx) {
  if (tx.chain_id == 0) throw Malformed("chain_id: must not be 0");
  if (tx.chain_id > limits::kMaxEthChainId) throw Malformed("chain_id: is too large");                // EIP-2294
  if (tx.nonce == std::numeric_limits<std::uint64_t>::max()) throw Malformed("nonce: is too large");  // EIP-2681
  if (!tx.to && tx.data.empty()) throw Malformed("to: is missing, and there is no data to create a contract with");
  if (tx.max_priority_fee_per_gas > tx.max_fee_per_gas)
    throw Malformed("max_priority_fee_per_gas: is above max_fee_per_gas");
  if (!fee_ceiling(tx)) throw Malformed("gas: the most it may cost is above 2^256");
  if (tx.type == EthType::blob) {
    if (!tx.to) throw Malformed("to: a blob transaction creates no contract");
    if (tx.blob_versioned_hashes.empty()) throw Malformed("blob_versioned_hashes: must not be empty");
    for (const Bytes32& hash : tx.blob_versioned_hashes)
      if (hash[0] != 0x01) throw Malformed("blob_versioned_hashes: the version must be 1");
  }
  if (tx.type == EthType::set_code) {
    if (!tx.to) throw Malformed("to: a set-code transaction creates no contract");
    if (tx.authorization_list.empty()) throw Malformed("authorization_list: must not be empty");
    for (const EthAuthorization& a : tx.authorization_list)
      if (a.chain_id != 0 && a.chain_id != tx.chain_id)
        throw Malformed("authorization_list: is of another chain than the transaction");
  }
}

std::optional<U256> fee_ceiling(const EthTransaction& tx) {
  constexpr unsigned kGasPerBlob = 131072;  // EIP-4844
  const bool one_price = tx.type == EthType::legacy || tx.type == EthType::access_list;
  const auto gas = multiply(tx.gas, one_price ? tx.gas_price : tx.max_fee_per_gas);
  const auto blobs = multiply(U256(kGasPerBlob) * tx.blob_versioned_hashes.size(), tx.max_fee_per_blob_gas);
  if (!gas || !blobs) return std::nullopt;
  return add(*gas, *blobs);
}

Bytes unsigned_bytes(const EthTransaction& tx) {
  std::vector<Bytes> fields = encode_fields(tx);
  if (tx.type == EthType::legacy) {  // EIP-155
    fields.push_back(rlp_integer(tx.chain_id));
    fields.push_back(rlp_integer(0));
    fields.push_back(rlp_integer(0));
  }
  return with_type(tx, fields);
}

Digest signing_hash(const EthTransaction& tx) { return keccak256(unsigned_bytes(tx)); }

Bytes signed_bytes(const EthTransaction& tx, const EthSignature& signature) {
  QUORATE_ASSERT(signature.y_parity <= 1);
  std::vector<Bytes> fields = encode_fields(tx);
  if (tx.type == EthType::legacy)
    fields.push_back(rlp_integer(U256(tx.chain_id) * 2 + 35 + signature.y_parity));  // EIP-155
  else
    fields.push_back(rlp_integer(signature.y_parity));
  fields.push_back(rlp_integer(from_big_endian(signature.r)));
  fields.push_back(rlp_integer(from_big_endian(signature.s)));
  return with_type(tx, fields);
}

}  // namespace quorate::transactions
