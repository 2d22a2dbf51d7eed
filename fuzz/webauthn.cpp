// What somebody posts as an authenticator's assertion. The first byte says which part is the rest of the input; what is
// not is that of a good one. Whatever is accepted has been signed: only the good one's parts are.
#include <nlohmann/json.hpp>

#include "base/base64url.h"
#include "base/check.h"
#include "policy/approval.h"
#include "policy/document.h"

using namespace quorate;
using namespace quorate::policy;

namespace {

const std::string kApproved = "quorate/approval/v1\n{}";

const std::vector<Credential>& credentials() {
  static const std::vector<Credential> all{
      {from_base64url("PNNscXyQg77AV16f9cB8UQ").value(),
       "example.com",
       {"https://example.com"},
       Es256PublicKey::parse_hex("046a6e4bbf72224a79bfd3bc04e575cb50fe1b3a69c747f5ffc05f9e3440eba9533ef44f83016273c5598"
                                 "c190bddbbb8ae659af1720d4427488201d0c7ea741a2f")
           .value()}};
  return all;
}
const Assertion& good() {
  static const Assertion assertion = parse_assertion(
      {{"credential", "PNNscXyQg77AV16f9cB8UQ"},
       {"authenticator_data", "o3mm9u6vuaVeN4wRgDTidR5oL6ufLTCrE9ISVYbOGUcFAAAAAQ"},
       {"client_data_json",
        "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiSDJoOW5mRWZ6RnZHU01sYjhvU3drX3BhN1N3MXVkcHNEUUJQRVZHWFEzWSIsIm"
        "9yaWdpbiI6Imh0dHBzOi8vZXhhbXBsZS5jb20iLCJjcm9zc09yaWdpbiI6ZmFsc2V9"},
       {"signature",
        "MEUCIQC8id-of6ItoTxUnlRK_AfhvevMKqsWdE-zQHHFmvP_ZAIgWvla0Zg5jGgU21TxfhjpLgjrRROy04WwYSH8Gf_TvO8"}},
      "");
  return assertion;
}

void judge(const Assertion& assertion) {
  const auto fault = fault_in(assertion, credentials(), kApproved);
  if (fault) {
    QUORATE_ASSERT(to_json(assertion).contains(fault->pointer.substr(1)) && !fault->what.empty());
    return;
  }
  QUORATE_ASSERT(assertion.authenticator_data == good().authenticator_data &&
                 assertion.client_data_json == good().client_data_json && assertion.credential == good().credential);
}

template <class Field>
void judge_with(Field Assertion::*field, ByteView bytes) {
  Assertion assertion = good();
  if (bytes.size() > Field::max_count) return;
  (assertion.*field).assign(bytes.begin(), bytes.end());
  judge(assertion);
}

void decode_vote(ByteView bytes) {
  try {
    const auto approval = decode<Approval>(bytes);
    QUORATE_ASSERT(equal_constant_time(encode(approval), bytes));
    User user;
    user.webauthn = credentials();
    static_cast<void>(fault_in(approval, user, Json::object()));
  } catch (const Malformed&) {
  }
}

void parse_json_of(ByteView bytes) {
  const Json json = parse_json(text_of(bytes));
  try {
    const Assertion assertion = parse_assertion(json, "");
    QUORATE_ASSERT(parse_assertion(to_json(assertion), "") == assertion);
    judge(assertion);
  } catch (const JsonError&) {
  }
  if (!json.is_object()) return;
  JsonObject user(json, "");
  for (const Credential& credential : parse_credentials(user)) {
    QUORATE_ASSERT(Es256PublicKey::parse(credential.key.bytes()) == credential.key);
    QUORATE_ASSERT(!credential.origins.empty() && !credential.id.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  QUORATE_ASSERT(!fault_in(good(), credentials(), kApproved));
  const ByteView bytes(data + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      judge_with(&Assertion::authenticator_data, bytes);
      break;
    case 1:
      judge_with(&Assertion::client_data_json, bytes);
      break;
    case 2:
      judge_with(&Assertion::signature, bytes);
      break;
    case 3:
      decode_vote(bytes);
      break;
    case 4:
      try {
        parse_json_of(bytes);
      } catch (const JsonError&) {
      }
      break;
    case 5:
      if (const auto key = Es256PublicKey::parse(bytes)) {
        QUORATE_ASSERT(Es256PublicKey::parse(key->bytes()) == key);
        static_cast<void>(key->verify(bytes, good().signature));
      }
      break;
  }
  return 0;
}
