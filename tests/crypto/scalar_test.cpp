// Scalars of both curves against Boost.Multiprecision.
#include "crypto/scalar.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>

namespace quorate {
namespace {

using Int = boost::multiprecision::cpp_int;

template <class C>
Int order();
template <>
Int order<Secp256k1>() {
  return Int("0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141");
}
template <>
Int order<Ed25519>() {
  return (Int(1) << 252) + Int("27742317777372353535851937790883648493");
}

// A number as the curve writes it, in N bytes.
template <class C, std::size_t N>
ByteArray<N> to_bytes(Int v) {
  ByteArray<N> out{};
  for (std::size_t i = 0; i < N; ++i) {
    out[i] = static_cast<std::uint8_t>(v & 0xff);
    v >>= 8;
  }
  EXPECT_EQ(v, 0);
  if (C::big_endian) std::reverse(out.begin(), out.end());
  return out;
}
template <class C>
Int from_bytes(ByteView in) {
  Int v = 0;
  for (std::size_t i = 0; i < in.size(); ++i) v = (v << 8) | in[C::big_endian ? i : in.size() - 1 - i];
  return v;
}
template <class C>
Int value(const Scalar<C>& a) {
  return from_bytes<C>(a.bytes().expose());
}
template <class C>
Scalar<C> scalar(const Int& v) {
  return Scalar<C>::parse(to_bytes<C, 32>(v)).value();
}
template <class C>
Int power(const Int& base, const Int& exponent) {
  return boost::multiprecision::powm(base, exponent, order<C>());
}

// Canonical values: the boundaries, values with long runs of ones or zeros, random ones.
template <class C>
std::vector<Int> samples() {
  const Int q = order<C>();
  std::vector<Int> out{0, 1, 2, 3, q - 1, q - 2, q - 3, q / 2, q / 2 + 1};
  for (unsigned bit : {1u, 63u, 64u, 65u, 127u, 128u, 129u, 191u, 192u, 251u, 252u, 255u}) {
    for (const Int& v : {Int(1) << bit, (Int(1) << bit) - 1, q - (Int(1) << (bit % 250))})
      if (v < q) out.push_back(v);
  }
  SeededRng rng(7);
  for (int k = 0; k < 40; ++k) out.push_back(from_bytes<C>(rng.bytes<32>()) % q);
  return out;
}

template <class C>
struct ScalarTest : testing::Test {};
using Curves = testing::Types<Secp256k1, Ed25519>;
TYPED_TEST_SUITE(ScalarTest, Curves);

TYPED_TEST(ScalarTest, ParsesExactlyTheCanonicalValues) {
  using C = TypeParam;
  const Int q = order<C>(), all = (Int(1) << 256) - 1;
  for (const Int& v : samples<C>()) {
    const auto a = Scalar<C>::parse(to_bytes<C, 32>(v));
    ASSERT_TRUE(a.has_value()) << v;
    EXPECT_EQ(value(*a), v);
  }
  SeededRng rng(8);
  std::vector<Int> too_large{q, q + 1, q + 2, all, all - 1, Int(1) << 255};
  for (int k = 0; k < 50; ++k) too_large.push_back(q + from_bytes<C>(rng.bytes<32>()) % (all - q + 1));
  for (const Int& v : too_large) {
    if (v < q) continue;  // 2^255 on secp256k1
    EXPECT_FALSE(Scalar<C>::parse(to_bytes<C, 32>(v))) << v;
    EXPECT_THROW(decode<Scalar<C>>(to_bytes<C, 32>(v)), Malformed);
  }
  EXPECT_FALSE(Scalar<C>::parse(Bytes(31)));
  EXPECT_FALSE(Scalar<C>::parse(Bytes(33)));
  EXPECT_FALSE(Scalar<C>::parse({}));
}

TYPED_TEST(ScalarTest, AddsSubtractsMultipliesNegates) {
  using C = TypeParam;
  const Int q = order<C>();
  const auto all = samples<C>();
  for (const Int& a : all) {
    const Scalar<C> A = scalar<C>(a);
    EXPECT_EQ(value(-A), (q - a) % q);
    EXPECT_EQ(A.is_zero(), a == 0);
    for (const Int& b : all) {
      const Scalar<C> B = scalar<C>(b);
      ASSERT_EQ(value(A + B), (a + b) % q) << a << " " << b;
      ASSERT_EQ(value(A - B), (a + q - b) % q) << a << " " << b;
      ASSERT_EQ(value(A * B), a * b % q) << a << " " << b;
      ASSERT_EQ(A.equals(B), a == b);
    }
  }
}

TYPED_TEST(ScalarTest, OperatesInPlace) {
  using C = TypeParam;
  const Int q = order<C>();
  for (const Int& a : samples<C>()) {
    Scalar<C> A = scalar<C>(a);
    const Scalar<C>& same = A;
    A *= same;
    EXPECT_EQ(value(A), a * a % q);
    A += same;
    EXPECT_EQ(value(A), 2 * a * a % q);
    A -= same;
    EXPECT_TRUE(A.is_zero());
  }
}

TYPED_TEST(ScalarTest, Inverts) {
  using C = TypeParam;
  const Int q = order<C>();
  for (const Int& a : samples<C>()) EXPECT_EQ(value(scalar<C>(a).inverse()), power<C>(a, q - 2)) << a;  // zero for zero
}

TYPED_TEST(ScalarTest, ReducesWideNumbers) {
  using C = TypeParam;
  const Int q = order<C>(), top = (Int(1) << 512) - 1;
  std::vector<Int> wide{0,
                        1,
                        q - 1,
                        q,
                        q + 1,
                        2 * q - 1,
                        2 * q,
                        (Int(1) << 256) - 1,
                        Int(1) << 256,
                        (Int(1) << 256) + 1,
                        q * q - 1,
                        q * q,
                        q * q + 1,
                        top,
                        top - 1,
                        top / q * q,
                        top / q * q - 1,
                        top / q * q + (top % q) / 2};
  for (unsigned bit = 250; bit < 512; ++bit) {
    wide.push_back(Int(1) << bit);
    wide.push_back((Int(1) << bit) - 1);
    wide.push_back(top - (Int(1) << bit));
  }
  for (const Int& m : {Int(1) << 256, (Int(1) << 256) - q}) {  // around what is folded
    for (int k = 1; k < 20; ++k) wide.insert(wide.end(), {m * k - 1, m * k, m * k + 1, m * m - k, m * m + k});
  }
  SeededRng rng(9);
  for (int k = 0; k < 500; ++k) wide.push_back(from_bytes<C>(rng.bytes<64>()));
  for (const Int& v : wide) {
    if (v > top) continue;
    EXPECT_EQ(value(Scalar<C>::reduce_wide(to_bytes<C, 64>(v))), v % q) << v;
  }
}

TYPED_TEST(ScalarTest, TakesSmallNumbers) {
  using C = TypeParam;
  for (const std::uint64_t v : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{255}, std::uint64_t{256}, UINT64_MAX})
    EXPECT_EQ(value(Scalar<C>::from_u64(v)), Int(v));
  EXPECT_TRUE(Scalar<C>().is_zero());
  EXPECT_TRUE(Scalar<C>::one().equals(Scalar<C>::from_u64(1)));
}

TYPED_TEST(ScalarTest, RandomIsNeverZeroAndFollowsTheGenerator) {
  using C = TypeParam;
  struct ZerosFirst final : Rng {
    int calls = 0;
    void fill(std::span<std::uint8_t> out) override {
      std::fill(out.begin(), out.end(), static_cast<std::uint8_t>(calls++));
    }
  } rng;
  EXPECT_FALSE(Scalar<C>::random(rng).is_zero());
  EXPECT_EQ(rng.calls, 2);
  SeededRng a(1), b(1), c(2);
  const auto first = Scalar<C>::random(a);
  EXPECT_TRUE(first.equals(Scalar<C>::random(b)));
  EXPECT_FALSE(first.equals(Scalar<C>::random(c)));
  EXPECT_FALSE(first.equals(Scalar<C>::random(a)));
}

TYPED_TEST(ScalarTest, GoesOverTheWire) {
  using C = TypeParam;
  for (const Int& v : samples<C>()) {
    const SecretBytes bytes = encode(scalar<C>(v));
    ASSERT_EQ(bytes.size(), 32u);
    EXPECT_EQ(value(decode<Scalar<C>>(bytes)), v);
  }
}

TYPED_TEST(ScalarTest, WipesItself) {
  using C = TypeParam;
  alignas(Scalar<C>) std::uint8_t room[sizeof(Scalar<C>)];
  auto* a = new (room) Scalar<C>(-Scalar<C>::one());
  EXPECT_TRUE(std::any_of(std::begin(room), std::end(room), [](std::uint8_t b) { return b != 0; }));
  a->~Scalar<C>();
  const volatile std::uint8_t* after = room;
  for (std::size_t i = 0; i < sizeof room; ++i) EXPECT_EQ(after[i], 0);
}

}  // namespace
}  // namespace quorate
