// Honest runs of refresh and reshare, signing under what they leave, and every way in which the world may fail them.
#include "tests/keygen/reshare_world.h"

namespace quorate::test {
namespace {

template <class C>
class Reshare : public testing::Test {};
TYPED_TEST_SUITE(Reshare, Curves, CurveNames);

struct Shape {
  unsigned n_old, t_old;
  PartySet dealers, members;
  unsigned t;
};
// From {1..n_old}. // attack 45
const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all{
      {3, 2, set_of({1, 2}), set_of({1, 2, 3}), 2},        // refresh
      {3, 2, set_of({1, 3}), set_of({1, 2, 3, 4}), 2},     // one more
      {3, 2, set_of({2, 3}), set_of({1, 2, 3, 4, 5}), 4},  // two more, and more of them needed
      {4, 3, set_of({1, 2, 4}), set_of({1, 4}), 2},        // fewer; 2 deals and leaves
      {4, 4, set_of({1, 2, 3, 4}), set_of({1, 2, 3}), 2},  // n-of-n to less
      {3, 2, set_of({1, 3}), set_of({1, 3, 4}), 3},        // 2 replaced, t up
      {3, 2, set_of({1, 2}), set_of({4, 5, 6}), 2},        // all replaced
      {2, 2, set_of({1, 2}), set_of({7, 20, 31, 32}), 3},  // by others with gaps between their indices
      {5, 2, set_of({4, 5}), set_of({1, 2, 3}), 2},        // the dealers leave, those who did not deal stay
  };
  return all;
}

template <class C, class Outcomes>
std::map<PartyId, const KeyShare<C>*> new_shares(PartySet members, const Outcomes& outcomes) {
  std::map<PartyId, const KeyShare<C>*> shares;
  for (const PartyId j : members) shares[j] = &outcomes[j].result->prepared->share;
  return shares;
}

TYPED_TEST(Reshare, EveryChangeOfCommitteeKeepsTheKeyAndSigns) {
  using C = TypeParam;
  for (const Shape& shape : shapes()) {
    const ReshareWorld<C> world(shape.n_old, shape.t_old, shape.dealers, shape.members, shape.t);
    Simulation<ReshareWorld<C>> sim(world, shape.members.bits());
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    for (const PartyId i : world.parties()) ASSERT_EQ(outcomes[i].end, End::finished);

    const auto shares = new_shares<C>(shape.members, outcomes);
    PerParty<Scalar<C>> x(shape.members, [&](PartyId j) { return shares.at(j)->x_i; });
    const Point<C> Y = shares.begin()->second->Y;
    EXPECT_EQ(Y, world.base->shares.begin()->second.Y);
    for (const PartySet T : subsets(shape.members, shape.t)) EXPECT_EQ(Point<C>::base(reconstruct(x, T)), Y);
    for (const PartySet few : subsets(shape.members, shape.t - 1)) EXPECT_NE(Point<C>::base(reconstruct(x, few)), Y);
    for (const PartyId j : shape.members) {
      EXPECT_EQ(chain_code_digest(shares.at(j)->chain_code), world.base->certificate.body.chain_code_hash);
      const auto before = world.base->shares.find(j);
      if (before != world.base->shares.end()) {
        EXPECT_FALSE(before->second.x_i.equals(shares.at(j)->x_i));
      }
    }
    for (const PartySet T : subsets(shape.members, shape.t)) EXPECT_TRUE(signs(T, shares, world.base->Y()));
  }
}

// A share of the old epoch and one of the new do not sign together.
TYPED_TEST(Reshare, SharesOfTwoEpochsDoNotMix) {
  using C = TypeParam;
  const ReshareWorld<C> world(3, 2, set_of({1, 2}), PartySet::first(3), 2);
  Simulation<ReshareWorld<C>> sim(world, 3);
  const auto outcomes = sim.run();
  const auto fresh = new_shares<C>(PartySet::first(3), outcomes);
  for (const PartySet T : subsets(PartySet::first(3), 2)) {
    EXPECT_TRUE(signs(T, fresh, world.base->Y()));
    for (const PartyId stale : T) {
      auto mixed = fresh;
      mixed[stale] = &world.base->shares.at(stale);
      EXPECT_FALSE(signs(T, mixed, world.base->Y()));
    }
  }
}

TYPED_TEST(Reshare, TheCertificateSaysWhatWasAsked) {
  using C = TypeParam;
  const ReshareWorld<C> world(3, 2, set_of({1, 2}), set_of({2, 3, 4}), 3);
  Simulation<ReshareWorld<C>> sim(world, 5);
  const auto outcomes = sim.run();
  const CertificateBody& body = outcomes[PartyId(1)].result->certificate.body;  // of one that leaves
  const CertificateBody& base = world.base->certificate.body;
  CertificateBody expected = base;
  expected.number = 2;
  expected.base_number = 1;
  expected.base_digest = base.digest();
  expected.policy_digest = Digest{4};
  expected.request_digest = Digest{5};
  expected.config_version = 6;
  expected.committee = world.parameters->committee();
  expected.sid = sim.sid;
  expected.X = body.X;
  EXPECT_EQ(body.digest(), expected.digest());
  EXPECT_FALSE(outcomes[PartyId(1)].result->prepared);
  EXPECT_EQ(outcomes[PartyId(4)].result->certificate.signatures.size(), 3u + 2u);
}

// One reshare after the other, each from the last one's certificate, numbers skipping.
TYPED_TEST(Reshare, AChainOfReshares) {
  using C = TypeParam;
  ReshareWorld<C> world(3, 2, set_of({1, 2}), PartySet::first(3), 2);
  const Bytes Y = world.base->Y();
  const Lineage first = *Lineage::restore({world.base->certificate.body});
  std::vector<Link> chain;
  struct Step {
    PartySet dealers, members;
    unsigned t;
    std::uint64_t number;
  };
  for (const Step& step :
       {Step{set_of({2, 3}), set_of({2, 3, 4, 5}), 3, 7}, Step{set_of({2, 4, 5}), set_of({1, 4}), 2, 8},
        Step{set_of({1, 4}), set_of({1, 4}), 2, 1000}}) {
    Simulation<ReshareWorld<C>> sim(world, step.number);
    const auto next = world.after(sim.run());
    chain.push_back(world.link(next->certificate));
    world = ReshareWorld<C>(next, step.dealers, step.members, step.t, step.number);
  }
  Simulation<ReshareWorld<C>> sim(world, 9);
  const auto outcomes = sim.run();
  ASSERT_TRUE(expect_safe(sim, outcomes));
  EXPECT_TRUE(signs(set_of({1, 4}), new_shares<C>(set_of({1, 4}), outcomes), Y));
  chain.push_back(world.link(outcomes[PartyId(1)].result->certificate));
  const auto all = first.followed_by(chain, 1000);
  ASSERT_EQ(all.verdict, Succession::follows);
  EXPECT_EQ(name_of(all.lineage->in_force()).number, 1000u);
  EXPECT_EQ(all.lineage->bodies().size(), 5u);
  chain.erase(chain.begin() + 1);
  EXPECT_EQ(first.followed_by(chain, 1000).verdict, Succession::another_key);  // a gap
}

// The formulas and the wire, pinned: a change of any hash's input or any encoding shows here.
TEST(ReshareSnapshot, TheSameSeedsGiveTheSameShares) {
  const auto digest = [](const auto& world) {
    Simulation<std::decay_t<decltype(world)>> sim(world, 1);
    return to_hex(sim.run()[PartyId(2)].result->certificate.body.digest());
  };
  const PartySet dealers = set_of({1, 2}), members = set_of({2, 3, 4});
  EXPECT_EQ(digest(ReshareWorld<Secp256k1>(3, 2, dealers, members, 2)),
            "f487e4005665edb71ffe3acc2ba886ffc4cdeeec3cdf884aa946ee376ad5556c");
  EXPECT_EQ(digest(ReshareWorld<Ed25519>(3, 2, dealers, members, 2)),
            "3713c649384a8a224d5b571b24ef74e822e50957f4331a8b2e6613ce632028ef");
}

// A share that is not what its certificate says is the disk's doing: its holder deals nothing, for the others would
// take it for a cheat.
TYPED_TEST(Reshare, ADamagedShareIsNotDealt) {
  using C = TypeParam;
  const ReshareWorld<C> world(3, 2, set_of({1, 2}), PartySet::first(3), 2);
  SeededRng rng(1);
  auto old = decode<KeyShare<C>>(encode(world.base->shares.at(PartyId(1))));
  EXPECT_NO_THROW(reshare_deal(SessionId{}, *world.parameters, old, rng));
  old.x_i += Scalar<C>::one();
  EXPECT_THROW(reshare_deal(SessionId{}, *world.parameters, old, rng), std::runtime_error);
}

// ---- faults

TYPED_TEST(Reshare, LossLatenessCrashesAndFullDisksAreNobodysFault) {
  int finished = 0, silent = 0;
  std::uint64_t seed = 0;
  for (int round = 0; round < 10; ++round)
    for (const Shape& shape : shapes()) {
      const ReshareWorld<TypeParam> world(shape.n_old, shape.t_old, shape.dealers, shape.members, shape.t);
      Simulation<ReshareWorld<TypeParam>> sim(world, ++seed);
      sim.faults = {.duplicate = 50, .drop = 8, .late = 10, .crash = 4, .durable_fails = 10, .mutate = 0};
      const auto outcomes = sim.run();
      ASSERT_TRUE(expect_safe(sim, outcomes));
      for (const PartyId i : world.parties()) {
        finished += outcomes[i].end == End::finished;
        silent += outcomes[i].abort.has_value();
      }
    }
  EXPECT_GT(finished, 50);
  EXPECT_GT(silent, 50);
}

TYPED_TEST(Reshare, GarbageNamesOnlyItsSenders) {
  std::uint64_t seed = 0;
  for (int round = 0; round < 6; ++round)
    for (const Shape& shape : shapes()) {
      const ReshareWorld<TypeParam> world(shape.n_old, shape.t_old, shape.dealers, shape.members, shape.t);
      Simulation<ReshareWorld<TypeParam>> sim(world, ++seed);
      sim.corrupt = {round % 2 == 0 ? *shape.dealers.begin() : *shape.members.begin()};
      sim.faults = {.duplicate = 50, .drop = 0, .late = 0, .crash = 0, .durable_fails = 0, .mutate = 250};
      ASSERT_TRUE(expect_safe(sim, sim.run()));
    }
}

TYPED_TEST(Reshare, TwinsNeverMakeTwoCertificatesAndNameNobodyHonest) {
  std::uint64_t seed = 0;
  for (int round = 0; round < 4; ++round)
    for (const Shape& shape : shapes()) {
      if ((shape.dealers | shape.members).size() < 4) continue;
      const ReshareWorld<TypeParam> world(shape.n_old, shape.t_old, shape.dealers, shape.members, shape.t);
      Simulation<ReshareWorld<TypeParam>> sim(world, ++seed);
      sim.split_brain(*shape.dealers.begin());
      const auto outcomes = sim.run();
      ASSERT_TRUE(expect_safe(sim, outcomes));
      for (const PartyId i : sim.honest()) ASSERT_NE(outcomes[i].end, End::finished);
    }
}

// Fail-at-k: every message lost, every store failed, in turn.
TYPED_TEST(Reshare, EveryLostMessageAndFailedStoreIsSafe) {
  using World = ReshareWorld<TypeParam>;
  const auto until_nothing_is_lost = [](const World& world, int Simulation<World>::*what) {
    for (int k = 0;; ++k) {
      Simulation<World> sim(world, 9);
      sim.*what = k;
      EXPECT_TRUE(expect_safe(sim, sim.run()));
      if (sim.lost == 0) return k;
    }
  };
  // R1, R2, echo and dealings by all, shares to three, two rounds of trials by all, certificates by three
  const World refresh(3, 3, PartySet::first(3), PartySet::first(3), 2);
  EXPECT_EQ(until_nothing_is_lost(refresh, &Simulation<World>::drop_at),
            3 * 2 + 3 * 2 + 3 * 2 + 3 * 2 + 3 * 2 + 2 * 3 * 2 + 3 * 2);
  EXPECT_EQ(until_nothing_is_lost(refresh, &Simulation<World>::fail_durable_at), 3);
  // dealers 1, 2 of five parties; shares and certificates of members only
  const World replaced(3, 2, set_of({1, 2}), set_of({4, 5, 6}), 2);
  EXPECT_EQ(until_nothing_is_lost(replaced, &Simulation<World>::drop_at),
            2 * 4 + 2 * 4 + 2 * 3 + 5 * 4 + 2 * 4 + 2 * 3 * 4 + 3 * 4);
  EXPECT_EQ(until_nothing_is_lost(replaced, &Simulation<World>::fail_durable_at), 3);
}

// Wherever it stops: a certificate's signature is out only if its share is stored, and what is stored makes the share.
TYPED_TEST(Reshare, PreparedIsDurableBeforeItIsSigned) {
  using C = TypeParam;
  int signatures = 0;
  for (const Shape& shape : shapes()) {
    const ReshareWorld<C> world(shape.n_old, shape.t_old, shape.dealers, shape.members, shape.t);
    Simulation<ReshareWorld<C>> sim(world, 4);
    sim.watch = [&](const Wire& w) {
      if (w.tag != ReshareRound5::tag) return;
      ++signatures;
      ASSERT_EQ(sim.durable[w.from].size(), 1u);
      const auto prepared = decode<PreparedReshare<PreparedShare<C>>>(sim.durable[w.from][0]);
      EXPECT_TRUE(prepared.share.belongs_to(prepared.body, w.from));
      EXPECT_TRUE(verify_certificate_signature(prepared.body, w.from, decode<ReshareRound5>(w.body).signature));
      // With the dealers' signatures in it the members alone can make the certificate complete.
      CertificateCollector collector(prepared.body, prepared.dealers);
      for (const PartyId j : shape.members)
        collector.add_own(j, sign_certificate(prepared.body, world.base->identities.at(j)));
      EXPECT_EQ(dealers_of(world.base->certificate.body, *collector.complete()), shape.dealers);
    };
    sim.run();
    for (const PartyId leaver : world.parties() - shape.members) EXPECT_TRUE(sim.durable[leaver].empty());
  }
  EXPECT_GT(signatures, 50);
}

// Whoever opens before it has all commitments lets the last one choose after it has seen. // attack 15
TYPED_TEST(Reshare, NobodyOpensBeforeAllHaveCommitted) {
  const ReshareWorld<TypeParam> world(3, 3, PartySet::first(3), PartySet::first(3), 2);
  Simulation<ReshareWorld<TypeParam>> sim(world, 6);
  sim.corrupt = {PartyId(3)};
  sim.tamper = [&](Wire& w) { w.dropped = w.tag == ReshareRound1::tag && w.to == PartyId(1); };
  PartySet opened;
  sim.watch = [&](const Wire& w) {
    if (w.tag == ReshareRound2<TypeParam>::tag) opened.insert(w.from);
  };
  ASSERT_TRUE(expect_safe(sim, sim.run()));
  EXPECT_EQ(opened, set_of({2, 3}));
}

// ---- ECDSA

std::map<PartyId, const Pairwise*> new_pairs(PartySet members, const EcdsaReshare::Outcomes& outcomes) {
  std::map<PartyId, const Pairwise*> pairs;
  for (const PartyId j : members) pairs[j] = &outcomes[j].result->prepared->pairwise;
  return pairs;
}

TEST(EcdsaReshare, EveryChangeOfCommitteeKeepsTheKeyAndSigns) {
  for (const Shape& shape :
       {shapes()[0], shapes()[3], shapes()[6], Shape{2, 2, set_of({1, 2}), set_of({2, 3, 5}), 3}}) {
    const EcdsaReshare world(shape.n_old, shape.t_old, shape.dealers, shape.members, shape.t);
    Simulation<EcdsaReshare> sim(world, 1);
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    for (const PartyId i : world.parties()) ASSERT_EQ(outcomes[i].end, End::finished);
    const auto shares = new_shares<Secp256k1>(shape.members, outcomes);
    const auto pairs = new_pairs(shape.members, outcomes);
    for (const PartySet T : subsets(shape.members, shape.t))
      EXPECT_TRUE(signs_ecdsa(T, shares, pairs, world.base->Y()));
    for (const PartyId j : shape.members) {
      const auto record = decode<PreparedReshare<PreparedEcdsaShare>>(sim.durable[j].at(0));
      const PreparedEcdsaShare& as_generated = record;
      const auto stored = stored_ecdsa_share(encode(as_generated), outcomes[j].result->certificate.body,
                                             KeyPoints<Secp256k1>::of(outcomes[j].result->certificate.body).value(), j);
      ASSERT_TRUE(stored);
      EXPECT_TRUE(stored->share.x_i.equals(shares.at(j)->x_i));
      EXPECT_EQ(encode(stored->pairwise), encode(*pairs.at(j)));
    }
  }
}

// Each of two signers with its share and its pair's secrets of one epoch or the next: only those who have the same
// share's epoch and the same pair's sign. // attack 46
TEST(EcdsaReshare, TwoEpochsDoNotMix) {
  const PartySet both = PartySet::first(2);
  const PartyId P1(1), P2(2);
  const EcdsaReshare first(2, 2, both, both, 2);
  Simulation<EcdsaReshare> sim(first, 2);
  const auto before = sim.run();
  const EcdsaReshare second(first.after(before), both, both, 2, 3);
  Simulation<EcdsaReshare> next(second, 3);
  const auto after = next.run();
  const auto old_shares = new_shares<Secp256k1>(both, before), shares = new_shares<Secp256k1>(both, after);
  const auto old_pairs = new_pairs(both, before), pairs = new_pairs(both, after);
  for (unsigned mask = 0; mask < 16; ++mask) {
    const auto is_new = [&](unsigned bit) { return (mask >> bit & 1) != 0; };
    std::map<PartyId, const KeyShare<Secp256k1>*> x;
    std::map<PartyId, const Pairwise*> secrets;
    for (const PartyId j : both) {
      x[j] = (is_new(j == P1 ? 0 : 1) ? shares : old_shares).at(j);
      secrets[j] = (is_new(j == P1 ? 2 : 3) ? pairs : old_pairs).at(j);
    }
    EXPECT_EQ(signs_ecdsa(both, x, secrets, first.base->Y()), is_new(0) == is_new(1) && is_new(2) == is_new(3)) << mask;
  }
  EXPECT_NE(encode(old_pairs.at(P2)->at(0).seed), encode(pairs.at(P2)->at(0).seed));
}

TEST(EcdsaReshare, EveryLostMessageAndFailedStoreIsSafe) {
  const EcdsaReshare world(2, 2, PartySet::first(2), set_of({2, 3}), 2);  // 1 leaves, 2 stays, 3 joins
  const auto until_nothing_is_lost = [&](int Simulation<EcdsaReshare>::*what) {
    for (int k = 0;; ++k) {
      Simulation<EcdsaReshare> sim(world, 9);
      sim.*what = k;
      EXPECT_TRUE(expect_safe(sim, sim.run()));
      if (sim.lost == 0) return k;
    }
  };
  EXPECT_EQ(until_nothing_is_lost(&Simulation<EcdsaReshare>::drop_at),
            2 * 2 + 2 + 2 * 2 + 3 + 2 + 3 * 2 + 2 * 2 + 3 * 2 * 2 + 2 * 2);
  EXPECT_EQ(until_nothing_is_lost(&Simulation<EcdsaReshare>::fail_durable_at), 2);
}

}  // namespace
}  // namespace quorate::test
