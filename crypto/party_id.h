// A party's index in its committee, and sets of them. Indices are Shamir x-coordinates: never 0, distinct mod q because
// small.
#pragma once
#include <bit>
#include <compare>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>

#include "base/check.h"
#include "base/codec.h"
#include "base/limits.h"

namespace quorate {

// 1..kMaxParties. Default-constructed it is unset and cannot be encoded.
class PartyId {
 public:
  constexpr PartyId() = default;
  explicit constexpr PartyId(unsigned index) : index_(static_cast<std::uint8_t>(index)) {
    QUORATE_ASSERT(index >= 1 && index <= limits::kMaxParties);
  }
  static constexpr std::optional<PartyId> parse(std::uint64_t index) {
    if (index < 1 || index > limits::kMaxParties) return std::nullopt;
    return PartyId(static_cast<unsigned>(index));
  }

  constexpr std::uint8_t index() const { return index_; }
  constexpr bool is_set() const { return index_ != 0; }
  friend constexpr auto operator<=>(const PartyId&, const PartyId&) = default;

  static constexpr std::size_t wire_size = 1;
  void wire_put(std::uint8_t* out) const {
    QUORATE_ASSERT(is_set());
    *out = index_;
  }
  static PartyId wire_get(ByteView in) {
    const auto id = parse(in[0]);
    if (!id) throw Malformed("a party index is 1 to 32");
    return *id;
  }

 private:
  std::uint8_t index_ = 0;
};

// A set of parties, iterated in ascending order. On the wire it is never empty.
class PartySet {
 public:
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = PartyId;
    using difference_type = std::ptrdiff_t;
    using pointer = const PartyId*;
    using reference = PartyId;
    constexpr Iterator() = default;
    explicit constexpr Iterator(std::uint32_t rest) : rest_(rest) {}
    constexpr PartyId operator*() const { return PartyId(static_cast<unsigned>(std::countr_zero(rest_)) + 1); }
    constexpr Iterator& operator++() {
      rest_ &= rest_ - 1;
      return *this;
    }
    constexpr Iterator operator++(int) {
      const Iterator before = *this;
      ++*this;
      return before;
    }
    friend constexpr bool operator==(const Iterator&, const Iterator&) = default;

   private:
    std::uint32_t rest_ = 0;
  };
  static_assert(limits::kMaxParties == 32, "the bitmap has 32 bits");

  constexpr PartySet() = default;
  constexpr PartySet(std::initializer_list<PartyId> ids) {
    for (const PartyId id : ids) insert(id);
  }
  // {1, …, n}
  static constexpr PartySet first(unsigned n) {
    PartySet s;
    for (unsigned i = 1; i <= n; ++i) s.insert(PartyId(i));
    return s;
  }

  constexpr void insert(PartyId id) { bits_ |= bit(id); }
  constexpr void erase(PartyId id) { bits_ &= ~bit(id); }
  constexpr bool contains(PartyId id) const { return id.is_set() && (bits_ & bit(id)) != 0; }
  constexpr bool includes(PartySet other) const { return (other.bits_ & ~bits_) == 0; }
  constexpr std::size_t size() const { return static_cast<std::size_t>(std::popcount(bits_)); }
  constexpr bool empty() const { return bits_ == 0; }
  // The 0-based place of a member in ascending order.
  constexpr std::size_t position(PartyId id) const {
    QUORATE_ASSERT(contains(id));
    return static_cast<std::size_t>(std::popcount(bits_ & (bit(id) - 1)));
  }
  constexpr PartySet without(PartyId id) const { return PartySet(bits_ & ~bit(id)); }
  constexpr Iterator begin() const { return Iterator(bits_); }
  constexpr Iterator end() const { return Iterator(0); }
  constexpr std::uint32_t bits() const { return bits_; }  // bit i−1 is party i

  friend constexpr PartySet operator|(PartySet a, PartySet b) { return PartySet(a.bits_ | b.bits_); }
  friend constexpr PartySet operator&(PartySet a, PartySet b) { return PartySet(a.bits_ & b.bits_); }
  friend constexpr PartySet operator-(PartySet a, PartySet b) { return PartySet(a.bits_ & ~b.bits_); }
  friend constexpr auto operator<=>(const PartySet&, const PartySet&) = default;

  static constexpr std::size_t wire_size = 4;
  void wire_put(std::uint8_t* out) const {
    QUORATE_ASSERT(!empty());
    for (std::size_t i = 0; i < 4; ++i) out[i] = static_cast<std::uint8_t>(bits_ >> (8 * (3 - i)));
  }
  static PartySet wire_get(ByteView in) {
    std::uint32_t bits = 0;
    for (const std::uint8_t b : in) bits = (bits << 8) | b;
    if (bits == 0) throw Malformed("an empty set of parties");
    return PartySet(bits);
  }

 private:
  explicit constexpr PartySet(std::uint32_t bits) : bits_(bits) {}
  static constexpr std::uint32_t bit(PartyId id) {
    QUORATE_ASSERT(id.is_set());
    return std::uint32_t{1} << (id.index() - 1);
  }
  std::uint32_t bits_ = 0;
};

}  // namespace quorate
