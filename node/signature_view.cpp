#include "node/signature_view.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "signing/verify.h"

namespace quorate::node {
namespace {

// Of a positive number: without leading zeros, with one where the first bit would say "negative".
void put_integer(Bytes& out, ByteView number) {
  std::size_t skip = 0;
  while (skip + 1 < number.size() && number[skip] == 0) ++skip;
  const ByteView rest = number.subspan(skip);
  const bool pad = (rest[0] & 0x80) != 0;
  out.push_back(0x02);
  out.push_back(static_cast<std::uint8_t>(rest.size() + (pad ? 1 : 0)));
  if (pad) out.push_back(0);
  out.insert(out.end(), rest.begin(), rest.end());
}

}  // namespace

Bytes der_of(const Signature64& signature) {
  Bytes body;
  put_integer(body, ByteView(signature).first(32));
  put_integer(body, ByteView(signature).subspan(32));
  Bytes der;
  der.reserve(2 + body.size());
  der.push_back(0x30);
  der.push_back(static_cast<std::uint8_t>(body.size()));
  der.insert(der.end(), body.begin(), body.end());
  return der;
}

Json signature_view(Algorithm algorithm, ByteView Y, ByteView to_be_signed, const Signature64& signature) {
  Json view{{"hex", to_hex(signature)}};
  if (algorithm != Algorithm::ecdsa_secp256k1) return view;
  view["r"] = to_hex(ByteView(signature).first(32));
  view["s"] = to_hex(ByteView(signature).subspan(32));
  view["der"] = to_hex(der_of(signature));
  Digest digest{};
  QUORATE_ASSERT(to_be_signed.size() == digest.size());
  std::copy(to_be_signed.begin(), to_be_signed.end(), digest.begin());
  for (std::uint8_t id = 0; id < 4; ++id) {
    const auto key = recover_key(digest, signature, id);
    if (key && std::equal(key->begin(), key->end(), Y.begin(), Y.end())) view["recovery_id"] = id;
  }
  QUORATE_ASSERT(view.contains("recovery_id"));
  return view;
}

}  // namespace quorate::node
