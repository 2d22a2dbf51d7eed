// Parties of a reshare that deviate after the dealing: echoes, complaints, signatures of the certificate; for each of
// the three algorithms.
#include "tests/keygen/reshare_world.h"

namespace quorate::test {
namespace {

template <class A>
class ReshareAgreementAttacks : public ReshareAttackTest<A> {};
TYPED_TEST_SUITE(ReshareAgreementAttacks, Algorithms, AlgorithmNames);

// ---- echo and complaints

TYPED_TEST(ReshareAgreementAttacks, AWrongEchoNamesNobody) {
  using C = typename TestFixture::Curve;
  ResharePlan<C> plan;
  plan.round3 = [&](const ReshareDealt<C>&, PartyId, ReshareRound3<C>& m) { m.seen[0] ^= 1; };
  this->expect_all(plan, "parties saw different broadcasts");
}

// attack 7: an acknowledgement that differs for one. It signs nothing, so no certificate comes of it.
TYPED_TEST(ReshareAgreementAttacks, AnEquivocatedEchoStopsItsVictim) {
  using C = typename TestFixture::Curve;
  for (const PartyId victim : {this->P2, this->P4, this->P5}) {
    ResharePlan<C> plan;
    plan.round3 = [&](const ReshareDealt<C>&, PartyId to, ReshareRound3<C>& m) {
      if (to == victim) m.seen[0] ^= 1;
    };
    const typename TestFixture::Attack a(this->world, this->P1, plan);
    for (const PartyId i : a.honest())
      EXPECT_EQ(a.end(i.index()), i == victim ? "parties saw different broadcasts" : "silent");
    for (const PartyId i : a.honest()) EXPECT_TRUE(a.sim.durable[i].empty());
  }
}

TYPED_TEST(ReshareAgreementAttacks, AFalseComplaintConvictsTheAccuser) {
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
TYPED_TEST(ReshareAgreementAttacks, AComplaintAboutAnotherCommitmentNamesNobody) {
  using C = typename TestFixture::Curve;
  ResharePlan<C> plan;
  plan.round3 = [&](const ReshareDealt<C>& dealt, PartyId, ReshareRound3<C>& m) {
    m.complaints.push_back(complain(this->P2, dealt));
    m.complaints.back().commitment[0] ^= 1;
  };
  this->expect_all(typename TestFixture::Attack(this->world, this->P1, plan), "parties saw different broadcasts");
}

// A dealer that leaves gets no share and has nothing to complain of: here even with a signature that its friend made.
TYPED_TEST(ReshareAgreementAttacks, AComplaintByWhoGotNoShareConvictsItsSender) {
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
TYPED_TEST(ReshareAgreementAttacks, DifferentTermsNameNobody) {
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
  const auto start = &trial_signature<C, Setup>;
  ReshareResult<C, Setup> result = co_await reshare<C, Setup>(self, parameters, none, identity, start);
  co_return result;
}
TYPED_TEST(ReshareAgreementAttacks, ADealerThatIsNoneIsNotHeard) {
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

TYPED_TEST(ReshareAgreementAttacks, SignsAnotherCertificate) {
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
TYPED_TEST(ReshareAgreementAttacks, WhoWithholdsItsSignatureTakesNothingFromTheOthers) {
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
TYPED_TEST(ReshareAgreementAttacks, VouchesForAnotherCertificateAsDealer) {
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
