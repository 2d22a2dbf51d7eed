// Integers modulo a group's order. Constant-time, wiped when they die, never printed; zero is a value like any other.
#pragma once
#include <optional>

#include "base/check.h"
#include "base/codec.h"
#include "base/rng.h"
#include "base/secret.h"
#include "crypto/curve.h"

namespace quorate {

template <class C>
class Scalar {
 public:
  using Rep = typename C::ScalarRep;

  Scalar() noexcept : rep_{} {}  // zero
  Scalar(const Scalar&) noexcept = default;
  Scalar& operator=(const Scalar&) noexcept = default;
  ~Scalar() { wipe(&rep_, sizeof rep_); }

  static Scalar zero() { return Scalar(); }
  static Scalar one() { return from_u64(1); }
  static Scalar from_u64(std::uint64_t v) {
    Scalar r;
    C::scalar_set(r.rep_, v);
    return r;
  }
  // Uniform among the non-zero scalars (bias < 2^-250).
  static Scalar random(Rng& rng) {
    for (;;) {
      const Secret<ByteArray<64>> wide = rng.secret<64>();
      const Scalar r = reduce_wide(wide.expose());
      if (!r.is_zero()) return r;
    }
  }
  // 32 bytes, canonical (< q): big-endian on secp256k1, little-endian on Ed25519.
  static std::optional<Scalar> parse(ByteView in) {
    if (in.size() != wire_size) return std::nullopt;
    std::optional<Scalar> r(std::in_place);
    if (!C::scalar_parse(r->rep_, in.data())) r.reset();
    return r;
  }
  // A 512-bit number mod q, in the curve's byte order.
  static Scalar reduce_wide(const ByteArray<64>& in) {
    Scalar r;
    C::scalar_reduce(r.rep_, in);
    return r;
  }

  friend Scalar operator+(const Scalar& a, const Scalar& b) {
    Scalar r;
    C::scalar_add(r.rep_, a.rep_, b.rep_);
    return r;
  }
  friend Scalar operator-(const Scalar& a, const Scalar& b) {
    Scalar r;
    C::scalar_sub(r.rep_, a.rep_, b.rep_);
    return r;
  }
  friend Scalar operator*(const Scalar& a, const Scalar& b) {
    Scalar r;
    C::scalar_mul(r.rep_, a.rep_, b.rep_);
    return r;
  }
  Scalar operator-() const { return zero() - *this; }
  Scalar& operator+=(const Scalar& b) { return *this = *this + b; }
  Scalar& operator-=(const Scalar& b) { return *this = *this - b; }
  Scalar& operator*=(const Scalar& b) { return *this = *this * b; }

  // a^-1 mod q; zero for zero.
  Scalar inverse() const {
    Scalar r;
    C::scalar_invert(r.rep_, rep_);
    return r;
  }
  bool is_zero() const { return equals(Scalar()); }
  bool equals(const Scalar& b) const { return C::scalar_equal(rep_, b.rep_); }

  // The wire form. The result is secret if the scalar is.
  Secret<Bytes32> bytes() const {
    Secret<Bytes32> out;
    C::scalar_bytes(out.expose().data(), rep_);
    return out;
  }
  // For Point, and for code of crypto/ that computes with many at once; a Rep is always below q.
  const Rep& rep() const { return rep_; }
  static Scalar of_rep(const Rep& below_q) {
    Scalar r;
    r.rep_ = below_q;
    return r;
  }

  static constexpr std::size_t wire_size = 32;
  void wire_put(std::uint8_t* out) const { C::scalar_bytes(out, rep_); }
  static Scalar wire_get(ByteView in) {
    auto r = parse(in);
    if (!r) throw Malformed("a scalar is not below the group order");
    return *r;
  }

 private:
  Rep rep_;
};

}  // namespace quorate
