// Elements of a group of prime order q. Bytes become a Point once, at the edge, and only if they are the canonical
// encoding of a point of order q: parsing refuses the identity, points off the curve, non-canonical encodings, points
// of small or mixed order. The identity exists only as the result of arithmetic (and as the default value); it cannot
// be encoded.
#pragma once
#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "crypto/scalar.h"

namespace quorate {

template <class C>
class UncheckedPoint;

template <class C>
class Point {
 public:
  static constexpr std::size_t size = C::point_size;
  using Encoding = ByteArray<size>;

  Point() = default;  // the identity

  static std::optional<Point> parse(ByteView in) {
    Point P;
    if (in.size() != size || !C::point_parse(P.rep_, in.data())) return std::nullopt;
    return P;
  }
  static Point generator() { return base(Scalar<C>::one()); }

  // k·G and k·P in time that does not depend on k, except that the result tells whether k is zero.
  static Point base(const Scalar<C>& k) {
    Point R;
    C::point_base(R.rep_, k.rep());
    return R;
  }
  friend Point operator*(const Scalar<C>& k, const Point& P) {
    Point R;
    C::point_multiply(R.rep_, k.rep(), P.rep_);
    return R;
  }

  // secp256k1 only. Exchanges P and Q if the bit (0 or 1) is set, in time that does not depend on it.
  static void swap_if(std::uint64_t bit, Point& P, Point& Q) { C::point_swap_if(bit, P.rep_, Q.rep_); }

  // Everything below runs in variable time (on secp256k1): public data only.
  friend Point operator+(const Point& P, const Point& Q) {
    Point R;
    C::point_add(R.rep_, P.rep_, Q.rep_);
    return R;
  }
  Point operator-() const {
    Point R;
    C::point_negate(R.rep_, rep_);
    return R;
  }
  friend Point operator-(const Point& P, const Point& Q) { return P + -Q; }
  friend bool operator==(const Point& P, const Point& Q) { return C::point_equal(P.rep_, Q.rep_); }
  static Point sum(std::span<const Point> points) {
    std::vector<const typename C::PointRep*> reps;
    reps.reserve(points.size());
    for (const Point& P : points) reps.push_back(&P.rep_);
    Point R;
    C::point_sum(R.rep_, reps);
    return R;
  }
  // k·P + Q and k·P for a public k. Cheap for small |k|.
  static Point multiply_public_and_add(const Scalar<C>& k, const Point& P, const Point& Q);
  static Point multiply_public(const Scalar<C>& k, const Point& P) { return multiply_public_and_add(k, P, Point()); }
  // s·G + c·P for public s, c.
  static Point base_and(const Scalar<C>& s, const Scalar<C>& c, const Point& P) {
    Point R;
    C::point_base_and_public(R.rep_, s.rep(), c.rep(), P.rep_);
    return R;
  }

  // secp256k1 only. A point whose logarithm nobody knows, from 64 uniform bytes; never the identity.
  static Point from_uniform(const ByteArray<64>& bytes) {
    Point R;
    C::point_from_uniform(R.rep_, bytes);
    return R;
  }

  bool is_identity() const { return C::point_is_identity(rep_); }
  Encoding bytes() const {  // compressed; not for the identity
    Encoding out;
    wire_put(out.data());
    return out;
  }

  static constexpr std::size_t wire_size = size;
  void wire_put(std::uint8_t* out) const {
    QUORATE_ASSERT(!is_identity());
    C::point_bytes(out, rep_);
  }
  static Point wire_get(ByteView in) {
    const auto P = parse(in);
    if (!P) throw Malformed("not a point of the group");
    return *P;
  }

 private:
  friend class UncheckedPoint<C>;
  static std::optional<unsigned> small_value(const Scalar<C>& k) {
    Bytes32 b = k.bytes().expose();
    if constexpr (C::big_endian) std::reverse(b.begin(), b.end());
    if (std::any_of(b.begin() + 1, b.end(), [](std::uint8_t x) { return x != 0; })) return std::nullopt;
    return b[0];
  }
  typename C::PointRep rep_;
};

// The encoding of what ought to be a point, for one that is multiplied by a public scalar before it is used otherwise:
// libsodium's multiplication makes the whole check of parse() again, so that making it twice would cost a signer a
// sixth of its time. No Point comes out of it unchecked.
template <class C>
class UncheckedPoint {
 public:
  using Encoding = typename Point<C>::Encoding;
  UncheckedPoint() = default;
  explicit UncheckedPoint(const Point<C>& P) : bytes_(P.bytes()) {}
  explicit UncheckedPoint(const Encoding& bytes) : bytes_(bytes) {}

  const Encoding& bytes() const { return bytes_; }
  std::optional<Point<C>> check() const { return Point<C>::parse(bytes_); }
  // k·P, variable-time. nullopt: parse() would refuse it, or k is zero.
  std::optional<Point<C>> multiply_public(const Scalar<C>& k) const {
    Point<C> R;
    if (!C::point_parse_and_multiply_public(R.rep_, k.rep(), bytes_.data())) return std::nullopt;
    return R;
  }
  // The point P itself and s·G + c·P for public s, c, variable-time. nullopt: parse() would refuse it, or c is zero.
  struct WithSum {
    Point<C> P, sum;
  };
  std::optional<WithSum> base_and(const Scalar<C>& s, const Scalar<C>& c) const {
    WithSum R;
    if (!C::point_parse_and_base_and_public(R.P.rep_, R.sum.rep_, s.rep(), c.rep(), bytes_.data())) return std::nullopt;
    return R;
  }
  friend bool operator==(const UncheckedPoint&, const UncheckedPoint&) = default;

  static constexpr std::size_t wire_size = Point<C>::size;
  void wire_put(std::uint8_t* out) const { std::copy(bytes_.begin(), bytes_.end(), out); }
  static UncheckedPoint wire_get(ByteView in) {
    UncheckedPoint P;
    std::copy_n(in.begin(), P.bytes_.size(), P.bytes_.begin());
    return P;
  }

 private:
  Encoding bytes_{};
};

template <class C>
Point<C> Point<C>::multiply_public_and_add(const Scalar<C>& k, const Point& P, const Point& Q) {
  Point R;
  if (const auto small = small_value(k); small && C::worth_adding(*small)) {
    C::point_add_times(R.rep_, Q.rep_, *small, P.rep_);
  } else if (const auto opposite = small_value(-k); opposite && C::worth_adding(*opposite)) {
    C::point_add_times(R.rep_, Q.rep_, *opposite, (-P).rep_);
  } else {
    C::point_multiply_public(R.rep_, k.rep(), P.rep_);
    C::point_add(R.rep_, R.rep_, Q.rep_);
  }
  return R;
}

}  // namespace quorate
