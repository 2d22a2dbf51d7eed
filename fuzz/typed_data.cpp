// Any text as an EIP-712 document: refused with a pointer, or one digest, the same from its canonical form.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "transactions/decode.h"

using namespace quorate;
using namespace quorate::transactions;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const KeyFacts key{Scheme::ecdsa_secp256k1,
                            from_hex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798").value(),
                            {},
                            "m"};
  try {
    const Json document = parse_json({reinterpret_cast<const char*>(data), size});
    const auto decoded = decode({{"kind", "eth_typed_data"}, {"typed_data", document}}, key);
    const auto* taken = std::get_if<Decoded>(&decoded);
    if (taken == nullptr) {
      QUORATE_ASSERT(std::get<Refusal>(decoded).pointer.starts_with("/payload"));
      return 0;
    }
    QUORATE_ASSERT(parse_json(to_jcs(taken->facts_json())) == taken->facts_json());
    const auto again = decode({{"kind", "eth_typed_data"}, {"typed_data", parse_json(to_jcs(document))}}, key);
    QUORATE_ASSERT(std::get<Decoded>(again).to_sign[0].bytes == taken->to_sign[0].bytes);
  } catch (const JsonError&) {
  }
  return 0;
}
