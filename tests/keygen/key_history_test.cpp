// What may be signed, what is in force, what is deleted: the rules by themselves, and over real certificates.
#include "keygen/key_history.h"

#include "tests/keygen/reshare_world.h"

namespace quorate::test {
namespace {

constexpr std::uint64_t kNow = 1'700'000'000'000;

CertificateBody body_of(std::uint64_t number, const CertificateBody* base = nullptr, std::uint8_t variant = 0) {
  CertificateBody body;
  body.algorithm = Algorithm::eddsa_ed25519;
  body.number = number;
  body.request_digest[0] = variant;
  if (base != nullptr) body.base_number = base->number, body.base_digest = base->digest();
  return body;
}

struct Epochs : testing::Test {
  const CertificateBody first = body_of(1);
  KeyHistory node = active(first);

  static KeyHistory active(const CertificateBody& body) {
    KeyHistory history;
    history.signed_for(body);
    history.complete(body);
    return history;
  }
  CertificateBody next(std::uint64_t number, std::uint8_t variant = 0) const {
    return body_of(number, &first, variant);
  }
  static std::vector<std::uint64_t> numbers(const KeyHistory& history) {
    std::vector<std::uint64_t> numbers;
    for (const CertificateName& p : history.prepared()) numbers.push_back(p.number);
    return numbers;
  }
};
using List = std::vector<std::uint64_t>;

TEST_F(Epochs, AKeyIsBornWithoutABase) {
  node = KeyHistory();
  EXPECT_EQ(node.highest(), 0u);
  EXPECT_EQ(node.may_sign(first, kNow), MaySign::yes);
  EXPECT_EQ(node.may_sign(next(2), kNow), MaySign::other_base);  // the base is taken first
  EXPECT_EQ(node.may_sign(body_of(0), kNow), MaySign::used_number);
  node.signed_for(first);
  EXPECT_EQ(node.may_sign(first, kNow), MaySign::used_number);
  EXPECT_FALSE(node.active());
  const auto done = node.complete(first);
  EXPECT_TRUE(done.activates && done.with_share && done.obsolete.empty());
  EXPECT_EQ(node.active(), name_of(first));
  EXPECT_EQ(node.highest(), 1u);
}

// attack 43: one certificate for each number, and only greater ones
TEST_F(Epochs, ANumberIsSignedOnce) {
  EXPECT_EQ(node.may_sign(next(1), kNow), MaySign::used_number);
  EXPECT_EQ(node.may_sign(next(5), kNow), MaySign::yes);
  node.signed_for(next(5));
  EXPECT_EQ(node.highest(), 5u);
  for (const std::uint64_t number : List{1, 2, 4, 5})
    EXPECT_EQ(node.may_sign(next(number, 1), kNow), MaySign::used_number) << number;
  EXPECT_EQ(node.may_sign(next(6), kNow), MaySign::yes);  // the active one is still the base
}

TEST_F(Epochs, OnlyFromTheCertificateInForce) {
  EXPECT_EQ(node.may_sign(body_of(2), kNow), MaySign::other_base);
  const CertificateBody rival = body_of(1, nullptr, 1);
  EXPECT_EQ(node.may_sign(body_of(2, &rival), kNow), MaySign::other_base);  // the same number, another digest
  const CertificateBody prepared = next(2);
  node.signed_for(prepared);
  EXPECT_EQ(node.may_sign(body_of(3, &prepared), kNow), MaySign::other_base);
  node.complete(prepared);
  EXPECT_EQ(node.may_sign(body_of(3, &prepared), kNow), MaySign::yes);
  EXPECT_EQ(node.may_sign(next(3), kNow), MaySign::other_base);
}

// No one uses the numbers up: with a number as great as one gets signed, the next attempt waits for a moment only.
TEST_F(Epochs, NumbersDoNotRunOut) {
  EXPECT_EQ(node.may_sign(next(greatest_number(kNow)), kNow), MaySign::yes);
  EXPECT_EQ(node.may_sign(next(greatest_number(kNow) + 1), kNow), MaySign::far_number);
  EXPECT_EQ(node.may_sign(next(~std::uint64_t{0}), kNow), MaySign::far_number);
  node.signed_for(next(greatest_number(kNow)));
  const std::uint64_t reported[]{1, node.highest()};
  EXPECT_FALSE(next_number(reported, kNow));
  EXPECT_EQ(next_number(reported, kNow + 1), node.highest() + 1);
  EXPECT_EQ(node.may_sign(next(node.highest() + 1), kNow + 1), MaySign::yes);
}

TEST(NextNumber, IsGreaterThanWhatAnyHonestNodeReports) {
  const auto next = [](std::vector<std::uint64_t> reported) { return next_number(reported, kNow); };
  EXPECT_EQ(next({}), 1u);
  EXPECT_EQ(next({1, 1, 1}), 2u);
  EXPECT_EQ(next({1, 7, 3}), 8u);
  EXPECT_EQ(next({1, ~std::uint64_t{0}, 3}), 4u);  // a lie
  EXPECT_EQ(next({greatest_number(kNow) + 1, 3}), 4u);
}

TEST_F(Epochs, OnACompleteCertificateWhatIsLowerGoesAndWhatIsHigherStays) {
  for (const std::uint64_t number : List{2, 5, 9}) node.signed_for(next(number));
  const auto done = node.complete(next(5));
  EXPECT_TRUE(done.activates && done.with_share);
  EXPECT_EQ(done.obsolete, (List{1, 2}));
  EXPECT_EQ(node.active(), name_of(next(5)));
  EXPECT_EQ(numbers(node), List{9});
  EXPECT_EQ(node.highest(), 9u);
  // again, and lower ones that were withheld
  for (const std::uint64_t number : List{1, 2, 5}) {
    const auto again = node.complete(next(number));
    EXPECT_FALSE(again.activates || again.with_share || !again.obsolete.empty()) << number;
  }
  EXPECT_EQ(node.complete(next(9)).obsolete, List{5});
}

// The withholder's two rivals, both complete: whoever sees them in whichever order ends with the same one, with its
// share.
TEST_F(Epochs, RivalCompleteCertificatesAreInOrder) {
  for (const bool lower_first : {false, true}) {
    KeyHistory seen = active(first);
    seen.signed_for(next(2));
    seen.signed_for(next(3));
    if (lower_first) {
      EXPECT_TRUE(seen.complete(next(2)).with_share);
      EXPECT_EQ(numbers(seen), List{3});
    }
    EXPECT_TRUE(seen.complete(next(3)).with_share);  // although its base is not in force any more
    EXPECT_FALSE(seen.complete(next(2)).activates);
    EXPECT_EQ(seen.active(), name_of(next(3)));
    EXPECT_TRUE(seen.prepared().empty());
  }
}

// Two committees without a common member can complete one number each: their digests decide, for everyone alike.
TEST_F(Epochs, TwoOfOneNumberAreInOrder) {
  const CertificateBody a = next(2, 1), b = next(2, 2);
  const CertificateBody& lower = name_of(a) < name_of(b) ? a : b;
  const CertificateBody& higher = name_of(a) < name_of(b) ? b : a;
  for (const CertificateBody* mine : {&lower, &higher})
    for (const bool lower_first : {false, true}) {
      KeyHistory seen = active(first);
      seen.signed_for(*mine);
      const auto one = seen.complete(lower_first ? lower : higher);
      EXPECT_TRUE(one.activates);
      const auto other = seen.complete(lower_first ? higher : lower);
      EXPECT_EQ(other.activates, lower_first);
      EXPECT_EQ(seen.active(), name_of(higher));
      EXPECT_TRUE(seen.prepared().empty());
      // The share of number 2 goes exactly if it is the lower one's.
      List gone = one.obsolete;
      gone.insert(gone.end(), other.obsolete.begin(), other.obsolete.end());
      EXPECT_EQ(std::count(gone.begin(), gone.end(), 2u) > 0, mine == &lower);
    }
}

TEST_F(Epochs, WhoIsNoMemberKeepsNothing) {
  const auto done = node.complete(next(2));
  EXPECT_TRUE(done.activates);
  EXPECT_FALSE(done.with_share);
  EXPECT_EQ(done.obsolete, List{1});
}

TEST_F(Epochs, ComeBackFromTheDatabase) {
  const CertificateName one = name_of(first), two = name_of(next(2)), three = name_of(next(3));
  auto back = KeyHistory::restore(one, {three, two});
  ASSERT_TRUE(back);
  EXPECT_EQ(numbers(*back), (List{2, 3}));
  EXPECT_EQ(back->highest(), 3u);
  EXPECT_TRUE(back->complete(next(3)).with_share);
  EXPECT_TRUE(KeyHistory::restore(std::nullopt, {}));
  EXPECT_TRUE(KeyHistory::restore(std::nullopt, {one}));
  EXPECT_FALSE(KeyHistory::restore(two, {one}));
  EXPECT_FALSE(KeyHistory::restore(two, {two}));
  EXPECT_FALSE(KeyHistory::restore(one, {two, name_of(next(2, 1))}));
}

// ---- certificates of real runs

using World = ReshareWorld<Ed25519>;

// A member that withholds its signature of one attempt, takes part in the next, and then shows both: every honest node
// ends with the higher one and its share, whatever it is shown first, and the key signs.
TEST(Withholder, CannotSplitTheHonestNodes) {
  const PartySet all = PartySet::first(3);
  const PartyId withholder(3);
  const World second(3, 2, set_of({1, 2}), all, 2);
  const World third(second.base, set_of({2, 3}), all, 2, 3);
  std::map<PartyId, KeyHistory> nodes;
  for (const PartyId i : all) nodes[i] = *KeyHistory::restore(name_of(second.base->certificate.body), {});

  std::map<std::uint64_t, KeyCertificate> complete;
  std::map<PartyId, std::map<std::uint64_t, KeyShare<Ed25519>>> disks;
  for (const World* attempt : {&second, &third}) {
    Simulation<World> sim(*attempt, 8);
    sim.corrupt = {withholder};
    std::map<PartyId, Signature64> signatures;
    sim.watch = [&](const Wire& w) {
      if (w.tag == ReshareRound4::tag) signatures[w.from] = decode<ReshareRound4>(w.body).signature;
    };
    sim.tamper = [&](Wire& w) { w.dropped = w.tag == ReshareRound4::tag; };
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    std::optional<CertificateCollector> collector;
    for (const PartyId i : all) {
      auto prepared = decode<PreparedShare<Ed25519>>(sim.durable[i].at(0));
      if (i != withholder) {
        EXPECT_EQ(outcomes[i].abort->kind, AbortKind::silent);
      }
      EXPECT_EQ(nodes[i].may_sign(prepared.body, kNow), MaySign::yes);
      nodes[i].signed_for(prepared.body);
      if (!collector) collector.emplace(prepared.body);
      EXPECT_TRUE(collector->add(i, signatures.at(i)));
      disks[i].emplace(prepared.body.number, std::move(prepared.share));
    }
    complete[attempt->parameters->terms().number] = collector->complete().value();
  }

  const auto show = [&](PartyId i, std::uint64_t number) {
    EXPECT_TRUE(verify_successor(second.base->certificate.body, complete.at(number)));
    for (const std::uint64_t gone : nodes[i].complete(complete.at(number).body).obsolete) disks[i].erase(gone);
  };
  show(PartyId(1), 2), show(PartyId(2), 3);
  EXPECT_EQ(disks[PartyId(1)].size(), 2u);  // 2 in force, 3 kept
  show(PartyId(1), 3), show(PartyId(2), 2);
  std::map<PartyId, const KeyShare<Ed25519>*> shares;
  for (const PartyId i : set_of({1, 2})) {
    EXPECT_EQ(nodes[i].active(), name_of(complete.at(3).body));
    ASSERT_EQ(disks[i].size(), 1u);
    shares[i] = &disks[i].at(3);
  }
  EXPECT_TRUE(signs(set_of({1, 2}), shares, second.base->Y()));
}

// ---- verify_successor: every rule

TEST(Successor, IsTheSameKeyUnderAGreaterNumber) {
  const World world(3, 2, set_of({1, 2}), set_of({2, 3, 4}), 2);
  Simulation<World> sim(world, 1);
  const KeyCertificate next = sim.run()[PartyId(2)].result->certificate;
  const CertificateBody& known = world.base->certificate.body;
  EXPECT_TRUE(verify_successor(known, next));
  EXPECT_FALSE(verify_successor(next.body, next));
  EXPECT_FALSE(verify_successor(next.body, world.base->certificate));

  // As all its members have signed it. A member who makes it alone is stopped by the signatures.
  const auto refused = [&](auto&& change) {
    KeyCertificate other = next;
    change(other.body);
    EXPECT_FALSE(verify_successor(known, other));  // the signatures are next's
    return !verify_successor(known, world.base->certified(other.body));
  };
  EXPECT_FALSE(refused([](CertificateBody& b) { b.request_digest[0] ^= 1; }));
  EXPECT_FALSE(refused([](CertificateBody& b) { b.base_digest[0] ^= 1; }));  // a node may have missed the base
  EXPECT_TRUE(refused([](CertificateBody& b) { b.base_number = 0, b.base_digest = {}; }));
  EXPECT_TRUE(refused([](CertificateBody& b) { b.number = 1, b.base_number = 0, b.base_digest = {}; }));
  EXPECT_TRUE(refused([](CertificateBody& b) { b.cluster_id[0] ^= 1; }));
  EXPECT_TRUE(refused([](CertificateBody& b) { b.key_id[0] ^= 1; }));
  EXPECT_TRUE(refused([](CertificateBody& b) { b.name = "other"; }));
  EXPECT_TRUE(refused([](CertificateBody& b) { b.algorithm = Algorithm::schnorr_secp256k1; }));
  EXPECT_TRUE(refused([](CertificateBody& b) { b.chain_code_hash[0] ^= 1; }));
  EXPECT_TRUE(refused([](CertificateBody& b) { b.X[0] = b.X[1]; }));
  // Another key's points, on one polynomial.
  const DealtBase<Ed25519> other(set_of({2, 3, 4}), 2, Algorithm::eddsa_ed25519, 2);
  EXPECT_TRUE(refused([&](CertificateBody& b) { b.Y = other.certificate.body.Y, b.X = other.certificate.body.X; }));
  KeyCertificate unsigned_one = next;
  unsigned_one.signatures.pop_back();
  EXPECT_FALSE(verify_successor(known, unsigned_one));
}

// One number twice: the greater digest succeeds, from either side.
TEST(Successor, OfOneNumberIsTheGreaterDigest) {
  const World world(3, 2, set_of({1, 2}), set_of({2, 3, 4}), 2);
  Simulation<World> sim(world, 1), again(world, 2);
  const KeyCertificate a = sim.run()[PartyId(2)].result->certificate, b = again.run()[PartyId(2)].result->certificate;
  EXPECT_NE(verify_successor(a.body, b), verify_successor(b.body, a));
}

// ---- terms

TEST(ReshareTerms, MustFitTogether) {
  const World world(4, 2, set_of({1, 2}), set_of({2, 3, 5}), 2);
  const auto refused = [&](auto&& change) {
    ReshareTerms terms = world.parameters->terms();
    change(terms);
    return !ReshareParameters::make(std::move(terms));
  };
  const auto member = [&](unsigned index, const char* node, unsigned identity) {
    return Member{PartyId(index), node, world.base->identities.at(PartyId(identity)).public_key()};
  };
  const auto with = [&](Members members) { return Committee::make(2, std::move(members)).value(); };
  EXPECT_FALSE(refused([](ReshareTerms&) {}));
  EXPECT_TRUE(refused([](ReshareTerms& t) { t.number = 1; }));
  EXPECT_TRUE(refused([](ReshareTerms& t) { t.dealers = set_of({1}); }));
  EXPECT_TRUE(refused([](ReshareTerms& t) { t.dealers = set_of({1, 2, 3}); }));
  EXPECT_TRUE(refused([](ReshareTerms& t) { t.dealers = set_of({1, 5}); }));  // a dealer that is not in the base
  EXPECT_TRUE(refused([](ReshareTerms& t) { t.dealers = {}; }));
  EXPECT_TRUE(refused([](ReshareTerms& t) { t.committee = {}; }));
  EXPECT_TRUE(refused([](ReshareTerms& t) { t.base.signatures[2][0] ^= 1; }));
  EXPECT_TRUE(refused([](ReshareTerms& t) { t.base.body.X[2] = t.base.body.X[1]; }));
  // attack 47: an index or an identity of the old committee for somebody else in the new one
  EXPECT_FALSE(refused([&](ReshareTerms& t) { t.committee = with({member(1, "node-1", 1), member(7, "node-7", 7)}); }));
  EXPECT_TRUE(refused([&](ReshareTerms& t) { t.committee = with({member(1, "node-7", 7), member(8, "node-8", 8)}); }));
  EXPECT_TRUE(refused([&](ReshareTerms& t) { t.committee = with({member(4, "node-7", 7), member(8, "node-8", 8)}); }));
  EXPECT_TRUE(refused([&](ReshareTerms& t) { t.committee = with({member(7, "node-7", 1), member(8, "node-8", 8)}); }));
  EXPECT_TRUE(refused([&](ReshareTerms& t) { t.committee = with({member(1, "node-1", 7), member(8, "node-8", 8)}); }));
  // A node that has lost its share comes back under its name with another identity, but does not deal.
  EXPECT_TRUE(refused([&](ReshareTerms& t) { t.committee = with({member(7, "node-1", 7), member(8, "node-8", 8)}); }));
  EXPECT_FALSE(refused([&](ReshareTerms& t) { t.committee = with({member(7, "node-3", 7), member(8, "node-8", 8)}); }));
}

TEST(NextCommittee, KeepsIndicesAndReusesNone) {
  const DealtBase<Ed25519> base(set_of({1, 2, 5}), 2, Algorithm::eddsa_ed25519);
  const Committee& old = base.certificate.body.committee;
  const auto node = [&](unsigned name, unsigned identity) {
    return NewMember{"node-" + std::to_string(name), base.identities.at(PartyId(identity)).public_key()};
  };
  EXPECT_EQ(next_committee(old, 2, {node(5, 5), node(1, 1), node(2, 2)}), old);
  const auto grown = next_committee(old, 3, {node(9, 9), node(2, 2), node(8, 8)}).value();
  EXPECT_EQ(grown.threshold(), 3);
  EXPECT_EQ(grown.parties(), set_of({2, 3, 4}));
  EXPECT_EQ(grown.node_of(PartyId(3)), "node-9");
  EXPECT_EQ(grown.node_of(PartyId(4)), "node-8");
  const auto healed = next_committee(old, 2, {node(1, 1), node(2, 12)}).value();  // node-2 with another identity
  EXPECT_EQ(healed.parties(), set_of({1, 3}));
  EXPECT_FALSE(next_committee(old, 2, {node(1, 1), node(1, 1)}));
  EXPECT_FALSE(next_committee(old, 3, {node(1, 1), node(2, 2)}));
  EXPECT_FALSE(next_committee(old, 2, {node(1, 1), node(7, 1)}));
  std::vector<NewMember> many;
  for (unsigned i = 3; i <= 32; ++i)
    many.push_back({"new-" + std::to_string(i), Ed25519PublicKey(base.identities.at(PartyId(i)).public_key())});
  many.erase(many.begin());
  EXPECT_EQ(next_committee(old, 2, many)->parties().size(), 29u);
  many.push_back(node(3, 3));
  EXPECT_FALSE(next_committee(old, 2, many));  // 3 old and 30 new ones
}

}  // namespace
}  // namespace quorate::test
