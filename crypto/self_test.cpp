#include "crypto/self_test.h"

#include <secp256k1.h>
#include <sodium.h>

#include "crypto/point.h"

namespace quorate {
namespace {

void expect(bool ok, const char* what) {
  if (!ok) throw SelfTestFailed(std::string("cryptographic self-test failed: ") + what);
}

template <std::size_t N>
ByteArray<N> bytes(std::string_view hex) {
  return array_from_hex<N>(hex).value();
}

void ed25519_refuses_bad_points() {
  const Bytes32 G = bytes<32>("5866666666666666666666666666666666666666666666666666666666666666");
  const std::array torsion{bytes<32>("0100000000000000000000000000000000000000000000000000000000000000"),   // order 1
                           bytes<32>("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),   // 2
                           bytes<32>("0000000000000000000000000000000000000000000000000000000000000000"),   // 4
                           bytes<32>("0000000000000000000000000000000000000000000000000000000000000080"),   // 4
                           bytes<32>("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),   // 8
                           bytes<32>("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),   // 8
                           bytes<32>("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),   // 8
                           bytes<32>("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85")};  // 8
  expect(Point<Ed25519>::parse(G).has_value(), "Ed25519 takes its generator");
  const Scalar<Ed25519> three = Scalar<Ed25519>::from_u64(3);
  for (const Bytes32& T : torsion) {
    expect(!Point<Ed25519>::parse(T), "Ed25519 refuses points of small order");
    Bytes32 mixed;
    if (T == torsion[0]) continue;
    expect(crypto_core_ed25519_add(mixed.data(), G.data(), T.data()) == 0, "Ed25519 addition");
    expect(!Point<Ed25519>::parse(mixed), "Ed25519 refuses points of mixed order (CVE-2025-69277)");
    expect(!UncheckedPoint<Ed25519>(mixed).multiply_public(three),
           "Ed25519 multiplication refuses points of mixed order");
  }
  const std::array not_canonical{
      bytes<32>("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),  // y = p + 1
      bytes<32>("f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),  // p + 3
      bytes<32>("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
      bytes<32>("0100000000000000000000000000000000000000000000000000000000000080")};  // x = −0
  for (const Bytes32& P : not_canonical) expect(!Point<Ed25519>::parse(P), "Ed25519 refuses non-canonical points");
}

template <class C>
void known_answers(std::string_view twice, std::string_view minus_one) {
  const Scalar<C> two = Scalar<C>::from_u64(2), minus = -Scalar<C>::one();
  const auto twice_G = bytes<C::point_size>(twice), minus_G = bytes<C::point_size>(minus_one);
  const Point<C> G = Point<C>::generator();
  expect(Point<C>::base(two).bytes() == twice_G && (two * G).bytes() == twice_G && (G + G).bytes() == twice_G, "2·G");
  expect(Point<C>::base(minus).bytes() == minus_G && (minus * G).bytes() == minus_G && (-G).bytes() == minus_G,
         "(q − 1)·G");
  expect((G - G).is_identity() && Point<C>::base(Scalar<C>::zero()).is_identity(), "the identity");
  expect((Scalar<C>::zero() * G).is_identity(), "0·G");
  expect((two * two.inverse()).equals(Scalar<C>::one()), "1/2");
}

}  // namespace

void crypto_self_test() {
  expect(sodium_init() >= 0, "libsodium");
  secp256k1_selftest();  // aborts by itself
  known_answers<Secp256k1>("02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
                           "0379be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
  known_answers<Ed25519>("c9a3f86aae465f0e56513864510f3997561fa2c9e85ea21dc2292309f3cd6022",
                         "58666666666666666666666666666666666666666666666666666666666666e6");
  ed25519_refuses_bad_points();
}

}  // namespace quorate
