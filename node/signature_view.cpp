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

// What a signature of this kind is called in the form that its chain's users know: of Ethereum what personal_sign and
// eth_signTypedData answer, of Solana the base58 by which explorers find the transaction.
const char* form_of(policy::PayloadKind kind) {
  return kind == policy::PayloadKind::solana_transaction ? "solana" : "ethereum";
}

// r and s are in the signature's view already.
void add_finished(Json& result, policy::PayloadKind kind, Json finished) {
  for (auto& [name, value] : finished.items()) {
    if (name == "r" || name == "s") continue;
    if (name == "v" || name == "signature")
      result["signature"][name == "v" ? "v" : form_of(kind)] = std::move(value);
    else
      result[name] = std::move(value);
  }
}

Signature64 signature_at(ByteView signatures, std::size_t index) {
  Signature64 signature;
  std::copy_n(signatures.begin() + static_cast<std::ptrdiff_t>(index * sizeof(Signature64)), sizeof(Signature64),
              signature.begin());
  return signature;
}

Digest name_of(Algorithm algorithm, const transactions::ToSign& item, const Signature64& signature) {
  return SeenSignatures::name_of(quorate::name_of(algorithm), verification_key(algorithm, item), item.bytes, signature);
}

// Its recovery id, which is 0 of everything but ECDSA; nullopt: it does not verify.
std::optional<std::uint8_t> verified(Algorithm algorithm, const transactions::ToSign& item,
                                     const Signature64& signature) {
  if (algorithm == Algorithm::ecdsa_secp256k1) {
    Digest digest{};
    if (item.bytes.size() != digest.size()) return std::nullopt;
    std::copy(item.bytes.begin(), item.bytes.end(), digest.begin());
    return verify_recoverable(item.key.public_key, digest, signature);
  }
  if (!verify_signature(algorithm, verification_key(algorithm, item), item.bytes, signature)) return std::nullopt;
  return 0;
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

Json signature_view(Algorithm algorithm, const Signature64& signature, std::uint8_t recovery_id) {
  Json view{{"hex", to_hex(signature)}};
  if (algorithm != Algorithm::ecdsa_secp256k1) return view;
  view["r"] = to_hex(ByteView(signature).first(32));
  view["s"] = to_hex(ByteView(signature).subspan(32));
  view["der"] = to_hex(der_of(signature));
  view["recovery_id"] = recovery_id;
  return view;
}

void note_verified(Algorithm algorithm, const transactions::ToSign& item, const Signature64& signature,
                   std::uint8_t recovery_id, SeenSignatures& seen) {
  seen.add(name_of(algorithm, item, signature), recovery_id);
}

std::optional<Json> sign_result(Algorithm algorithm, const Signable& what, const Json& payload, ByteView signatures,
                                SeenSignatures& seen) {
  if (signatures.size() != what.to_sign.size() * sizeof(Signature64)) return std::nullopt;
  Json views = Json::array();
  std::vector<transactions::Signature> made;
  for (const transactions::ToSign& item : what.to_sign) {
    transactions::Signature signature;
    signature.bytes = signature_at(signatures, made.size());
    const Digest name = name_of(algorithm, item, signature.bytes);
    auto recovery_id = seen.find(name);
    if (!recovery_id) {
      recovery_id = verified(algorithm, item, signature.bytes);
      if (!recovery_id) return std::nullopt;
      seen.add(name, *recovery_id);
    }
    signature.recovery_id = *recovery_id;
    Json view = signature_view(algorithm, signature.bytes, signature.recovery_id);
    view["path"] = item.path;
    view["public_key"] = to_hex(item.key.public_key);
    views.push_back(std::move(view));
    made.push_back(signature);
  }
  Json result{{"signature", views[0]}, {"public_key", to_hex(what.child.public_key)}, {"path", what.key.path}};
  result["signature"].erase("path");
  result["signature"].erase("public_key");
  if (!policy::shows_facts(what.kind)) return result;
  if (what.kind == policy::PayloadKind::btc_psbt) result["signatures"] = std::move(views);
  try {
    add_finished(result, what.kind, transactions::finish(payload, what.key, made));
  } catch (const transactions::Refused&) {  // no form on its chain: probability 2^-127
    return std::nullopt;
  }
  return result;
}

std::optional<Bytes> signatures_in(const Json& result) {
  Bytes joined;
  const Json all = result.contains("signatures") ? result.at("signatures") : Json::array({result.at("signature")});
  for (const Json& view : all) {
    const auto bytes = from_hex(view.at("hex").get<std::string>());
    if (!bytes) return std::nullopt;
    joined.insert(joined.end(), bytes->begin(), bytes->end());
  }
  return joined;
}

}  // namespace quorate::node
