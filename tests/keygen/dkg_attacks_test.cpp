// One adversarial test for each check: the attacker follows the protocol except for one thing.
#include "tests/keygen/dkg_world.h"

namespace quorate::test {
namespace {

template <class C>
class DkgAttack : public testing::Test {
 protected:
  const PartyId P1{1}, P2{2}, P3{3};
};
TYPED_TEST_SUITE(DkgAttack, Curves, CurveNames);

#define QUORATE_EXPECT_ALL(attack, expected) \
  for (const PartyId i : (attack).honest()) EXPECT_EQ((attack).end(i.index()), expected) << "party " << int(i.index())

// The deviating party without a plan is an honest one: what the tests below see comes from their plans.
TYPED_TEST(DkgAttack, NoneIsFine) {
  const Plan<TypeParam> plan;
  const Attack<TypeParam> a(3, 2, plan);
  QUORATE_EXPECT_ALL(a, "finished");
}

// attack 14: a polynomial of another degree than the key's
TYPED_TEST(DkgAttack, LongerOrShorterPolynomial) {
  using C = TypeParam;
  for (const auto& [length, proofs] :
       std::vector<std::pair<std::size_t, std::size_t>>{{2, 2}, {4, 4}, {2, 3}, {4, 3}}) {
    const std::size_t coefficients = length, proved = proofs;
    Plan<C> plan;
    plan.deal = [&](const SessionId& sid, PartyId me, DkgDealing<C>& d) {
      SeededRng rng(7);
      d.f = Polynomial<C>::random(coefficients, rng, Scalar<C>::random(rng));
      auto& o = d.message.opening;
      o.F = d.f.commit();
      o.proofs.clear();
      for (std::size_t k = 0; k < coefficients; ++k)
        o.proofs.push_back(coefficient_proof(sid, me, k, d.f.coefficient(k), o.F, rng));
      o.proofs.resize(proved);
    };
    const Attack<C> a(4, 3, plan);
    QUORATE_EXPECT_ALL(a, "list of a wrong length!");
  }
}

// attack 17: contributions that cancel. It takes a dealer who knows the others' coefficients, as no dealer does; this
// one has their seeds.
TYPED_TEST(DkgAttack, AGroupKeyThatIsTheIdentityIsNoKey) {
  using C = TypeParam;
  Plan<C> plan;
  plan.deal = [&](const SessionId& sid, PartyId me, DkgDealing<C>& d) {
    Scalar<C> others;
    for (const PartyId i : {this->P1, this->P2}) {
      SeededRng same = Simulation<DkgWorld<C>>::rng_of(i, 1);
      others += dkg_deal<C>(sid, i, 2, same).f.coefficient(0);
    }
    SeededRng rng(7);
    d.f = Polynomial<C>::random(2, rng, -others);
    auto& o = d.message.opening;
    o.F = d.f.commit();
    for (std::size_t k = 0; k < 2; ++k) o.proofs[k] = coefficient_proof(sid, me, k, d.f.coefficient(k), o.F, rng);
  };
  const Attack<C> a(3, 2, plan);
  QUORATE_EXPECT_ALL(a, "sum is the identity");
}

// attack 6: proofs fewer or more than coefficients
TYPED_TEST(DkgAttack, MissingOrSurplusProofs) {
  using C = TypeParam;
  for (const std::size_t length : {0u, 1u, 3u, 32u}) {
    Plan<C> plan;
    plan.deal = [&](const SessionId&, PartyId, DkgDealing<C>& d) { d.message.opening.proofs.resize(length); };
    const Attack<C> a(3, 2, plan);
    QUORATE_EXPECT_ALL(a, "list of a wrong length!");
  }
}

// attacks 2, 15: a coefficient that its dealer does not know
TYPED_TEST(DkgAttack, WrongProofOfEachCoefficient) {
  using C = TypeParam;
  for (std::size_t k = 0; k < 2; ++k)
    for (const bool response : {false, true}) {
      Plan<C> plan;
      plan.deal = [&](const SessionId&, PartyId, DkgDealing<C>& d) {
        auto& proof = d.message.opening.proofs[k];
        (response ? proof.s : proof.c) += Scalar<C>::one();
      };
      const Attack<C> a(3, 2, plan);
      QUORATE_EXPECT_ALL(a, "proof does not verify!");
    }
}

// attack 2: a proof made for another session, party or coefficient, or for a neighbour in another list
TYPED_TEST(DkgAttack, ProofFromAnotherPlace) {
  using C = TypeParam;
  enum { other_sid, other_party, other_coefficient, other_list };
  for (int what = other_sid; what <= other_list; ++what) {
    Plan<C> plan;
    plan.deal = [&](const SessionId& sid, PartyId me, DkgDealing<C>& d) {
      SeededRng rng(5);
      auto& o = d.message.opening;
      PolynomialCommitment<C> list = o.F;
      if (what == other_list) list[1] = Point<C>::generator();
      o.proofs[0] = coefficient_proof(what == other_sid ? Digest{1} : sid, what == other_party ? PartyId(1) : me,
                                      what == other_coefficient ? 1 : 0, d.f.coefficient(0), list, rng);
    };
    const Attack<C> a(3, 2, plan);
    QUORATE_EXPECT_ALL(a, "proof does not verify!");
  }
}

// Each part of what is opened is bound by the commitment.
TYPED_TEST(DkgAttack, OpensSomethingElse) {
  using C = TypeParam;
  for (int part = 0; part < 5; ++part) {
    Plan<C> plan;
    plan.round2 = [&](const SessionId&, PartyId, PartyId, DkgRound2<C>& m) {
      auto& o = m.opening;
      switch (part) {
        case 0:
          o.F[1] = o.F[1] + Point<C>::generator();
          break;
        case 1:
          o.proofs[0].s += Scalar<C>::one();
          break;
        case 2:
          o.rho[0] ^= 1;
          break;
        case 3:
          o.cc.expose()[0] ^= 1;
          break;
        default:
          o.blind[0] ^= 1;
      }
    };
    const Attack<C> a(3, 2, plan);
    QUORATE_EXPECT_ALL(a, "opening does not match its commitment!");
  }
}

// attacks 3, 15: a party that copies another one's commitment and then its opening
TYPED_TEST(DkgAttack, CopiesAnothersDealing) {
  using C = TypeParam;
  const DkgWorld<C> world(3, 2);
  Simulation<DkgWorld<C>> sim(world, 3);
  sim.corrupt = {this->P3};
  // A rushing attacker hears P1 first: run once, then again with the same seed and P1's messages in its own place.
  std::map<std::string, Bytes> heard;
  sim.watch = [&](const Wire& w) {
    if (w.from == this->P1 && w.to == this->P2) heard[w.tag] = w.body;
  };
  sim.run();
  Simulation<DkgWorld<C>> again(world, 3);
  again.corrupt = {this->P3};
  again.tamper = [&](Wire& w) {
    if (w.tag == DkgRound1::tag || w.tag == DkgRound2<C>::tag) w.body = heard[w.tag];
  };
  const auto outcomes = again.run();
  ASSERT_TRUE(expect_safe(again, outcomes));
  for (const PartyId i : again.honest()) {
    ASSERT_TRUE(outcomes[i].abort);
    EXPECT_EQ(outcomes[i].abort->reason, Reason::bad_opening);
  }
}

template <class C>
void wrong_share(DkgRound2<C>& m) {
  m.share += Scalar<C>::one();
}

// A wrong share that its dealer has signed convicts the dealer for everyone, also for those who were dealt right ones.
TYPED_TEST(DkgAttack, ASignedWrongShareConvictsItsDealer) {
  using C = TypeParam;
  for (const unsigned n : {3u, 5u})
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      DkgWorld<C> world(n, 2);  // for the dealer's key; the attack builds the same one
      Plan<C> plan;
      plan.round2 = [&](const SessionId& sid, PartyId me, PartyId to, DkgRound2<C>& m) {
        if (to != this->P2) return;
        wrong_share(m);
        const Digest C_i = commitment_of(sid, me, m.opening);
        m.share_signature = world.identity_of(me).sign(share_message(sid, me, to, C_i, m.share));
      };
      const Attack<C> a(n, 2, plan, seed);
      QUORATE_EXPECT_ALL(a, "share is not on its dealer's polynomial!");
    }
}

// Without a valid signature only its recipient learns of it.
TYPED_TEST(DkgAttack, AnUnsignedShareIsSeenByItsRecipientAlone) {
  using C = TypeParam;
  for (const bool wrong : {false, true}) {
    Plan<C> plan;
    plan.round2 = [&](const SessionId&, PartyId, PartyId to, DkgRound2<C>& m) {
      if (to != this->P2) return;
      if (wrong)
        wrong_share(m);
      else
        m.share_signature[5] ^= 1;
    };
    const Attack<C> a(3, 2, plan);
    EXPECT_EQ(a.end(1), "silent");
    EXPECT_EQ(a.end(2), "share is not signed by its dealer!");
  }
}

// A signature that says anything else than (sid, i, j, share, C_i) is none.
TYPED_TEST(DkgAttack, TheShareSignatureBindsEverything) {
  using C = TypeParam;
  for (int part = 0; part < 6; ++part) {
    DkgWorld<C> world(3, 2);
    Plan<C> plan;
    plan.round2 = [&](const SessionId& sid, PartyId me, PartyId to, DkgRound2<C>& m) {
      if (to != this->P2) return;
      const Digest C_i = commitment_of(sid, me, m.opening);
      const Digest message =
          share_message(part == 0 ? Digest{1} : sid, part == 1 ? this->P1 : me, part == 2 ? this->P1 : to,
                        part == 3 ? Digest{1} : C_i, part == 4 ? m.share + m.share : m.share);
      m.share_signature = world.identity_of(part == 5 ? this->P2 : me).sign(message);
    };
    const Attack<C> a(3, 2, plan);
    EXPECT_EQ(a.end(2), "share is not signed by its dealer!");
  }
}

// attack 7: another commitment and opening for each recipient, each consistent in itself
TYPED_TEST(DkgAttack, AConsistentEquivocationIsFoundByTheEcho) {
  using C = TypeParam;
  DkgWorld<C> world(3, 2);
  SeededRng rng(11);
  std::optional<DkgDealing<C>> other;
  Plan<C> plan;
  plan.deal = [&](const SessionId& sid, PartyId me, DkgDealing<C>&) { other.emplace(dkg_deal<C>(sid, me, 2, rng)); };
  plan.round1 = [&](PartyId to, DkgRound1& m) {
    if (to == this->P2) m.C = other->commitment;
  };
  plan.round2 = [&](const SessionId& sid, PartyId me, PartyId to, DkgRound2<C>& m) {
    if (to == this->P2) m = decode<DkgRound2<C>>(encode(other->message_for(sid, me, to, world.identity_of(me))));
  };
  // ... even when it tells each honest party what that one wants to hear
  for (const bool lies : {false, true}) {
    std::map<PartyId, Digest> own_echo;
    if (lies) {
      Simulation<DkgWorld<C>> sim(world, 1);
      sim.replace(this->P3, [&](const SessionConfig& config) -> std::unique_ptr<AnySession> {
        return std::make_unique<Session<DkgResult<C>>>(config, DkgMessages<C>{}, &deviating_dkg<C>, world.parameters,
                                                       world.identity_of(config.me), plan);
      });
      rng = SeededRng(11);
      sim.watch = [&](const Wire& w) {
        if (w.tag == DkgRound3<C>::tag && w.from != this->P3) own_echo[w.from] = decode<DkgRound3<C>>(w.body).seen;
      };
      sim.run();
      rng = SeededRng(11);
      plan.round3 = [&](const DkgDealt<C>&, const PerPeer<DkgRound2<C>>&, PartyId to, DkgRound3<C>& m) {
        m.seen = own_echo.at(to);
      };
    }
    const Attack<C> a(3, 2, plan);
    QUORATE_EXPECT_ALL(a, "parties saw different broadcasts");
  }
}

TYPED_TEST(DkgAttack, TwinsNeverMakeTwoKeysAndNameNobodyHonest) {
  using C = TypeParam;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const unsigned n = 3 + static_cast<unsigned>(seed % 3);
    const DkgWorld<C> world(n, 2);
    Simulation<DkgWorld<C>> sim(world, seed);
    sim.split_brain(this->P1);
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    for (const PartyId i : sim.honest()) ASSERT_NE(outcomes[i].end, End::finished);
  }
}

// A lie in the echo alone names nobody: the liar may be an honest party who was told something else.
TYPED_TEST(DkgAttack, AWrongEchoNamesNobody) {
  using C = TypeParam;
  Plan<C> plan;
  plan.round3 = [&](const DkgDealt<C>&, const PerPeer<DkgRound2<C>>&, PartyId to, DkgRound3<C>& m) {
    if (to == this->P1) m.seen[0] ^= 1;
  };
  const Attack<C> a(3, 2, plan);
  EXPECT_EQ(a.end(1), "parties saw different broadcasts");
}

// ---- false complaints: the accuser is named, the accused never is

TYPED_TEST(DkgAttack, AFalseComplaintConvictsTheAccuser) {
  using C = TypeParam;
  enum { right_share, changed_share, no_signature, for_another, against_itself, against_a_stranger };
  for (int what = right_share; what <= against_a_stranger; ++what) {
    Plan<C> plan;
    plan.round3 = [&](const DkgDealt<C>& dealt, const PerPeer<DkgRound2<C>>& dealings, PartyId, DkgRound3<C>& m) {
      DkgComplaint<C> c{this->P1, dealt.commitment[this->P1], dealings[this->P1].share,
                        dealings[this->P1].share_signature};
      switch (what) {
        case right_share:
          break;
        case changed_share:
          c.share += Scalar<C>::one();
          break;
        case no_signature:
          c.share_signature = {};
          break;
        case for_another:
          c.dealer = this->P2, c.commitment = dealt.commitment[this->P2];
          break;
        case against_itself:
          c.dealer = this->P3, c.commitment = dealt.commitment[this->P3];
          break;
        default:
          c.dealer = PartyId(9);
      }
      m.complaints.push_back(c);
    };
    const Attack<C> a(3, 2, plan);
    QUORATE_EXPECT_ALL(a, "complaint without evidence!");
  }
}

// The evidence of one attempt convicts nobody in another, even under the same sid: a restarted node deals afresh.
TYPED_TEST(DkgAttack, EvidenceFromAnotherAttemptConvictsNobody) {
  using C = TypeParam;
  const DkgWorld<C> world(3, 2);
  SeededRng rng(99);
  const SessionId sid = Simulation<DkgWorld<C>>(world, 1).sid;
  DkgDealing<C> earlier = dkg_deal<C>(sid, this->P1, 2, rng);
  earlier.message_for(sid, this->P1, this->P3, world.identity_of(this->P1));
  for (const bool keep_commitment : {false, true}) {
    Plan<C> plan;
    plan.round3 = [&](const DkgDealt<C>& dealt, const PerPeer<DkgRound2<C>>&, PartyId, DkgRound3<C>& m) {
      m.complaints.push_back({this->P1, keep_commitment ? earlier.commitment : dealt.commitment[this->P1],
                              earlier.message.share, earlier.message.share_signature});
    };
    const Attack<C> a(3, 2, plan);
    QUORATE_EXPECT_ALL(a, keep_commitment ? "parties saw different broadcasts" : "complaint without evidence!");
  }
}

// ---- certificate

TYPED_TEST(DkgAttack, SignsAnotherCertificate) {
  using C = TypeParam;
  DkgWorld<C> world(3, 2);
  for (int part = 0; part < 4; ++part) {
    Plan<C> plan;
    plan.round4 = [&](const CertificateBody& body, PartyId to, DkgRound4& m) {
      if (to != this->P2) return;
      CertificateBody other = body;
      switch (part) {
        case 0:
          m.signature[0] ^= 1;
          return;
        case 1:
          m.signature = world.identity_of(this->P1).sign(view_of("whatever"));
          return;
        case 2:
          other.name = "mine";
          break;
        default:
          other.number = 2;
      }
      m.signature = sign_certificate(other, world.identity_of(this->P3));
    };
    const Attack<C> a(3, 2, plan);
    EXPECT_EQ(a.end(1), "finished");
    EXPECT_EQ(a.end(2), "certificate signature does not verify!");
  }
}

// Honest parties whose hosts disagree on what is asked stop before anything is signed, and accuse nobody.
TYPED_TEST(DkgAttack, DifferentParametersNameNobody) {
  using C = TypeParam;
  for (int part = 0; part < 5; ++part) {
    const DkgWorld<C> world(3, 2);
    DkgWorld<C> other(3, 2);
    switch (part) {
      case 0:
        other.parameters.name = "other";
        break;
      case 1:
        other.parameters.policy_digest[0] ^= 1;
        break;
      case 2:
        other.parameters.request_digest[0] ^= 1;
        break;
      case 3:
        other.parameters.config_version = 4;
        break;
      default:
        other.parameters.cluster_id[0] ^= 1;
    }
    Simulation<DkgWorld<C>> sim(world, 1);
    sim.replace(this->P3,
                [&](const SessionConfig& config) -> std::unique_ptr<AnySession> { return other.start(config); });
    int signatures = 0;
    sim.watch = [&](const Wire& w) { signatures += w.tag == DkgRound4::tag; };
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    for (const PartyId i : sim.honest()) {
      ASSERT_TRUE(outcomes[i].abort);
      EXPECT_EQ(outcomes[i].abort->reason, Reason::echo_mismatch);
    }
    EXPECT_EQ(signatures, 0);
  }
}

// ---- what must not be decoded: identity, off-curve, small-order, non-canonical; index 0 or past the last

TYPED_TEST(DkgAttack, BadPointsAndScalarsNameTheirSender) {
  using C = TypeParam;
  std::vector<Bytes> points;
  std::vector<Bytes> scalars;
  if constexpr (std::is_same_v<C, Secp256k1>) {
    points = {
        Bytes(33), *from_hex("04" + std::string(64, '0')), *from_hex("02" + std::string(64, 'f')),
        *from_hex("020000000000000000000000000000000000000000000000000000000000000005")};  // x = 5 is not on the curve
    scalars = {*from_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"), Bytes(32, 0xff)};  // q
  } else {
    Bytes identity(32);
    identity[0] = 1;
    points = {identity,
              Bytes(32),                                                                       // order 1, 4
              *from_hex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),   // order 2
              *from_hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),   // order 8
              *from_hex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),   // y = p
              *from_hex("0200000000000000000000000000000000000000000000000000000000000000")};  // not on the curve
    scalars = {*from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"), Bytes(32, 0xff)};  // q
  }
  const DkgWorld<C> world(3, 2);
  const auto expect_malformed = [&](std::size_t leaf, const Bytes& value) {
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
  };
  for (const Bytes& P : points)
    for (const std::size_t leaf : {1u, 2u}) expect_malformed(leaf, P);
  for (const Bytes& s : scalars)
    for (const std::size_t leaf : {4u, 5u, 11u}) expect_malformed(leaf, s);
}

TYPED_TEST(DkgAttack, AComplaintAgainstIndex0Or33NamesItsSender) {
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

TYPED_TEST(DkgAttack, EveryChangeOfEveryFieldIsNoticed) {
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
TYPED_TEST(DkgAttack, AReplayedSessionIsRefused) {
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
