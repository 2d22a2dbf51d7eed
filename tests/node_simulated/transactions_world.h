// Keys for transactions among nodes, what clients see of them, and PSBTs to sign.
#pragma once
#include <gtest/gtest.h>

#include "base/hash.h"
#include "http/gate.h"
#include "node/api.h"
#include "node/signable.h"
#include "signing/verify.h"
#include "tests/node_simulated/algorithms.h"
#include "tests/support/json_schema.h"
#include "tests/support/node_simulation.h"
#include "transactions/addresses.h"
#include "transactions/base58.h"
#include "transactions/bitcoin_address.h"
#include "transactions/ethereum_address.h"
#include "transactions/keccak.h"
#include "transactions/psbt.h"

namespace quorate::test {

using namespace transactions;
using node::Refusal;
using node::Signable;

inline const std::string kTo = "0x3535353535353535353535353535353535353535";

inline Json transfer_payload() {
  return {
      {"kind", "eth_transaction"},
      {"fields", {{"chain_id", 1}, {"nonce", 9}, {"gas", 21000}, {"gas_price", 5}, {"to", kTo}, {"value", "1000"}}}};
}

// What clients get is what http/openapi.yaml says.
inline void expect_described(const char* schema, const Json& body) {
  static const Json document = Json::parse(http::kOpenApiJson);
  EXPECT_EQ(SchemaChecker(document).check({{"$ref", std::string("#/components/schemas/") + schema}}, body), "")
      << schema << body;
}

// Keys of the nodes 1 to 3; node4 has no share of any.
struct Cluster : NodeSimulation {
  explicit Cluster(std::uint64_t run, std::vector<std::string> algorithms = {kEcdsa, kBip340, kEd25519})
      : NodeSimulation(4, run) {
    for (const std::string& algorithm : algorithms) {
      const auto& made = ask(0, create(algorithm, 2, {0, 1, 2}, algorithm));
      EXPECT_TRUE(made.succeeded()) << made.code();
    }
    settle();
  }
  http::SignedRequest signing(const std::string& key, Json payload, const std::string& path = "m") {
    return request("/v1/keys/" + key + "/signatures", {{"payload", std::move(payload)}, {"path", path}});
  }
  KeyFacts facts(const std::string& key, const std::string& path = "m") {
    const auto row = *store(0).key_by_name(key);
    return std::get<KeyFacts>(node::key_facts(row, *node::KnownKeys().of(row), path, true, world(0)));
  }
  DerivedKey child(const std::string& key, const std::string& path) {
    const KeyFacts root = facts(key);
    return derive(root.scheme, root.public_key, root.chain_code, parse_path(path).value()).value();
  }
  http::Reply call(std::size_t i, http::Route route, const std::string& subject, http::QueryParameters query,
                   Json body = nullptr, const std::string& user = "admin") {
    node::NodeApi api(world(i), desk(i), host(i));
    const http::SignedRequest original;
    http::Verified who;
    who.user = user;
    who.created = unix_seconds(clock.wall());
    auto answer = api.call({route, subject, std::move(query), std::move(body), original, who, {}, {}});
    if (auto* reply = std::get_if<http::Reply>(&answer)) {
      expect_described(route == http::Route::inspect    ? "Inspection"
                       : route == http::Route::simulate ? "Simulation"
                                                        : "Key",
                       reply->body);
      return *reply;
    }
    const auto& problem = std::get<http::Problem>(answer);
    return {problem.status, {{"code", problem.code}, {"pointer", problem.pointer.value_or("")}}, {}};
  }
};

inline Json result_of(const NodeSimulation::Submission& s) {
  EXPECT_TRUE(s.succeeded()) << s.code() << " " << (s.refusal() ? s.refusal()->detail : s.record()->reason.text);
  if (!s.succeeded()) return Json();
  expect_described("Request", node::request_view(*s.record(), true));
  const Json result = Json::parse(s.record()->result.text);
  expect_described("SignResult", result);
  return result;
}

inline Signature64 signature_in(const Json& view) {
  return array_from_hex<64>(view.at("hex").get<std::string>()).value();
}

// Says that the key of a map is ours, at this path.
inline void name_origin(PsbtMap& map, const KeyFacts& root, const std::string& path, std::uint64_t type,
                        std::uint64_t taproot_type) {
  const Path indices = parse_path(path).value();
  const Bytes key = derive(root.scheme, root.public_key, root.chain_code, indices).value().public_key;
  const bool taproot = root.scheme == Scheme::schnorr_secp256k1;
  Bytes origin;
  if (taproot) origin.push_back(0);
  put_bytes(origin, fingerprint(root.public_key));
  for (const std::uint32_t i : indices) put_number(origin, i, 4);
  if (taproot)
    map.set(taproot_type, Bytes(key.begin() + 1, key.end()), origin);
  else
    map.set(type, key, origin);
}

// A PSBT that spends one output (of 10,000 satoshi) of each of these children. By default it pays all but 500 to
// somebody; the outputs that have a path are said to be ours.
struct Paid {
  std::uint64_t amount = 0;
  Bytes script;
  std::string path;
};
inline Json psbt_of(const KeyFacts& root, const std::vector<std::string>& paths,
                    const std::vector<Paid>& outputs = {}) {
  const bool taproot = root.scheme == Scheme::schnorr_secp256k1;
  BitcoinTransaction tx;
  Psbt psbt;
  for (const std::string& path : paths) {
    const Path indices = parse_path(path).value();
    const DerivedKey child = derive(root.scheme, root.public_key, root.chain_code, indices).value();
    BitcoinTransaction previous;
    previous.inputs.resize(1);
    previous.lock_time = static_cast<std::uint32_t>(tx.inputs.size());
    previous.outputs = {{10'000, taproot ? p2tr_script(taproot_output_key(child.public_key, {}).value())
                                         : p2wpkh_script(child.public_key)}};
    tx.inputs.emplace_back().previous = {previous.txid(), 0};
    PsbtMap input;
    input.set(psbt_in::non_witness_utxo, {}, previous.bytes(true));
    name_origin(input, root, path, psbt_in::bip32_derivation, psbt_in::tap_bip32_derivation);
    psbt.inputs.push_back(std::move(input));
  }
  for (const Paid& output : outputs) {
    tx.outputs.push_back({output.amount, output.script});
    if (PsbtMap& map = psbt.outputs.emplace_back(); !output.path.empty())
      name_origin(map, root, output.path, psbt_out::bip32_derivation, psbt_out::tap_bip32_derivation);
  }
  if (outputs.empty()) {
    tx.outputs = {{10'000 * paths.size() - 500, p2wpkh_script(Bytes(33, 2))}};
    psbt.outputs.resize(1);
  }
  psbt.global.set(psbt_global::unsigned_tx, {}, tx.bytes(false));
  return {{"kind", "btc_psbt"}, {"base64", to_base64(psbt.bytes())}};
}

}  // namespace quorate::test
