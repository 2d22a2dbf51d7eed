#include <map>

#include "helpers.h"
#include "transactions/bitcoin_address.h"
#include "transactions/psbt.h"

namespace quorate::transactions {
namespace {

// One PSBT with one input of ours (m/0/5), one output to somebody and change to m/1/2; each test changes something.
struct Example {
  KeyFacts key;
  BitcoinTransaction previous, tx;
  Psbt psbt;
  Bytes script;

  explicit Example(KeyFacts k, bool segwit = true) : key(std::move(k)) {
    const DerivedKey own = child("m/0/5");
    script = key.scheme == Scheme::schnorr_secp256k1 ? p2tr_script(taproot_output_key(own.public_key, {}).value())
             : segwit                                ? p2wpkh_script(own.public_key)
                                                     : p2pkh_script(own.public_key);
    previous.inputs.resize(1);
    previous.outputs = {{1, {0x6a}}, {100000, script}};
    tx.inputs.resize(1);
    tx.inputs[0].previous = {previous.txid(), 1};
    tx.outputs = {{60000, p2wpkh_script(Bytes(33, 2))}, {39000, p2wpkh_script(child("m/1/2").public_key)}};
    if (key.scheme == Scheme::schnorr_secp256k1)
      tx.outputs[1].script = p2tr_script(taproot_output_key(child("m/1/2").public_key, {}).value());
    psbt.inputs.resize(1);
    psbt.outputs.resize(2);
    psbt.inputs[0].set(psbt_in::non_witness_utxo, {}, previous.bytes(true));
    origin(psbt.inputs[0], psbt_in::bip32_derivation, psbt_in::tap_bip32_derivation, "m/0/5");
    origin(psbt.outputs[1], psbt_out::bip32_derivation, psbt_out::tap_bip32_derivation, "m/1/2");
  }
  DerivedKey child(const char* path) const {
    return derive(key.scheme, key.public_key, key.chain_code, parse_path(path).value()).value();
  }
  void origin(PsbtMap& map, std::uint64_t type, std::uint64_t taproot_type, const char* path) const {
    const bool taproot = key.scheme == Scheme::schnorr_secp256k1;
    Bytes value;
    if (taproot) value.push_back(0);
    put_bytes(value, fingerprint(key.public_key));
    const Path indices = parse_path(path).value();
    for (const std::uint32_t i : indices) put_number(value, i, 4);
    const Bytes public_key = child(path).public_key;
    map.set(taproot ? taproot_type : type, taproot ? ByteView(public_key).subspan(1) : ByteView(public_key), value);
  }
  Json payload() {
    psbt.global.set(psbt_global::unsigned_tx, {}, tx.bytes(false));
    return {{"kind", "btc_psbt"}, {"base64", to_base64(psbt.bytes())}};
  }
  // The same as version 2.
  Json payload_v2() {
    Psbt two = psbt;
    two.global = {};
    Bytes four;
    put_number(four, 2, 4);
    two.global.set(psbt_global::version, {}, four);
    two.global.set(psbt_global::tx_version, {}, {tx_version, 0, 0, 0});
    two.global.set(psbt_global::input_count, {}, {static_cast<std::uint8_t>(tx.inputs.size())});
    two.global.set(psbt_global::output_count, {}, {static_cast<std::uint8_t>(tx.outputs.size())});
    two.global.set(psbt_global::tx_modifiable, {}, {7});
    for (std::size_t i = 0; i < tx.inputs.size(); ++i) {
      two.inputs[i].set(psbt_in::previous_txid, {},
                        Bytes(tx.inputs[i].previous.txid.begin(), tx.inputs[i].previous.txid.end()));
      Bytes index;
      put_number(index, tx.inputs[i].previous.index, 4);
      two.inputs[i].set(psbt_in::output_index, {}, index);
    }
    for (std::size_t i = 0; i < tx.outputs.size(); ++i) {
      Bytes amount;
      put_number(amount, tx.outputs[i].amount, 8);
      two.outputs[i].set(psbt_out::amount, {}, amount);
      two.outputs[i].set(psbt_out::script, {}, tx.outputs[i].script);
    }
    for (const auto& [type, data, value] : more_v2) two.inputs[0].set(type, data, value);
    for (const auto& [type, data, value] : more_v2_second) two.inputs.at(1).set(type, data, value);
    return {{"kind", "btc_psbt"}, {"base64", to_base64(two.bytes())}};
  }
  std::vector<PsbtMap::Entry> more_v2, more_v2_second;  // for the first and the second input
  std::uint8_t tx_version = 2;
};

TEST(Psbt, FactsOfOneInput) {
  Example e(ecdsa_key());
  const Decoded out = taken(e.payload(), e.key);
  const std::string asset = "bip122:000000000019d6689c085ae165831e93/slip44:0";
  const std::string from = address_of(BitcoinNetwork::mainnet, e.script).value(),
                    to = address_of(BitcoinNetwork::mainnet, e.tx.outputs[0].script).value();
  EXPECT_EQ(lines(out.facts), (std::vector<std::string>{"transfer 60000 " + asset + " " + from + " > " + to,
                                                        "fee 1000 " + asset + " " + from + " > fee"}));
  EXPECT_EQ(out.facts.paths, std::vector<std::string>{"m/0/5"});
  EXPECT_EQ(out.facts.sighashes, std::vector<std::string>{"ALL"});
  EXPECT_EQ(out.facts.details["outputs"][1]["change"], "m/1/2");
  EXPECT_EQ(out.to_sign[0].key.public_key, e.child("m/0/5").public_key);
  EXPECT_EQ(first_bytes(out), to_hex(bip143_sighash_all(e.tx, 0, p2pkh_script(e.child("m/0/5").public_key), 100000)));
  // Version 2 is the same transaction.
  const Decoded two = taken(e.payload_v2(), e.key);
  EXPECT_EQ(first_bytes(two), first_bytes(out));
  EXPECT_EQ(lines(two.facts), lines(out.facts));
  // The network is the client's word, and the signature is good on every one: only what people read depends on it.
  for (const char* network : {"mainnet", "testnet", "signet", "regtest"}) {
    Json named = e.payload();
    named["network"] = network;
    const Decoded same = taken(named, e.key);
    EXPECT_EQ(same.facts.chain, "bip122:000000000019d6689c085ae165831e93") << network;
    EXPECT_EQ(lines(same.facts), lines(out.facts)) << network;
    EXPECT_EQ(first_bytes(same), first_bytes(out)) << network;
    EXPECT_EQ(same.facts.details["network"], network);
    const auto shown = address_of(parse_network(network).value(), e.tx.outputs[0].script).value();
    EXPECT_EQ(same.facts.details["outputs"][0]["address"], shown) << network;
    EXPECT_EQ(same.facts.details["inputs"][0]["address"], address_of(parse_network(network).value(), e.script).value());
  }
  Json regtest = e.payload();
  regtest["network"] = "litecoin";
  EXPECT_PREFIX(refused(regtest, e.key), "payload_malformed /payload/network");
}

TEST(Psbt, ChangeMustBeProven) {
  for (const char* path : {"m/1/3", "m/0/5"}) {  // the key at the path named is not the output's
    Example e(ecdsa_key());
    e.psbt.outputs[1] = {};
    e.origin(e.psbt.outputs[1], psbt_out::bip32_derivation, psbt_out::tap_bip32_derivation, path);
    EXPECT_EQ(lines(taken(e.payload(), e.key).facts).size(), 3u) << path;
  }
  Example e(ecdsa_key());
  e.psbt.outputs[1] = {};
  EXPECT_EQ(lines(taken(e.payload(), e.key).facts).size(), 3u);
  // Our fingerprint over somebody else's key is a lie.
  Bytes value;
  put_bytes(value, fingerprint(e.key.public_key));
  put_number(value, 1, 4);
  e.psbt.outputs[1].set(psbt_out::bip32_derivation, Bytes(33, 2), value);
  EXPECT_PREFIX(refused(e.payload(), e.key),
                "payload_invalid /payload/base64: a key with our fingerprint is not the one");
}

TEST(Psbt, RefusesLies) {  // attack 54; the fee attack on BIP-143
  const auto with = [](auto change, const KeyFacts& key = ecdsa_key()) {
    Example e(key);
    change(e);
    return refused(e.payload(), e.key);
  };
  const std::string at = " /payload/base64: ";
  EXPECT_EQ(with([](Example&) {}), "");
  EXPECT_PREFIX(with([](Example& e) {
                  e.previous.outputs[1].amount = 90000;
                  e.psbt.inputs[0].set(psbt_in::non_witness_utxo, {}, e.previous.bytes(true));
                }),
                "payload_invalid" + at + "input 0: non_witness_utxo is not the transaction");
  const auto witness_utxo = [](Example& e, std::uint64_t amount) {
    e.psbt.inputs[0].set(psbt_in::witness_utxo, {}, output_bytes({amount, e.script}));
  };
  EXPECT_EQ(with([&](Example& e) { witness_utxo(e, 100000); }), "");
  EXPECT_PREFIX(with([&](Example& e) { witness_utxo(e, 100001); }),
                "payload_invalid" + at + "input 0: witness_utxo is not what");
  EXPECT_PREFIX(with([&](Example& e) {
                  witness_utxo(e, 100000);
                  e.psbt.inputs[0].erase(psbt_in::non_witness_utxo);
                }),
                "payload_invalid" + at + "input 0: non_witness_utxo is missing");
  EXPECT_PREFIX(with([](Example& e) { e.psbt.inputs[0].erase(psbt_in::non_witness_utxo); }),
                "payload_invalid" + at + "input 0: is ours, but neither");
  EXPECT_PREFIX(with([](Example& e) { e.tx.inputs[0].previous.index = 2; }),
                "payload_invalid" + at + "input 0: non_witness_utxo has no output");
  EXPECT_PREFIX(with([](Example& e) {
                  e.tx.inputs.push_back(e.tx.inputs[0]);
                  e.psbt.inputs.push_back(e.psbt.inputs[0]);
                }),
                "payload_malformed" + at + "two inputs spend the same output");
  EXPECT_PREFIX(with([](Example& e) { e.tx.outputs[0].amount = 61001; }),
                "payload_invalid" + at + "the outputs are worth more");
  for (const std::pair<const std::uint8_t, std::string>& refusal :
       std::map<std::uint8_t, std::string>{{2, "NONE"},
                                           {3, "SINGLE"},
                                           {0x81, "ALL|ANYONECANPAY"},
                                           {0x82, "NONE|ANYONECANPAY"},
                                           {0, "DEFAULT"},
                                           {4, "4"}})
    EXPECT_PREFIX(with([&](Example& e) {
                    e.psbt.inputs[0].set(psbt_in::sighash_type, {}, {refusal.first, 0, 0, 0});
                  }),
                  "payload_unsupported" + at + "input 0: sighash_type " + refusal.second + " ");
  EXPECT_EQ(with([](Example& e) { e.psbt.inputs[0].set(psbt_in::sighash_type, {}, {1, 0, 0, 0}); }), "");
  EXPECT_PREFIX(with([](Example& e) { e.psbt.inputs[0].set(psbt_in::redeem_script, {}, {1}); }),
                "payload_invalid" + at + "input 0: redeem_script is not");
  EXPECT_PREFIX(with([](Example& e) { e.psbt.inputs[0].set(psbt_in::witness_script, {}, {1}); }),
                "payload_invalid" + at + "input 0: witness_script is not");
  EXPECT_PREFIX(with([](Example& e) { e.psbt.inputs[0].set(psbt_in::final_scriptwitness, {}, {0}); }),
                "not_our_key" + at);
  EXPECT_PREFIX(with([](Example& e) { e.key = ecdsa_key(0x47); }), "not_our_key" + at);
  EXPECT_PREFIX(with([](Example& e) { e.key = ecdsa_key(0x46, "m/0/6"); }), "not_our_key" + at);
  EXPECT_EQ(with([](Example& e) { e.key = ecdsa_key(0x46, "m/0/5"); }), "");
  EXPECT_EQ(with([](Example& e) {
              e.key = ecdsa_key(0x46, "m/0/5");
              e.psbt.inputs[0].erase(psbt_in::bip32_derivation);
            }),
            "");
  EXPECT_PREFIX(with([](Example& e) { e.key = ed25519_key(); }), "algorithm_mismatch /payload/kind");
  EXPECT_PREFIX(with([](Example& e) {  // our key in a script of two keys
                  e.previous.outputs[1].script = p2wsh_script(Bytes{0x51});
                  e.tx.inputs[0].previous.txid = e.previous.txid();
                  e.psbt.inputs[0].set(psbt_in::non_witness_utxo, {}, e.previous.bytes(true));
                }),
                "payload_unsupported" + at + "input 0: has our key in a script");
  EXPECT_PREFIX(with([](Example& e) {
                  Bytes value;
                  put_bytes(value, fingerprint(e.key.public_key));
                  put_number(value, 0x80000000, 4);
                  e.psbt.inputs[0].set(psbt_in::bip32_derivation, e.child("m/0/5").public_key, value);
                }),
                "payload_invalid" + at + "a key with our fingerprint has a hardened path");
  EXPECT_PREFIX(refused({{"kind", "btc_psbt"}, {"base64", "cHNidA=="}}, ecdsa_key()), "payload_malformed" + at);
  EXPECT_PREFIX(refused({{"kind", "btc_psbt"}, {"base64", "cHNid"}}, ecdsa_key()),
                "payload_malformed" + at + "is not padded base64");
}

TEST(Psbt, MoreInputsThanOneSessionSigns) {
  Example e(ecdsa_key());
  e.previous.outputs.assign(20, {100000, e.script});
  e.tx.inputs.clear();
  e.psbt.inputs.clear();
  for (std::uint32_t i = 0; i < 9; ++i) {
    e.tx.inputs.push_back({{e.previous.txid(), i}, {}, 0xffffffff, {}});
    e.psbt.inputs.emplace_back();
    e.psbt.inputs.back().set(psbt_in::non_witness_utxo, {}, e.previous.bytes(true));
    e.origin(e.psbt.inputs.back(), psbt_in::bip32_derivation, psbt_in::tap_bip32_derivation, "m/0/5");
  }
  EXPECT_PREFIX(refused(e.payload(), e.key), "payload_unsupported /payload/base64: has more than 8 inputs");
  e.tx.inputs.pop_back();
  e.psbt.inputs.pop_back();
  EXPECT_EQ(taken(e.payload(), e.key).to_sign.size(), 8u);
}

TEST(Psbt, IsBounded) {  // attack 54
  Example many(ecdsa_key());
  many.tx.inputs.clear();
  for (std::uint32_t i = 0; i < 1025; ++i) many.tx.inputs.push_back({{Bytes32{}, i}, {}, 0xffffffff, {}});
  many.psbt.inputs.assign(1025, {});
  EXPECT_PREFIX(refused(many.payload(), many.key), "payload_malformed /payload/base64: has too many inputs or outputs");
  many.tx.inputs.pop_back();
  many.psbt.inputs.pop_back();
  EXPECT_PREFIX(refused(many.payload(), many.key), "not_our_key");
  // Deriving keys costs time: there are so many steps for one PSBT.
  Example deep(ecdsa_key());
  for (int i = 0; i < 9; ++i) {
    std::string path = "m";
    for (int k = 0; k < 250; ++k) path += "/" + std::to_string(i);
    deep.origin(deep.psbt.outputs[0], psbt_out::bip32_derivation, psbt_out::tap_bip32_derivation, path.c_str());
  }
  EXPECT_PREFIX(refused(deep.payload(), deep.key), "payload_unsupported /payload/base64: has too many derived keys");
}

TEST(Psbt, AForeignInputsWordIsNotBelieved) {
  const auto with_foreign = [](Example& e, bool whole) {
    BitcoinTransaction other;
    other.inputs.resize(1);
    other.outputs = {{5000, p2wpkh_script(Bytes(33, 3))}};
    e.tx.inputs.push_back({{other.txid(), 0}, {}, 0xffffffff, {}});
    e.psbt.inputs.emplace_back();
    e.psbt.inputs[1].set(psbt_in::witness_utxo, {}, output_bytes(other.outputs[0]));
    if (whole) e.psbt.inputs[1].set(psbt_in::non_witness_utxo, {}, other.bytes(true));
  };
  Example lied(ecdsa_key()), proven(ecdsa_key()), taproot(schnorr_key());
  with_foreign(lied, false);
  with_foreign(proven, true);
  with_foreign(taproot, false);
  EXPECT_EQ(taken(lied.payload(), lied.key).facts.movements.back().amount, Amount::unknown());
  EXPECT_EQ(taken(proven.payload(), proven.key).facts.movements.back().amount, Amount(U256(6000)));
  EXPECT_EQ(taken(taproot.payload(), taproot.key).facts.movements.back().amount,
            Amount(U256(6000)));  // BIP-341 signs all amounts
  taproot.psbt.inputs[1] = {};
  EXPECT_PREFIX(refused(taproot.payload(), taproot.key),
                "payload_invalid /payload/base64: input 1: witness_utxo is missing");
}

TEST(Psbt, FinishedOrPartlySigned) {
  Example e(ecdsa_key());
  Signature signature;
  signature.bytes.fill(0x81);
  const std::string r = to_hex(Bytes(32, 0x81));
  for (const Json& payload : {e.payload(), e.payload_v2()}) {
    const Json done = finish(payload, e.key, std::span(&signature, 1));
    const auto tx = BitcoinTransaction::parse(hex(done["signed_transaction"].get<std::string>()));
    ASSERT_EQ(tx.inputs[0].witness.size(), 2u);
    EXPECT_EQ(to_hex(tx.inputs[0].witness[0]), "3046022100" + r + "022100" + r + "01");
    EXPECT_EQ(txid_text(tx.txid()), done["transaction_hash"]);
    const auto psbt = Psbt::parse(from_base64(done["psbt"].get<std::string>()).value());
    EXPECT_TRUE(psbt.inputs[0].find(psbt_in::final_scriptwitness) != nullptr);
    EXPECT_TRUE(psbt.inputs[0].find(psbt_in::non_witness_utxo) != nullptr);
    if (psbt.version == 2) {
      EXPECT_EQ(*psbt.global.find(psbt_global::tx_modifiable), Bytes{4});  // BIP-370
    }
  }
  e.tx.inputs.push_back({{Bytes32{1}, 0}, {}, 0xffffffff, {}});
  e.psbt.inputs.emplace_back();
  const Json partly = finish(e.payload(), e.key, std::span(&signature, 1));
  EXPECT_FALSE(partly.contains("signed_transaction"));
  const auto psbt = Psbt::parse(from_base64(partly["psbt"].get<std::string>()).value());
  EXPECT_TRUE(psbt.inputs[0].find(psbt_in::partial_sig, e.child("m/0/5").public_key) != nullptr);
}

TEST(Psbt, LockTimesOfBip370) {
  const auto lock_time = [](std::vector<PsbtMap::Entry> first, std::vector<PsbtMap::Entry> second) {
    Example e(ecdsa_key());
    e.tx.inputs.push_back({{Bytes32{1}, 0}, {}, 0xffffffff, {}});
    e.psbt.inputs.emplace_back();
    e.more_v2 = std::move(first);
    e.more_v2_second = std::move(second);
    return taken(e.payload_v2(), e.key).facts.details["lock_time"].get<std::string>();
  };
  const auto entry = [](std::uint64_t type, std::uint32_t v) {
    Bytes value;
    put_number(value, v, 4);
    return PsbtMap::Entry{type, {}, value};
  };
  const auto height = [&](std::uint32_t v) { return entry(psbt_in::required_height_locktime, v); };
  const auto time = [&](std::uint32_t v) { return entry(psbt_in::required_time_locktime, v); };
  EXPECT_EQ(lock_time({}, {}), "0");
  EXPECT_EQ(lock_time({height(10000)}, {}), "10000");
  EXPECT_EQ(lock_time({height(10000)}, {height(9000)}), "10000");
  EXPECT_EQ(lock_time({height(10000)}, {height(9000), time(1657048460)}), "10000");
  EXPECT_EQ(lock_time({height(10000), time(1657048459)}, {height(9000), time(1657048460)}), "10000");
  EXPECT_EQ(lock_time({time(1657048459)}, {height(9000), time(1657048460)}), "1657048460");
  EXPECT_THROW(lock_time({height(10000)}, {time(1657048460)}), std::runtime_error);
  EXPECT_THROW(lock_time({height(500000000)}, {}), std::runtime_error);
  EXPECT_THROW(lock_time({height(0)}, {}), std::runtime_error);
  EXPECT_THROW(lock_time({time(499999999)}, {}), std::runtime_error);
}

TEST(Psbt, WhatEachVersionHasAndHasNot) {
  const auto refuses = [](auto change) {
    Example e(ecdsa_key());
    e.payload();
    change(e.psbt);
    try {
      Psbt::parse(e.psbt.bytes());
      return false;
    } catch (const Malformed&) {
      return true;
    }
  };
  EXPECT_FALSE(refuses([](Psbt&) {}));
  EXPECT_TRUE(refuses([](Psbt& p) { p.global.erase(psbt_global::unsigned_tx); }));
  EXPECT_TRUE(refuses([](Psbt& p) { p.global.set(psbt_global::version, {}, {1, 0, 0, 0}); }));
  EXPECT_TRUE(refuses([](Psbt& p) { p.global.set(psbt_global::version, {}, {2, 0, 0, 0}); }));
  for (const std::uint64_t type : {psbt_global::tx_version, psbt_global::fallback_locktime})
    EXPECT_TRUE(refuses([&](Psbt& p) { p.global.set(type, {}, {0, 0, 0, 0}); })) << type;
  for (const std::uint64_t type : {psbt_global::input_count, psbt_global::output_count, psbt_global::tx_modifiable})
    EXPECT_TRUE(refuses([&](Psbt& p) { p.global.set(type, {}, {1}); })) << type;
  EXPECT_TRUE(refuses([&](Psbt& p) { p.inputs[0].set(psbt_in::previous_txid, {}, Bytes(32)); }));
  for (const std::uint64_t type :
       {psbt_in::output_index, psbt_in::sequence, psbt_in::required_time_locktime, psbt_in::required_height_locktime})
    EXPECT_TRUE(refuses([&](Psbt& p) { p.inputs[0].set(type, {}, {1, 0, 0, 0}); })) << type;
  EXPECT_TRUE(refuses([&](Psbt& p) { p.outputs[0].set(psbt_out::amount, {}, Bytes(8)); }));
  EXPECT_TRUE(refuses([&](Psbt& p) { p.outputs[0].set(psbt_out::script, {}, {1}); }));
  EXPECT_TRUE(refuses([&](Psbt& p) {
    p.inputs[0].set(psbt_in::non_witness_utxo, Bytes{1}, {1});
  }));  // a key with data where there is none
  EXPECT_TRUE(refuses([&](Psbt& p) { p.inputs[0].set(psbt_in::partial_sig, Bytes(32), {1}); }));
  EXPECT_TRUE(refuses([&](Psbt& p) { p.inputs[0].set(psbt_in::sighash_type, {}, {1}); }));
  EXPECT_TRUE(refuses([&](Psbt& p) { p.inputs[0].set(psbt_in::bip32_derivation, Bytes(33, 2), Bytes(5)); }));
  EXPECT_FALSE(refuses([&](Psbt& p) { p.inputs[0].set(psbt_in::bip32_derivation, Bytes(33, 2), Bytes(4 + 4 * 255)); }));
  EXPECT_TRUE(refuses([&](Psbt& p) { p.inputs[0].set(psbt_in::bip32_derivation, Bytes(33, 2), Bytes(4 + 4 * 256)); }));
  EXPECT_TRUE(refuses([&](Psbt& p) { p.inputs[0].set(psbt_in::tap_key_sig, {}, Bytes(63)); }));
  EXPECT_TRUE(refuses([&](Psbt& p) { p.inputs[0].set(psbt_in::tap_internal_key, {}, Bytes(33)); }));
  EXPECT_TRUE(refuses([&](Psbt& p) { p.inputs.pop_back(); }));
  EXPECT_TRUE(refuses([&](Psbt& p) { p.outputs.emplace_back(); }));
  EXPECT_FALSE(refuses([&](Psbt& p) { p.inputs[0].set(0xfc, Bytes{1, 2}, {3}); }));  // unknown fields stay
}

TEST(Psbt, TheTransactionIsUnsignedAndOfVersionTwo) {
  Example e(ecdsa_key());
  e.tx_version = 1;
  EXPECT_PREFIX(refused(e.payload_v2(), e.key),
                "payload_malformed /payload/base64: the transaction's version must be 2");
  e.tx.inputs[0].script_sig = {0x51};
  EXPECT_PREFIX(refused(e.payload(), e.key),
                "payload_malformed /payload/base64: the unsigned transaction has a script");
}

TEST(Psbt, EveryCutAndChangeIsRefusedOrComesBack) {
  Example e(ecdsa_key());
  e.payload();
  const Bytes good = e.psbt.bytes();
  EXPECT_EQ(Psbt::parse(good).bytes(), good);
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_THROW(Psbt::parse(ByteView(good).first(size)), Malformed) << size;
  for (std::size_t i = 0; i < good.size(); ++i)
    for (const unsigned change : {0x01u, 0x80u, 0xffu}) {
      Bytes changed = good;
      changed[i] = static_cast<std::uint8_t>(changed[i] ^ change);
      try {
        EXPECT_EQ(Psbt::parse(changed).bytes(), changed);
      } catch (const Malformed&) {
      }
    }
  // The same key twice.
  Bytes twice = e.psbt.bytes();
  Bytes map;
  e.psbt.global.write(map);
  Bytes doubled(twice.begin(), twice.begin() + 5);
  doubled.insert(doubled.end(), map.begin(), map.end() - 1);
  doubled.insert(doubled.end(), map.begin(), map.end());
  doubled.insert(doubled.end(), twice.begin() + static_cast<std::ptrdiff_t>(5 + map.size()), twice.end());
  EXPECT_THROW(Psbt::parse(doubled), Malformed);
}

}  // namespace
}  // namespace quorate::transactions
