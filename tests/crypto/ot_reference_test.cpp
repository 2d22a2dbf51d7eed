// Base OT, extension and vector OLE against the reference model, byte for byte. An error that both sides of a protocol
// make alike passes every other test (attack 25).
#include "crypto/ot/vector_ole.h"
#include "tests/support/reference.h"

namespace quorate {
namespace {

using namespace test;

ot::Direction direction_of(const Json& v) {
  return {bytes_in<32>(v.at("sid")), party_of(v.at("A")), party_of(v.at("B"))};
}

SecretBytes joined(const ot::Columns& columns) {
  SecretBytes out;
  for (const ot::Block& column : columns) out.insert(out.end(), column.begin(), column.end());
  return out;
}

TEST(OtReference, BaseOt) {
  const Json v = reference_vectors("base_ot");
  SeededRng rng_A = rng_of(v.at("seed_A")), rng_B = rng_of(v.at("seed_B"));
  ot::BaseOtReceiver receiver(direction_of(v), rng_A);
  EXPECT_TRUE(matches(v.at("request"), receiver.request()));
  const std::optional<ot::BaseOtSent> sent = ot::base_ot_send(direction_of(v), receiver.request(), rng_B);
  ASSERT_TRUE(sent.has_value());
  EXPECT_TRUE(matches(v.at("reply"), sent->reply));
  EXPECT_TRUE(matches(v.at("keys_B"), sent->keys));
  EXPECT_TRUE(matches(v.at("keys_A"), std::move(receiver).finish(sent->reply)));
}

TEST(OtReference, Extension) {
  for (const Json& v : reference_vectors("extension")) {
    const std::size_t m = v.at("m").get<std::size_t>();
    SCOPED_TRACE("m = " + std::to_string(m));
    SeededRng rng_keys = rng_of(v.at("seed_keys")), rng_B = rng_of(v.at("seed_B"));
    const DealtDirection keys(rng_keys);
    EXPECT_TRUE(matches(v.at("delta"), keys.A.delta));
    const ot::Extended extended = ot::extend(direction_of(v), keys.B, m, rng_B);
    EXPECT_TRUE(ot::has_length(extended.message, m));
    EXPECT_TRUE(matches(v.at("u"), ByteView(extended.message.u)));
    EXPECT_TRUE(matches(v.at("x_check"), ByteView(extended.message.x_check)));
    EXPECT_TRUE(matches(v.at("t_check"), ByteView(extended.message.t_check)));
    EXPECT_TRUE(matches(v.at("message"), extended.message));
    EXPECT_TRUE(matches(v.at("beta"), ByteView(extended.chosen.beta)));
    EXPECT_TRUE(matches(v.at("t"), ByteView(joined(extended.chosen.t))));
    const std::optional<ot::Columns> q = ot::receive_extension(direction_of(v), keys.A, m, extended.message);
    ASSERT_TRUE(q.has_value());
    EXPECT_TRUE(matches(v.at("q"), ByteView(joined(*q))));
  }
}

TEST(OtReference, VectorOle) {
  const Json v = reference_vectors("vector_ole");
  const std::size_t m = v.at("instances").size();
  SeededRng rng_keys = rng_of(v.at("seed_keys")), rng_B = rng_of(v.at("seed_B")), rng_A = rng_of(v.at("seed_A"));
  const DealtDirection keys(rng_keys);
  const ot::Extended extended = ot::extend(direction_of(v), keys.B, m, rng_B);
  const std::optional<ot::Columns> q = ot::receive_extension(direction_of(v), keys.A, m, extended.message);
  ASSERT_TRUE(q.has_value());
  const ot::OleContext context{bytes_in<32>(v.at("pair")), party_of(v.at("A")), party_of(v.at("B"))};
  for (std::size_t l = 0; l < m; ++l) {
    SCOPED_TRACE("instance " + std::to_string(l));
    const Json& instance = v.at("instances").at(l);
    const auto a_1 = scalar_in(instance.at("a").at(0)), a_2 = scalar_in(instance.at("a").at(1));
    const ot::OleSent sent = ot::ole_send(context, keys.A, *q, l, a_1, a_2, rng_A);
    EXPECT_TRUE(matches(instance.at("a_tilde"), ByteView(sent.message.a_tilde)));
    EXPECT_TRUE(matches(instance.at("eta"), sent.message.eta));
    EXPECT_TRUE(matches(instance.at("mu"), ByteView(sent.message.mu)));
    EXPECT_TRUE(matches(instance.at("c").at(0), sent.c.first));
    EXPECT_TRUE(matches(instance.at("c").at(1), sent.c.second));
    EXPECT_TRUE(matches(instance.at("b"), ot::ole_value(extended.chosen, l)));
    const std::optional<ot::OleShares> d = ot::ole_receive(context, extended.chosen, l, sent.message);
    ASSERT_TRUE(d.has_value());
    EXPECT_TRUE(matches(instance.at("d").at(0), d->first));
    EXPECT_TRUE(matches(instance.at("d").at(1), d->second));
  }
}

}  // namespace
}  // namespace quorate
