// Parties of a reshare that deviate, for each of the three algorithms: one test for each check. It is caught, whoever
// can be named is, and nothing changes.
#include "tests/keygen/reshare_world.h"

namespace quorate::test {
namespace {

template <class C_, class Setup_>
struct Of {
  using C = C_;
  using Setup = Setup_;
};
using Algorithms = testing::Types<Of<Ed25519, NoSetup>, Of<Secp256k1, NoSetup>, Of<Secp256k1, EcdsaSetup>>;
struct AlgorithmNames {
  template <class A>
  static std::string GetName(int) {
    return std::is_same_v<typename A::Setup, EcdsaSetup> ? "ecdsa"
           : std::is_same_v<typename A::C, Ed25519>      ? "eddsa"
                                                         : "schnorr";
  }
};

template <class A>
class ReshareAttacks : public testing::Test {
 protected:
  using Curve = typename A::C;
  using World = ReshareWorld<Curve, typename A::Setup>;
  using Attack = ReshareAttack<Curve, typename A::Setup>;
  const PartyId P1{1}, P2{2}, P3{3}, P4{4}, P5{5};
  // 3-of-4 → 2-of-{1, 4, 5}: 1 deals and stays, 2 and 3 deal and leave, 4 stays and does not deal, 5 is new.
  const World world{4, 3, set_of({1, 2, 3}), set_of({1, 4, 5}), 2};

  using Record = PreparedReshare<typename A::Setup::template Prepared<Curve>>;

  // With what they have stored.
  bool sign(const std::map<PartyId, Record>& records) const {
    PartySet T;
    std::map<PartyId, const KeyShare<Curve>*> shares;
    for (const auto& [j, record] : records) T.insert(j), shares[j] = &record.share;
    if constexpr (A::Setup::kPairwise) {
      std::map<PartyId, const Pairwise*> pairs;
      for (const auto& [j, record] : records) pairs[j] = &record.pairwise;
      return signs_ecdsa(T, shares, pairs, world.base->Y());
    } else {
      return signs(T, shares, world.base->Y());
    }
  }
  // Nothing is stored unless all ends well.
  void expect_all(const Attack& attack, const std::string& expected) {
    for (const PartyId i : attack.honest()) {
      EXPECT_EQ(attack.end(i.index()), expected) << "party " << int(i.index());
      const bool stores = expected == "finished" && world.parameters->members().contains(i);
      EXPECT_EQ(attack.sim.durable[i].size(), stores ? 1u : 0u) << "party " << int(i.index());
    }
  }
  // By a dealer that leaves and by one that stays.
  void expect_all(const ResharePlan<Curve>& plan, const std::string& expected) {
    for (const PartyId attacker : {P3, P1}) expect_all(Attack(world, attacker, plan), expected);
  }
  ResharePlan<Curve> dealing(std::size_t length, std::function<Scalar<Curve>(PartyId)> constant) {
    ResharePlan<Curve> plan;
    plan.deal = [=](const SessionId& sid, PartyId me, ReshareDealing<Curve>& d) {
      SeededRng rng(7);
      deal_instead(sid, me, d, Polynomial<Curve>::random(length, rng, constant(me)), rng);
    };
    return plan;
  }
  Scalar<Curve> x(PartyId i) const { return world.base->shares.at(i).x_i; }
  Scalar<Curve> lambda(PartyId i) const { return lagrange<Curve>(world.parameters->dealers(), i); }
};
TYPED_TEST_SUITE(ReshareAttacks, Algorithms, AlgorithmNames);

// The deviating party without a plan is an honest one: what the tests below see comes from their plans.
TYPED_TEST(ReshareAttacks, NoneIsFine) { this->expect_all(ResharePlan<typename TestFixture::Curve>{}, "finished"); }

// attack 45: the key is what it was
TYPED_TEST(ReshareAttacks, AnotherConstantTermNamesItsDealer) {
  using C = typename TestFixture::Curve;
  const std::string expected = "dealer shares another value than its own!";
  const auto with = [&](std::function<Scalar<C>(PartyId)> constant) { return this->dealing(2, constant); };
  this->expect_all(with([&](PartyId i) { return this->lambda(i) * this->x(i); }), "finished");
  this->expect_all(with([&](PartyId i) { return this->lambda(i) * this->x(i) + Scalar<C>::one(); }), expected);
  this->expect_all(with([&](PartyId i) { return -(this->lambda(i) * this->x(i)); }), expected);
  // no λ (that of 3 is 1), and that of another T_old
  this->expect_all(typename TestFixture::Attack(this->world, this->P1, with([&](PartyId i) { return this->x(i); })),
                   expected);
  this->expect_all(with([&](PartyId i) {
                     PartySet other = this->world.parameters->dealers().without(this->P2);
                     other.insert(this->P4);
                     return lagrange<C>(other, i) * this->x(i);
                   }),
                   expected);
}

// attack 46: by a dealer that missed the last refresh, or has kept its share of before
TYPED_TEST(ReshareAttacks, AShareOfTheEpochBeforeNamesItsDealer) {
  using W = typename TestFixture::World;
  const W refresh(4, 3, set_of({1, 2, 3}), PartySet::first(4), 3);
  Simulation<W> before(refresh, 1);
  const W now(refresh.after(before.run()), set_of({1, 2, 3}), set_of({1, 4, 5}), 2, 3);
  const auto deals = [&](const W& from) {
    return this->dealing(2, [&](PartyId i) { return this->lambda(i) * from.base->shares.at(i).x_i; });
  };
  for (const PartyId attacker : {this->P3, this->P1}) {
    this->expect_all(typename TestFixture::Attack(now, attacker, deals(now)), "finished");
    this->expect_all(typename TestFixture::Attack(now, attacker, deals(refresh)),
                     "dealer shares another value than its own!");
  }
}

// attack 14
TYPED_TEST(ReshareAttacks, LongerOrShorterPolynomialsAndListsNameTheirDealer) {
  using C = typename TestFixture::Curve;
  const typename TestFixture::World three(4, 3, set_of({1, 2, 3}), set_of({1, 4, 5}), 3);
  for (const std::size_t length : {2u, 4u}) {
    const auto plan = this->dealing(length, [&](PartyId i) { return this->lambda(i) * this->x(i); });
    this->expect_all(typename TestFixture::Attack(three, this->P3, plan), "list of a wrong length!");
  }
  for (const std::size_t proofs : {0u, 1u, 3u, 32u}) {
    ResharePlan<C> plan;
    plan.deal = [&](const SessionId&, PartyId, ReshareDealing<C>& d) { d.opening.proofs.resize(proofs); };
    this->expect_all(plan, "list of a wrong length!");
  }
}

TYPED_TEST(ReshareAttacks, AWrongProofNamesItsDealer) {
  using C = typename TestFixture::Curve;
  for (std::size_t k = 0; k < 2; ++k) {
    ResharePlan<C> plan;
    plan.deal = [&](const SessionId&, PartyId, ReshareDealing<C>& d) { d.opening.proofs[k].s += Scalar<C>::one(); };
    this->expect_all(plan, "proof does not verify!");
  }
}

// attacks 14, 17: a leading coefficient of zero among them
TYPED_TEST(ReshareAttacks, ABadPointNamesItsDealer) {
  using C = typename TestFixture::Curve;
  for (const auto& encoding : bad_encodings<C>())
    for (std::size_t k = 0; k < 2; ++k) {
      ResharePlan<C> plan;
      plan.deal = [&](const SessionId&, PartyId, ReshareDealing<C>& d) {
        d.opening.F[k] = UncheckedPoint<C>(encoding);
      };
      this->expect_all(typename TestFixture::Attack(this->world, this->P3, plan), "proof does not verify!");
    }
}

TYPED_TEST(ReshareAttacks, AnotherChainCodeNamesItsDealer) {
  using C = typename TestFixture::Curve;
  ResharePlan<C> plan;
  plan.deal = [&](const SessionId&, PartyId, ReshareDealing<C>& d) { d.opening.chain_code.expose()[31] ^= 1; };
  this->expect_all(plan, "dealer hands on another chain code than the certified one!");
}

// Each part of what is opened is bound by the commitment.
TYPED_TEST(ReshareAttacks, OpensSomethingElse) {
  using C = typename TestFixture::Curve;
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
  using C = typename TestFixture::Curve;
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
    this->expect_all(typename TestFixture::Attack(this->world, this->P3, plan), "parties saw different broadcasts");
  }
}

// A wrong share that its dealer has signed convicts it for everyone, also for those who get no share.
TYPED_TEST(ReshareAttacks, ASignedWrongShareConvictsItsDealer) {
  using C = typename TestFixture::Curve;
  for (const PartyId attacker : {this->P3, this->P1})
    for (const PartyId victim : {this->P4, this->P5}) {
      ResharePlan<C> plan;
      plan.share = [&](const SessionId& sid, const Digest& C_i, PartyId to, ReshareShare<C>& m) {
        if (to != victim) return;
        m.share += Scalar<C>::one();
        m.share_signature =
            this->world.base->identities.at(attacker).sign(share_message(sid, attacker, to, C_i, m.share));
      };
      this->expect_all(typename TestFixture::Attack(this->world, attacker, plan),
                       "share is not on its dealer's polynomial!");
    }
}

TYPED_TEST(ReshareAttacks, AnUnsignedShareIsSeenByItsRecipientAlone) {
  using C = typename TestFixture::Curve;
  for (const bool wrong : {false, true}) {
    ResharePlan<C> plan;
    plan.share = [&](const SessionId&, const Digest&, PartyId to, ReshareShare<C>& m) {
      if (to != this->P5) return;
      if (wrong) m.share += Scalar<C>::one();
      if (!wrong) m.share_signature[5] ^= 1;
    };
    const typename TestFixture::Attack a(this->world, this->P3, plan);
    EXPECT_EQ(a.end(5), "share is not signed by its dealer!");
    EXPECT_EQ(a.end(1), "silent");
  }
}

// attack 17: X'_5 = 0. It takes a dealer who knows the others' coefficients, as no dealer does; this one has their
// seeds.
TYPED_TEST(ReshareAttacks, ASumThatIsTheIdentityIsNoShare) {
  using C = typename TestFixture::Curve;
  ResharePlan<C> plan;
  Scalar<C> constant, slope;
  plan.deal = [&](const SessionId& sid, PartyId me, ReshareDealing<C>& d) {
    Scalar<C> others;
    for (const PartyId i : {this->P1, this->P2}) {
      SeededRng same = Simulation<typename TestFixture::World>::rng_of(i, 1);
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
  this->expect_all(typename TestFixture::Attack(this->world, this->P3, plan), "sum is the identity");
}

// ---- echo and complaints

TYPED_TEST(ReshareAttacks, AWrongEchoNamesNobody) {
  using C = typename TestFixture::Curve;
  ResharePlan<C> plan;
  plan.round3 = [&](const ReshareDealt<C>&, PartyId, ReshareRound3<C>& m) { m.seen[0] ^= 1; };
  this->expect_all(plan, "parties saw different broadcasts");
}

// attack 7: an acknowledgement that differs for one. It signs nothing, so no certificate comes of it.
TYPED_TEST(ReshareAttacks, AnEquivocatedEchoStopsItsVictim) {
  using C = typename TestFixture::Curve;
  for (const PartyId victim : {this->P2, this->P4, this->P5}) {
    ResharePlan<C> plan;
    plan.round3 = [&](const ReshareDealt<C>&, PartyId to, ReshareRound3<C>& m) {
      if (to == victim) m.seen[0] ^= 1;
    };
    const typename TestFixture::Attack a(this->world, this->P1, plan);
    for (const PartyId i : a.honest())
      EXPECT_EQ(a.end(i.index()), i == victim ? "parties saw different broadcasts" : "silent");
    EXPECT_TRUE(a.sim.durable[victim].empty());
    EXPECT_EQ(a.sim.durable[this->P5].size(),
              victim == this->P4 ? 1u : 0u);  // 2's dealing is missing, or 4's signature
  }
}

TYPED_TEST(ReshareAttacks, AFalseComplaintConvictsTheAccuser) {
  using C = typename TestFixture::Curve;
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
    this->expect_all(typename TestFixture::Attack(this->world, this->P1, plan), "complaint without evidence!");
  }
}

// Somebody equivocated, or the accuser says so: nobody can be named.
TYPED_TEST(ReshareAttacks, AComplaintAboutAnotherCommitmentNamesNobody) {
  using C = typename TestFixture::Curve;
  ResharePlan<C> plan;
  plan.round3 = [&](const ReshareDealt<C>& dealt, PartyId, ReshareRound3<C>& m) {
    m.complaints.push_back(complain(this->P2, dealt));
    m.complaints.back().commitment[0] ^= 1;
  };
  this->expect_all(typename TestFixture::Attack(this->world, this->P1, plan), "parties saw different broadcasts");
}

// A dealer that leaves gets no share and has nothing to complain of: here even with a signature that its friend made.
TYPED_TEST(ReshareAttacks, AComplaintByWhoGotNoShareConvictsItsSender) {
  using C = typename TestFixture::Curve;
  ResharePlan<C> plan;
  std::optional<SessionId> sid;
  plan.deal = [&](const SessionId& s, PartyId, ReshareDealing<C>&) { sid = s; };
  plan.round3 = [&](const ReshareDealt<C>& dealt, PartyId, ReshareRound3<C>& m) {
    Complaint<C> c{this->P2, dealt.commitment[this->P2], Scalar<C>::one(), {}};
    c.share_signature =
        this->world.base->identities.at(this->P2).sign(share_message(*sid, this->P2, this->P3, c.commitment, c.share));
    m.complaints.push_back(c);
  };
  this->expect_all(typename TestFixture::Attack(this->world, this->P3, plan), "complaint without evidence!");
}

// Honest parties whose hosts disagree on what is asked stop before anything is signed, and accuse nobody.
TYPED_TEST(ReshareAttacks, DifferentTermsNameNobody) {
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
    Simulation<typename TestFixture::World> sim(this->world, 1);
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
template <class C, class Setup>
Task<ReshareResult<C, Setup>> presumptuous_reshare(Party self, ReshareParameters parameters,
                                                   const Ed25519SecretKey& identity) {
  self.send_all(ReshareRound1{Digest{1}});
  const KeyShare<C>* none = nullptr;
  ReshareResult<C, Setup> result = co_await reshare<C, Setup>(self, parameters, none, identity);
  co_return result;
}
TYPED_TEST(ReshareAttacks, ADealerThatIsNoneIsNotHeard) {
  using C = typename TestFixture::Curve;
  using Setup = typename TypeParam::Setup;
  Simulation<typename TestFixture::World> sim(this->world, 1);
  sim.replace(this->P4, [&](const SessionConfig& config) {
    return std::make_unique<Session<ReshareResult<C, Setup>>>(config, ReshareMessages<C, Setup>{},
                                                              &presumptuous_reshare<C, Setup>, *this->world.parameters,
                                                              this->world.base->identities.at(this->P4));
  });
  const auto outcomes = sim.run();
  ASSERT_TRUE(expect_safe(sim, outcomes));
  for (const PartyId i : sim.honest()) EXPECT_EQ(outcomes[i].end, End::finished);
}

// ---- certificate

TYPED_TEST(ReshareAttacks, SignsAnotherCertificate) {
  using C = typename TestFixture::Curve;
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
    const typename TestFixture::Attack a(this->world, this->P1, plan);
    EXPECT_EQ(a.end(4), "certificate signature does not verify!");
    for (const unsigned other : {2u, 3u, 5u}) EXPECT_EQ(a.end(other), "finished");
  }
}

// attack 43: who signs for some only, or for nobody. All have stored the certificate that it holds back, with its
// dealers' signatures, and can sign with what they have stored.
TYPED_TEST(ReshareAttacks, WhoWithholdsItsSignatureTakesNothingFromTheOthers) {
  using W = typename TestFixture::World;
  for (const PartySet told : {PartySet{}, PartySet{this->P5}, set_of({2, 3})}) {
    Simulation<W> sim(this->world, 1);
    sim.corrupt = {this->P1};
    sim.tamper = [&](Wire& w) { w.dropped = w.tag == ReshareRound5::tag && !told.contains(w.to); };
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    for (const PartyId i : sim.honest()) {
      ASSERT_EQ(outcomes[i].end, told.contains(i) ? End::finished : End::aborted);
      if (told.contains(i)) continue;
      EXPECT_EQ(outcomes[i].abort->kind, AbortKind::silent);
      EXPECT_EQ(outcomes[i].abort->culprits, PartySet{this->P1});
    }
    const auto stored = [&](PartyId j) { return decode<typename TestFixture::Record>(sim.durable[j].at(0)); };
    const std::map<PartyId, typename TestFixture::Record> records = [&] {
      std::map<PartyId, typename TestFixture::Record> all;
      for (const PartyId j : {this->P4, this->P5}) all.emplace(j, stored(j));
      return all;
    }();
    CertificateCollector collector(records.at(this->P4).body, records.at(this->P5).dealers);
    for (const PartyId j : this->world.parameters->members())
      EXPECT_TRUE(collector.add(j, sign_certificate(stored(j).body, this->world.base->identities.at(j))));
    const KeyCertificate complete = collector.complete().value();
    EXPECT_EQ(verify_successor(this->world.base->certificate.body, this->world.link(complete)), Succession::follows);
    for (const PartyId i : told& sim.honest()) EXPECT_EQ(encode(outcomes[i].result->certificate), encode(complete));
    EXPECT_TRUE(this->sign(records));
  }
}

// Without t dealers who say that they dealt it no certificate is signed: of a corrupt dealer that is seen at once.
TYPED_TEST(ReshareAttacks, VouchesForAnotherCertificateAsDealer) {
  using C = typename TestFixture::Curve;
  for (int part = 0; part < 3; ++part) {
    ResharePlan<C> plan;
    plan.round4 = [&](const CertificateBody& body, PartyId, ReshareRound4& m) {
      CertificateBody other = body;
      if (part == 0) other.number = 3;
      m.signature = sign_dealing(other, this->world.base->identities.at(part == 1 ? this->P2 : this->P3));
      if (part == 2) m.signature = sign_certificate(body, this->world.base->identities.at(this->P3));  // a member's
    };
    const typename TestFixture::Attack a(this->world, this->P3, plan);
    this->expect_all(a, "certificate signature does not verify!");
  }
}

}  // namespace
}  // namespace quorate::test
