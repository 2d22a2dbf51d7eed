// A walk over a message's leaves with their types, numbered as leaves_of numbers them, so that a test can put another
// *valid* value in the place of any one.
#pragma once
#include "base/check.h"
#include "base/codec.h"
#include "base/ed25519.h"
#include "base/rng.h"
#include "crypto/party_id.h"
#include "crypto/point.h"
#include "session/mailbox.h"

namespace quorate::test {

template <class T>
struct RandomLeaf;  // make(rng): a valid value; for every type with a coding of its own
template <class C>
struct RandomLeaf<Scalar<C>> {
  static Scalar<C> make(Rng& rng) { return Scalar<C>::random(rng); }
};
template <class C>
struct RandomLeaf<Point<C>> {
  static Point<C> make(Rng& rng) { return Point<C>::base(Scalar<C>::random(rng)); }
};
template <class C>
struct RandomLeaf<UncheckedPoint<C>> {
  static UncheckedPoint<C> make(Rng& rng) { return UncheckedPoint<C>(RandomLeaf<Point<C>>::make(rng)); }
};
template <>
struct RandomLeaf<PartyId> {
  static PartyId make(Rng& rng) { return PartyId(static_cast<unsigned>(1 + rng.below(limits::kMaxParties))); }
};
template <>
struct RandomLeaf<PartySet> {
  static PartySet make(Rng& rng) {
    PartySet s{RandomLeaf<PartyId>::make(rng)};
    for (unsigned j = 1; j <= limits::kMaxParties; ++j)
      if (rng.below(4) == 0) s.insert(PartyId(j));
    return s;
  }
};
template <>
struct RandomLeaf<Ed25519PublicKey> {
  static Ed25519PublicKey make(Rng& rng) { return Ed25519SecretKey::generate(rng).public_key(); }
};

// Fills v with random valid values; lists keep their length.
template <class T>
void randomize(T& v, Rng& rng) {
  if constexpr (std::is_same_v<T, bool>)
    v = !v;
  else if constexpr (std::is_unsigned_v<T>)
    rng.fill({reinterpret_cast<std::uint8_t*>(&v), sizeof v});
  else if constexpr (wire::Leaf<T>)
    v = RandomLeaf<T>::make(rng);
  else if constexpr (wire::is_secret<T>::value)
    randomize(v.expose(), rng);
  else if constexpr (wire::is_text<T>::value)
    for (char& c : v.text) c = static_cast<char>('a' + rng.below(26));
  else if constexpr (wire::is_bounded<T>::value || wire::is_array<T>::value)
    for (auto& e : v) randomize(e, rng);
  else
    std::apply([&](auto&... f) { (randomize(f, rng), ...); }, T::fields(v));
}

// Replaces leaf number `index` (counted down to 0 on the way) by another valid value; a count leaf makes the list one
// longer, or one shorter where it is full. Returns whether it was reached.
template <class T>
bool randomize_leaf(T& v, std::size_t& index, Rng& rng) {
  const auto here = [&] { return index-- == 0; };
  if constexpr (std::is_unsigned_v<T> || wire::Leaf<T>) {  // bool is unsigned
    if (!here()) return false;
    randomize(v, rng);
    return true;
  } else if constexpr (wire::is_secret<T>::value) {
    return randomize_leaf(v.expose(), index, rng);
  } else if constexpr (wire::is_text<T>::value) {
    if (here()) {
      v.text.push_back('x');
      return true;
    }
    if (v.text.empty() || !here()) return false;
    randomize(v, rng);
    return true;
  } else if constexpr (wire::is_bounded<T>::value) {
    if (here()) {
      const bool longer = v.size() < T::max_count && (v.empty() || rng.below(2) == 0);
      v.resize(longer ? v.size() + 1 : v.size() - 1);
      if (longer) randomize(v.back(), rng);
      return true;
    }
    if constexpr (wire::is_byte<typename T::value_type>) {
      if (v.empty() || !here()) return false;
      randomize(v, rng);
      return true;
    } else {
      for (auto& e : v)
        if (randomize_leaf(e, index, rng)) return true;
      return false;
    }
  } else if constexpr (wire::is_array<T>::value) {
    if constexpr (wire::is_byte<typename T::value_type>) {
      if (!here()) return false;
      randomize(v, rng);
      return true;
    } else {
      for (auto& e : v)
        if (randomize_leaf(e, index, rng)) return true;
      return false;
    }
  } else {
    return std::apply([&](auto&... f) { return (randomize_leaf(f, index, rng) || ...); }, T::fields(v));
  }
}

// What the tamper matrix needs to know of a MessageList.
template <class List>
struct MessageTools;
template <class... M>
struct MessageTools<Messages<M...>> {
  // Throws Malformed.
  static std::vector<wire::Span> leaves(std::string_view tag, ByteView body) {
    std::vector<wire::Span> out;
    ((tag == M::tag ? static_cast<void>(out = leaves_of<M>(body)) : void()), ...);
    return out;
  }
  static Bytes with_random_leaf(std::string_view tag, ByteView body, std::size_t leaf, Rng& rng) {
    Bytes out;
    const auto one = [&]<class Message>(std::type_identity<Message>) {
      if (tag != Message::tag) return;
      Message m = decode<Message>(body);
      std::size_t index = leaf;
      QUORATE_ASSERT(randomize_leaf(m, index, rng));
      const SecretBytes bytes = encode(m);
      out.assign(bytes.begin(), bytes.end());
    };
    (one(std::type_identity<M>{}), ...);
    return out;
  }
};

}  // namespace quorate::test
