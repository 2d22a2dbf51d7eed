#include "transactions/decode.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "transactions/payload_kinds.h"

namespace quorate::transactions {
namespace {

Decoded decode_kind(const std::string& kind, JsonObject& payload, const KeyFacts& key) {
  if (kind == "eth_transaction") return decode_eth_transaction(payload, key);
  if (kind == "eth_message") return decode_eth_message(payload, key);
  if (kind == "eth_typed_data") return decode_eth_typed_data(payload, key);
  if (kind == "btc_psbt") return decode_btc_psbt(payload, key);
  if (kind == "solana_transaction") return decode_solana_transaction(payload, key);
  throw Refused("payload_unsupported", "/payload/kind", "is not a kind of transaction");
}

}  // namespace

DerivedKey child_of(const KeyFacts& key, Scheme needed) {
  if (key.scheme != needed)
    throw Refused("algorithm_mismatch", "/payload/kind", "a key of this algorithm does not sign this kind of payload");
  const auto path = parse_path(key.path);
  if (!path)
    throw Refused("path_invalid", "/path",
                  "must be m, or m/ and indices below 2^31 without leading zeros, none of them hardened");
  auto child = derive(key.scheme, key.public_key, key.chain_code, *path);
  if (!child) throw Refused("path_invalid", "/path", "there is no child key at this path");
  return std::move(*child);
}

std::variant<Decoded, Refusal> decode(const Json& payload, const KeyFacts& key) {
  try {
    JsonObject in(payload, "/payload");
    const std::string kind = in.text("kind", 1, limits::kMaxName);
    Decoded out = decode_kind(kind, in, key);
    in.expect_no_more();
    return out;
  } catch (const Refused& e) {
    return e.refusal;
  } catch (const JsonError& e) {
    return Refusal{"payload_malformed", e.pointer, e.what()};
  }
}

Json finish(const Json& payload, const KeyFacts& key, std::span<const Signature> signatures) {
  JsonObject in(payload, "/payload");
  const std::string kind = in.text("kind", 1, limits::kMaxName);
  if (kind == "eth_transaction") return finish_eth_transaction(in, key, signatures);
  if (kind == "eth_message" || kind == "eth_typed_data") return finish_eth_message(signatures);
  if (kind == "btc_psbt") return finish_btc_psbt(in, key, signatures);
  if (kind == "solana_transaction") return finish_solana_transaction(in, key, signatures);
  QUORATE_ASSERT(false && "a payload that decode never took");
}

}  // namespace quorate::transactions
