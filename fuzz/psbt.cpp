// Any bytes as a PSBT. One that parses serialises to the same bytes; one with an input of our key is finished into one
// that parses.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "transactions/decode.h"
#include "transactions/psbt.h"

using namespace quorate;
using namespace quorate::transactions;

namespace {

void sign(const Json& payload, Scheme scheme) {
  const KeyFacts key{
      scheme, from_hex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798").value(), {}, "m"};
  const auto decoded = decode(payload, key);
  const auto* taken = std::get_if<Decoded>(&decoded);
  if (taken == nullptr) return;
  QUORATE_ASSERT(parse_json(to_jcs(taken->facts_json())) == taken->facts_json());
  const std::vector<Signature> signatures(taken->to_sign.size());
  const Json done = finish(payload, key, signatures);
  Psbt::parse(from_base64(done["psbt"].get<std::string>()).value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  try {
    const Bytes again = Psbt::parse(bytes).bytes();
    QUORATE_ASSERT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
  } catch (const Malformed&) {
    return 0;
  }
  const Json payload{{"kind", "btc_psbt"}, {"base64", to_base64(bytes)}};
  sign(payload, Scheme::ecdsa_secp256k1);
  sign(payload, Scheme::schnorr_secp256k1);
  return 0;
}
