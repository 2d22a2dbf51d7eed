// Messages changed on their way by a corrupt sender: what must not be decoded, every change of every field, replays.
#include "tests/keygen/dkg_world.h"

namespace quorate::test {
namespace {

template <class C>
class DkgMessageAttack : public testing::Test {
 protected:
  const PartyId P1{1}, P2{2}, P3{3};
};
TYPED_TEST_SUITE(DkgMessageAttack, Curves, CurveNames);

// ---- what must not be decoded: scalars from q up; index 0 or past the last

TYPED_TEST(DkgMessageAttack, BadScalarsNameTheirSender) {
  using C = TypeParam;
  const std::string q = std::is_same_v<C, Secp256k1>
                            ? "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
                            : "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
  const DkgWorld<C> world(3, 2);
  for (const Bytes& value : {*from_hex(q), Bytes(32, 0xff)})
    for (const std::size_t leaf : {4u, 5u, 11u}) {
      Simulation<DkgWorld<C>> sim(world, 2);
      sim.corrupt = {this->P3};
      sim.tamper = [&](Wire& w) {
        if (w.tag != DkgRound2<C>::tag) return;
        const wire::Span at = leaves_of<DkgRound2<C>>(w.body).at(leaf);
        ASSERT_EQ(at.length, value.size());
        std::copy(value.begin(), value.end(), w.body.begin() + static_cast<std::ptrdiff_t>(at.offset));
      };
      const auto outcomes = sim.run();
      ASSERT_TRUE(expect_safe(sim, outcomes));
      for (const PartyId i : sim.honest()) {
        ASSERT_TRUE(outcomes[i].abort);
        EXPECT_EQ(outcomes[i].abort->reason, Reason::malformed) << leaf << " " << to_hex(value);
      }
    }
}

TYPED_TEST(DkgMessageAttack, AComplaintAgainstIndex0Or33NamesItsSender) {
  using C = TypeParam;
  for (const std::uint8_t index : {std::uint8_t{0}, std::uint8_t{33}, std::uint8_t{255}}) {
    const DkgWorld<C> world(3, 2);
    Simulation<DkgWorld<C>> sim(world, 2);
    sim.corrupt = {this->P3};
    sim.tamper = [&](Wire& w) {
      if (w.tag != DkgRound3<C>::tag) return;
      DkgRound3<C> m = decode<DkgRound3<C>>(w.body);
      m.complaints.push_back({this->P1, {}, {}, {}});
      const SecretBytes bytes = encode(m);
      w.body.assign(bytes.begin(), bytes.end());
      w.body.at(32 + 4) = index;
    };
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    for (const PartyId i : sim.honest()) EXPECT_EQ(outcomes[i].abort->reason, Reason::malformed);
  }
}

TYPED_TEST(DkgMessageAttack, EveryChangeOfEveryFieldIsNoticed) {
  const TamperReport report = tamper_matrix(DkgWorld<TypeParam>(3, 2), PartyId(3), 3);
  EXPECT_EQ(report.cells, 6 * (1 + 13 + 2 + 1) + 4 * 4);
  EXPECT_GT(report.changed_runs, 300);
  EXPECT_THAT(report.unnoticed, testing::IsEmpty());
  for (const Reason expected :
       {Reason::malformed, Reason::silent, Reason::bad_length, Reason::bad_opening, Reason::bad_share_signature,
        Reason::false_complaint, Reason::echo_mismatch, Reason::bad_certificate_signature})
    EXPECT_GT(report.reasons.count(expected), 0u) << name_of(expected);
}

// attack 5: a whole session recorded and played into the next, by someone who holds no secret
TYPED_TEST(DkgMessageAttack, AReplayedSessionIsRefused) {
  using C = TypeParam;
  const DkgWorld<C> world(3, 2);
  std::map<std::pair<std::string, PartyId>, Bytes> recorded;
  {
    Simulation<DkgWorld<C>> sim(world, 50);
    sim.watch = [&](const Wire& w) {
      if (w.from == this->P3) recorded[{w.tag, w.to}] = w.body;
    };
    sim.run();
  }
  Simulation<DkgWorld<C>> sim(world, 51);
  sim.corrupt = {this->P3};
  sim.tamper = [&](Wire& w) { w.body = recorded.at({w.tag, w.to}); };
  const auto outcomes = sim.run();
  ASSERT_TRUE(expect_safe(sim, outcomes));
  for (const PartyId i : sim.honest()) EXPECT_EQ(outcomes[i].abort->reason, Reason::bad_opening);
}

}  // namespace
}  // namespace quorate::test
