// RLP (Ethereum yellow paper, appendix B), strictly: one encoding per value, no trailing bytes, integers without
// leading zeros.
#pragma once
#include <span>
#include <string_view>

#include "base/codec.h"
#include "transactions/amount.h"

namespace quorate::transactions {

// Reads the items of a list one by one, or the one item of a whole text. Every function throws Malformed, whose text
// begins with `field`.
class RlpReader {
 public:
  explicit RlpReader(ByteView items) : rest_(items) {}

  bool at_end() const { return rest_.empty(); }
  bool next_is_list() const { return !rest_.empty() && rest_[0] >= 0xc0; }
  ByteView text(std::string_view field);
  ByteView text(std::string_view field, std::size_t exact_size);
  U256 integer(std::string_view field, unsigned most_bits = 256);
  RlpReader list(std::string_view field);
  void expect_end(std::string_view field) const;

 private:
  ByteView item(std::string_view field, bool list);
  ByteView rest_;
};

Bytes rlp_text(ByteView text);
Bytes rlp_integer(const U256& value);
Bytes rlp_list(std::span<const Bytes> encoded_items);
inline Bytes rlp_list(std::initializer_list<Bytes> items) { return rlp_list(std::span(items.begin(), items.size())); }

}  // namespace quorate::transactions
