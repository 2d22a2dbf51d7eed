// What the JavaScript judges compare themselves with: JSON lines in, JSON lines out, in order.
//   {"payload", "key": {"scheme", "public_key", "chain_code", "path"}}                  → {"to_sign": […], "facts":
//   {…}} or {"refusal": {…}} the same with "signatures": [{"hex", "recovery_id"}]                                →
//   {"finished": {…}}
#include <iostream>
#include <nlohmann/json.hpp>

#include "transactions/addresses.h"
#include "transactions/decode.h"

using namespace quorate;
using namespace quorate::transactions;

namespace {

Bytes bytes_at(const Json& json, const char* name) { return from_hex(json.at(name).get<std::string>()).value(); }

KeyFacts key_of(const Json& json) {
  KeyFacts key;
  const std::string scheme = json.at("scheme");
  key.scheme = scheme == "ecdsa"     ? Scheme::ecdsa_secp256k1
               : scheme == "schnorr" ? Scheme::schnorr_secp256k1
                                     : Scheme::eddsa_ed25519;
  key.public_key = bytes_at(json, "public_key");
  key.chain_code = array_from_hex<32>(json.at("chain_code").get<std::string>()).value();
  key.path = json.at("path");
  return key;
}

Json answer(const Json& line) {
  const KeyFacts key = key_of(line.at("key"));
  if (line.contains("network")) {
    const Path path = parse_path(key.path).value();
    const auto child = derive(key.scheme, key.public_key, key.chain_code, path).value();
    const auto network = parse_network(line.at("network").get<std::string>()).value();
    return {{"public_key", to_hex(child.public_key)},
            {"chain_code", to_hex(child.chain_code)},
            {"tau", to_hex(child.tau)},
            {"xpub", extended_public_key(key.scheme, child, network)},
            {"addresses", addresses_of(key.scheme, child, network)},
            {"descriptors", descriptors_of(key.scheme, child, key.public_key, path, network)}};
  }
  const Json& payload = line.at("payload");
  if (line.contains("signatures")) {
    std::vector<Signature> signatures;
    for (const Json& s : line.at("signatures"))
      signatures.push_back(
          {array_from_hex<64>(s.at("hex").get<std::string>()).value(), s.value("recovery_id", std::uint8_t{0})});
    return {{"finished", finish(payload, key, signatures)}};
  }
  const auto decoded = decode(payload, key);
  if (const auto* refusal = std::get_if<Refusal>(&decoded))
    return {{"refusal", {{"code", refusal->code}, {"pointer", refusal->pointer}, {"detail", refusal->detail}}}};
  const auto& taken = std::get<Decoded>(decoded);
  Json out{{"facts", taken.facts_json()}, {"to_sign", Json::array()}};
  for (const ToSign& item : taken.to_sign) {
    Json entry{{"bytes", to_hex(item.bytes)},
               {"path", item.path},
               {"public_key", to_hex(item.key.public_key)},
               {"tau", to_hex(item.key.tau)}};
    if (item.merkle_root) entry["merkle_root"] = to_hex(*item.merkle_root);
    out["to_sign"].push_back(std::move(entry));
  }
  return out;
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  std::string line;
  while (std::getline(std::cin, line)) std::cout << to_jcs(answer(parse_json(line))) << '\n' << std::flush;
  return 0;
}
