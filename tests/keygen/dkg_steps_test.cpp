// The step functions by themselves, for what no run can reach; shares and certificates as records.
#include "tests/keygen/dkg_world.h"

namespace quorate::test {
namespace {

template <class C>
class DkgSteps : public testing::Test {
 protected:
  const PartyId P1{1}, P2{2};
  SeededRng rng{1};
  const SessionId sid{Digest{1}};

  // One finished run of two.
  DkgResult<C> result(unsigned n = 2, unsigned t = 2) {
    const DkgWorld<C> world(n, t);
    Simulation<DkgWorld<C>> sim(world, 1);
    auto outcomes = sim.run();
    return std::move(*outcomes[PartyId(1)].result);
  }
};
TYPED_TEST_SUITE(DkgSteps, Curves, CurveNames);

// attack 17: Y or an X_j that is the identity. Commit–reveal makes it unreachable, the check stays.
TYPED_TEST(DkgSteps, AnIdentitySumGivesNoKey) {
  using C = TypeParam;
  const DkgWorld<C> world(2, 2);
  const auto combine = [&](const Scalar<C>& a0, const Scalar<C>& a1, const Scalar<C>& b0, const Scalar<C>& b1) {
    DkgDealt<C> dealt(world.parties());
    dealt.F[this->P1] = {Point<C>::base(a0), Point<C>::base(a1)};
    dealt.F[this->P2] = {Point<C>::base(b0), Point<C>::base(b1)};
    return sum_of_dealings(dealt.F, world.parameters.committee).has_value();
  };
  const auto s = [](std::uint64_t v) { return Scalar<C>::from_u64(v); };
  EXPECT_TRUE(combine(s(3), s(5), s(7), s(11)));
  EXPECT_FALSE(combine(s(3), s(5), -s(3), s(11)));  // Y = 0
  EXPECT_FALSE(combine(s(3), s(5), s(7), -s(15)));  // X_1 = 3+7+5−15 = 0
  EXPECT_FALSE(combine(s(3), s(5), s(7), -s(10)));  // X_2 = 10 + 2·(5−10) = 0
  EXPECT_TRUE(combine(s(3), s(5), s(7), -s(5)));    // a sum of top coefficients that vanishes leaves a valid key
}

TYPED_TEST(DkgSteps, MisdealersAreNamedUnlessTheirErrorsCancelOut) {
  using C = TypeParam;
  const DkgWorld<C> world(3, 2);
  const PartyId third_dealer(3);
  DkgDealt<C> dealt(world.parties());
  for (const PartyId i : world.parties()) {
    const auto f = Polynomial<C>::random(2, this->rng, Scalar<C>::random(this->rng));
    dealt.F[i] = f.commit();
    dealt.share[i] = f.at(this->P1);
  }
  const auto points = sum_of_dealings(dealt.F, world.parameters.committee);
  const Point<C>* X_1 = public_share(points, world.parameters.committee, this->P1);
  ASSERT_NE(X_1, nullptr);
  EXPECT_EQ(*X_1, Point<C>::base(sum_of_shares(dealt.share)));
  EXPECT_EQ(public_share(points, world.parameters.committee, PartyId(4)), nullptr);
  EXPECT_EQ(public_share(std::optional<KeyPoints<C>>(), world.parameters.committee, this->P1), nullptr);
  const auto named = [&](const Point<C>* X) { return misdealers<C>(this->P1, dealt, X); };
  const PartySet nobody, second = PartySet({this->P2}), third = PartySet({third_dealer});
  EXPECT_EQ(named(X_1), nobody);
  EXPECT_EQ(named(nullptr), nobody);
  dealt.share[this->P2] += Scalar<C>::one();
  EXPECT_EQ(named(X_1), second);
  EXPECT_EQ(named(nullptr), second);
  dealt.share[third_dealer] += Scalar<C>::one();
  EXPECT_EQ(named(X_1), second | third);
  dealt.share[third_dealer] += -(Scalar<C>::one() + Scalar<C>::one());
  EXPECT_EQ(named(X_1), nobody);  // x_1 is what it has to be
  EXPECT_EQ(named(nullptr), second | third);
}

TYPED_TEST(DkgSteps, AShareIsBoundToItsKeyPartyAndNumber) {
  using C = TypeParam;
  const DkgResult<C> r = this->result(3, 2);
  const CertificateBody& body = r.certificate.body;
  EXPECT_TRUE(r.share.belongs_to(body, this->P1));
  EXPECT_FALSE(r.share.belongs_to(body, this->P2));

  const SecretBytes stored = encode(r.share);
  const auto back = decode<KeyShare<C>>(stored);
  EXPECT_TRUE(back.belongs_to(body, this->P1));
  EXPECT_EQ(encode(back), stored);
  EXPECT_TRUE(back.x_i.equals(r.share.x_i));
  EXPECT_EQ(back.X_of(this->P2), r.share.X_of(this->P2));

  // attack 59: whatever is changed in a stored row, it does not decode or belongs to something else
  const auto leaves = leaves_of<KeyShare<C>>(stored);
  for (std::size_t leaf = 0; leaf < leaves.size(); ++leaf) {
    for (int how = 0; how < 2; ++how) {
      SecretBytes changed = stored;
      try {
        if (how == 0)
          changed[leaves[leaf].offset + leaves[leaf].length - 1] ^= 1;
        else {
          // as decoded without its checks, another valid value
          KeyShare<C> share = decode<KeyShare<C>>(stored);
          std::size_t index = leaf;
          ASSERT_TRUE(randomize_leaf(share, index, this->rng));
          changed = encode(share);
        }
        if (changed == stored) continue;  // the same algorithm drawn again
        const auto share = decode<KeyShare<C>>(changed);
        EXPECT_FALSE(share.belongs_to(body, this->P1)) << "leaf " << leaf;
      } catch (const Malformed&) {
      }
    }
  }
}

TYPED_TEST(DkgSteps, AShareThatDoesNotFitIsInvalid) {
  using C = TypeParam;
  const DkgResult<C> r = this->result(3, 2);
  const SecretBytes stored = encode(r.share);
  const auto invalid = [&](auto&& change) {
    auto share = decode<KeyShare<C>>(stored);
    change(share);
    return !share.is_valid();
  };
  EXPECT_FALSE(invalid([](auto&) {}));
  EXPECT_TRUE(invalid([](auto& s) { s.version = 2; }));
  EXPECT_TRUE(invalid([](auto& s) { s.number = 0; }));
  EXPECT_TRUE(invalid([](auto& s) { s.x_i += Scalar<C>::one(); }));
  EXPECT_TRUE(invalid([&](auto& s) { s.me = this->P2; }));
  EXPECT_TRUE(invalid([](auto& s) { s.me = PartyId(9); }));
  EXPECT_TRUE(invalid([](auto& s) { s.Y = s.Y + Point<C>::generator(); }));
  EXPECT_TRUE(invalid([](auto& s) { s.X[2] = s.X[2] + Point<C>::generator(); }));
  EXPECT_TRUE(invalid([](auto& s) { s.X.pop_back(); }));
  EXPECT_TRUE(invalid([](auto& s) {
    s.algorithm = std::is_same_v<C, Ed25519> ? Algorithm::schnorr_secp256k1 : Algorithm::eddsa_ed25519;
  }));
}

TYPED_TEST(DkgSteps, AShareOfAnotherCertificateDoesNotBelong) {
  using C = TypeParam;
  const DkgResult<C> r = this->result(3, 2);
  const SecretBytes stored = encode(r.share);
  const auto foreign = [&](auto&& change) {
    auto share = decode<KeyShare<C>>(stored);
    change(share);
    return !share.belongs_to(r.certificate.body, this->P1);
  };
  const Point<C> G = Point<C>::generator();
  SeededRng other(3);
  EXPECT_FALSE(foreign([](auto&) {}));
  EXPECT_TRUE(foreign([](auto& s) { s.certificate[0] ^= 1; }));
  EXPECT_TRUE(foreign([](auto& s) { s.key_id[0] ^= 1; }));
  EXPECT_TRUE(foreign([](auto& s) { s.number = 2; }));
  EXPECT_TRUE(foreign([](auto& s) { s.algorithm = Algorithm::ecdsa_secp256k1; }));
  EXPECT_TRUE(foreign([&](auto& s) { s.committee = *Committee::make(2, random_members(3, other)); }));
  EXPECT_TRUE(foreign([&](auto& s) { s.Y = s.Y + G; }));
  EXPECT_TRUE(foreign([&](auto& s) { s.X[2] = s.X[2] + G; }));
  EXPECT_TRUE(foreign([](auto& s) { s.X.pop_back(); }));
  EXPECT_TRUE(foreign([&](auto& s) { s.X.push_back(G); }));
  EXPECT_TRUE(foreign([](auto& s) { s.chain_code.expose()[0] ^= 1; }));
}

// Every field of a certificate is signed, and every rule of its body is checked.
TYPED_TEST(DkgSteps, EveryFieldOfACertificateCounts) {
  using C = TypeParam;
  const DkgResult<C> r = this->result(3, 2);
  EXPECT_TRUE(verify_certificate(r.certificate));
  const SecretBytes bytes = encode(r.certificate);
  EXPECT_TRUE(verify_certificate(decode<KeyCertificate>(bytes)));
  const auto leaves = leaves_of<KeyCertificate>(bytes);
  EXPECT_GT(leaves.size(), 30u);
  for (std::size_t leaf = 0; leaf < leaves.size(); ++leaf) {
    SecretBytes changed = bytes;
    changed[leaves[leaf].offset + leaves[leaf].length - 1] ^= 1;
    try {
      EXPECT_FALSE(verify_certificate(decode<KeyCertificate>(changed))) << "leaf " << leaf;
    } catch (const Malformed&) {
    }
    KeyCertificate other = r.certificate;
    std::size_t index = leaf;
    ASSERT_TRUE(randomize_leaf(other, index, this->rng));
    if (encode(other) == bytes) continue;  // the same algorithm drawn again
    EXPECT_FALSE(verify_certificate(other)) << "leaf " << leaf;
  }
  SecretBytes longer = bytes;
  longer.push_back(0);
  EXPECT_THROW(decode<KeyCertificate>(longer), Malformed);
}

TYPED_TEST(DkgSteps, ACertificateBodyMustFitTogetherEvenIfAllSignIt) {
  using C = TypeParam;
  const DkgResult<C> r = this->result(3, 2);
  const auto bad = [&](auto&& change) {
    CertificateBody body = r.certificate.body;
    change(body);
    return !verify_certificate_body(body);
  };
  const Point<C> G = Point<C>::generator();
  const auto encoded = [](const Point<C>& P) {
    const auto bytes = P.bytes();
    return EncodedPoint(bytes.begin(), bytes.end());
  };
  EXPECT_FALSE(bad([](CertificateBody&) {}));
  EXPECT_TRUE(bad([&](CertificateBody& b) { b.Y = encoded(r.share.Y + G); }));
  for (std::size_t j = 0; j < 3; ++j) EXPECT_TRUE(bad([&](CertificateBody& b) { b.X[j] = encoded(r.share.X[j] + G); }));
  EXPECT_TRUE(bad([](CertificateBody& b) { b.X[1].clear(); }));
  EXPECT_TRUE(bad([](CertificateBody& b) { b.Y.clear(); }));
  EXPECT_TRUE(bad([](CertificateBody& b) { b.X.pop_back(); }));
  EXPECT_TRUE(bad([](CertificateBody& b) { b.number = 0; }));
  EXPECT_TRUE(bad([](CertificateBody& b) { b.base_number = 1, b.base_digest[0] = 1; }));  // not before this one
  EXPECT_TRUE(bad([](CertificateBody& b) { b.number = 5, b.base_number = 1; }));          // a base without its digest
  EXPECT_TRUE(bad([](CertificateBody& b) { b.number = 5, b.base_digest[0] = 1; }));       // a digest without a number
  EXPECT_FALSE(bad([](CertificateBody& b) { b.number = 5, b.base_number = 4, b.base_digest[0] = 1; }));
  EXPECT_TRUE(bad([](CertificateBody& b) { b.algorithm = Algorithm::unset; }));
  EXPECT_TRUE(bad([](CertificateBody& b) { b.committee = Committee(); }));
  EXPECT_TRUE(bad([](CertificateBody& b) {
    b.algorithm = std::is_same_v<C, Ed25519> ? Algorithm::schnorr_secp256k1 : Algorithm::eddsa_ed25519;
  }));
  // Points of degree 2 are not a key of threshold 2.
  SeededRng other(4);
  const auto f = Polynomial<C>::random(3, other, Scalar<C>::random(other));
  EXPECT_TRUE(bad([&](CertificateBody& b) {
    b.Y = encoded(Point<C>::base(f.coefficient(0)));
    for (unsigned j = 1; j <= 3; ++j) b.X[j - 1] = encoded(Point<C>::base(f.at(PartyId(j))));
  }));
  // Everyone's signature does not make up for it.
  const DkgWorld<C> world(3, 2);
  KeyCertificate misfit = r.certificate;
  misfit.body.Y = encoded(r.share.Y + G);
  for (const PartyId j : world.parties())
    misfit.signatures[world.parties().position(j)] = sign_certificate(misfit.body, world.identity_of(j));
  for (const PartyId j : world.parties())
    EXPECT_TRUE(verify_certificate_signature(misfit.body, j, misfit.signatures[world.parties().position(j)]));
  EXPECT_FALSE(verify_certificate(misfit));
  KeyCertificate unsigned_one = r.certificate;
  unsigned_one.signatures.pop_back();
  EXPECT_FALSE(verify_certificate(unsigned_one));
  CertificateBody another_version = r.certificate.body;
  another_version.version = 2;
  EXPECT_THROW(decode<CertificateBody>(encode(another_version)), Malformed);
}

TEST(AlgorithmNames, AreTheApis) {
  for (const auto a : {Algorithm::ecdsa_secp256k1, Algorithm::eddsa_ed25519, Algorithm::schnorr_secp256k1})
    EXPECT_EQ(parse_algorithm(name_of(a)), a);
  EXPECT_EQ(name_of(Algorithm::ecdsa_secp256k1), "ecdsa-secp256k1");
  EXPECT_EQ(name_of(Algorithm::eddsa_ed25519), "eddsa-ed25519");
  EXPECT_EQ(name_of(Algorithm::schnorr_secp256k1), "schnorr-secp256k1");
  EXPECT_FALSE(parse_algorithm("unset"));
  EXPECT_FALSE(parse_algorithm(""));
  EXPECT_THROW(decode<AlgorithmField>(Bytes{0}), Malformed);
  EXPECT_THROW(decode<AlgorithmField>(Bytes{4}), Malformed);
}

}  // namespace
}  // namespace quorate::test
