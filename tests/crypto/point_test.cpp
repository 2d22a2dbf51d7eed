#include "crypto/point.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include <thread>

#include "crypto/secp_context.h"
#include "crypto/self_test.h"

namespace quorate {
namespace {

template <class C>
struct PointTest : testing::Test {
  SeededRng rng{11};
  Scalar<C> random() { return Scalar<C>::random(rng); }
};
using Curves = testing::Types<Secp256k1, Ed25519>;
TYPED_TEST_SUITE(PointTest, Curves);

template <class C>
std::vector<Scalar<C>> interesting_scalars(Rng& rng) {
  std::vector<Scalar<C>> out;
  for (std::uint64_t k = 0; k < 40; ++k) out.push_back(Scalar<C>::from_u64(k)), out.push_back(-Scalar<C>::from_u64(k));
  for (const std::uint64_t k : {100u, 127u, 128u, 255u, 256u, 1u << 31}) out.push_back(Scalar<C>::from_u64(k));
  for (int k = 0; k < 10; ++k) out.push_back(Scalar<C>::random(rng));
  return out;
}

TYPED_TEST(PointTest, EveryMultiplicationAgrees) {
  using C = TypeParam;
  const Scalar<C> x = this->random();
  const Point<C> P = Point<C>::base(x), identity;
  const UncheckedPoint<C> unchecked(P);
  for (const Scalar<C>& k : interesting_scalars<C>(this->rng)) {
    const Point<C> expected = Point<C>::base(k * x);
    EXPECT_EQ(expected.is_identity(), k.is_zero());
    EXPECT_EQ(k * P, expected);
    EXPECT_EQ(Point<C>::multiply_public(k, P), expected);
    EXPECT_EQ(unchecked.multiply_public(k).value_or(identity), expected);
    EXPECT_EQ(unchecked.multiply_public(k).has_value(), !k.is_zero());
    EXPECT_TRUE((k * identity).is_identity());
    EXPECT_TRUE(Point<C>::multiply_public(k, identity).is_identity());
    for (const Scalar<C>& s : {Scalar<C>::zero(), Scalar<C>::one(), x, -(k * x)}) {
      EXPECT_EQ(Point<C>::base_and(s, k, P), Point<C>::base(s + k * x));
      EXPECT_EQ(Point<C>::multiply_public_and_add(k, P, Point<C>::base(s)), Point<C>::base(s + k * x));
    }
    EXPECT_EQ(Point<C>::multiply_public_and_add(k, identity, P), P);
    EXPECT_EQ(Point<C>::base_and(k, x, identity), Point<C>::base(k));
  }
}

TYPED_TEST(PointTest, AdditionIsThatOfTheGroup) {
  using C = TypeParam;
  const Point<C> identity;
  const auto ks = interesting_scalars<C>(this->rng);
  for (std::size_t i = 0; i < ks.size(); i += 3)
    for (std::size_t j = 0; j < ks.size(); j += 5) {  // equal, opposite and zero ones among them
      const Point<C> P = Point<C>::base(ks[i]), Q = Point<C>::base(ks[j]);
      EXPECT_EQ(P + Q, Point<C>::base(ks[i] + ks[j]));
      EXPECT_EQ(P - Q, Point<C>::base(ks[i] - ks[j]));
      EXPECT_EQ(P == Q, ks[i].equals(ks[j]));
    }
  const Point<C> P = Point<C>::base(this->random());
  EXPECT_EQ(P + P, Scalar<C>::from_u64(2) * P);
  EXPECT_TRUE((P - P).is_identity());
  EXPECT_EQ(P + identity, P);
  EXPECT_EQ(identity + P, P);
  EXPECT_TRUE((-identity).is_identity());
  EXPECT_TRUE((identity + identity).is_identity());
  EXPECT_EQ(-(-P), P);
  EXPECT_FALSE(P == identity);
}

TYPED_TEST(PointTest, SumsAnyNumber) {
  using C = TypeParam;
  EXPECT_TRUE(Point<C>::sum({}).is_identity());
  std::vector<Point<C>> points;
  Scalar<C> total;
  for (int n = 0; n < 40; ++n) {
    const Scalar<C> k = n % 7 == 3 ? Scalar<C>::zero() : this->random();
    total += k;
    points.push_back(Point<C>::base(k));
    EXPECT_EQ(Point<C>::sum(points), Point<C>::base(total));
  }
  points.push_back(Point<C>::base(-total));
  EXPECT_TRUE(Point<C>::sum(points).is_identity());
}

TYPED_TEST(PointTest, GoesOverTheWire) {
  using C = TypeParam;
  for (int n = 0; n < 20; ++n) {
    const Point<C> P = Point<C>::base(this->random());
    const SecretBytes bytes = encode(P);
    ASSERT_EQ(bytes.size(), C::point_size);
    EXPECT_EQ(decode<Point<C>>(bytes), P);
    EXPECT_EQ(decode<UncheckedPoint<C>>(bytes).check(), P);
    EXPECT_EQ(encode(-decode<Point<C>>(bytes)), encode(-P));
  }
}

TYPED_TEST(PointTest, TheIdentityHasNoEncoding) {
  EXPECT_DEATH(static_cast<void>(encode(Point<TypeParam>())), "is_identity");
  EXPECT_FALSE(Point<TypeParam>::parse(Bytes(TypeParam::point_size)));
}

TYPED_TEST(PointTest, RefusesOtherLengths) {
  using C = TypeParam;
  const auto bytes = Point<C>::base(this->random()).bytes();
  Bytes longer(bytes.begin(), bytes.end());
  EXPECT_TRUE(Point<C>::parse(longer));
  longer.push_back(0);
  EXPECT_FALSE(Point<C>::parse(longer));
  EXPECT_FALSE(Point<C>::parse(ByteView(longer).first(C::point_size - 1)));
  EXPECT_FALSE(Point<C>::parse({}));
}

// attack 10, 41: bytes from outside give a point or an error, never the libraries' illegal-argument callback.
TYPED_TEST(PointTest, AnyBytesAreAPointOrAnError) {
  using C = TypeParam;
  int taken = 0;
  for (int n = 0; n < 2000; ++n) {
    auto bytes = this->rng.template bytes<C::point_size>();
    if constexpr (C::point_size == 33) bytes[0] = static_cast<std::uint8_t>(bytes[0] % 9);
    const auto P = Point<C>::parse(bytes);
    if (!P) continue;
    ++taken;
    EXPECT_EQ(P->bytes(), bytes);
    EXPECT_TRUE((*P - *P).is_identity());
  }
  EXPECT_GT(taken, 50);
}

ByteArray<33> secp(std::string_view hex) { return array_from_hex<33>(hex).value(); }
Bytes32 ed(std::string_view hex) { return array_from_hex<32>(hex).value(); }

TEST(PointSecp256k1, RefusesWhatIsNoPoint) {
  for (const auto& bytes : {
           secp("000000000000000000000000000000000000000000000000000000000000000000"),
           secp("020000000000000000000000000000000000000000000000000000000000000000"),  // x = 0: not on the curve
           secp("020000000000000000000000000000000000000000000000000000000000000005"),  // not on the curve
           secp("02fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f"),  // x = p
           secp("02fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc30"),  // x = p + 1, on the curve mod p
           secp("02ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
           secp("0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),  // other prefixes
           secp("0579be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
           secp("0679be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
           secp("0079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
       }) {
    EXPECT_FALSE(Point<Secp256k1>::parse(bytes)) << to_hex(bytes);
    EXPECT_THROW(decode<Point<Secp256k1>>(bytes), Malformed);
    EXPECT_FALSE(UncheckedPoint<Secp256k1>(bytes).multiply_public(Scalar<Secp256k1>::one()));
  }
  EXPECT_TRUE(Point<Secp256k1>::parse(secp("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")));
  // The uncompressed form of a point is not an encoding here.
  Bytes uncompressed(65);
  std::size_t length = 65;
  secp256k1_pubkey key;
  Bytes32 one{};
  one[31] = 1;
  ASSERT_EQ(secp256k1_ec_pubkey_create(secp_context(), &key, one.data()), 1);
  secp256k1_ec_pubkey_serialize(secp_context(), uncompressed.data(), &length, &key, SECP256K1_EC_UNCOMPRESSED);
  EXPECT_FALSE(Point<Secp256k1>::parse(uncompressed));
}

// x(P) between q and p, which no random point has: base_and's detour through ECDSA must know of it.
TEST(PointSecp256k1, CoordinatesAboveTheOrder) {
  ByteArray<33> bytes = secp("02fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");  // x = q
  SeededRng rng(13);
  const auto s = Scalar<Secp256k1>::random(rng), c = Scalar<Secp256k1>::random(rng);
  int found = 0;
  for (int step = 0; step < 40; ++step) {
    ++bytes[32];
    for (const int prefix : {2, 3}) {
      bytes[0] = static_cast<std::uint8_t>(prefix);
      const auto P = Point<Secp256k1>::parse(bytes);
      if (!P) continue;
      EXPECT_EQ(Point<Secp256k1>::base_and(s, c, *P), Point<Secp256k1>::base(s) + c * *P);
      ++found;
    }
  }
  EXPECT_GT(found, 10);
}

// attack 40
TEST(PointEd25519, RefusesSmallMixedOrderAndNonCanonical) {
  const std::vector<Bytes32> small{
      ed("0100000000000000000000000000000000000000000000000000000000000000"),
      ed("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
      ed("0000000000000000000000000000000000000000000000000000000000000000"),
      ed("0000000000000000000000000000000000000000000000000000000000000080"),
      ed("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
      ed("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
      ed("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
      ed("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
  };
  std::vector<Bytes32> bad = small;
  SeededRng rng(12);
  for (std::size_t k = 1; k < small.size(); ++k)
    for (int n = 0; n < 5; ++n) {
      Bytes32 mixed;
      const Bytes32 P = Point<Ed25519>::base(Scalar<Ed25519>::random(rng)).bytes();
      ASSERT_EQ(crypto_core_ed25519_add(mixed.data(), P.data(), small[k].data()), 0);
      bad.push_back(mixed);
    }
  for (unsigned y = 0; y < 19; ++y) {  // p + y
    Bytes32 P = ed("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
    P[0] = static_cast<std::uint8_t>(P[0] + y);
    bad.push_back(P);
    P[31] |= 0x80;
    bad.push_back(P);
  }
  bad.push_back(ed("0100000000000000000000000000000000000000000000000000000000000080"));  // x = −0
  bad.push_back(ed("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"));
  bad.push_back(ed("0200000000000000000000000000000000000000000000000000000000000000"));  // not on the curve
  for (const Bytes32& P : bad) {
    EXPECT_FALSE(Point<Ed25519>::parse(P)) << to_hex(P);
    EXPECT_THROW(decode<Point<Ed25519>>(P), Malformed);
    // The multiplication's own check is the same one.
    EXPECT_FALSE(UncheckedPoint<Ed25519>(P).multiply_public(Scalar<Ed25519>::from_u64(8))) << to_hex(P);
    EXPECT_FALSE(UncheckedPoint<Ed25519>(P).multiply_public(Scalar<Ed25519>::random(rng))) << to_hex(P);
  }
}

// attack 40: what `noclamp` does with bit 255 and zero is of no consequence for scalars below q.
TEST(PointEd25519, TopScalars) {
  const Scalar<Ed25519> minus_one = -Scalar<Ed25519>::one();
  const Point<Ed25519> G = Point<Ed25519>::generator();
  EXPECT_EQ(Point<Ed25519>::base(minus_one), -G);
  EXPECT_EQ(minus_one * G, -G);
  EXPECT_EQ((-G).bytes()[31] ^ 0x80, G.bytes()[31]);
}

TEST(SecpContext, IsOnePerThread) {
  const secp256k1_context* mine = secp_context();
  EXPECT_EQ(mine, secp_context());
  const secp256k1_context* other = nullptr;
  const Scalar<Secp256k1> k = Scalar<Secp256k1>::from_u64(77);
  std::optional<ByteArray<33>> there;
  std::thread([&] {
    other = secp_context();
    there = Point<Secp256k1>::base(k).bytes();
  }).join();
  EXPECT_NE(mine, other);
  EXPECT_EQ(there, Point<Secp256k1>::base(k).bytes());
}

TEST(SelfTest, Passes) { EXPECT_NO_THROW(crypto_self_test()); }

}  // namespace
}  // namespace quorate
