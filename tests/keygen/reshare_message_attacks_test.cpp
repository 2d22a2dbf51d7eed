// Messages of a reshare that are not what their senders meant: every change of every field of every role's messages,
// replays, and the parts of ECDSA's pairs.
#include "tests/keygen/reshare_world.h"

namespace quorate::test {
namespace {

template <class C>
class ReshareMessageAttacks : public testing::Test {
 protected:
  const PartyId P1{1}, P2{2}, P3{3}, P4{4};
};
TYPED_TEST_SUITE(ReshareMessageAttacks, Curves, CurveNames);

template <class C>
struct ByLeaver : ReshareWorld<C> {
  using ReshareWorld<C>::ReshareWorld;
  using MessageList = Messages<ReshareRound1, ReshareRound2<C>, ReshareShare<C>, ReshareRound3<C>, ReshareRound4>;
};
template <class C>
struct ByJoiner : ReshareWorld<C> {
  using ReshareWorld<C>::ReshareWorld;
  using MessageList = Messages<ReshareRound3<C>, ReshareTrial1<NoSetup>, ReshareTrial2<NoSetup>, ReshareRound5>;
};

void expect_all_noticed(const TamperReport& report, int leaves, int messages) {
  EXPECT_EQ(report.cells, 6 * leaves + 4 * messages);
  EXPECT_GT(report.changed_runs, 6 * leaves);
  EXPECT_THAT(report.unnoticed, testing::IsEmpty());
}

TYPED_TEST(ReshareMessageAttacks, EveryChangeOfEveryFieldIsNoticed) {
  using C = TypeParam;
  const auto stayer = tamper_matrix(ReshareWorld<C>(3, 2, set_of({1, 2}), set_of({1, 2, 3}), 2), this->P2, 2);
  expect_all_noticed(stayer, 1 + 10 + 2 + 2 + 1 + 3 + 3 + 1, 8);
  for (const Reason expected :
       {Reason::malformed, Reason::silent, Reason::bad_length, Reason::bad_opening, Reason::bad_share_signature,
        Reason::false_complaint, Reason::echo_mismatch, Reason::bad_certificate_signature})
    EXPECT_GT(stayer.reasons.count(expected), 0u) << name_of(expected);
  expect_all_noticed(tamper_matrix(ByLeaver<C>(3, 2, set_of({1, 2}), set_of({1, 3, 4}), 2), this->P2, 2),
                     1 + 10 + 2 + 2 + 1, 5);
  expect_all_noticed(tamper_matrix(ByJoiner<C>(3, 2, set_of({1, 2}), set_of({1, 3, 4}), 2), this->P4, 2), 2 + 3 + 3 + 1,
                     4);
}

// attack 5: a whole session recorded and played into the next, by someone who holds no secret
TYPED_TEST(ReshareMessageAttacks, AReplayedSessionIsRefused) {
  using C = TypeParam;
  std::map<std::pair<std::string, PartyId>, Bytes> recorded;
  const ReshareWorld<C> world(4, 3, set_of({1, 2, 3}), set_of({1, 4, 5}), 2);
  Simulation<ReshareWorld<C>> before(world, 50);
  before.watch = [&](const Wire& w) {
    if (w.from == this->P3) recorded[{w.tag, w.to}] = w.body;
  };
  before.run();
  Simulation<ReshareWorld<C>> sim(world, 51);
  sim.corrupt = {this->P3};
  sim.tamper = [&](Wire& w) { w.body = recorded.at({w.tag, w.to}); };
  const auto outcomes = sim.run();
  ASSERT_TRUE(expect_safe(sim, outcomes));
  for (const PartyId i : sim.honest()) EXPECT_EQ(outcomes[i].abort->reason, Reason::bad_opening);
}

// ---- ECDSA's pairs

// attack 23: what makes Q_c the identity, R_c = −Hp(i, c, R_{1−c})
TEST(EcdsaReshareAttacks, ARequestWhosePointsCancelNamesItsSender) {
  const EcdsaReshare world(2, 2, PartySet::first(2), PartySet::first(2), 2);
  const PartyId P1(1), P2(2);
  Simulation<EcdsaReshare> sim(world, 1);
  sim.corrupt = {P2};
  sim.tamper = [&](Wire& w) {
    if (w.tag != ReshareSetup1::tag) return;
    auto m = decode<ReshareSetup1>(w.body);
    auto& R = m.setup.request.R[5];
    Transcript t("quorate/ot/hash-to-point/1");
    t.absorb(sim.sid).absorb(P2).absorb(P1).absorb(std::uint8_t{5}).absorb(std::uint8_t{1}).absorb(R[0]);
    R[1] = -Point<Secp256k1>::from_uniform(t.wide().expose());
    const SecretBytes bytes = encode(m);
    w.body.assign(bytes.begin(), bytes.end());
  };
  const auto outcomes = sim.run();
  ASSERT_TRUE(expect_safe(sim, outcomes));
  EXPECT_EQ(how_it_ended(outcomes[P1], P2), "base-OT request is not well-formed!");
}

// Base OT is not verified: other valid values are found when the pair is tried out.
TEST(EcdsaReshareAttacks, EveryChangeOfTheSetupIsNoticed) {
  const auto of_setup = [](std::string_view tag, std::size_t leaf, Change how) {
    if (how == Change::per_recipient || how == Change::one_recipient) return false;  // there is only one
    return (tag == ReshareSetup1::tag && (leaf == 0 || leaf == 255)) || tag == ReshareSetup2::tag;
  };
  const auto report =
      tamper_matrix(EcdsaReshare(2, 2, PartySet::first(2), PartySet::first(2), 2), PartyId(2), 1, of_setup);
  EXPECT_EQ(report.cells, 4 * (2 + 2) + 4 * 11);
  EXPECT_THAT(report.unnoticed, testing::IsEmpty());
  for (const Reason expected : {Reason::malformed, Reason::extension_check})
    EXPECT_GT(report.reasons.count(expected), 0u) << name_of(expected);
}

}  // namespace
}  // namespace quorate::test
