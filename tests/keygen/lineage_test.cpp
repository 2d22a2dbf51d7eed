// Which complete certificates are believed: one test for each rule, over certificates of real runs and made-up ones.
#include "keygen/lineage.h"

#include "tests/keygen/reshare_world.h"

namespace quorate::test {
namespace {

constexpr std::uint64_t kToday = 1000;

// As its members and these dealers have signed it, and a client has asked for it.
Link made_up(const EdWorld& world, const CertificateBody& body, PartySet dealers) {
  Link link = world.link(world.base->certified(body, dealers));
  link.request.digest = body.request_digest;
  return link;
}

// 3 old members; 1 and 2 deal, 1 leaves.
struct Successor : testing::Test {
  const EdWorld world{3, 2, set_of({1, 2}), set_of({2, 3, 4}), 2};
  const CertificateBody& known = world.base->certificate.body;
  const Link next = [this] {
    Simulation<EdWorld> sim(world, 1);
    return world.link(sim.run()[PartyId(2)].result->certificate);
  }();

  // Of a body that its members and the dealers have signed.
  Succession after(std::function<void(Link&)> change) const {
    Link other = next;
    change(other);
    other.certificate = world.base->certified(other.certificate.body, set_of({1, 2}));
    return verify_successor(known, other);
  }
};

TEST_F(Successor, Follows) {
  EXPECT_EQ(verify_successor(known, next), Succession::follows);
  EXPECT_EQ(after([](Link&) {}), Succession::follows);
  EXPECT_EQ(verify_successor(next.certificate.body, next), Succession::another_key);
}

TEST_F(Successor, IsTheSameKeyUnderAnotherCertificate) {
  const auto of_body = [&](auto change) { return after([&](Link& l) { change(l.certificate.body); }); };
  EXPECT_EQ(of_body([](CertificateBody& b) { b.base_digest[0] ^= 1; }), Succession::another_key);
  EXPECT_EQ(of_body([](CertificateBody& b) { b.number = 3, b.base_number = 2; }), Succession::another_key);
  EXPECT_EQ(of_body([](CertificateBody& b) { b.base_number = 0, b.base_digest = {}; }), Succession::another_key);
  EXPECT_EQ(of_body([](CertificateBody& b) { b.cluster_id[0] ^= 1; }), Succession::another_key);
  EXPECT_EQ(of_body([](CertificateBody& b) { b.key_id[0] ^= 1; }), Succession::another_key);
  EXPECT_EQ(of_body([](CertificateBody& b) { b.name = "other"; }), Succession::another_key);
  EXPECT_EQ(of_body([](CertificateBody& b) { b.algorithm = Algorithm::schnorr_secp256k1; }), Succession::another_key);
  EXPECT_EQ(of_body([](CertificateBody& b) { b.chain_code_hash[0] ^= 1; }), Succession::another_key);
  EXPECT_EQ(of_body([](CertificateBody& b) { b.X[0] = b.X[1]; }), Succession::not_signed);
  // Another key's points, on one polynomial.
  const DealtBase<Ed25519> other(set_of({2, 3, 4}), 2, Algorithm::eddsa_ed25519, 2);
  EXPECT_EQ(of_body([&](CertificateBody& b) { b.Y = other.certificate.body.Y, b.X = other.certificate.body.X; }),
            Succession::another_key);
}

TEST_F(Successor, IsWhatItsRequestAsksFor) {
  const auto asked = [&](auto change) { return after([&](Link& l) { change(l.request); }); };
  EXPECT_EQ(asked([](ReshareRequest& r) { r.digest[0] ^= 1; }), Succession::not_asked);
  EXPECT_EQ(asked([](ReshareRequest& r) { r.key_id[0] ^= 1; }), Succession::not_asked);
  EXPECT_EQ(asked([](ReshareRequest& r) { r.Y[1] ^= 1; }), Succession::not_asked);
  EXPECT_EQ(asked([](ReshareRequest& r) { r.chain_code_hash[0] ^= 1; }), Succession::not_asked);
  EXPECT_EQ(asked([](ReshareRequest& r) { r.base[0] ^= 1; }), Succession::not_asked);
  EXPECT_EQ(asked([](ReshareRequest& r) { r.threshold = 3; }), Succession::not_asked);
  EXPECT_EQ(asked([](ReshareRequest& r) { r.nodes.pop_back(); }), Succession::not_asked);
  EXPECT_EQ(asked([](ReshareRequest& r) { r.nodes.push_back("node-5"); }), Succession::not_asked);
  EXPECT_EQ(asked([](ReshareRequest& r) { r.nodes[0] = "node-5"; }), Succession::not_asked);
  EXPECT_EQ(asked([](ReshareRequest& r) { r.nodes[0] = r.nodes[1]; }), Succession::not_asked);
  EXPECT_EQ(asked([](ReshareRequest& r) { std::swap(r.nodes[0], r.nodes[1]); }), Succession::follows);
}

// An old request is no use for a certificate that comes after newer ones.
TEST_F(Successor, HasANumberOfItsRequestsTime) {
  const auto asked = [&](std::uint64_t number, std::uint64_t created, std::uint64_t expires) {
    return after([&](Link& l) {
      l.certificate.body.number = number;
      l.request.created = created, l.request.expires = expires;
    });
  };
  const std::uint64_t day = 86'400'000;
  EXPECT_EQ(asked(day, day, day), Succession::follows);
  EXPECT_EQ(asked(day - kClockTolerance, day, 2 * day), Succession::follows);
  EXPECT_EQ(asked(day - kClockTolerance - 1, day, 2 * day), Succession::outside_window);
  EXPECT_EQ(asked(day + kClockTolerance, 0, day), Succession::follows);
  EXPECT_EQ(asked(day + kClockTolerance + 1, 0, day), Succession::outside_window);
  EXPECT_EQ(asked(~std::uint64_t{0}, 0, day), Succession::outside_window);
}

TEST_F(Successor, HasMembersThatTheClustersDocumentNames) {
  const auto cluster = [&](auto change) { return after([&](Link& l) { change(l.cluster); }); };
  EXPECT_EQ(cluster([](auto& c) { c.resize(4); }), Succession::follows);
  EXPECT_EQ(cluster([](auto& c) { c.resize(3); }), Succession::unknown_members);
  EXPECT_EQ(cluster([](auto& c) { std::swap(c[3].identity, c[4].identity); }), Succession::unknown_members);
  EXPECT_EQ(cluster([](auto& c) { c[3].node = "node-99"; }), Succession::unknown_members);
  // Nor does a former node deal, whose keys somebody may have by now.
  EXPECT_EQ(cluster([](auto& c) { c.erase(c.begin()); }), Succession::unknown_members);
  EXPECT_EQ(cluster([](auto& c) { c[0].identity = c[9].identity; }), Succession::unknown_members);
  // The document is not older than the base's.
  Link later = next;
  CertificateBody base = known;
  base.config_version = 7;
  later.certificate.body.base_digest = later.request.base = base.digest();
  for (const std::uint64_t version : {6u, 7u}) {
    later.certificate.body.config_version = version;
    later.certificate = world.base->certified(later.certificate.body, set_of({1, 2}));
    EXPECT_EQ(verify_successor(base, later), version == 6 ? Succession::unknown_members : Succession::follows);
  }
}

// Former members who are all corrupt by now sign what they like: it takes t members of the base to have dealt it.
TEST_F(Successor, IsSignedByTheHoldersWhoDealtIt) {
  const CertificateBody& body = next.certificate.body;
  const auto by = [&](PartySet dealers) { return verify_successor(known, made_up(world, body, dealers)); };
  for (const PartySet dealers : subsets(PartySet::first(3), 2)) EXPECT_EQ(by(dealers), Succession::follows);
  EXPECT_EQ(by({}), Succession::not_dealt);
  EXPECT_EQ(by(set_of({1})), Succession::not_dealt);
  EXPECT_EQ(by(set_of({1, 2, 3})), Succession::not_dealt);
  EXPECT_EQ(by(set_of({1, 4})), Succession::not_dealt);  // 4 is no member of the base
  Link other = next;
  const std::size_t n = body.committee.size();
  auto& signatures = other.certificate.signatures;
  signatures[n + 1] = signatures[n];  // one of them twice
  EXPECT_EQ(verify_successor(known, other), Succession::not_dealt);
  other = next;
  std::swap(signatures[n], signatures[n + 1]);
  EXPECT_EQ(verify_successor(known, other), Succession::not_dealt);
  CertificateBody same_committee = known;
  same_committee.sid[0] ^= 1;
  EXPECT_EQ(dealers_of(known, next.certificate), set_of({1, 2}));
  EXPECT_FALSE(dealers_of(same_committee, next.certificate));
  CertificateBody renumbered = body;
  ++renumbered.base_number;  // of the same base
  EXPECT_FALSE(dealers_of(known, world.base->certified(renumbered, set_of({1, 2}))));
  // What lies in memory behind the last signature is none.
  other = made_up(world, body, set_of({1, 2, 3}));
  other.certificate.signatures.pop_back();
  EXPECT_EQ(dealers_of(known, other.certificate), set_of({1, 2}));
  // What a member signs is not what a dealer signs.
  other = next;
  signatures[n + 1] = signatures[0];  // 2's as a member
  EXPECT_EQ(verify_successor(known, other), Succession::not_dealt);
}

TEST_F(Successor, IsSignedByAllItsMembers) {
  for (std::size_t k = 0; k < 3; ++k) {
    Link other = next;
    other.certificate.signatures[k][5] ^= 1;
    EXPECT_EQ(verify_successor(known, other), Succession::not_signed);
  }
  Link other = next;
  auto& signatures = other.certificate.signatures;
  signatures[1] = sign_dealing(other.certificate.body, world.base->identities.at(PartyId(3)));
  EXPECT_EQ(verify_successor(known, other), Succession::not_signed);
  other = next;
  signatures.erase(signatures.begin());
  EXPECT_NE(verify_successor(known, other), Succession::follows);
  other = next;
  signatures.resize(signatures.size() + 1);
  EXPECT_NE(verify_successor(known, other), Succession::follows);
}

TEST_F(Successor, WithoutDealersIsNoCertificateOfAReshare) {
  EXPECT_TRUE(verify_certificate(next.certificate));
  for (std::size_t more = 0; more < 2; ++more) {
    KeyCertificate few = next.certificate;
    few.signatures.resize(3 + more);
    EXPECT_FALSE(verify_certificate(few));
  }
  KeyCertificate generated = world.base->certificate;
  EXPECT_TRUE(verify_certificate(generated));
  generated.signatures.resize(generated.signatures.size() + 2);
  EXPECT_FALSE(verify_certificate(generated));
}

// ---- lineage

// One committee {1, 2, 3} all along.
struct Chain : testing::Test {
  const EdWorld world{3, 2, set_of({1, 2}), PartySet::first(3), 2};
  const CertificateBody root = world.base->certificate.body;
  const Lineage lineage = *Lineage::restore({root});

  Link link(const CertificateBody& base, std::uint64_t number, std::uint8_t request) const {
    CertificateBody body = root;
    body.number = number;
    body.base_number = base.number;
    body.base_digest = base.digest();
    body.request_digest = Digest{request};
    Link link = made_up(world, body, set_of({1, 2}));
    link.request.base = body.base_digest;
    return link;
  }
  static const CertificateBody& body(const Link& link) { return link.certificate.body; }
  using Links = std::vector<Link>;
};

TEST_F(Chain, IsBelievedLinkByLink) {
  const Link a = link(root, 10, 1), b = link(body(a), 20, 2), c = link(body(b), 30, 3);
  const auto all = lineage.followed_by(Links{a, b, c}, kToday);
  ASSERT_EQ(all.verdict, Succession::follows);
  EXPECT_EQ(all.lineage->in_force().digest(), body(c).digest());
  EXPECT_EQ(all.lineage->bodies().size(), 4u);
  EXPECT_TRUE(Lineage::restore(all.lineage->bodies()));
  EXPECT_EQ(lineage.followed_by(Links{}, kToday).verdict, Succession::too_long);
  EXPECT_EQ(lineage.followed_by(Links{b, c}, kToday).verdict, Succession::unknown_base);
  EXPECT_EQ(lineage.followed_by(Links{a, c}, kToday).verdict, Succession::another_key);
  EXPECT_EQ(all.lineage->followed_by(Links{c}, kToday).verdict, Succession::not_greater);
  EXPECT_EQ(all.lineage->followed_by(Links{a}, kToday).verdict, Succession::not_greater);
  Link forged = b;
  forged.certificate.signatures.back()[0] ^= 1;
  EXPECT_EQ(lineage.followed_by(Links{a, forged, c}, kToday).verdict, Succession::not_dealt);
  for (const auto& refused : {lineage.followed_by(Links{b}, kToday), lineage.followed_by(Links{a, forged}, kToday)})
    EXPECT_FALSE(refused.lineage);
}

TEST_F(Chain, IsTakenOnceItsTimeHasCome) {
  const Link a = link(root, kToday + kClockTolerance + 5, 1);
  EXPECT_EQ(lineage.followed_by(Links{a}, kToday).verdict, Succession::ahead_of_clock);
  EXPECT_EQ(lineage.followed_by(Links{a}, kToday + 5).verdict, Succession::follows);
}

// A rival from a base that is not in force any more: whoever has seen which first ends with the greater.
TEST_F(Chain, AGreaterRivalIsTakenFromACommonAncestor) {
  const Link a = link(root, 10, 1), b = link(body(a), 20, 2), rival = link(root, 30, 3);
  const Lineage seen = *lineage.followed_by(Links{a, b}, kToday).lineage;
  const auto changed = seen.followed_by(Links{rival}, kToday);
  ASSERT_EQ(changed.verdict, Succession::follows);
  EXPECT_EQ(changed.lineage->bodies().size(), 2u);
  EXPECT_EQ(changed.lineage->in_force().digest(), body(rival).digest());
  const auto straight = lineage.followed_by(Links{rival}, kToday);
  EXPECT_EQ(straight.lineage->in_force().digest(), changed.lineage->in_force().digest());
  EXPECT_EQ(changed.lineage->followed_by(Links{a, b}, kToday).verdict, Succession::not_greater);
  EXPECT_EQ(seen.followed_by(Links{link(root, 15, 3)}, kToday).verdict, Succession::not_greater);
}

TEST_F(Chain, OfOneNumberTheGreaterDigestFollows) {
  const Link a = link(root, 10, 1), b = link(root, 10, 2);
  const bool a_is_less = name_of(body(a)) < name_of(body(b));
  const Link& lesser = a_is_less ? a : b;
  const Link& greater = a_is_less ? b : a;
  EXPECT_EQ(lineage.followed_by(Links{lesser}, kToday).lineage->followed_by(Links{greater}, kToday).verdict,
            Succession::follows);
  EXPECT_EQ(lineage.followed_by(Links{greater}, kToday).lineage->followed_by(Links{lesser}, kToday).verdict,
            Succession::not_greater);
}

// Former members who all are corrupt later, with a request that was served, and t holders of the certificate that they
// name as base: a request leads to one certificate of a lineage, and to the greatest of its own attempts.
TEST_F(Chain, ARequestIsServedOnce) {
  const Link a = link(root, 10, 1), b = link(body(a), 20, 2);
  const Lineage seen = *lineage.followed_by(Links{a, b}, kToday).lineage;
  EXPECT_EQ(seen.followed_by(Links{link(body(b), 30, 1)}, kToday).verdict, Succession::used_request);
  EXPECT_EQ(seen.followed_by(Links{link(body(a), 30, 1)}, kToday).verdict, Succession::used_request);
  EXPECT_EQ(lineage.followed_by(Links{a, link(body(a), 30, 1)}, kToday).verdict, Succession::used_request);
  // Another attempt for the same request from the same base is a rival like others.
  EXPECT_EQ(seen.followed_by(Links{link(root, 30, 1)}, kToday).verdict, Succession::follows);
}

TEST_F(Chain, IsBounded) {
  std::vector<CertificateBody> bodies{root};
  while (bodies.size() < kMaxLineage) {
    CertificateBody body = root;
    body.number = bodies.size() + 1;
    body.base_number = bodies.back().number;
    body.base_digest = bodies.back().digest();
    body.request_digest = Digest{1, static_cast<std::uint8_t>(bodies.size())};
    bodies.push_back(body);
  }
  const auto full = Lineage::restore(bodies);
  ASSERT_TRUE(full);
  const Link more = link(bodies.back(), 500, 200);
  const auto next = full->followed_by(Links{more}, kToday);
  ASSERT_EQ(next.verdict, Succession::follows);
  EXPECT_EQ(next.lineage->bodies().size(), kMaxLineage);
  EXPECT_EQ(next.lineage->bodies().front().number, 2u);  // the oldest is forgotten
  EXPECT_EQ(full->followed_by(Links(kMaxLineage, more), kToday).verdict, Succession::too_long);
  bodies.push_back(body(more));
  EXPECT_FALSE(Lineage::restore(bodies));
  Lineage younger = *Lineage::restore({bodies.begin() + 1, bodies.end()});
  EXPECT_FALSE(younger.remember_older(root));  // no room
  bodies.erase(bodies.begin() + 7);
  EXPECT_FALSE(Lineage::restore(bodies));  // a gap
  EXPECT_FALSE(Lineage::restore({}));
}

// ---- a node that has never heard of the key

TEST_F(Chain, ANewMemberTakesTheBaseThatTheRequestNames) {
  const Link a = link(root, 10, 1), b = link(body(a), 20, 2), c = link(body(b), 30, 3);
  const auto& cluster = c.cluster;
  const auto first = Lineage::first(b.certificate, cluster, c.request);
  ASSERT_EQ(first.verdict, Succession::follows);
  Lineage mine = *first.lineage;
  EXPECT_EQ(mine.followed_by(Links{c}, kToday).verdict, Succession::follows);

  // What came before it needs no other proof, and makes a rival from there intelligible.
  const Link rival = link(root, 40, 4);
  EXPECT_EQ(mine.followed_by(Links{rival}, kToday).verdict, Succession::unknown_base);
  EXPECT_FALSE(mine.remember_older(root));
  CertificateBody forged = body(a);
  forged.committee = world.base->committee(set_of({1, 2, 4}), 2);
  EXPECT_FALSE(mine.remember_older(forged));
  EXPECT_TRUE(mine.remember_older(body(a)));
  EXPECT_TRUE(mine.remember_older(root));
  EXPECT_EQ(mine.followed_by(Links{rival}, kToday).verdict, Succession::follows);
}

// Two corrupt nodes make a certificate of a key of their own, for others to become members of.
TEST_F(Chain, ANewMemberTakesNoOtherKeyAsBase) {
  const Link a = link(root, 10, 1), b = link(body(a), 20, 2);
  const auto first = [&](const KeyCertificate& base, const ReshareRequest& asked) {
    return Lineage::first(base, b.cluster, asked).verdict;
  };
  EXPECT_EQ(first(a.certificate, b.request), Succession::follows);
  EXPECT_EQ(first(b.certificate, b.request), Succession::not_asked);
  const DealtBase<Ed25519> fake(PartySet::first(3), 2, Algorithm::eddsa_ed25519, 9);
  CertificateBody body = fake.certificate.body;
  body.key_id = root.key_id;
  body.committee = root.committee;
  const KeyCertificate theirs = world.base->certified(body);
  EXPECT_EQ(first(theirs, b.request), Succession::not_asked);
  ReshareRequest asked = b.request;
  asked.base = body.digest();  // a request that names this one, but another key than it is
  EXPECT_EQ(first(theirs, asked), Succession::not_asked);
  asked.Y = body.Y;
  EXPECT_EQ(first(theirs, asked), Succession::not_asked);
  asked.chain_code_hash = body.chain_code_hash;
  EXPECT_EQ(first(theirs, asked), Succession::follows);
  asked.key_id[0] ^= 1;
  EXPECT_EQ(first(theirs, asked), Succession::not_asked);

  KeyCertificate unsigned_one = a.certificate;
  unsigned_one.signatures[1][0] ^= 1;
  EXPECT_EQ(first(unsigned_one, b.request), Succession::not_signed);
  EXPECT_EQ(Lineage::first(a.certificate, {b.cluster.begin() + 1, b.cluster.end()}, b.request).verdict,
            Succession::unknown_members);
}

}  // namespace
}  // namespace quorate::test
