#include "transactions/psbt.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/limits.h"

namespace quorate::transactions {
namespace {

constexpr ByteArray<5> kMagic{'p', 's', 'b', 't', 0xff};
constexpr std::uint32_t kHeightBound = 500'000'000;  // BIP-65: below it a lock time is a height

Bytes little_endian(const Bytes& value, std::size_t width, const char* field) {
  if (value.size() != width) throw Malformed(std::string(field) + " has the wrong length");
  return value;
}

std::optional<std::uint64_t> number(const PsbtMap& map, std::uint64_t type, std::size_t width, const char* field) {
  const Bytes* value = map.find(type);
  if (value == nullptr) return std::nullopt;
  return BitcoinReader(little_endian(*value, width, field)).number(width);
}

std::uint64_t needed(std::optional<std::uint64_t> value, const char* field) {
  if (!value) throw Malformed(std::string(field) + " is missing");
  return *value;
}

// What an entry of a known type looks like: the size of the key's data, and of the value (0: any).
struct Shape {
  std::uint64_t type;
  std::vector<std::size_t> key_sizes;
  std::size_t value_size;
};
void check_shapes(const PsbtMap& map, std::span<const Shape> shapes) {
  for (const PsbtMap::Entry& entry : map.entries())
    for (const Shape& shape : shapes) {
      if (shape.type != entry.type) continue;
      if (std::find(shape.key_sizes.begin(), shape.key_sizes.end(), entry.data.size()) == shape.key_sizes.end())
        throw Malformed("a key of type " + std::to_string(entry.type) + " has the wrong length");
      if (shape.value_size != 0 && shape.value_size != entry.value.size())
        throw Malformed("a value of type " + std::to_string(entry.type) + " has the wrong length");
    }
}
void refuse_types(const PsbtMap& map, std::initializer_list<std::uint64_t> types, const char* why) {
  for (const std::uint64_t type : types)
    if (std::any_of(map.entries().begin(), map.entries().end(), [&](const auto& e) { return e.type == type; }))
      throw Malformed("a field of type " + std::to_string(type) + " " + why);
}

const std::vector<Shape>& global_shapes() {
  using namespace psbt_global;
  static const std::vector<Shape> all{{unsigned_tx, {0}, 0},       {xpub, {78}, 0},       {tx_version, {0}, 4},
                                      {fallback_locktime, {0}, 4}, {input_count, {0}, 0}, {output_count, {0}, 0},
                                      {tx_modifiable, {0}, 1},     {version, {0}, 4}};
  return all;
}
const std::vector<Shape>& input_shapes() {
  using namespace psbt_in;
  static const std::vector<Shape> all{{non_witness_utxo, {0}, 0},
                                      {witness_utxo, {0}, 0},
                                      {partial_sig, {33, 65}, 0},
                                      {sighash_type, {0}, 4},
                                      {redeem_script, {0}, 0},
                                      {witness_script, {0}, 0},
                                      {bip32_derivation, {33, 65}, 0},
                                      {final_scriptsig, {0}, 0},
                                      {final_scriptwitness, {0}, 0},
                                      {previous_txid, {0}, 32},
                                      {output_index, {0}, 4},
                                      {sequence, {0}, 4},
                                      {required_time_locktime, {0}, 4},
                                      {required_height_locktime, {0}, 4},
                                      {tap_key_sig, {0}, 0},
                                      {tap_script_sig, {64}, 0},
                                      {tap_bip32_derivation, {32}, 0},
                                      {tap_internal_key, {0}, 32},
                                      {tap_merkle_root, {0}, 32}};
  return all;
}
const std::vector<Shape>& output_shapes() {
  using namespace psbt_out;
  static const std::vector<Shape> all{{redeem_script, {0}, 0},
                                      {witness_script, {0}, 0},
                                      {bip32_derivation, {33, 65}, 0},
                                      {amount, {0}, 8},
                                      {script, {0}, 0},
                                      {tap_internal_key, {0}, 32},
                                      {tap_tree, {0}, 0},
                                      {tap_bip32_derivation, {32}, 0}};
  return all;
}

void check_values(const PsbtMap& input) {
  for (const PsbtMap::Entry& entry : input.entries()) {
    if (entry.type == psbt_in::tap_key_sig && entry.value.size() != 64 && entry.value.size() != 65)
      throw Malformed("a taproot signature has the wrong length");
    if (entry.type == psbt_in::tap_script_sig && entry.value.size() != 64 && entry.value.size() != 65)
      throw Malformed("a taproot signature has the wrong length");
    if (entry.type == psbt_in::tap_leaf_script &&
        (entry.data.size() < 33 || entry.data.size() % 32 != 1 || entry.value.empty()))
      throw Malformed("a taproot leaf has the wrong length");
  }
  key_origins(input, psbt_in::bip32_derivation, false);
  key_origins(input, psbt_in::tap_bip32_derivation, true);
}

// BIP-370, "Determining Lock Time".
std::uint32_t lock_time(const Psbt& psbt) {
  std::uint64_t time = 0, height = 0;
  bool any = false, all_time = true, all_height = true;
  for (const PsbtMap& input : psbt.inputs) {
    const auto by_time = number(input, psbt_in::required_time_locktime, 4, "a required lock time");
    const auto by_height = number(input, psbt_in::required_height_locktime, 4, "a required lock height");
    if (by_time && *by_time < kHeightBound) throw Malformed("a required lock time is a height");
    if (by_height && (*by_height == 0 || *by_height >= kHeightBound))
      throw Malformed("a required lock height is a time");
    if (!by_time && !by_height) continue;
    any = true;
    all_time = all_time && by_time;
    all_height = all_height && by_height;
    time = std::max(time, by_time.value_or(0));
    height = std::max(height, by_height.value_or(0));
  }
  if (!any)
    return static_cast<std::uint32_t>(
        number(psbt.global, psbt_global::fallback_locktime, 4, "the fallback lock time").value_or(0));
  if (all_height) return static_cast<std::uint32_t>(height);
  if (!all_time) throw Malformed("the inputs' lock times contradict each other");
  return static_cast<std::uint32_t>(time);
}

BitcoinTransaction put_together(const Psbt& psbt) {
  BitcoinTransaction tx;
  tx.version = static_cast<std::uint32_t>(
      needed(number(psbt.global, psbt_global::tx_version, 4, "the version"), "the transaction's version"));
  if (tx.version < 2) throw Malformed("the transaction's version must be 2 or more");
  for (const PsbtMap& input : psbt.inputs) {
    TxInput in;
    const Bytes* txid = input.find(psbt_in::previous_txid);
    if (txid == nullptr) throw Malformed("an input's previous transaction is missing");
    std::copy(txid->begin(), txid->end(), in.previous.txid.begin());
    in.previous.index = static_cast<std::uint32_t>(
        needed(number(input, psbt_in::output_index, 4, "an index"), "an input's output index"));
    in.sequence = static_cast<std::uint32_t>(number(input, psbt_in::sequence, 4, "a sequence").value_or(0xffffffff));
    tx.inputs.push_back(std::move(in));
  }
  for (const PsbtMap& output : psbt.outputs) {
    const Bytes* script = output.find(psbt_out::script);
    if (script == nullptr) throw Malformed("an output's script is missing");
    Bytes text;
    put_number(text, needed(number(output, psbt_out::amount, 8, "an amount"), "an output's amount"), 8);
    put_sized_bytes(text, *script);
    BitcoinReader in(text);
    tx.outputs.push_back(read_output(in));
  }
  tx.lock_time = lock_time(psbt);
  return tx;
}

std::size_t count_of(const PsbtMap& global, std::uint64_t type, const char* field) {
  const Bytes* value = global.find(type);
  if (value == nullptr) throw Malformed(std::string(field) + " is missing");
  BitcoinReader in(*value);
  const std::uint64_t count = in.compact_size();
  in.expect_end();
  return static_cast<std::size_t>(count);
}

}  // namespace

PsbtMap PsbtMap::read(BitcoinReader& in) {
  PsbtMap map;
  std::set<std::pair<std::uint64_t, Bytes>> keys;
  for (;;) {
    const ByteView key = in.sized_bytes();
    if (key.empty()) return map;
    BitcoinReader inside(key);
    Entry entry;
    entry.type = inside.compact_size();
    const ByteView data = inside.bytes(inside.left()), value = in.sized_bytes();
    entry.data.assign(data.begin(), data.end());
    entry.value.assign(value.begin(), value.end());
    if (!keys.emplace(entry.type, entry.data).second) throw Malformed("a key is there twice");
    map.entries_.push_back(std::move(entry));
  }
}

void PsbtMap::write(Bytes& out) const {
  for (const Entry& entry : entries_) {
    Bytes key;
    put_compact_size(key, entry.type);
    put_bytes(key, entry.data);
    put_sized_bytes(out, key);
    put_sized_bytes(out, entry.value);
  }
  out.push_back(0);
}

const Bytes* PsbtMap::find(std::uint64_t type, ByteView data) const {
  for (const Entry& entry : entries_)
    if (entry.type == type && std::equal(entry.data.begin(), entry.data.end(), data.begin(), data.end()))
      return &entry.value;
  return nullptr;
}

void PsbtMap::set(std::uint64_t type, ByteView data, Bytes value) {
  for (Entry& entry : entries_)
    if (entry.type == type && std::equal(entry.data.begin(), entry.data.end(), data.begin(), data.end())) {
      entry.value = std::move(value);
      return;
    }
  entries_.push_back({type, Bytes(data.begin(), data.end()), std::move(value)});
}

void PsbtMap::erase(std::uint64_t type) {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.type == type; });
}

Psbt Psbt::parse(ByteView bytes) {
  BitcoinReader in(bytes);
  const ByteView magic = in.bytes(kMagic.size());
  if (!std::equal(magic.begin(), magic.end(), kMagic.begin()))
    throw Malformed("is no PSBT: the magic bytes are missing");
  Psbt psbt;
  psbt.global = PsbtMap::read(in);
  check_shapes(psbt.global, global_shapes());
  psbt.version = static_cast<unsigned>(number(psbt.global, psbt_global::version, 4, "the version").value_or(0));
  std::size_t inputs = 0, outputs = 0;
  if (psbt.version == 0) {
    using namespace psbt_global;
    refuse_types(psbt.global, {tx_version, fallback_locktime, input_count, output_count, tx_modifiable},
                 "is not for version 0");
    const Bytes* tx = psbt.global.find(unsigned_tx);
    if (tx == nullptr) throw Malformed("the unsigned transaction is missing");
    psbt.tx = BitcoinTransaction::parse_unsigned(*tx);
    inputs = psbt.tx.inputs.size();
    outputs = psbt.tx.outputs.size();
  } else if (psbt.version == 2) {
    refuse_types(psbt.global, {psbt_global::unsigned_tx}, "is not for version 2");
    inputs = count_of(psbt.global, psbt_global::input_count, "the number of inputs");
    outputs = count_of(psbt.global, psbt_global::output_count, "the number of outputs");
  } else {
    throw Malformed("the version must be 0 or 2");
  }
  if (inputs > limits::kMaxPsbtInputs || outputs > limits::kMaxPsbtOutputs)
    throw Malformed("has too many inputs or outputs");
  for (std::size_t i = 0; i < inputs; ++i) {
    psbt.inputs.push_back(PsbtMap::read(in));
    check_shapes(psbt.inputs.back(), input_shapes());
    check_values(psbt.inputs.back());
    using namespace psbt_in;
    if (psbt.version == 0)
      refuse_types(psbt.inputs.back(),
                   {previous_txid, output_index, sequence, required_time_locktime, required_height_locktime},
                   "is not for version 0");
  }
  for (std::size_t i = 0; i < outputs; ++i) {
    psbt.outputs.push_back(PsbtMap::read(in));
    const PsbtMap& output = psbt.outputs.back();
    check_shapes(output, output_shapes());
    key_origins(output, psbt_out::bip32_derivation, false);
    key_origins(output, psbt_out::tap_bip32_derivation, true);
    if (psbt.version == 0) refuse_types(output, {psbt_out::amount, psbt_out::script}, "is not for version 0");
  }
  in.expect_end();
  if (psbt.version == 2) psbt.tx = put_together(psbt);
  std::set<Outpoint> spent;
  for (const TxInput& input : psbt.tx.inputs)
    if (!spent.insert(input.previous).second) throw Malformed("two inputs spend the same output");
  return psbt;
}

Bytes Psbt::bytes() const {
  Bytes out(kMagic.begin(), kMagic.end());
  global.write(out);
  for (const PsbtMap& input : inputs) input.write(out);
  for (const PsbtMap& output : outputs) output.write(out);
  return out;
}

std::vector<KeyOrigin> key_origins(const PsbtMap& map, std::uint64_t type, bool taproot) {
  std::vector<KeyOrigin> out;
  for (const PsbtMap::Entry& entry : map.entries()) {
    if (entry.type != type) continue;
    KeyOrigin origin;
    origin.public_key = entry.data;
    BitcoinReader in(entry.value);
    if (taproot) {
      const std::size_t leaves = in.count(32);
      in.bytes(32 * leaves);
      origin.in_leaves = leaves != 0;
    }
    const ByteView fingerprint = in.bytes(4);
    std::copy(fingerprint.begin(), fingerprint.end(), origin.fingerprint.begin());
    while (!in.at_end()) origin.path.push_back(static_cast<std::uint32_t>(in.number(4)));
    if (origin.path.size() > limits::kMaxPathDepth) throw Malformed("a derivation path is too long");
    out.push_back(std::move(origin));
  }
  return out;
}

}  // namespace quorate::transactions
