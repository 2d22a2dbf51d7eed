// What the parties of a reshare must agree on.
#include "tests/keygen/reshare_world.h"

namespace quorate::test {
namespace {

TEST(ReshareTerms, MustFitTogether) {
  const EdWorld world(4, 2, set_of({1, 2}), set_of({2, 3, 5}), 2);
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

// Whoever disagrees on any of it is in another session.
TEST(ReshareTerms, EachIsBoundByTheSessionId) {
  const EdWorld world(4, 2, set_of({1, 2}), set_of({2, 3, 5}), 2);
  const Bytes32 random{7};
  const SessionId sid = world.parameters->session_id(random);
  std::set<SessionId> others{sid, world.parameters->session_id(Bytes32{8})};
  const auto differs = [&](auto&& change) {
    ReshareTerms terms = world.parameters->terms();
    change(terms);
    return others.insert(ReshareParameters::make(std::move(terms)).value().session_id(random)).second;
  };
  EXPECT_EQ(others.size(), 2u);
  EXPECT_FALSE(differs([](ReshareTerms&) {}));
  EXPECT_TRUE(differs([](ReshareTerms& t) { ++t.number; }));
  EXPECT_TRUE(differs([](ReshareTerms& t) { t.dealers = set_of({1, 3}); }));
  EXPECT_TRUE(differs([](ReshareTerms& t) { t.policy_digest[0] ^= 1; }));
  EXPECT_TRUE(differs([](ReshareTerms& t) { t.request_digest[0] ^= 1; }));
  EXPECT_TRUE(differs([](ReshareTerms& t) { ++t.config_version; }));
  EXPECT_TRUE(differs([&](ReshareTerms& t) { t.committee = world.base->committee(set_of({2, 3, 5}), 3); }));
  EXPECT_TRUE(differs([&](ReshareTerms& t) { t.committee = world.base->committee(set_of({2, 3}), 2); }));
  EXPECT_TRUE(differs([&](ReshareTerms& t) {
    t.base.body.sid[0] ^= 1;
    t.base = world.base->certified(t.base.body);
  }));
}

TEST(ReshareTerms, SayWhoTakesPart) {
  const EdWorld world(4, 2, set_of({1, 2}), set_of({2, 3, 5}), 2);
  for (const PartyId i : set_of({1, 2, 3, 5}))
    EXPECT_EQ(world.parameters->party_of(world.base->identities.at(i).public_key()), i);
  for (const PartyId i : set_of({4, 6}))
    EXPECT_FALSE(world.parameters->party_of(world.base->identities.at(i).public_key()));
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
