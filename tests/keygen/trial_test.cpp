// Test signatures of a new committee: what they find that nothing before them finds, and what is left when they fail.
#include "keygen/trial.h"

#include "tests/keygen/reshare_world.h"

namespace quorate::test {
namespace {

TEST(TrialSets, EverybodySignsAndNoPairMoreThanTwice) {
  for (unsigned n = 2; n <= limits::kMaxParties; ++n)
    for (unsigned t = 2; t <= n; ++t) {
      const PartySet members = PartySet::first(n);
      const std::vector<PartySet> sets = trial_sets(members, t);
      EXPECT_EQ(sets.size(), (n + t - 1) / t);
      PartySet signed_once;
      for (const PartySet T : sets) {
        EXPECT_EQ(T.size(), t);
        signed_once = signed_once | T;
      }
      EXPECT_EQ(signed_once, members);
      for (const PartyId a : members)
        for (const PartyId b : members.without(a)) {
          const auto both = [&](PartySet T) { return T.contains(a) && T.contains(b); };
          EXPECT_LE(std::count_if(sets.begin(), sets.end(), both), 2);
        }
    }
  EXPECT_EQ(trial_sets(set_of({2, 5, 7, 9, 30}), 3), (std::vector<PartySet>{set_of({2, 5, 7}), set_of({2, 9, 30})}));
}

template <class A>
class ReshareTrials : public ReshareAttackTest<A> {
 protected:
  using World = typename ReshareAttackTest<A>::World;
  static constexpr int kRounds = A::Setup::kPairwise ? 3 : 2;

  // No honest party has stored a share or signed a certificate: P1 is in every set.
  static void expect_nothing_left(const Simulation<World>& sim, int signatures) {
    EXPECT_EQ(signatures, 0);
    for (const PartyId i : sim.honest()) EXPECT_TRUE(sim.durable[i].empty()) << "party " << int(i.index());
  }
};
TYPED_TEST_SUITE(ReshareTrials, Algorithms, AlgorithmNames);

// Every member has signed before the first share is stored.
TYPED_TEST(ReshareTrials, ComeBeforeAnythingIsStored) {
  Simulation<typename TestFixture::World> sim(this->world, 1);
  std::map<PartyId, std::set<std::string>> sent;
  sim.watch = [&](const Wire& w) {
    if (w.tag.starts_with("reshare/trial-")) {
      sent[w.from].insert(w.tag);
      EXPECT_TRUE(sim.durable[w.from].empty());
    }
    if (w.tag == ReshareRound5::tag) {
      for (const PartyId j : this->world.parameters->members())
        if (j == w.from || w.from == this->P1) {
          EXPECT_EQ(sent[j].size(), static_cast<std::size_t>(TestFixture::kRounds));
        }
    }
  };
  const auto outcomes = sim.run();
  ASSERT_TRUE(expect_safe(sim, outcomes));
  for (const PartyId i : this->world.parties()) EXPECT_EQ(outcomes[i].end, End::finished);
  EXPECT_EQ(sent.size(), 3u);  // not of dealers that leave
}

TYPED_TEST(ReshareTrials, WhoHasAnotherShareThanItsCertificateSaysIsFound) {
  using C = typename TestFixture::Curve;
  ResharePlan<C> plan;
  plan.prepared = [](PreparedShare<C>& p) { p.share.x_i += Scalar<C>::one(); };
  typename TestFixture::Attack attack(this->world, this->P1, plan);
  const std::string expected =
      TypeParam::Setup::kPairwise ? "key shares do not sum to the key!" : "signature share does not verify!";
  for (const unsigned member : {4u, 5u}) EXPECT_EQ(attack.end(member), expected);
  for (const unsigned leaver : {2u, 3u}) EXPECT_EQ(attack.end(leaver), "silent");
  this->expect_nothing_left(attack.sim, 0);
}

// What is inside the parts is the signing session's to judge.
TYPED_TEST(ReshareTrials, PartsThatAreMissingTooManyOrNothingAtAllNameTheirSender) {
  using Message = TrialMessage<typename TypeParam::Setup>;
  const auto change = [&](int round, PartySet to, const std::function<void(Message&)>& how,
                          const std::set<Reason>& expected) {
    Simulation<typename TestFixture::World> sim(this->world, 1);
    sim.corrupt = {this->P1};
    int signatures = 0;
    sim.watch = [&](const Wire& w) { signatures += w.tag == ReshareRound5::tag && w.from != this->P1; };
    sim.tamper = [&](Wire& w) {
      if (w.tag != "reshare/trial-" + std::to_string(round) + "/1" || !to.contains(w.to)) return;
      auto message = decode<Message>(w.body);
      how(message);
      const SecretBytes bytes = encode(message);
      w.body.assign(bytes.begin(), bytes.end());
    };
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    for (const PartyId j : to) {
      ASSERT_TRUE(outcomes[j].abort) << round;
      EXPECT_EQ(outcomes[j].abort->culprits, PartySet{this->P1}) << round;
      EXPECT_TRUE(expected.contains(outcomes[j].abort->reason)) << round << name_of(outcomes[j].abort->reason);
    }
    if (to.contains(this->P4)) this->expect_nothing_left(sim, signatures);
  };
  const PartySet members = set_of({4, 5}), leavers = set_of({2, 3});
  for (int round = 1; round <= TestFixture::kRounds; ++round) {
    change(round, members, [](Message& m) { m.parts.clear(); }, {Reason::bad_length});
    change(round, members, [](Message& m) { m.parts.push_back(m.parts.front()); }, {Reason::bad_length});
    change(round, members, [](Message& m) { m.parts.front().clear(); }, {Reason::malformed});
    change(round, members, [](Message& m) { m.parts.front().push_back(0); }, {Reason::malformed});
    // Whether that is longer than a signing session's message can be depends on the round.
    change(round, members, [](Message& m) { m.parts.front().resize(kMaxTrialPart<typename TypeParam::Setup>); },
           {Reason::malformed, Reason::oversized});
    change(round, leavers, [](Message& m) { m.parts.emplace_back(); }, {Reason::bad_length});
  }
}

// Each set in a session of its own, of this reshare, this certificate and this set.
template <class C, class Setup>
std::vector<std::pair<PartySet, SessionId>>& started() {
  static std::vector<std::pair<PartySet, SessionId>> all;
  return all;
}
template <class C, class Setup>
std::unique_ptr<AnySession> recorded(const SessionConfig& config, const typename Setup::template Prepared<C>& p) {
  started<C, Setup>().emplace_back(config.parties, config.sid);
  return trial_signature<C, Setup>(config, p);
}
TYPED_TEST(ReshareTrials, EachSetHasASessionOfItsOwn) {
  using C = typename TestFixture::Curve;
  using Setup = typename TypeParam::Setup;
  using Result = ReshareResult<C, Setup>;
  struct Recording : TestFixture::World {
    using TestFixture::World::World;
    std::unique_ptr<Session<Result>> start(const SessionConfig& config) const {
      return std::make_unique<Session<Result>>(config, typename TestFixture::World::MessageList{}, &reshare<C, Setup>,
                                               *this->parameters, this->old_share(config.me),
                                               this->base->identities.at(config.me), &recorded<C, Setup>);
    }
  };
  started<C, Setup>().clear();
  const Recording two(3, 2, set_of({1, 2}), PartySet::first(4), 2);
  Simulation<Recording> sim(two, 1);
  const auto outcomes = sim.run();
  ASSERT_TRUE(expect_safe(sim, outcomes));
  const CertificateBody& body = outcomes[this->P1].result->certificate.body;
  const auto all = started<C, Setup>();
  ASSERT_EQ(all.size(), 4u);
  for (const auto& [T, sid] : all) {
    EXPECT_TRUE(T == set_of({1, 2}) || T == set_of({3, 4}));
    EXPECT_EQ(sid, trial_id(sim.sid, body, T));
  }
  CertificateBody other = body;
  other.request_digest[0] ^= 1;
  const PartySet T = set_of({1, 2});
  const std::set<SessionId> ids{trial_id(sim.sid, body, T), trial_id(sim.sid, body, set_of({3, 4})),
                                trial_id(sim.sid, other, T), trial_id(SessionId{1}, body, T), sim.sid};
  EXPECT_EQ(ids.size(), 5u);
}

// The key itself, over a hash that is nothing else's.
template <class A>
struct TrialWorld {
  using C = typename A::C;
  using Setup = typename A::Setup;
  using Prepared = typename Setup::template Prepared<C>;
  using Result = std::conditional_t<Setup::kPairwise, ecdsa::Signatures, FrostSignatures>;
  using MessageList = FrostMessages<C>;
  std::map<PartyId, const Prepared*> prepared;
  Algorithm algorithm;
  Bytes Y;

  PartySet parties() const {
    PartySet T;
    for (const auto& [j, unused] : prepared) T.insert(j);
    return T;
  }
  std::unique_ptr<Session<Result>> start(const SessionConfig& config) const {
    auto any = trial_signature<C, Setup>(config, *prepared.at(config.me));
    auto* typed = dynamic_cast<Session<Result>*>(any.get());
    QUORATE_ASSERT(typed != nullptr);
    any.release();
    return std::unique_ptr<Session<Result>>(typed);
  }
  std::string fingerprint(PartyId, const Result& r) const {
    const Digest message = Transcript("quorate/reshare/trial-message/1").digest();
    Bytes key = Y;
    if (algorithm == Algorithm::schnorr_secp256k1) key.erase(key.begin());  // x only
    Signature64 signature{};
    if constexpr (Setup::kPairwise)
      signature = r.at(0).rs;
    else
      signature = r.at(0);
    return r.size() == 1 && verify_signature(algorithm, key, message, signature) ? "signed" : "";
  }
};
TYPED_TEST(ReshareTrials, SignAHashOfTheirOwnWithTheKey) {
  Simulation<typename TestFixture::World> sim(this->world, 1);
  const auto outcomes = sim.run();
  TrialWorld<TypeParam> trial{{}, this->world.base->certificate.body.algorithm, this->world.base->Y()};
  for (const PartyId j : {this->P1, this->P5}) trial.prepared[j] = &*outcomes[j].result->prepared;
  Simulation<TrialWorld<TypeParam>> signing(trial, 2);
  const auto signed_by = signing.run();
  ASSERT_TRUE(expect_safe(signing, signed_by));
  for (const PartyId j : trial.parties()) EXPECT_EQ(signed_by[j].end, End::finished);
}

// One set fails, another has signed: who is in the other may have stored its share, and the certificate stays
// incomplete.
TYPED_TEST(ReshareTrials, AFailureInOneSetStopsTheReshare) {
  using C = typename TestFixture::Curve;
  ResharePlan<C> plan;
  plan.prepared = [](PreparedShare<C>& p) { p.share.x_i += Scalar<C>::one(); };
  const typename TestFixture::World of_four(3, 2, set_of({1, 2}), PartySet::first(4), 2);  // {1, 2}, {3, 4}
  typename TestFixture::Attack attack(of_four, this->P1, plan);
  EXPECT_TRUE(attack.end(2).ends_with("!")) << attack.end(2);
  EXPECT_TRUE(attack.sim.durable[this->P2].empty());
  for (const unsigned other : {3u, 4u}) EXPECT_EQ(attack.end(other), "silent");
}

// P5 bets on bits of P1's Δ in one session; P1 is in another with P4. Who has failed says nothing to anybody, so that
// nobody learns which session's check has passed.
TEST(EcdsaTrials, AFailedExtensionStopsAllSessionsOfItsVictim) {
  using World = ReshareWorld<Secp256k1, EcdsaSetup>;
  const PartyId P1(1), P4(4), P5(5);
  const World world(4, 3, set_of({1, 2, 3}), set_of({1, 4, 5}), 2);  // {1, 4}, {5, 1}
  Simulation<World> sim(world, 1);
  sim.corrupt = {P5};
  int after = 0;
  sim.tamper = [&](Wire& w) {
    if (w.tag != ReshareTrial1<EcdsaSetup>::tag || w.to != P1) return;
    auto message = decode<ReshareTrial1<EcdsaSetup>>(w.body);
    auto first = decode<ecdsa::Round1>(message.parts.at(0));
    first.extension.u.at(100) ^= 1;
    const SecretBytes part = encode(first);
    message.parts[0].assign(part.begin(), part.end());
    const SecretBytes bytes = encode(message);
    w.body.assign(bytes.begin(), bytes.end());
  };
  sim.watch = [&](const Wire& w) { after += w.from == P1 && w.tag == ReshareTrial2<EcdsaSetup>::tag; };
  const auto outcomes = sim.run();
  ASSERT_TRUE(expect_safe(sim, outcomes));
  EXPECT_EQ(how_it_ended(outcomes[P1], P5), "OT-extension check failed!");
  EXPECT_EQ(how_it_ended(outcomes[P4], P5), "silent");
  EXPECT_EQ(after, 0);
  EXPECT_TRUE(sim.durable[P1].empty() && sim.durable[P4].empty());
}

// P2 is with P1 in both sets. That the echoes differ in one of them is nobody's fault; what it does in the other is.
TEST(EcdsaTrials, AFailureThatNamesSomebodyIsTheOneThatIsReported) {
  using World = ReshareWorld<Secp256k1, EcdsaSetup>;
  using Trial2 = ReshareTrial2<EcdsaSetup>;
  const PartyId P1(1), P2(2);
  const World world(3, 2, set_of({1, 2}), PartySet::first(4), 3);  // {1, 2, 3}, {4, 1, 2}
  for (const bool both : {false, true}) {
    Simulation<World> sim(world, 1);
    sim.corrupt = {P2};
    sim.tamper = [&](Wire& w) {
      if (w.tag != Trial2::tag || w.to != P1) return;
      auto message = decode<Trial2>(w.body);
      auto second = decode<ecdsa::Round2>(message.parts.at(0));
      second.echo[0] ^= 1;
      const SecretBytes part = encode(second);
      message.parts[0].assign(part.begin(), part.end());
      if (both) message.parts.at(1).clear();
      const SecretBytes bytes = encode(message);
      w.body.assign(bytes.begin(), bytes.end());
    };
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    ASSERT_TRUE(outcomes[P1].abort);
    EXPECT_EQ(outcomes[P1].abort->reason, both ? Reason::malformed : Reason::echo_mismatch);
    EXPECT_EQ(outcomes[P1].abort->culprits, both ? PartySet{P2} : PartySet{});
  }
}

// Two of three signers are together twice in 3-of-4: the parts of their messages go to the right session.
TYPED_TEST(ReshareTrials, TwoMembersMayBeInTwoSets) {
  const typename TestFixture::World of_four(3, 2, set_of({1, 2}), PartySet::first(4), 3);
  Simulation<typename TestFixture::World> sim(of_four, 1);
  using Trial1 = ReshareTrial1<typename TypeParam::Setup>;
  std::size_t twice = 0;
  sim.watch = [&](const Wire& w) {
    if (w.tag == Trial1::tag) twice += decode<Trial1>(w.body).parts.size() == 2;
  };
  const auto outcomes = sim.run();
  ASSERT_TRUE(expect_safe(sim, outcomes));
  for (const PartyId i : of_four.parties()) EXPECT_EQ(outcomes[i].end, End::finished);
  EXPECT_EQ(twice, 2u);  // 1 and 2
}

// A session with one round more than the trials carry.
template <int k>
struct Chat {
  static constexpr std::string_view tag = k == 1 ? "chat/one/1" : k == 2 ? "chat/two/1" : "chat/three/1";
  std::uint8_t value = k;
  static auto fields(auto& m) { return std::tie(m.value); }
};
template <int k>
Task<void> chat(Party self) {
  const Chat<k> mine;
  self.send_all(mine);
  const PerPeer<Chat<k>> theirs = co_await self.receive<Chat<k>>();
}
Task<int> chat_on(Party self) {
  co_await chat<1>(self);
  co_await chat<2>(self);
  co_await chat<3>(self);
  co_return 1;
}
std::unique_ptr<AnySession> chatting(const SessionConfig& config, const PreparedShare<Ed25519>&) {
  return std::make_unique<Session<int>>(config, Messages<Chat<1>, Chat<2>, Chat<3>>{}, &chat_on);
}
struct ChattingWorld : ReshareWorld<Ed25519> {
  using ReshareWorld<Ed25519>::ReshareWorld;
  std::unique_ptr<Session<Result>> start(const SessionConfig& config) const {
    return std::make_unique<Session<Result>>(config, MessageList{}, &reshare<Ed25519, NoSetup>, *parameters,
                                             old_share(config.me), base->identities.at(config.me), &chatting);
  }
};
TEST(TrialsDeathTest, WhatHasNotEndedHasNotSigned) {
  const ChattingWorld world(3, 2, set_of({1, 2}), PartySet::first(2), 2);
  Simulation<ChattingWorld> sim(world, 1);
  EXPECT_DEATH(static_cast<void>(sim.run()), "trials.done");
}

}  // namespace
}  // namespace quorate::test
