#include "transactions/bitcoin_keys.h"

#include <algorithm>

#include "base/limits.h"
#include "transactions/refused.h"

namespace quorate::transactions {
namespace {

constexpr std::uint8_t kCheckSig = 0xac;

bool equal(ByteView a, ByteView b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

Bytes key_then_checksig(ByteView public_key) {
  Bytes out{static_cast<std::uint8_t>(public_key.size())};
  put_bytes(out, public_key);
  out.push_back(kCheckSig);
  return out;
}

}  // namespace

std::string_view name_of(Spend spend) {
  switch (spend) {
    case Spend::p2pkh:
      return "p2pkh";
    case Spend::p2wpkh:
      return "p2wpkh";
    case Spend::p2sh_p2wpkh:
      return "p2sh-p2wpkh";
    case Spend::p2wsh:
      return "p2wsh";
    case Spend::p2tr:
      return "p2tr";
  }
  return "";
}

std::map<Bytes, SpendableScript> spendable_scripts(Scheme scheme, ByteView public_key, ByteView merkle_root) {
  std::map<Bytes, SpendableScript> out;
  if (scheme == Scheme::schnorr_secp256k1) {
    if (const auto output_key = taproot_output_key(public_key, merkle_root))
      out[p2tr_script(*output_key)] = {Spend::p2tr, {}, {}, {}, Bytes(merkle_root.begin(), merkle_root.end())};
    return out;
  }
  if (scheme != Scheme::ecdsa_secp256k1) return out;
  const Bytes pkh = p2pkh_script(public_key), wpkh = p2wpkh_script(public_key), pk = key_then_checksig(public_key);
  out[pkh] = {Spend::p2pkh, pkh, {}, {}, {}};
  out[wpkh] = {Spend::p2wpkh, pkh, {}, {}, {}};
  out[p2sh_script(wpkh)] = {Spend::p2sh_p2wpkh, pkh, wpkh, {}, {}};
  for (const Bytes& inner : {pk, pkh}) out[p2wsh_script(inner)] = {Spend::p2wsh, inner, {}, inner, {}};
  return out;
}

KeyFinder::KeyFinder(Scheme scheme, const DerivedKey& root, const Bytes32& chain_code, OwnKey at_path)
    : scheme_(scheme),
      root_(root.public_key),
      chain_code_(chain_code),
      fingerprint_(transactions::fingerprint(root.public_key)),
      at_path_(std::move(at_path)),
      scripts_at_path_(spendable_scripts(scheme, at_path_.key.public_key, {})),
      steps_left_(limits::kMaxPsbtDerivations) {}

std::optional<SpendableScript> KeyFinder::spendable_by(const OwnKey& own, const Bytes& script,
                                                       ByteView merkle_root) const {
  const bool known = own.path == at_path_.path && merkle_root.empty();
  const auto scripts =
      known ? std::map<Bytes, SpendableScript>{} : spendable_scripts(scheme_, own.key.public_key, merkle_root);
  const auto& all = known ? scripts_at_path_ : scripts;
  const auto found = all.find(script);
  if (found == all.end()) return std::nullopt;
  return found->second;
}

std::vector<OwnKey> KeyFinder::candidates(const PsbtMap& map, std::uint64_t derivation_type,
                                          std::uint64_t taproot_type) {
  named_ = false;
  std::vector<OwnKey> out{at_path_};
  const bool taproot = scheme_ == Scheme::schnorr_secp256k1;
  for (const KeyOrigin& origin : key_origins(map, taproot ? taproot_type : derivation_type, taproot)) {
    if (origin.fingerprint != fingerprint_) continue;
    const auto refuse = [](const char* what) -> void { throw Refused("payload_invalid", "", what); };
    if (std::any_of(origin.path.begin(), origin.path.end(), [](std::uint32_t i) { return i >= 0x80000000; }))
      refuse("a key with our fingerprint has a hardened path, which no threshold key has");
    if (at_path_.path != "m" && to_text(origin.path) != at_path_.path) continue;
    const std::size_t steps = origin.path.size() + 1;
    if (steps > steps_left_) throw Refused("payload_unsupported", "", "has too many derived keys");
    steps_left_ -= steps;
    auto child = derive(scheme_, root_, chain_code_, origin.path);
    const ByteView named(origin.public_key);
    if (!child || !equal(taproot ? ByteView(child->public_key).subspan(1) : ByteView(child->public_key), named))
      refuse("a key with our fingerprint is not the one at its path");
    named_ = true;
    out.push_back({std::move(*child), to_text(origin.path)});
  }
  return out;
}

}  // namespace quorate::transactions
