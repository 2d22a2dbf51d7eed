// The payload kind btc_psbt.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/limits.h"
#include "transactions/bitcoin_keys.h"
#include "transactions/payload_kinds.h"

namespace quorate::transactions {
namespace {

constexpr const char* kField = "/payload/base64";

struct OwnInput {
  std::size_t index = 0;
  OwnKey own;
  SpendableScript script;
  std::uint8_t sighash = 1;
};

struct Spent {
  std::optional<TxOutput> output;
  bool believed = false;  // from the whole previous transaction, whose id the input names
};

struct Read {
  BitcoinNetwork network = BitcoinNetwork::mainnet;
  Psbt psbt;
  std::vector<Spent> spent;         // of every input
  std::vector<OwnInput> own;        // those to sign
  std::vector<std::string> change;  // the path of every output that is ours; "" for the others
};

[[noreturn]] void refuse(const std::string& what) { throw Refused("payload_invalid", kField, what); }
std::string input_text(std::size_t i) { return "input " + std::to_string(i) + ": "; }

Spent spent_by(const Psbt& psbt, std::size_t i) {
  const PsbtMap& map = psbt.inputs[i];
  const Outpoint& previous = psbt.tx.inputs[i].previous;
  Spent out;
  if (const Bytes* raw = map.find(psbt_in::non_witness_utxo)) {
    BitcoinTransaction tx;
    try {
      tx = BitcoinTransaction::parse(*raw);
    } catch (const Malformed& e) {
      throw JsonError(kField, input_text(i) + "non_witness_utxo: " + e.what());
    }
    if (tx.txid() != previous.txid)
      refuse(input_text(i) + "non_witness_utxo is not the transaction that the input names");
    if (previous.index >= tx.outputs.size()) refuse(input_text(i) + "non_witness_utxo has no output of that number");
    out = {tx.outputs[previous.index], true};
  }
  if (const Bytes* raw = map.find(psbt_in::witness_utxo)) {
    TxOutput told;
    try {
      BitcoinReader in(*raw);
      told = read_output(in);
      in.expect_end();
    } catch (const Malformed& e) {
      throw JsonError(kField, input_text(i) + "witness_utxo: " + e.what());
    }
    if (out.output && *out.output != told) refuse(input_text(i) + "witness_utxo is not what non_witness_utxo says");
    out.output = std::move(told);
  }
  return out;
}

std::string sighash_name(std::uint32_t type) {
  static constexpr std::array<std::string_view, 4> kNames{"DEFAULT", "ALL", "NONE", "SINGLE"};
  const std::uint32_t base = type & ~0x80u;
  if (base > 3) return std::to_string(type);
  return std::string(kNames[base]) + ((type & 0x80u) != 0 ? "|ANYONECANPAY" : "");
}

std::uint8_t sighash_of(const PsbtMap& input, Spend kind, std::size_t i) {
  const Bytes* value = input.find(psbt_in::sighash_type);
  if (value == nullptr) return kind == Spend::p2tr ? 0 : 1;
  const auto type = static_cast<std::uint32_t>(BitcoinReader(*value).number(4));
  if (type == 1 || (type == 0 && kind == Spend::p2tr)) return static_cast<std::uint8_t>(type);
  throw Refused("payload_unsupported", kField,
                input_text(i) + "sighash_type " + sighash_name(type) + " leaves parts of the transaction open");
}

bool is_final(const PsbtMap& input) {
  return input.find(psbt_in::final_scriptsig) != nullptr || input.find(psbt_in::final_scriptwitness) != nullptr;
}

void check_given_scripts(const PsbtMap& input, const SpendableScript& script, std::size_t i) {
  const auto same = [&](std::uint64_t type, const Bytes& ours, const char* field) {
    const Bytes* given = input.find(type);
    if (given != nullptr && *given != ours) refuse(input_text(i) + field + " is not the one of the output");
  };
  same(psbt_in::redeem_script, script.redeem_script, "redeem_script");
  same(psbt_in::witness_script, script.witness_script, "witness_script");
}

Read read(JsonObject& payload, const KeyFacts& key) {
  Read out;
  if (payload.has("network")) {
    const auto network = parse_network(payload.text("network", 1, limits::kMaxName));
    if (!network) payload.fail("network", "must be mainnet, testnet, signet or regtest");
    out.network = *network;
  }
  const auto bytes = from_base64(payload.text("base64", 1, (limits::kMaxPsbtBytes + 2) / 3 * 4));
  if (!bytes) payload.fail("base64", "is not padded base64 in canonical form");
  if (key.scheme != Scheme::ecdsa_secp256k1 && key.scheme != Scheme::schnorr_secp256k1)
    throw Refused("algorithm_mismatch", "/payload/kind", "a key of this algorithm signs nothing on Bitcoin");
  OwnKey at_path{child_of(key, key.scheme), key.path};
  try {
    out.psbt = Psbt::parse(*bytes);
    const auto root = derive(key.scheme, key.public_key, key.chain_code, {});
    KeyFinder finder(key.scheme, *root, key.chain_code, std::move(at_path));
    for (std::size_t i = 0; i < out.psbt.inputs.size(); ++i) {
      const PsbtMap& map = out.psbt.inputs[i];
      out.spent.push_back(spent_by(out.psbt, i));
      if (is_final(map)) continue;
      const auto candidates = finder.candidates(map, psbt_in::bip32_derivation, psbt_in::tap_bip32_derivation);
      const bool named = finder.named();
      const Spent& spent = out.spent.back();
      if (!spent.output) {
        if (named) refuse(input_text(i) + "is ours, but neither non_witness_utxo nor witness_utxo is there");
        continue;
      }
      const Bytes* root_of_tree = map.find(psbt_in::tap_merkle_root);
      std::optional<OwnInput> own;
      for (const OwnKey& candidate : candidates) {
        auto script = finder.spendable_by(candidate, spent.output->script,
                                          root_of_tree != nullptr ? ByteView(*root_of_tree) : ByteView());
        if (script) own = OwnInput{i, candidate, std::move(*script), 1};
      }
      if (!own) {
        if (named)
          throw Refused("payload_unsupported", kField,
                        input_text(i) +
                            "has our key in a script that is none of P2PKH, P2WPKH, "
                            "P2SH-P2WPKH, P2WSH of one key, P2TR by its key path");
        continue;
      }
      check_given_scripts(map, own->script, i);
      if (!spent.believed && own->script.kind != Spend::p2tr)
        refuse(input_text(i) + "non_witness_utxo is missing, and without it the amount is only somebody's word");
      own->sighash = sighash_of(map, own->script.kind, i);
      out.own.push_back(std::move(*own));
    }
    for (std::size_t i = 0; i < out.psbt.outputs.size(); ++i) {
      const auto candidates =
          finder.candidates(out.psbt.outputs[i], psbt_out::bip32_derivation, psbt_out::tap_bip32_derivation);
      std::string path;
      for (const OwnKey& candidate : candidates)
        if (finder.spendable_by(candidate, out.psbt.tx.outputs[i].script, {})) path = candidate.path;
      out.change.push_back(std::move(path));
    }
  } catch (const Malformed& e) {
    throw JsonError(kField, e.what());
  } catch (const Refused& e) {
    if (!e.refusal.pointer.empty()) throw;
    throw Refused(e.refusal.code, kField, e.what());
  }
  if (out.own.empty()) throw Refused("not_our_key", kField, "no input is spent by this key");
  if (out.own.size() > limits::kMaxDigests)
    throw Refused(
        "payload_unsupported", kField,
        "has more than " + std::to_string(limits::kMaxDigests) + " inputs of this key, which are signed together");
  return out;
}

// What each of our inputs' signature covers.
Digest digest_of(const Read& in, const OwnInput& own) {
  const BitcoinTransaction& tx = in.psbt.tx;
  switch (own.script.kind) {
    case Spend::p2pkh:
      return legacy_sighash_all(tx, own.index, own.script.script_code);
    case Spend::p2wpkh:
    case Spend::p2sh_p2wpkh:
    case Spend::p2wsh:
      return bip143_sighash_all(tx, own.index, own.script.script_code, in.spent[own.index].output->amount);
    case Spend::p2tr:
      break;
  }
  std::vector<TxOutput> spent;
  for (std::size_t i = 0; i < in.spent.size(); ++i) {
    if (!in.spent[i].output) refuse(input_text(i) + "witness_utxo is missing, which taproot signatures cover");
    spent.push_back(*in.spent[i].output);
  }
  return bip341_sighash(tx, own.index, spent, own.sighash);
}

// A signature is as good on every network, whatever network the client names: what a policy judges (chain, asset,
// addresses) is mainnet's, and only what people read is the named network's.
constexpr BitcoinNetwork kJudged = BitcoinNetwork::mainnet;

std::string place_of(BitcoinNetwork network, const Bytes& script) {
  const auto address = address_of(network, script);
  return address ? *address : "script:" + to_hex(script);
}

Facts facts_of(const Read& in) {
  const BitcoinTransaction& tx = in.psbt.tx;
  Facts facts;
  facts.type = "btc_psbt";
  facts.chain = chain_of(kJudged);
  // A taproot signature covers all amounts: a lie makes it worthless. Elsewhere only the previous transactions tell.
  const bool all_covered = in.own.front().script.kind == Spend::p2tr;
  bool known = true;
  std::uint64_t spent = 0, paid = 0;
  Json inputs = Json::array(), outputs = Json::array();
  std::string from;
  const auto add_unique = [](std::vector<std::string>& list, const std::string& text) {
    if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
  };
  for (std::size_t i = 0; i < tx.inputs.size(); ++i) {
    const Spent& s = in.spent[i];
    const bool believed = s.output && (s.believed || all_covered);
    known = known && believed;
    if (believed) spent += s.output->amount;
    const auto own = std::find_if(in.own.begin(), in.own.end(), [&](const OwnInput& o) { return o.index == i; });
    const auto place = [&](BitcoinNetwork network) {
      return believed ? place_of(network, s.output->script) : std::string(kUnknown);
    };
    Json input{{"previous", txid_text(tx.inputs[i].previous.txid) + ":" + std::to_string(tx.inputs[i].previous.index)},
               {"amount", believed ? std::to_string(s.output->amount) : std::string(kUnknown)},
               {"address", place(in.network)},
               {"sequence", std::to_string(tx.inputs[i].sequence)},
               {"ours", own != in.own.end() ? "true" : "false"}};
    if (own != in.own.end()) {
      input["path"] = own->own.path;
      input["spend"] = name_of(own->script.kind);
      const std::string address = place(kJudged);
      from = from.empty() || from == address ? address : "several";
      add_unique(facts.paths, own->own.path);
      add_unique(facts.sighashes, sighash_name(own->sighash));
    }
    inputs.push_back(std::move(input));
  }
  for (std::size_t i = 0; i < tx.outputs.size(); ++i) {
    const TxOutput& output = tx.outputs[i];
    paid += output.amount;
    Json entry{{"address", place_of(in.network, output.script)}, {"amount", std::to_string(output.amount)}};
    if (in.change[i].empty())
      facts.movements.push_back(
          {MovementKind::transfer, asset_of(kJudged), from, place_of(kJudged, output.script), U256(output.amount), ""});
    else
      entry["change"] = in.change[i];
    outputs.push_back(std::move(entry));
  }
  if (known && spent < paid) refuse("the outputs are worth more than the inputs");
  const Amount fee = known ? Amount(U256(spent - paid)) : Amount::unknown();
  facts.movements.push_back({MovementKind::fee, asset_of(kJudged), from, "fee", fee, ""});
  facts.details = {{"network", name_of(in.network)},
                   {"psbt_version", std::to_string(in.psbt.version)},
                   {"version", std::to_string(tx.version)},
                   {"lock_time", std::to_string(tx.lock_time)},
                   {"inputs", std::move(inputs)},
                   {"outputs", std::move(outputs)},
                   {"fee", fee.text()},
                   {"transaction_id", txid_text(tx.txid())}};
  return facts;
}

// SEC1's DER of r and s, which are not 0.
Bytes der(ByteView r, ByteView s) {
  const auto integer = [](ByteView value) {
    const Bytes shortest = to_shortest_big_endian(from_big_endian(value));
    Bytes out{0x02, static_cast<std::uint8_t>(shortest.size())};
    if (shortest.empty() || shortest[0] >= 0x80) {
      ++out[1];
      out.push_back(0);
    }
    put_bytes(out, shortest);
    return out;
  };
  const Bytes first = integer(r), second = integer(s);
  Bytes out{0x30, static_cast<std::uint8_t>(first.size() + second.size())};
  put_bytes(out, first);
  put_bytes(out, second);
  return out;
}

Bytes push(ByteView data) {  // at most 75 bytes: the length is the opcode
  Bytes out{static_cast<std::uint8_t>(data.size())};
  put_bytes(out, data);
  return out;
}

Bytes witness_bytes(std::initializer_list<ByteView> items) {
  Bytes out;
  put_compact_size(out, items.size());
  for (const ByteView item : items) put_sized_bytes(out, item);
  return out;
}

void finalise(PsbtMap& map, const OwnInput& own, const Bytes& signature) {
  const Bytes& public_key = own.own.key.public_key;
  switch (own.script.kind) {
    case Spend::p2pkh: {
      Bytes script = push(signature);
      put_bytes(script, push(public_key));
      map.set(psbt_in::final_scriptsig, {}, std::move(script));
      break;
    }
    case Spend::p2sh_p2wpkh:
      map.set(psbt_in::final_scriptsig, {}, push(own.script.redeem_script));
      map.set(psbt_in::final_scriptwitness, {}, witness_bytes({signature, public_key}));
      break;
    case Spend::p2wpkh:
      map.set(psbt_in::final_scriptwitness, {}, witness_bytes({signature, public_key}));
      break;
    case Spend::p2wsh:
      if (own.script.witness_script.size() == public_key.size() + 2)  // <key> OP_CHECKSIG
        map.set(psbt_in::final_scriptwitness, {}, witness_bytes({signature, own.script.witness_script}));
      else
        map.set(psbt_in::final_scriptwitness, {}, witness_bytes({signature, public_key, own.script.witness_script}));
      break;
    case Spend::p2tr:
      map.set(psbt_in::final_scriptwitness, {}, witness_bytes({signature}));
      break;
  }
  for (const std::uint64_t done :  // BIP-174, Input Finalizer
       {psbt_in::partial_sig, psbt_in::sighash_type, psbt_in::redeem_script, psbt_in::witness_script,
        psbt_in::bip32_derivation, psbt_in::tap_key_sig, psbt_in::tap_script_sig, psbt_in::tap_leaf_script,
        psbt_in::tap_bip32_derivation, psbt_in::tap_internal_key, psbt_in::tap_merkle_root})
    map.erase(done);
}

// BIP-174, Transaction Extractor: every input is final.
BitcoinTransaction extract(const Psbt& psbt) {
  BitcoinTransaction tx = psbt.tx;
  for (std::size_t i = 0; i < tx.inputs.size(); ++i) {
    if (const Bytes* script = psbt.inputs[i].find(psbt_in::final_scriptsig)) tx.inputs[i].script_sig = *script;
    const Bytes* witness = psbt.inputs[i].find(psbt_in::final_scriptwitness);
    if (witness == nullptr) continue;
    BitcoinReader in(*witness);
    const std::size_t items = in.count(1);
    for (std::size_t k = 0; k < items; ++k) {
      const ByteView item = in.sized_bytes();
      tx.inputs[i].witness.emplace_back(item.begin(), item.end());
    }
    in.expect_end();
  }
  return tx;
}

}  // namespace

Decoded decode_btc_psbt(JsonObject& payload, const KeyFacts& key) {
  const Read in = read(payload, key);
  Decoded out;
  out.facts = facts_of(in);
  for (const OwnInput& own : in.own) {
    const Digest digest = digest_of(in, own);
    ToSign item{Bytes(digest.begin(), digest.end()), own.own.key, own.own.path, std::nullopt};
    if (own.script.kind == Spend::p2tr) item.merkle_root = own.script.merkle_root;
    out.to_sign.push_back(std::move(item));
  }
  return out;
}

Json finish_btc_psbt(JsonObject& payload, const KeyFacts& key, std::span<const Signature> signatures) {
  Read in = read(payload, key);
  QUORATE_ASSERT(signatures.size() == in.own.size());
  const bool complete = std::all_of(in.psbt.inputs.begin(), in.psbt.inputs.end(), [&](const PsbtMap& map) {
    const auto at = static_cast<std::size_t>(&map - in.psbt.inputs.data());
    return is_final(map) ||
           std::any_of(in.own.begin(), in.own.end(), [&](const OwnInput& own) { return own.index == at; });
  });
  for (std::size_t k = 0; k < in.own.size(); ++k) {
    const OwnInput& own = in.own[k];
    PsbtMap& map = in.psbt.inputs[own.index];
    const ByteView raw(signatures[k].bytes);
    Bytes signature;
    if (own.script.kind == Spend::p2tr) {
      signature.assign(raw.begin(), raw.end());
      if (own.sighash != 0) signature.push_back(own.sighash);
      map.set(psbt_in::tap_key_sig, {}, signature);
    } else {
      signature = der(raw.first(32), raw.subspan(32));
      signature.push_back(own.sighash);
      map.set(psbt_in::partial_sig, own.own.key.public_key, signature);
    }
    if (complete) finalise(map, own, signature);
  }
  if (const Bytes* modifiable = in.psbt.global.find(psbt_global::tx_modifiable)) {
    // BIP-370: our signatures cover all inputs and outputs.
    const auto rest = static_cast<std::uint8_t>((*modifiable)[0] & ~3u);
    in.psbt.global.set(psbt_global::tx_modifiable, {}, {rest});
  }
  Json out{{"psbt", to_base64(in.psbt.bytes())}};
  if (complete) {
    try {
      const BitcoinTransaction tx = extract(in.psbt);
      out["signed_transaction"] = to_hex(tx.bytes(true));
      out["transaction_hash"] = txid_text(tx.txid());
    } catch (const Malformed&) {  // another's final witness is not one: the PSBT still carries our signatures
    }
  }
  return out;
}

}  // namespace quorate::transactions
