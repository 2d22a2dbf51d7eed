// A share from its record: nothing on the curve is computed, and nothing but the very record passes.
#include "tests/keygen/dkg_world.h"

namespace quorate::test {
namespace {

template <class C>
struct StoredShare : testing::Test {
  const PartyId P1{1}, P2{2};
  SecretBytes stored;
  CertificateBody body;
  KeyPoints<C> points;

  StoredShare() {
    const DkgWorld<C> world(3, 2);
    Simulation<DkgWorld<C>> sim(world, 1);
    const auto outcomes = sim.run();
    stored = sim.durable[P1].at(0);
    body = outcomes[P1].result->certificate.body;
    points = KeyPoints<C>::of(body).value();
  }
  bool loads(ByteView record) const { return stored_share(record, body, points, P1).has_value(); }
};
TYPED_TEST_SUITE(StoredShare, Curves, CurveNames);

TYPED_TEST(StoredShare, IsTheOneThatWasStored) {
  using C = TypeParam;
  const auto share = stored_share(this->stored, this->body, this->points, this->P1);
  ASSERT_TRUE(share);
  EXPECT_EQ(encode(*share), encode(decode<PreparedShare<C>>(this->stored).share));
  EXPECT_TRUE(share->is_valid());
  EXPECT_TRUE(share->belongs_to(this->body, this->P1));
}

// attack 59: no other byte anywhere but in x_i, which the storage's own seal covers
TYPED_TEST(StoredShare, NothingElsePasses) {
  using C = TypeParam;
  const auto with = [&](auto change) {
    auto prepared = decode<PreparedShare<C>>(this->stored);
    change(prepared.share);
    return encode(prepared);
  };
  const std::size_t end = encode(decode<PreparedShare<C>>(this->stored).share).size();
  for (std::size_t at = 0; at < this->stored.size(); ++at) {
    if (at >= end - 64 && at < end - 32) continue;  // x_i
    SecretBytes changed = this->stored;
    changed[at] ^= 1;
    EXPECT_FALSE(this->loads(changed)) << at;
  }
  EXPECT_FALSE(this->loads(with([](auto& share) { share.x_i = Scalar<C>::zero(); })));
  EXPECT_FALSE(this->loads(with([](auto& share) { share.chain_code.expose()[31] ^= 1; })));
  EXPECT_FALSE(this->loads(ByteView(this->stored).first(this->stored.size() - 1)));
  EXPECT_FALSE(this->loads({}));
  SecretBytes longer = this->stored;
  longer.push_back(0);
  EXPECT_FALSE(this->loads(longer));
  longer = this->stored;
  longer.insert(longer.begin() + static_cast<std::ptrdiff_t>(end), 0);
  EXPECT_FALSE(this->loads(longer));
}

TYPED_TEST(StoredShare, AScalarThatIsNotCanonicalIsRefused) {
  using C = TypeParam;
  const std::size_t end = encode(decode<PreparedShare<C>>(this->stored).share).size();
  SecretBytes changed = this->stored;
  std::fill_n(changed.begin() + static_cast<std::ptrdiff_t>(end - 64), 32, std::uint8_t{0xff});
  EXPECT_FALSE(this->loads(changed));
}

TYPED_TEST(StoredShare, IsBoundToMemberAndCertificate) {
  EXPECT_FALSE(stored_share(this->stored, this->body, this->points, this->P2));
  EXPECT_FALSE(stored_share(this->stored, this->body, this->points, PartyId(9)));
  auto stranger = decode<PreparedShare<TypeParam>>(this->stored);  // who it says that it is, and no member
  stranger.share.me = PartyId(9);
  EXPECT_FALSE(stored_share(encode(stranger), this->body, this->points, PartyId(9)));
  CertificateBody other = this->body;
  other.policy_digest[0] ^= 1;
  EXPECT_FALSE(stored_share(this->stored, other, this->points, this->P1));
  auto changed = this->points;
  changed.Y = changed.Y + Point<TypeParam>::generator();
  EXPECT_FALSE(stored_share(this->stored, this->body, changed, this->P1));
  changed = this->points;
  changed.X[2] = changed.X[1];
  EXPECT_FALSE(stored_share(this->stored, this->body, changed, this->P1));
}

TYPED_TEST(StoredShare, PointsOfACertificateAreCheckedOnce) {
  using C = TypeParam;
  CertificateBody other = this->body;
  std::swap(other.X[0], other.X[1]);
  EXPECT_FALSE(KeyPoints<C>::of(other));
  other = this->body;
  other.algorithm = std::is_same_v<C, Ed25519> ? Algorithm::schnorr_secp256k1 : Algorithm::eddsa_ed25519;
  EXPECT_FALSE(KeyPoints<C>::of(other));
  // A good certificate, of the other curve.
  using Other = std::conditional_t<std::is_same_v<C, Ed25519>, Secp256k1, Ed25519>;
  const DkgWorld<Other> world(3, 2);
  Simulation<DkgWorld<Other>> sim(world, 1);
  const CertificateBody good = sim.run()[this->P1].result->certificate.body;
  EXPECT_TRUE(KeyPoints<Other>::of(good));
  EXPECT_FALSE(KeyPoints<C>::of(good));
}

}  // namespace
}  // namespace quorate::test
