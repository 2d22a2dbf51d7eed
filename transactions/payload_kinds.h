// Each kind of payload, for decode.cpp. All throw Refused, JsonError or Malformed; `payload` is at "/payload".
#pragma once
#include "transactions/decode.h"

namespace quorate::transactions {

// Throws Refused when the path is none, or the scheme is not what this kind needs.
DerivedKey child_of(const KeyFacts& key, Scheme needed);

Decoded decode_eth_message(JsonObject& payload, const KeyFacts& key);
Decoded decode_eth_transaction(JsonObject& payload, const KeyFacts& key);
Decoded decode_eth_typed_data(JsonObject& payload, const KeyFacts& key);
Decoded decode_btc_psbt(JsonObject& payload, const KeyFacts& key);
Json finish_btc_psbt(JsonObject& payload, const KeyFacts& key, std::span<const Signature> signatures);
Decoded decode_solana_transaction(JsonObject& payload, const KeyFacts& key);
Json finish_solana_transaction(JsonObject& payload, const KeyFacts& key, std::span<const Signature> signatures);
Json finish_eth_transaction(JsonObject& payload, const KeyFacts& key, std::span<const Signature> signatures);
Json finish_eth_message(std::span<const Signature> signatures);  // and typed data

}  // namespace quorate::transactions
