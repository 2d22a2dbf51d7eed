#include "transactions/bitcoin_transaction.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "transactions/bitcoin_address.h"
#include "transactions/hash160.h"

namespace quorate::transactions {
namespace {

constexpr std::uint64_t kMaxMoney = 21'000'000ull * 100'000'000;  // satoshi
constexpr std::uint8_t kSighashAll = 1;

template <class Each>
Bytes collect(const auto& list, Each&& each) {
  Bytes out;
  for (const auto& element : list) each(out, element);
  return out;
}

void put_outpoint(Bytes& out, const Outpoint& o) {
  put_bytes(out, o.txid);
  put_number(out, o.index, 4);
}
Bytes all_outpoints(const BitcoinTransaction& tx) {
  return collect(tx.inputs, [](Bytes& out, const TxInput& in) { put_outpoint(out, in.previous); });
}
Bytes all_sequences(const BitcoinTransaction& tx) {
  return collect(tx.inputs, [](Bytes& out, const TxInput& in) { put_number(out, in.sequence, 4); });
}
Bytes all_outputs(const BitcoinTransaction& tx) {
  return collect(tx.outputs, [](Bytes& out, const TxOutput& o) { put_bytes(out, output_bytes(o)); });
}

}  // namespace

std::uint64_t BitcoinReader::number(std::size_t width) {
  const ByteView in = bytes(width);
  std::uint64_t value = 0;
  for (std::size_t i = width; i-- > 0;) value = value << 8 | in[i];
  return value;
}

std::uint64_t BitcoinReader::compact_size() {
  const std::uint64_t first = number(1);
  if (first < 0xfd) return first;
  const std::uint64_t value = number(first == 0xfd ? 2 : first == 0xfe ? 4 : 8);
  const std::uint64_t least = first == 0xfd ? 0xfd : first == 0xfe ? 0x10000 : 0x100000000;
  if (value < least) throw Malformed("a compact size is not in the shortest form");
  return value;
}

std::size_t BitcoinReader::count(std::size_t least_size) {
  const std::uint64_t value = compact_size();
  if (value > left() / least_size) throw Malformed("is cut short, or a count is too large");
  return static_cast<std::size_t>(value);
}

ByteView BitcoinReader::bytes(std::size_t size) {
  if (size > rest_.size()) throw Malformed("is cut short");
  const ByteView out = rest_.first(size);
  rest_ = rest_.subspan(size);
  return out;
}

Bytes32 BitcoinReader::hash() {
  const ByteView in = bytes(32);
  Bytes32 out;
  std::copy(in.begin(), in.end(), out.begin());
  return out;
}

void BitcoinReader::expect_end() const {
  if (!rest_.empty()) throw Malformed("something follows its end");
}

void put_number(Bytes& out, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void put_compact_size(Bytes& out, std::uint64_t value) {
  if (value < 0xfd) return put_number(out, value, 1);
  const std::size_t width = value < 0x10000 ? 2 : value < 0x100000000 ? 4 : 8;
  out.push_back(width == 2 ? 0xfd : width == 4 ? 0xfe : 0xff);
  put_number(out, value, width);
}

void put_bytes(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

void put_sized_bytes(Bytes& out, ByteView bytes) {
  put_compact_size(out, bytes.size());
  put_bytes(out, bytes);
}

Bytes output_bytes(const TxOutput& output) {
  Bytes out;
  put_number(out, output.amount, 8);
  put_sized_bytes(out, output.script);
  return out;
}

TxOutput read_output(BitcoinReader& in) {
  TxOutput out;
  out.amount = in.number(8);
  if (out.amount > kMaxMoney) throw Malformed("an amount is above 21 million bitcoin");
  const ByteView script = in.sized_bytes();
  out.script.assign(script.begin(), script.end());
  return out;
}

namespace {

BitcoinTransaction parse_transaction(ByteView bytes, bool may_have_witnesses) {
  BitcoinReader in(bytes);
  BitcoinTransaction tx;
  tx.version = static_cast<std::uint32_t>(in.number(4));
  std::size_t inputs = in.count(1);
  // BIP-144's marker is an empty list of inputs; 5 bytes are left of a transaction without anything.
  const bool with_witnesses = may_have_witnesses && inputs == 0 && in.left() > 4 + 1;
  if (with_witnesses) {
    if (in.number(1) != 1) throw Malformed("the flag of BIP-144 must be 1");
    inputs = in.count(1);
  }
  if (inputs > in.left() / 41) throw Malformed("is cut short, or a count is too large");
  for (std::size_t i = 0; i < inputs; ++i) {
    TxInput input;
    input.previous.txid = in.hash();
    input.previous.index = static_cast<std::uint32_t>(in.number(4));
    const ByteView script = in.sized_bytes();
    input.script_sig.assign(script.begin(), script.end());
    input.sequence = static_cast<std::uint32_t>(in.number(4));
    tx.inputs.push_back(std::move(input));
  }
  const std::size_t outputs = in.count(9);
  for (std::size_t i = 0; i < outputs; ++i) tx.outputs.push_back(read_output(in));
  if (with_witnesses) {
    bool any = false;
    for (TxInput& input : tx.inputs) {
      const std::size_t items = in.count(1);
      for (std::size_t k = 0; k < items; ++k) {
        const ByteView item = in.sized_bytes();
        input.witness.emplace_back(item.begin(), item.end());
      }
      any = any || items != 0;
    }
    if (!any) throw Malformed("BIP-144's form without a witness");
  }
  tx.lock_time = static_cast<std::uint32_t>(in.number(4));
  in.expect_end();
  return tx;
}

}  // namespace

BitcoinTransaction BitcoinTransaction::parse(ByteView bytes) { return parse_transaction(bytes, true); }

BitcoinTransaction BitcoinTransaction::parse_unsigned(ByteView bytes) {
  BitcoinTransaction tx = parse_transaction(bytes, false);
  for (const TxInput& input : tx.inputs)
    if (!input.script_sig.empty()) throw Malformed("the unsigned transaction has a script in an input");
  return tx;
}

Bytes BitcoinTransaction::bytes(bool with_witnesses) const {
  const bool any = std::any_of(inputs.begin(), inputs.end(), [](const TxInput& in) { return !in.witness.empty(); });
  const bool extended = with_witnesses && any;
  Bytes out;
  put_number(out, version, 4);
  if (extended) put_bytes(out, ByteArray<2>{0, 1});
  put_compact_size(out, inputs.size());
  for (const TxInput& input : inputs) {
    put_outpoint(out, input.previous);
    put_sized_bytes(out, input.script_sig);
    put_number(out, input.sequence, 4);
  }
  put_compact_size(out, outputs.size());
  put_bytes(out, all_outputs(*this));
  if (extended)
    for (const TxInput& input : inputs) {
      put_compact_size(out, input.witness.size());
      for (const Bytes& item : input.witness) put_sized_bytes(out, item);
    }
  put_number(out, lock_time, 4);
  return out;
}

Bytes32 BitcoinTransaction::txid() const { return hash256(bytes(false)); }

std::string txid_text(const Bytes32& txid) {
  Bytes32 reversed = txid;
  std::reverse(reversed.begin(), reversed.end());
  return to_hex(reversed);
}

Digest legacy_sighash_all(const BitcoinTransaction& tx, std::size_t i, ByteView script_code) {
  BitcoinTransaction copy = tx;
  for (std::size_t k = 0; k < copy.inputs.size(); ++k) {
    copy.inputs[k].witness.clear();
    copy.inputs[k].script_sig.clear();
    if (k == i) copy.inputs[k].script_sig.assign(script_code.begin(), script_code.end());
  }
  Bytes text = copy.bytes(false);
  put_number(text, kSighashAll, 4);
  return hash256(text);
}

Digest bip143_sighash_all(const BitcoinTransaction& tx, std::size_t i, ByteView script_code, std::uint64_t amount) {
  Bytes text;  // BIP-143, the ten items
  put_number(text, tx.version, 4);
  put_bytes(text, hash256(all_outpoints(tx)));
  put_bytes(text, hash256(all_sequences(tx)));
  put_outpoint(text, tx.inputs.at(i).previous);
  put_sized_bytes(text, script_code);
  put_number(text, amount, 8);
  put_number(text, tx.inputs[i].sequence, 4);
  put_bytes(text, hash256(all_outputs(tx)));
  put_number(text, tx.lock_time, 4);
  put_number(text, kSighashAll, 4);
  return hash256(text);
}

Digest bip341_sighash(const BitcoinTransaction& tx, std::size_t i, std::span<const TxOutput> spent, std::uint8_t type) {
  QUORATE_ASSERT(spent.size() == tx.inputs.size() && type <= kSighashAll);
  Bytes text{0, type};  // epoch, hash_type
  put_number(text, tx.version, 4);
  put_number(text, tx.lock_time, 4);
  put_bytes(text, sha256(all_outpoints(tx)));
  put_bytes(text, sha256(collect(spent, [](Bytes& out, const TxOutput& o) { put_number(out, o.amount, 8); })));
  put_bytes(text, sha256(collect(spent, [](Bytes& out, const TxOutput& o) { put_sized_bytes(out, o.script); })));
  put_bytes(text, sha256(all_sequences(tx)));
  put_bytes(text, sha256(all_outputs(tx)));
  text.push_back(0);  // spend_type: key path, no annex
  put_number(text, i, 4);
  return tagged_hash("TapSighash", {text});
}

}  // namespace quorate::transactions
