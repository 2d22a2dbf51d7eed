#include "transactions/solana_message.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/limits.h"

namespace quorate::transactions {
namespace {

class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}

  std::uint8_t byte() { return bytes(1)[0]; }
  ByteView bytes(std::size_t size) {
    if (size > rest_.size()) throw Malformed("is cut short");
    const ByteView out = rest_.first(size);
    rest_ = rest_.subspan(size);
    return out;
  }
  Bytes32 key() {
    const ByteView in = bytes(32);
    Bytes32 out;
    std::copy(in.begin(), in.end(), out.begin());
    return out;
  }
  std::size_t compact_u16() {
    std::size_t value = 0;
    for (unsigned i = 0; i < 3; ++i) {
      const std::uint8_t b = byte();
      value |= static_cast<std::size_t>(b & 0x7f) << (7 * i);
      if (i > 0 && b == 0) throw Malformed("a length is not in the shortest form");
      if ((b & 0x80) == 0) {
        if (value > 0xffff) break;
        return value;
      }
    }
    throw Malformed("a length is too large");
  }
  Bytes sized_bytes() {
    const ByteView in = bytes(compact_u16());
    return {in.begin(), in.end()};
  }
  bool at_end() const { return rest_.empty(); }

 private:
  ByteView rest_;
};

void put(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
void put_sized(Bytes& out, ByteView bytes) {
  put_compact_u16(out, bytes.size());
  put(out, bytes);
}

// As the runtime's sanitize().
void check(const SolanaMessage& m) {
  if (m.required_signatures == 0) throw Malformed("nobody signs the message");
  if (m.readonly_signed >= m.required_signatures) throw Malformed("the fee payer must be writable");
  if (std::size_t{m.required_signatures} + m.readonly_unsigned > m.accounts.size())
    throw Malformed("the header counts more accounts than there are");
  if (std::set<Bytes32>(m.accounts.begin(), m.accounts.end()).size() != m.accounts.size())
    throw Malformed("an account is there twice");
  std::size_t total = m.accounts.size();
  for (const SolanaTableLookup& lookup : m.lookups) {
    if (lookup.writable.empty() && lookup.readonly.empty())
      throw Malformed("an address table is looked up for nothing");
    total += lookup.writable.size() + lookup.readonly.size();
  }
  if (total > 256) throw Malformed("has more than 256 accounts");
  for (const SolanaInstruction& instruction : m.instructions) {
    if (instruction.program == 0 || instruction.program >= m.accounts.size())
      throw Malformed("an instruction's program is not one of the accounts, or pays the fee");
    for (const std::uint8_t index : instruction.accounts)
      if (index >= total) throw Malformed("an instruction names an account that is not there");
  }
}

}  // namespace

void put_compact_u16(Bytes& out, std::size_t value) {
  QUORATE_ASSERT(value <= 0xffff);
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(0x80 | (value & 0x7f)));
  out.push_back(static_cast<std::uint8_t>(value));
}

SolanaMessage SolanaMessage::parse(ByteView bytes) {
  if (bytes.size() > limits::kMaxSolanaMessage) throw Malformed("is larger than a packet");
  Reader in(bytes);
  SolanaMessage m;
  std::uint8_t first = in.byte();
  if ((first & 0x80) != 0) {
    m.version = static_cast<std::uint8_t>(first & 0x7f);
    if (*m.version != 0) throw Malformed("the version must be legacy or 0");
    first = in.byte();
  }
  m.required_signatures = first;
  m.readonly_signed = in.byte();
  m.readonly_unsigned = in.byte();
  for (std::size_t count = in.compact_u16(); count > 0; --count) m.accounts.push_back(in.key());
  m.recent_blockhash = in.key();
  for (std::size_t count = in.compact_u16(); count > 0; --count) {
    SolanaInstruction instruction;
    instruction.program = in.byte();
    instruction.accounts = in.sized_bytes();
    instruction.data = in.sized_bytes();
    m.instructions.push_back(std::move(instruction));
  }
  if (m.version) {
    for (std::size_t count = in.compact_u16(); count > 0; --count) {
      SolanaTableLookup lookup;
      lookup.table = in.key();
      lookup.writable = in.sized_bytes();
      lookup.readonly = in.sized_bytes();
      m.lookups.push_back(std::move(lookup));
    }
  }
  if (!in.at_end()) throw Malformed("something follows its end");
  check(m);
  return m;
}

Bytes SolanaMessage::bytes() const {
  Bytes out;
  if (version) out.push_back(static_cast<std::uint8_t>(0x80 | *version));
  put(out, ByteArray<3>{required_signatures, readonly_signed, readonly_unsigned});
  put_compact_u16(out, accounts.size());
  for (const Bytes32& account : accounts) put(out, account);
  put(out, recent_blockhash);
  put_compact_u16(out, instructions.size());
  for (const SolanaInstruction& instruction : instructions) {
    out.push_back(instruction.program);
    put_sized(out, instruction.accounts);
    put_sized(out, instruction.data);
  }
  if (!version) return out;
  put_compact_u16(out, lookups.size());
  for (const SolanaTableLookup& lookup : lookups) {
    put(out, lookup.table);
    put_sized(out, lookup.writable);
    put_sized(out, lookup.readonly);
  }
  return out;
}

}  // namespace quorate::transactions
