// Any bytes as an unsigned Ethereum transaction. One that parses serialises to the same bytes, signed or not has one
// hash, and its facts have a canonical form.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "transactions/decode.h"
#include "transactions/ethereum_transaction.h"

using namespace quorate;
using namespace quorate::transactions;

namespace {

const KeyFacts& key() {
  static const KeyFacts key{Scheme::ecdsa_secp256k1,
                            from_hex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798").value(),
                            {},
                            "m"};
  return key;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  try {
    const EthTransaction tx = parse_unsigned_transaction(bytes);
    const Bytes again = unsigned_bytes(tx);
    QUORATE_ASSERT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
    const Json payload{{"kind", "eth_transaction"}, {"raw", to_0x(bytes)}};
    const auto decoded = decode(payload, key());
    if (const auto* taken = std::get_if<Decoded>(&decoded)) {
      QUORATE_ASSERT(taken->to_sign.size() == 1 && taken->to_sign[0].bytes.size() == 32);
      QUORATE_ASSERT(parse_json(to_jcs(taken->facts_json())) == taken->facts_json());
      const Signature signature{};
      QUORATE_ASSERT(finish(payload, key(), std::span(&signature, 1)).contains("signed_transaction"));
    } else {
      QUORATE_ASSERT(std::get<Refusal>(decoded).pointer == "/payload/raw");
    }
  } catch (const Malformed&) {
  }
  return 0;
}
