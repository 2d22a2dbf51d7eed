// The floors themselves and the operations of both curves.
#include "bench/floors.h"
#include "crypto/schnorr.h"

namespace quorate::bench {
namespace {

// op() many times per iteration, so that the clock's own cost vanishes. The counters tell the time of one, Google's
// columns that of all.
template <class C, class Op>
void add_operation(const std::string& name, Op op) {
  add(name + "/" + std::string(C::name), [op](benchmark::State& state) {
    constexpr int kTimes = 64;
    Op mine = op;
    measure<C>(state, kTimes, [&](Stopwatch& stopwatch) {
      stopwatch.time([&] {
        for (int n = 0; n < kTimes; ++n) mine();
      });
    });
  });
}

template <class C>
void add_curve() {
  SystemRng rng;
  const Scalar<C> x = Scalar<C>::random(rng), k = Scalar<C>::random(rng), small = Scalar<C>::from_u64(3);
  const Point<C> X = Point<C>::base(x), K = Point<C>::base(k);
  const auto bytes = X.bytes();
  const Bytes32 raw = k.bytes().expose();
  Transcript context("quorate/test/a/1");
  const auto proof = SchnorrProof<C>::prove(x, X, context, rng);
  const auto keep = [](auto&& value) { benchmark::DoNotOptimize(value); };

  add_operation<C>("floor", [raw] { Floor<C>::once(raw); });
  add_operation<C>("point/base", [=] { keep(Point<C>::base(k)); });
  add_operation<C>("point/multiply", [=] { keep(k * X); });
  add_operation<C>("point/multiply_public", [=] { keep(Point<C>::multiply_public(k, X)); });
  add_operation<C>("point/multiply_by_3", [=] { keep(Point<C>::multiply_public(small, X)); });
  add_operation<C>("point/base_and", [=] { keep(Point<C>::base_and(x, k, X)); });
  add_operation<C>("point/add", [=] { keep(X + K); });
  add_operation<C>("point/parse", [=] { keep(Point<C>::parse(bytes)); });
  add_operation<C>("point/bytes", [=] { keep(X.bytes()); });
  add_operation<C>("scalar/add", [=] { keep(x + k); });
  add_operation<C>("scalar/multiply", [=] { keep(x * k); });
  add_operation<C>("scalar/invert", [=] { keep(x.inverse()); });
  add_operation<C>("schnorr/prove", [=] {
    SystemRng fresh;
    keep(SchnorrProof<C>::prove(x, X, context, fresh));
  });
  add_operation<C>("schnorr/verify", [=] { keep(proof.verify(X, context)); });
}

}  // namespace

void add_points() {
  add_curve<Secp256k1>();
  add_curve<Ed25519>();
}

}  // namespace quorate::bench
