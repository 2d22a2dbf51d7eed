// The payload kinds eth_message, eth_transaction, eth_typed_data.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/limits.h"
#include "transactions/ethereum_calls.h"
#include "transactions/ethereum_transaction.h"
#include "transactions/keccak.h"
#include "transactions/payload_kinds.h"
#include "transactions/typed_data.h"
#include "transactions/typed_data_facts.h"

namespace quorate::transactions {
namespace {

struct Signer {
  DerivedKey key;
  EthAddress address{};
};

Signer signer_of(const KeyFacts& key) {
  Signer out{child_of(key, Scheme::ecdsa_secp256k1), {}};
  const auto address = eth_address_of(out.key.public_key);
  QUORATE_ASSERT(address.has_value());
  out.address = *address;
  return out;
}

Decoded one(const Digest& digest, Signer signer, const KeyFacts& key, Facts facts) {
  Decoded out;
  facts.paths = {key.path};
  out.to_sign.push_back({Bytes(digest.begin(), digest.end()), std::move(signer.key), key.path, std::nullopt});
  out.facts = std::move(facts);
  return out;
}

// What the client believes the chain to be: {"chain": "eip155:1"}.
void expect_chain(JsonObject& payload, const std::string& chain) {
  if (!payload.has("chain")) return;
  if (payload.text("chain", 1, limits::kMaxName) != chain)
    throw Refused("payload_invalid", "/payload/chain", "the payload is for " + chain);
}

EthTransaction parse_transaction(JsonObject& payload) {
  if (payload.has("raw") == payload.has("fields"))
    throw JsonError("/payload", "an eth_transaction has exactly one of raw and fields");
  if (payload.has("fields")) {
    EthTransaction tx = parse_transaction_fields(payload.object("fields"), "/payload/fields");
    if (unsigned_bytes(tx).size() > limits::kMaxSignedBytes) payload.fail("fields", "the transaction is too large");
    return tx;
  }
  const auto raw = from_0x(payload.text("raw", 2, 2 + 2 * limits::kMaxSignedBytes));
  if (!raw) payload.fail("raw", "must be 0x and an even number of hex digits");
  try {
    return parse_unsigned_transaction(*raw);
  } catch (const Malformed& e) {
    throw JsonError("/payload/raw", e.what());
  }
}

// Movements, calls and details of a transaction from `sender`.
Facts facts_of(const EthTransaction& tx, const EthAddress& sender) {
  Facts facts;
  facts.type = "eth_transaction";
  facts.chain = "eip155:" + std::to_string(tx.chain_id);
  Json& details = facts.details;
  details = {{"type", name_of(tx.type)},
             {"nonce", std::to_string(tx.nonce)},
             {"from", to_text(sender)},
             {"to", tx.to ? to_text(*tx.to) : "new"},
             {"value", to_decimal(tx.value)},
             {"gas", std::to_string(tx.gas)},
             {"fee_max", to_decimal(*fee_ceiling(tx))},
             {"data", to_0x(tx.data)}};
  if (tx.type == EthType::legacy || tx.type == EthType::access_list) {
    details["gas_price"] = to_decimal(tx.gas_price);
  } else {
    details["max_fee_per_gas"] = to_decimal(tx.max_fee_per_gas);
    details["max_priority_fee_per_gas"] = to_decimal(tx.max_priority_fee_per_gas);
  }
  if (tx.to) {
    details["call"] = add_call(facts, {sender, *tx.to, tx.value, tx.data});
  } else {
    const std::string created = to_text(created_address(sender, tx.nonce));
    if (tx.value != 0)
      facts.movements.push_back(
          {MovementKind::transfer, native_asset(facts.chain), to_text(sender), created, tx.value, ""});
    facts.movements.push_back(Movement{});  // what the new contract's code does
    facts.calls.push_back({"new", "", "create"});
    details["call"] = {{"name", "create"}};
    details["creates"] = created;
  }
  if (!tx.access_list.empty()) {
    Json list = Json::array();
    for (const EthAccess& access : tx.access_list) {
      Json keys = Json::array();
      for (const Bytes32& slot : access.storage_keys) keys.push_back(to_0x(slot));
      list.push_back({{"address", to_text(access.address)}, {"storage_keys", std::move(keys)}});
    }
    details["access_list"] = std::move(list);
  }
  if (tx.type == EthType::blob) {
    details["max_fee_per_blob_gas"] = to_decimal(tx.max_fee_per_blob_gas);
    Json hashes = Json::array();
    for (const Bytes32& hash : tx.blob_versioned_hashes) hashes.push_back(to_0x(hash));
    details["blob_versioned_hashes"] = std::move(hashes);
  }
  if (tx.type == EthType::set_code) {
    // Whose accounts these are is not told by the transaction, nor what their new code does when it is called: each of
    // the calls above may reach one of them.
    facts.movements.emplace_back();
    facts.calls.emplace_back();
    Json list = Json::array();
    for (const EthAuthorization& a : tx.authorization_list)
      list.push_back({{"chain_id", to_decimal(a.chain_id)},
                      {"address", to_text(a.address)},
                      {"nonce", std::to_string(a.nonce)},
                      {"y_parity", std::to_string(a.y_parity)},
                      {"r", to_decimal(a.r)},
                      {"s", to_decimal(a.s)}});
    details["authorization_list"] = std::move(list);
  }
  facts.movements.push_back(
      {MovementKind::fee, native_asset(facts.chain), to_text(sender), "fee", *fee_ceiling(tx), ""});
  return facts;
}

bool is_plain_text(ByteView message) {
  const std::string_view text = text_of(message);
  if (!is_valid_utf8(text)) return false;
  for (const char c : text)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f) return false;
  return true;
}

EthSignature eth_signature(const Signature& signature) {
  // A bit 1 in the recovery id (R_x ≥ n, probability 2^-127) has no place in an Ethereum transaction.
  if (signature.recovery_id > 1)
    throw Refused("payload_invalid", "/payload", "the signature has no form on Ethereum: sign again");
  EthSignature out;
  out.y_parity = signature.recovery_id;
  std::copy_n(signature.bytes.begin(), 32, out.r.begin());
  std::copy_n(signature.bytes.begin() + 32, 32, out.s.begin());
  return out;
}

}  // namespace

Decoded decode_eth_transaction(JsonObject& payload, const KeyFacts& key) {
  const EthTransaction tx = parse_transaction(payload);
  expect_chain(payload, "eip155:" + std::to_string(tx.chain_id));
  Signer signer = signer_of(key);
  Facts facts = facts_of(tx, signer.address);
  return one(signing_hash(tx), std::move(signer), key, std::move(facts));
}

Decoded decode_eth_message(JsonObject& payload, const KeyFacts& key) {
  if (payload.has("base64") == payload.has("utf8"))
    throw JsonError("/payload", "an eth_message has exactly one of base64 and utf8");
  Bytes message;
  if (payload.has("utf8")) {
    message = bytes_of(payload.text("utf8", 0, limits::kMaxSignedBytes));
  } else {
    auto bytes = from_base64(payload.text("base64", 0, (limits::kMaxSignedBytes + 2) / 3 * 4));
    if (!bytes) payload.fail("base64", "is not padded base64 in canonical form");
    if (bytes->size() > limits::kMaxSignedBytes)
      payload.fail("base64", "is more than " + std::to_string(limits::kMaxSignedBytes) + " bytes");
    message = std::move(*bytes);
  }
  Signer signer = signer_of(key);
  Facts facts;
  facts.type = "eth_message";
  facts.details = {{"signer", to_text(signer.address)}, {"size", std::to_string(message.size())}};
  // Text that a person can read moves nothing by itself. 32 bytes are somebody's digest (a Safe takes them), and other
  // bytes may be anything.
  if (is_plain_text(message) && message.size() != 32) {
    facts.chain = "";  // of no chain
    facts.details["text"] = std::string(text_of(message));
  } else {
    facts.details["hex"] = to_0x(message);
    facts.movements.push_back(Movement{});
  }
  Bytes prefixed = bytes_of(
      "\x19"
      "Ethereum Signed Message:\n" +
      std::to_string(message.size()));  // EIP-191, version 0x45
  prefixed.insert(prefixed.end(), message.begin(), message.end());
  return one(keccak256(prefixed), std::move(signer), key, std::move(facts));
}

Decoded decode_eth_typed_data(JsonObject& payload, const KeyFacts& key) {
  const TypedData document(payload.object("typed_data"), "/payload/typed_data");
  Signer signer = signer_of(key);
  Facts facts = facts_of(document, to_text(signer.address));
  expect_chain(payload, facts.chain);
  return one(document.digest(), std::move(signer), key, std::move(facts));
}

Json finish_eth_transaction(JsonObject& payload, const KeyFacts&, std::span<const Signature> signatures) {
  QUORATE_ASSERT(signatures.size() == 1);
  const EthTransaction tx = parse_transaction(payload);
  const EthSignature signature = eth_signature(signatures[0]);
  const Bytes raw = signed_bytes(tx, signature);
  const U256 v =
      tx.type == EthType::legacy ? U256(tx.chain_id) * 2 + 35 + signature.y_parity : U256(signature.y_parity);
  return {{"signed_transaction", to_0x(raw)},
          {"transaction_hash", to_0x(keccak256(raw))},
          {"r", to_0x(signature.r)},
          {"s", to_0x(signature.s)},
          {"v", to_decimal(v)}};
}

Json finish_eth_message(std::span<const Signature> signatures) {
  QUORATE_ASSERT(signatures.size() == 1);
  const EthSignature signature = eth_signature(signatures[0]);
  Bytes joined(signature.r.begin(), signature.r.end());
  joined.insert(joined.end(), signature.s.begin(), signature.s.end());
  joined.push_back(static_cast<std::uint8_t>(27 + signature.y_parity));  // as eth_sign answers it
  return {{"signature", to_0x(joined)},
          {"r", to_0x(signature.r)},
          {"s", to_0x(signature.s)},
          {"v", std::to_string(27 + signature.y_parity)}};
}

}  // namespace quorate::transactions
