// Parties of a reshare that deviate: one test for each check, and every change of every field of every role's messages.
#include "tests/keygen/reshare_world.h"

namespace quorate::test {
namespace {

template <class C>
class ReshareAttacks : public testing::Test {
 protected:
  const PartyId P1{1}, P2{2}, P3{3}, P4{4}, P5{5};
  // 3-of-4 → 2-of-{1, 4, 5}: 1 deals and stays, 2 and 3 deal and leave, 4 stays and does not deal, 5 is new.
  const ReshareWorld<C> world{4, 3, set_of({1, 2, 3}), set_of({1, 4, 5}), 2};

  void expect_all(const ReshareAttack<C>& attack, const std::string& expected) {
    for (const PartyId i : attack.honest()) EXPECT_EQ(attack.end(i.index()), expected) << "party " << int(i.index());
  }
  // By a dealer that leaves and by one that stays.
  void expect_all(const ResharePlan<C>& plan, const std::string& expected) {
    for (const PartyId attacker : {P3, P1}) expect_all(ReshareAttack<C>(world, attacker, plan), expected);
  }
  ResharePlan<C> dealing(std::size_t length, std::function<Scalar<C>(PartyId)> constant) {
    ResharePlan<C> plan;
    plan.deal = [=](const SessionId& sid, PartyId me, ReshareDealing<C>& d) {
      SeededRng rng(7);
      deal_instead(sid, me, d, Polynomial<C>::random(length, rng, constant(me)), rng);
    };
    return plan;
  }
  Scalar<C> x(PartyId i) const { return world.base->shares.at(i).x_i; }
  Scalar<C> lambda(PartyId i) const { return lagrange<C>(world.parameters->dealers(), i); }
};
TYPED_TEST_SUITE(ReshareAttacks, Curves, CurveNames);

// The deviating party without a plan is an honest one: what the tests below see comes from their plans.
TYPED_TEST(ReshareAttacks, NoneIsFine) { this->expect_all(ResharePlan<TypeParam>{}, "finished"); }

// attack 45: the key is what it was
TYPED_TEST(ReshareAttacks, AnotherConstantTermNamesItsDealer) {
  using C = TypeParam;
  const std::string expected = "dealer shares another value than its own!";
  const auto with = [&](std::function<Scalar<C>(PartyId)> constant) { return this->dealing(2, constant); };
  this->expect_all(with([&](PartyId i) { return this->lambda(i) * this->x(i); }), "finished");
  this->expect_all(with([&](PartyId i) { return this->lambda(i) * this->x(i) + Scalar<C>::one(); }), expected);
  this->expect_all(with([&](PartyId i) { return -(this->lambda(i) * this->x(i)); }), expected);
  // no λ (that of 3 is 1), and that of another T_old
  this->expect_all(ReshareAttack<C>(this->world, this->P1, with([&](PartyId i) { return this->x(i); })), expected);
  this->expect_all(with([&](PartyId i) {
                     PartySet other = this->world.parameters->dealers().without(this->P2);
                     other.insert(this->P4);
                     return lagrange<C>(other, i) * this->x(i);
                   }),
                   expected);
}

// attack 14
TYPED_TEST(ReshareAttacks, LongerOrShorterPolynomialsAndListsNameTheirDealer) {
  using C = TypeParam;
  const ReshareWorld<C> three(4, 3, set_of({1, 2, 3}), set_of({1, 4, 5}), 3);
  for (const std::size_t length : {2u, 4u}) {
    const auto plan = this->dealing(length, [&](PartyId i) { return this->lambda(i) * this->x(i); });
    this->expect_all(ReshareAttack<C>(three, this->P3, plan), "list of a wrong length!");
  }
  for (const std::size_t proofs : {0u, 1u, 3u, 32u}) {
    ResharePlan<C> plan;
    plan.deal = [&](const SessionId&, PartyId, ReshareDealing<C>& d) { d.opening.proofs.resize(proofs); };
    this->expect_all(plan, "list of a wrong length!");
  }
}

TYPED_TEST(ReshareAttacks, AWrongProofNamesItsDealer) {
  using C = TypeParam;
  for (std::size_t k = 0; k < 2; ++k) {
    ResharePlan<C> plan;
    plan.deal = [&](const SessionId&, PartyId, ReshareDealing<C>& d) { d.opening.proofs[k].s += Scalar<C>::one(); };
    this->expect_all(plan, "proof does not verify!");
  }
}

TYPED_TEST(ReshareAttacks, AnotherChainCodeNamesItsDealer) {
  using C = TypeParam;
  ResharePlan<C> plan;
  plan.deal = [&](const SessionId&, PartyId, ReshareDealing<C>& d) { d.opening.chain_code.expose()[31] ^= 1; };
  this->expect_all(plan, "dealer hands on another chain code than the certified one!");
}

// Each part of what is opened is bound by the commitment.
TYPED_TEST(ReshareAttacks, OpensSomethingElse) {
  using C = TypeParam;
  for (int part = 0; part < 5; ++part) {
    ResharePlan<C> plan;
    plan.round2 = [&](PartyId, ReshareRound2<C>& m) {
      if (part == 0) m.F[1] = UncheckedPoint<C>(Point<C>::generator());
      if (part == 1) m.proofs[0].s += Scalar<C>::one();
      if (part == 2) m.chain_code.expose()[0] ^= 1;
      if (part == 3) m.blind[0] ^= 1;
    };
    if (part == 4) plan.round1 = [&](PartyId, ReshareRound1& m) { m.C[0] ^= 1; };
    this->expect_all(plan, "opening does not match its commitment!");
  }
}

// attack 7: another commitment, opening and share for one, each consistent in itself
TYPED_TEST(ReshareAttacks, AConsistentEquivocationIsFoundByTheEcho) {
  using C = TypeParam;
  for (const PartyId victim : {this->P2, this->P4, this->P5}) {
    SeededRng rng(11);
    std::optional<ReshareDealing<C>> other;
    ResharePlan<C> plan;
    plan.deal = [&](const SessionId& sid, PartyId me, ReshareDealing<C>&) {
      other.emplace(reshare_deal(sid, *this->world.parameters, this->world.base->shares.at(me), rng));
    };
    plan.round1 = [&](PartyId to, ReshareRound1& m) {
      if (to == victim) m.C = other->commitment;
    };
    plan.round2 = [&](PartyId to, ReshareRound2<C>& m) {
      if (to == victim) m = other->open();
    };
    plan.share = [&](const SessionId& sid, const Digest&, PartyId to, ReshareShare<C>& m) {
      if (to == victim) m = other->deal_to(sid, this->P3, to, this->world.base->identities.at(this->P3));
    };
    this->expect_all(ReshareAttack<C>(this->world, this->P3, plan), "parties saw different broadcasts");
  }
}

// A wrong share that its dealer has signed convicts it for everyone, also for those who get no share.
TYPED_TEST(ReshareAttacks, ASignedWrongShareConvictsItsDealer) {
  using C = TypeParam;
  for (const PartyId attacker : {this->P3, this->P1})
    for (const PartyId victim : {this->P4, this->P5}) {
      ResharePlan<C> plan;
      plan.share = [&](const SessionId& sid, const Digest& C_i, PartyId to, ReshareShare<C>& m) {
        if (to != victim) return;
        m.share += Scalar<C>::one();
        m.share_signature =
            this->world.base->identities.at(attacker).sign(share_message(sid, attacker, to, C_i, m.share));
      };
      this->expect_all(ReshareAttack<C>(this->world, attacker, plan), "share is not on its dealer's polynomial!");
    }
}

TYPED_TEST(ReshareAttacks, AnUnsignedShareIsSeenByItsRecipientAlone) {
  using C = TypeParam;
  for (const bool wrong : {false, true}) {
    ResharePlan<C> plan;
    plan.share = [&](const SessionId&, const Digest&, PartyId to, ReshareShare<C>& m) {
      if (to != this->P5) return;
      if (wrong) m.share += Scalar<C>::one();
      if (!wrong) m.share_signature[5] ^= 1;
    };
    const ReshareAttack<C> a(this->world, this->P3, plan);
    EXPECT_EQ(a.end(5), "share is not signed by its dealer!");
    EXPECT_EQ(a.end(1), "silent");
  }
}

// attack 17: X'_5 = 0. It takes a dealer who knows the others' coefficients, as no dealer does; this one has their
// seeds.
TYPED_TEST(ReshareAttacks, ASumThatIsTheIdentityIsNoShare) {
  using C = TypeParam;
  ResharePlan<C> plan;
  Scalar<C> constant, slope;
  plan.deal = [&](const SessionId& sid, PartyId me, ReshareDealing<C>& d) {
    Scalar<C> others;
    for (const PartyId i : {this->P1, this->P2}) {
      SeededRng same = Simulation<ReshareWorld<C>>::rng_of(i, 1);
      others += reshare_deal(sid, *this->world.parameters, this->world.base->shares.at(i), same).f.at(this->P5);
    }
    constant = d.f.coefficient(0);
    slope = -(others + constant) * scalar_of<C>(this->P5).inverse();  // f(5) = −others
    d.F[1] = Point<C>::base(slope);
    DkgOpening<C> shown;
    shown.F = {UncheckedPoint<C>(d.F[0]), UncheckedPoint<C>(d.F[1])};
    SeededRng rng(7);
    d.opening.F = shown.F;
    d.opening.proofs = {coefficient_proof(sid, me, 0, constant, shown, rng),
                        coefficient_proof(sid, me, 1, slope, shown, rng)};
  };
  plan.share = [&](const SessionId& sid, const Digest& C_i, PartyId to, ReshareShare<C>& m) {
    m.share = constant + slope * scalar_of<C>(to);
    m.share_signature = this->world.base->identities.at(this->P3).sign(share_message(sid, this->P3, to, C_i, m.share));
  };
  this->expect_all(ReshareAttack<C>(this->world, this->P3, plan), "sum is the identity");
}

// ---- echo and complaints

TYPED_TEST(ReshareAttacks, AWrongEchoNamesNobody) {
  using C = TypeParam;
  ResharePlan<C> plan;
  plan.round3 = [&](const ReshareDealt<C>&, PartyId, ReshareRound3<C>& m) { m.seen[0] ^= 1; };
  this->expect_all(plan, "parties saw different broadcasts");
}

TYPED_TEST(ReshareAttacks, AFalseComplaintConvictsTheAccuser) {
  using C = TypeParam;
  enum { right_share, changed_share, against_itself, against_no_dealer, against_a_stranger };
  for (int what = right_share; what <= against_a_stranger; ++what) {
    ResharePlan<C> plan;
    plan.round3 = [&](const ReshareDealt<C>& dealt, PartyId, ReshareRound3<C>& m) {
      Complaint<C> c = complain(this->P2, dealt);
      if (what == changed_share) c.share += Scalar<C>::one();
      if (what == against_itself) c.dealer = this->P1, c.commitment = dealt.commitment[this->P1];
      if (what == against_no_dealer) c.dealer = this->P4;
      if (what == against_a_stranger) c.dealer = PartyId(9);
      m.complaints.push_back(c);
    };
    this->expect_all(ReshareAttack<C>(this->world, this->P1, plan), "complaint without evidence!");
  }
}

// Somebody equivocated, or the accuser says so: nobody can be named.
TYPED_TEST(ReshareAttacks, AComplaintAboutAnotherCommitmentNamesNobody) {
  using C = TypeParam;
  ResharePlan<C> plan;
  plan.round3 = [&](const ReshareDealt<C>& dealt, PartyId, ReshareRound3<C>& m) {
    m.complaints.push_back(complain(this->P2, dealt));
    m.complaints.back().commitment[0] ^= 1;
  };
  this->expect_all(ReshareAttack<C>(this->world, this->P1, plan), "parties saw different broadcasts");
}

// A dealer that leaves gets no share and has nothing to complain of: here even with a signature that its friend made.
TYPED_TEST(ReshareAttacks, AComplaintByWhoGotNoShareConvictsItsSender) {
  using C = TypeParam;
  ResharePlan<C> plan;
  std::optional<SessionId> sid;
  plan.deal = [&](const SessionId& s, PartyId, ReshareDealing<C>&) { sid = s; };
  plan.round3 = [&](const ReshareDealt<C>& dealt, PartyId, ReshareRound3<C>& m) {
    Complaint<C> c{this->P2, dealt.commitment[this->P2], Scalar<C>::one(), {}};
    c.share_signature =
        this->world.base->identities.at(this->P2).sign(share_message(*sid, this->P2, this->P3, c.commitment, c.share));
    m.complaints.push_back(c);
  };
  this->expect_all(ReshareAttack<C>(this->world, this->P3, plan), "complaint without evidence!");
}

// Honest parties whose hosts disagree on what is asked stop before anything is signed, and accuse nobody.
TYPED_TEST(ReshareAttacks, DifferentTermsNameNobody) {
  using C = TypeParam;
  for (int part = 0; part < 6; ++part) {
    ReshareTerms terms = this->world.parameters->terms();
    if (part == 0) ++terms.number;
    if (part == 1) terms.policy_digest[0] ^= 1;
    if (part == 2) terms.request_digest[0] ^= 1;
    if (part == 3) ++terms.config_version;
    if (part == 4) {
      Members members = terms.committee.members();
      members[2].node = "node-6";
      terms.committee = Committee::make(2, members).value();
    }
    if (part == 5) {
      terms.base.body.request_digest[0] ^= 1;
      terms.base = this->world.base->certified(terms.base.body);
    }
    const auto other = ReshareParameters::make(terms).value();
    Simulation<ReshareWorld<C>> sim(this->world, 1);
    sim.replace(this->P5, [&](const SessionConfig& config) { return this->world.start(config, other, nullptr); });
    int signatures = 0;
    sim.watch = [&](const Wire& w) { signatures += w.tag == ReshareRound5::tag; };
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    for (const PartyId i : sim.honest()) EXPECT_EQ(outcomes[i].abort->reason, Reason::echo_mismatch) << part;
    EXPECT_EQ(signatures, 0);
  }
}

// What a party sends in a role that it does not have counts for nothing.
template <class C>
Task<ReshareResult<C>> presumptuous_reshare(Party self, ReshareParameters parameters,
                                            const Ed25519SecretKey& identity) {
  self.send_all(ReshareRound1{Digest{1}});
  const KeyShare<C>* none = nullptr;
  ReshareResult<C> result = co_await reshare<C>(self, parameters, none, identity);
  co_return result;
}
TYPED_TEST(ReshareAttacks, ADealerThatIsNoneIsNotHeard) {
  using C = TypeParam;
  Simulation<ReshareWorld<C>> sim(this->world, 1);
  sim.replace(this->P4, [&](const SessionConfig& config) {
    return std::make_unique<Session<ReshareResult<C>>>(config, ReshareMessages<C>{}, &presumptuous_reshare<C>,
                                                       *this->world.parameters,
                                                       this->world.base->identities.at(this->P4));
  });
  const auto outcomes = sim.run();
  ASSERT_TRUE(expect_safe(sim, outcomes));
  for (const PartyId i : sim.honest()) EXPECT_EQ(outcomes[i].end, End::finished);
}

// ---- certificate

TYPED_TEST(ReshareAttacks, SignsAnotherCertificate) {
  using C = TypeParam;
  for (int part = 0; part < 4; ++part) {
    ResharePlan<C> plan;
    plan.round5 = [&](const CertificateBody& body, PartyId to, ReshareRound5& m) {
      if (to != this->P4) return;
      CertificateBody other = body;
      if (part == 0) other.number = 3;
      if (part == 1) other.base_digest[0] ^= 1;
      if (part == 2) other.chain_code_hash[0] ^= 1;
      m.signature = sign_certificate(other, this->world.base->identities.at(this->P1));
      if (part == 3) m.signature = sign_certificate(body, this->world.base->identities.at(this->P3));
    };
    const ReshareAttack<C> a(this->world, this->P1, plan);
    EXPECT_EQ(a.end(4), "certificate signature does not verify!");
    for (const unsigned other : {2u, 3u, 5u}) EXPECT_EQ(a.end(other), "finished");
  }
}

// Without t dealers who say that they dealt it no certificate is signed: of a corrupt dealer that is seen at once.
TYPED_TEST(ReshareAttacks, VouchesForAnotherCertificateAsDealer) {
  using C = TypeParam;
  for (int part = 0; part < 3; ++part) {
    ResharePlan<C> plan;
    plan.round4 = [&](const CertificateBody& body, PartyId, ReshareRound4& m) {
      CertificateBody other = body;
      if (part == 0) other.number = 3;
      m.signature = sign_dealing(other, this->world.base->identities.at(part == 1 ? this->P2 : this->P3));
      if (part == 2) m.signature = sign_certificate(body, this->world.base->identities.at(this->P3));  // a member's
    };
    const ReshareAttack<C> a(this->world, this->P3, plan);
    this->expect_all(a, "certificate signature does not verify!");
    for (const PartyId i : a.honest()) EXPECT_TRUE(a.sim.durable[i].empty());
  }
}

// ---- every change of every field, by a party of each role

template <class C>
struct ByLeaver : ReshareWorld<C> {
  using ReshareWorld<C>::ReshareWorld;
  using MessageList = Messages<ReshareRound1, ReshareRound2<C>, ReshareShare<C>, ReshareRound3<C>, ReshareRound4>;
};
template <class C>
struct ByJoiner : ReshareWorld<C> {
  using ReshareWorld<C>::ReshareWorld;
  using MessageList = Messages<ReshareRound3<C>, ReshareRound5>;
};

void expect_all_noticed(const TamperReport& report, int leaves, int messages) {
  EXPECT_EQ(report.cells, 6 * leaves + 4 * messages);
  EXPECT_GT(report.changed_runs, 6 * leaves);
  EXPECT_THAT(report.unnoticed, testing::IsEmpty());
}

TYPED_TEST(ReshareAttacks, EveryChangeOfEveryFieldIsNoticed) {
  using C = TypeParam;
  const auto stayer = tamper_matrix(ReshareWorld<C>(3, 2, set_of({1, 2}), set_of({1, 2, 3}), 2), this->P2, 2);
  expect_all_noticed(stayer, 1 + 10 + 2 + 2 + 1 + 1, 6);
  for (const Reason expected :
       {Reason::malformed, Reason::silent, Reason::bad_length, Reason::bad_opening, Reason::bad_share_signature,
        Reason::false_complaint, Reason::echo_mismatch, Reason::bad_certificate_signature})
    EXPECT_GT(stayer.reasons.count(expected), 0u) << name_of(expected);
  expect_all_noticed(tamper_matrix(ByLeaver<C>(3, 2, set_of({1, 2}), set_of({1, 3, 4}), 2), this->P2, 2),
                     1 + 10 + 2 + 2 + 1, 5);
  expect_all_noticed(tamper_matrix(ByJoiner<C>(3, 2, set_of({1, 2}), set_of({1, 3, 4}), 2), this->P4, 2), 2 + 1, 2);
}

// attack 5: a whole session recorded and played into the next, by someone who holds no secret
TYPED_TEST(ReshareAttacks, AReplayedSessionIsRefused) {
  using C = TypeParam;
  std::map<std::pair<std::string, PartyId>, Bytes> recorded;
  Simulation<ReshareWorld<C>> before(this->world, 50);
  before.watch = [&](const Wire& w) {
    if (w.from == this->P3) recorded[{w.tag, w.to}] = w.body;
  };
  before.run();
  Simulation<ReshareWorld<C>> sim(this->world, 51);
  sim.corrupt = {this->P3};
  sim.tamper = [&](Wire& w) { w.body = recorded.at({w.tag, w.to}); };
  const auto outcomes = sim.run();
  ASSERT_TRUE(expect_safe(sim, outcomes));
  for (const PartyId i : sim.honest()) EXPECT_EQ(outcomes[i].abort->reason, Reason::bad_opening);
}

// ---- ECDSA's pairs

using Ecdsa = ReshareWorld<Secp256k1, EcdsaSetup>;

// attack 23: what makes Q_c the identity, R_c = −Hp(i, c, R_{1−c})
TEST(EcdsaReshareAttacks, ARequestWhosePointsCancelNamesItsSender) {
  const Ecdsa world(2, 2, PartySet::first(2), PartySet::first(2), 2);
  const PartyId P1(1), P2(2);
  Simulation<Ecdsa> sim(world, 1);
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

// Base OT is not verified: other valid values are found when the pair signs, and nobody is blamed for them here.
TEST(EcdsaReshareAttacks, AChangeOfTheSetupEndsItOrHarmsOnlyItsPair) {
  const auto of_setup = [](std::string_view tag, std::size_t leaf, Change how) {
    if (how == Change::per_recipient || how == Change::one_recipient) return false;  // there is only one
    return (tag == ReshareSetup1::tag && (leaf == 0 || leaf == 255)) || tag == ReshareSetup2::tag;
  };
  const auto report = tamper_matrix(Ecdsa(2, 2, PartySet::first(2), PartySet::first(2), 2), PartyId(2), 1, of_setup);
  EXPECT_EQ(report.cells, 4 * (2 + 2) + 4 * 8);
  EXPECT_GT(report.unnoticed.size(), 6u);
  for (const std::string& unnoticed : report.unnoticed)
    EXPECT_TRUE(unnoticed.starts_with("reshare/base-ot")) << unnoticed;
  EXPECT_GT(report.reasons.count(Reason::malformed), 0u);
}

}  // namespace
}  // namespace quorate::test
