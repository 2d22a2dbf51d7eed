// Oblivious transfer and vector OLE of threshold ECDSA, towards one peer and for one digest.
#include "bench/floors.h"
#include "crypto/ot/vector_ole.h"

namespace quorate::bench {
namespace {

using namespace ot;

struct World {
  SystemRng rng;
  Direction direction{{}, PartyId(1), PartyId(2)};
  OleContext context{{}, PartyId(1), PartyId(2)};
  BaseOtRequest request;
  std::optional<BaseOtSent> sent;
  ReceiverKeys keys;
  Extended extended;
  Columns q;
  ScalarK a_1 = ScalarK::random(rng), a_2 = ScalarK::random(rng);
  OleMessage message;

  World() {
    BaseOtReceiver receiver(direction, rng);
    request = receiver.request();
    sent = base_ot_send(direction, request, rng);
    keys = std::move(receiver).finish(sent->reply);
    extended = extend(direction, sent->keys, 1, rng);
    q = receive_extension(direction, keys, 1, extended.message).value();
    message = ole_send(context, keys, q, 0, a_1, a_2, rng).message;
  }
};

template <class Op>
void add_step(const std::string& name, int times, Op op) {
  add("ot/" + name, [op, times](benchmark::State& state) {
    World world;
    measure<Secp256k1>(state, times, [&](Stopwatch& stopwatch) {
      stopwatch.time([&] {
        for (int n = 0; n < times; ++n) op(world);
      });
    });
  });
}

}  // namespace

void add_ot() {
  const auto keep = [](auto&& value) { benchmark::DoNotOptimize(value); };
  add_step("base/receive", 1, [=](World& w) {
    BaseOtReceiver receiver(w.direction, w.rng);
    keep(std::move(receiver).finish(w.sent->reply));
  });
  add_step("base/send", 1, [=](World& w) { keep(base_ot_send(w.direction, w.request, w.rng)); });
  constexpr int kTimes = 16;
  add_step("extend", kTimes, [=](World& w) { keep(extend(w.direction, w.sent->keys, 1, w.rng)); });
  add_step("receive_extension", kTimes,
           [=](World& w) { keep(receive_extension(w.direction, w.keys, 1, w.extended.message)); });
  add_step("ole_send", kTimes, [=](World& w) { keep(ole_send(w.context, w.keys, w.q, 0, w.a_1, w.a_2, w.rng)); });
  add_step("ole_receive", kTimes, [=](World& w) { keep(ole_receive(w.context, w.extended.chosen, 0, w.message)); });
}

}  // namespace quorate::bench
