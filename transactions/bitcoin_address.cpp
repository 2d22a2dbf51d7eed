#include "transactions/bitcoin_address.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "crypto/point.h"
#include "transactions/base58.h"
#include "transactions/bech32.h"
#include "transactions/hash160.h"

namespace quorate::transactions {
namespace {

struct Parameters {
  std::string_view name, prefix, genesis;  // genesis: the first 32 digits of the first block's hash
  std::uint8_t p2pkh, p2sh;
  int slip44;
};
const Parameters& of(BitcoinNetwork network) {
  static constexpr std::array<Parameters, 4> kAll{
      {{"mainnet", "bc", "000000000019d6689c085ae165831e93", 0x00, 0x05, 0},
       {"testnet", "tb", "000000000933ea01ad0ee984209779ba", 0x6f, 0xc4, 1},
       {"signet", "tb", "00000008819873e925422c1ff0f99f7c", 0x6f, 0xc4, 1},
       {"regtest", "bcrt", "0f9188f13cb7b2c71f2a335e3a4fc328", 0x6f, 0xc4, 1}}};
  return kAll.at(static_cast<std::size_t>(network));
}

constexpr std::uint8_t kDup = 0x76, kEqual = 0x87, kEqualVerify = 0x88, kHash160 = 0xa9, kCheckSig = 0xac, kOne = 0x51;

Bytes join(std::initializer_list<ByteView> parts) {
  Bytes out;
  for (const ByteView part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

bool matches(ByteView script, ByteView head, std::size_t size, ByteView tail) {
  return script.size() == head.size() + size + tail.size() && std::equal(head.begin(), head.end(), script.begin()) &&
         std::equal(tail.begin(), tail.end(), script.end() - static_cast<std::ptrdiff_t>(tail.size()));
}

constexpr ByteArray<3> kP2pkhHead{kDup, kHash160, 20};
constexpr ByteArray<2> kP2pkhTail{kEqualVerify, kCheckSig}, kP2shHead{kHash160, 20};
constexpr ByteArray<1> kP2shTail{kEqual};

std::string base58_address(std::uint8_t version, ByteView hash) {
  return to_base58check(join({ByteArray<1>{version}, hash}));
}

}  // namespace

std::optional<BitcoinNetwork> parse_network(std::string_view name) {
  for (const auto network :
       {BitcoinNetwork::mainnet, BitcoinNetwork::testnet, BitcoinNetwork::signet, BitcoinNetwork::regtest})
    if (of(network).name == name) return network;
  return std::nullopt;
}

std::string_view name_of(BitcoinNetwork network) { return of(network).name; }
std::string chain_of(BitcoinNetwork network) { return "bip122:" + std::string(of(network).genesis); }
std::string asset_of(BitcoinNetwork network) {
  return chain_of(network) + "/slip44:" + std::to_string(of(network).slip44);
}

Bytes p2pkh_script(ByteView public_key) { return join({kP2pkhHead, hash160(public_key), kP2pkhTail}); }
Bytes p2wpkh_script(ByteView public_key) { return join({ByteArray<2>{0, 20}, hash160(public_key)}); }
Bytes p2sh_script(ByteView redeem_script) { return join({kP2shHead, hash160(redeem_script), kP2shTail}); }
Bytes p2wsh_script(ByteView witness_script) { return join({ByteArray<2>{0, 32}, sha256(witness_script)}); }
Bytes p2tr_script(ByteView output_key) { return join({ByteArray<2>{kOne, 32}, output_key}); }

std::optional<std::string> address_of(BitcoinNetwork network, ByteView script) {
  const Parameters& p = of(network);
  if (matches(script, kP2pkhHead, 20, kP2pkhTail)) return base58_address(p.p2pkh, script.subspan(3, 20));
  if (matches(script, kP2shHead, 20, kP2shTail)) return base58_address(p.p2sh, script.subspan(2, 20));
  if (script.size() < 4 || script.size() > 42 || script[1] != script.size() - 2) return std::nullopt;
  const bool version_0 = script[0] == 0, later = script[0] >= kOne && script[0] < kOne + 16;
  if (!version_0 && !later) return std::nullopt;
  if (version_0 && script.size() != 22 && script.size() != 34) return std::nullopt;
  const unsigned version = version_0 ? 0u : script[0] - kOne + 1u;
  return to_segwit_address(p.prefix, {version, Bytes(script.begin() + 2, script.end())});
}

std::optional<Bytes> script_of(BitcoinNetwork network, std::string_view address) {
  const Parameters& p = of(network);
  if (const auto program = from_segwit_address(p.prefix, address)) {
    const auto opcode = static_cast<std::uint8_t>(program->version == 0 ? 0 : kOne - 1 + program->version);
    return join({ByteArray<2>{opcode, static_cast<std::uint8_t>(program->program.size())}, program->program});
  }
  const auto payload = from_base58check(address);
  if (!payload || payload->size() != 21) return std::nullopt;
  const ByteView hash = ByteView(*payload).subspan(1);
  if ((*payload)[0] == p.p2pkh) return join({kP2pkhHead, hash, kP2pkhTail});
  if ((*payload)[0] == p.p2sh) return join({kP2shHead, hash, kP2shTail});
  return std::nullopt;
}

std::optional<Bytes32> taproot_output_key(ByteView internal_key, ByteView merkle_root) {
  auto P = Point<Secp256k1>::parse(internal_key);
  if (!P) return std::nullopt;
  if (internal_key[0] == 3) P = -*P;  // lift_x: the point with even y
  const Digest t = tagged_hash("TapTweak", {internal_key.subspan(1), merkle_root});
  const auto tweak = Scalar<Secp256k1>::parse(t);
  if (!tweak) return std::nullopt;
  const auto Q = *P + Point<Secp256k1>::base(*tweak);
  if (Q.is_identity()) return std::nullopt;
  const auto encoded = Q.bytes();
  Bytes32 out;
  std::copy(encoded.begin() + 1, encoded.end(), out.begin());
  return out;
}

Digest tagged_hash(std::string_view tag, std::initializer_list<ByteView> parts) {
  const Digest prefix = sha256(view_of(tag));
  Bytes text = join({prefix, prefix});
  for (const ByteView part : parts) text.insert(text.end(), part.begin(), part.end());
  return sha256(text);
}

}  // namespace quorate::transactions
