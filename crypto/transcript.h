// The one way in which protocols hash: SHA-512 over the product's name and version, a registered tag, and every input
// with its length.
//
//   Transcript t("quorate/dkg/commit/1");
//   t.absorb(sid).absorb(F).absorb(blind);
//   const Digest digest = t.digest();
//
// An input is anything with a codec, or bytes. Different sequences of inputs never have the same encoding: each item is
// prefixed by its length (8 bytes, big-endian), each list by its count with the top bit set.
#pragma once
#include <sodium.h>

#include "base/codec.h"
#include "crypto/scalar.h"
#include "crypto/tags.h"

namespace quorate {

class Transcript {
 public:
  explicit Transcript(Tag tag);
  Transcript(const Transcript&) = default;
  Transcript& operator=(const Transcript&) = default;
  ~Transcript() { wipe(&state_, sizeof state_); }

  Transcript& absorb(ByteView bytes);
  Transcript& absorb(std::string_view text) { return absorb(view_of(text)); }
  template <class T>
  requires(!std::convertible_to<const T&, ByteView> &&
           !std::convertible_to<const T&, std::string_view>) Transcript& absorb(const T& value) {
    const SecretBytes bytes = encode(value);
    return absorb(ByteView(bytes));
  }
  // One item: the 64-byte SHA-512 of the bytes (`#x` in docs/ecdsa.md). For long inputs, at libcrypto's speed; an input
  // that several transcripts absorb is hashed once by absorbing it before they part.
  Transcript& absorb_hashed(ByteView bytes);
  // A range of things with a codec; also for lists whose type is not Bounded.
  template <class Range>
  Transcript& absorb_list(const Range& items) {
    begin_list(static_cast<std::uint64_t>(std::distance(items.begin(), items.end())));
    for (const auto& item : items) absorb(item);
    return *this;
  }

  // The 64 bytes over everything absorbed so far.
  Secret<ByteArray<64>> wide() const;
  // Their first 32.
  Digest digest() const;
  // Them as a number mod q.
  template <class C>
  Scalar<C> scalar() const {
    return Scalar<C>::reduce_wide(wide().expose());
  }

 private:
  void begin_list(std::uint64_t count);
  void number(std::uint64_t v);
  crypto_hash_sha512_state state_;
};

}  // namespace quorate
