// Any bytes as a Solana message. One that parses serialises to the same bytes.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "transactions/decode.h"
#include "transactions/solana_message.h"

using namespace quorate;
using namespace quorate::transactions;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  // The generator of Ed25519 is the key, so that inputs of the corpus are its messages.
  static const KeyFacts key{Scheme::eddsa_ed25519,
                            from_hex("5866666666666666666666666666666666666666666666666666666666666666").value(),
                            {},
                            "m"};
  try {
    const Bytes again = SolanaMessage::parse(bytes).bytes();
    QUORATE_ASSERT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
  } catch (const Malformed&) {
    return 0;
  }
  const Json payload{{"kind", "solana_transaction"}, {"base64", to_base64(bytes)}};
  const auto decoded = decode(payload, key);
  if (const auto* taken = std::get_if<Decoded>(&decoded)) {
    QUORATE_ASSERT(taken->to_sign.size() == 1 && std::equal(taken->to_sign[0].bytes.begin(),
                                                            taken->to_sign[0].bytes.end(), bytes.begin(), bytes.end()));
    QUORATE_ASSERT(parse_json(to_jcs(taken->facts_json())) == taken->facts_json());
    const Signature signature{};
    finish(payload, key, std::span(&signature, 1));
  }
  return 0;
}
