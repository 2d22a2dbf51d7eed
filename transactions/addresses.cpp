#include "transactions/addresses.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "crypto/point.h"
#include "transactions/base58.h"
#include "transactions/bech32.h"
#include "transactions/ethereum_address.h"

namespace quorate::transactions {
namespace {

constexpr ByteArray<4> kXpub{0x04, 0x88, 0xb2, 0x1e}, kTpub{0x04, 0x35, 0x87, 0xcf};

std::string script_address(BitcoinNetwork network, const Bytes& script) {
  const auto address = address_of(network, script);
  QUORATE_ASSERT(address.has_value());
  return *address;
}

}  // namespace

Json addresses_of(Scheme scheme, const DerivedKey& key, BitcoinNetwork network) {
  Json out = Json::object();
  switch (scheme) {
    case Scheme::unset:
      break;
    case Scheme::ecdsa_secp256k1: {
      const auto ethereum = eth_address_of(key.public_key);
      if (ethereum) out["ethereum"] = to_checksum_text(*ethereum);
      const Bytes wpkh = p2wpkh_script(key.public_key);
      out["bitcoin_p2wpkh"] = script_address(network, wpkh);
      out["bitcoin_p2sh_p2wpkh"] = script_address(network, p2sh_script(wpkh));
      out["bitcoin_p2pkh"] = script_address(network, p2pkh_script(key.public_key));
      break;
    }
    case Scheme::schnorr_secp256k1:
      if (const auto output_key = taproot_output_key(key.public_key, {}))
        out["bitcoin_p2tr"] = script_address(network, p2tr_script(*output_key));
      break;
    case Scheme::eddsa_ed25519:
      out["solana"] = to_base58(key.public_key);
      break;
  }
  return out;
}

std::string extended_public_key(Scheme scheme, const DerivedKey& key, BitcoinNetwork network) {
  if (scheme != Scheme::ecdsa_secp256k1 && scheme != Scheme::schnorr_secp256k1) return "";
  const auto& version = network == BitcoinNetwork::mainnet ? kXpub : kTpub;
  Bytes out(version.begin(), version.end());
  out.push_back(key.depth);
  out.insert(out.end(), key.parent_fingerprint.begin(), key.parent_fingerprint.end());
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(key.child_number >> shift));
  out.insert(out.end(), key.chain_code.begin(), key.chain_code.end());
  out.insert(out.end(), key.public_key.begin(), key.public_key.end());
  return to_base58check(out);
}

std::optional<ExtendedPublicKey> parse_extended_public_key(std::string_view text) {
  const auto bytes = from_base58check(text);
  if (!bytes || bytes->size() != 78) return std::nullopt;
  const ByteView in(*bytes);
  ExtendedPublicKey out;
  out.mainnet = std::equal(kXpub.begin(), kXpub.end(), in.begin());
  if (!out.mainnet && !std::equal(kTpub.begin(), kTpub.end(), in.begin())) return std::nullopt;
  DerivedKey& key = out.key;
  key.depth = in[4];
  std::copy_n(in.begin() + 5, 4, key.parent_fingerprint.begin());
  for (std::size_t i = 9; i < 13; ++i) key.child_number = key.child_number << 8 | in[i];
  std::copy_n(in.begin() + 13, 32, key.chain_code.begin());
  key.public_key.assign(in.begin() + 45, in.end());
  if (!Point<Secp256k1>::parse(key.public_key)) return std::nullopt;
  // BIP-32, test vector 5: a root has neither a parent nor a number.
  if (key.depth == 0 && (key.child_number != 0 || key.parent_fingerprint != ByteArray<4>{})) return std::nullopt;
  return out;
}

Json descriptors_of(Scheme scheme, const DerivedKey& key, ByteView root_public_key, const Path& path,
                    BitcoinNetwork network) {
  Json out = Json::object();
  const std::string xpub = extended_public_key(scheme, key, network);
  if (xpub.empty()) return out;
  const std::string origin = "[" + to_hex(fingerprint(root_public_key)) + to_text(path).substr(1) + "]";
  const auto put = [&](const char* name, const std::string& head, const std::string& tail) {
    const std::string text = head + origin + xpub + "/<0;1>/*" + tail;
    out[name] = text + "#" + descriptor_checksum(text).value();
  };
  if (scheme == Scheme::schnorr_secp256k1) {
    put("p2tr", "tr(", ")");
    return out;
  }
  put("p2wpkh", "wpkh(", ")");
  put("p2sh_p2wpkh", "sh(wpkh(", "))");
  put("p2pkh", "pkh(", ")");
  return out;
}

std::optional<std::string> normal_address(std::string_view chain, std::string_view text) {
  const std::string_view space = chain.substr(0, chain.find(':'));
  if (space == "eip155") {
    const auto address = parse_eth_address(text);
    if (!address) return std::nullopt;
    return to_text(*address);
  }
  if (space == "solana") {
    const auto key = from_base58(text);
    if (!key || key->size() != 32) return std::nullopt;
    return to_base58(*key);
  }
  if (space != "bip122") return std::nullopt;
  for (const auto network :
       {BitcoinNetwork::mainnet, BitcoinNetwork::testnet, BitcoinNetwork::signet, BitcoinNetwork::regtest}) {
    if (chain != space && chain != chain_of(network)) continue;
    if (const auto script = script_of(network, text)) return address_of(BitcoinNetwork::mainnet, *script);
  }
  return std::nullopt;
}

}  // namespace quorate::transactions
