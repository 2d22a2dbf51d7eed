#include "session/committee.h"

#include <gtest/gtest.h>

#include "session/per_party.h"
#include "tests/support/committees.h"

namespace quorate::test {
namespace {

TEST(Committee, HoldsItsRules) {
  SeededRng rng(1);
  const Members good = random_members(3, rng);
  EXPECT_TRUE(Committee::make(2, good));
  EXPECT_TRUE(Committee::make(3, good));
  EXPECT_FALSE(Committee::make(0, good));
  EXPECT_FALSE(Committee::make(1, good));
  EXPECT_FALSE(Committee::make(4, good));
  EXPECT_FALSE(Committee::make(2, Members{}));
  EXPECT_FALSE(Committee::make(2, Members(good.begin(), good.begin() + 1)));
  EXPECT_TRUE(Committee::make(32, random_members(32, rng)));

  const auto broken = [&](auto&& change) {
    Members m = good;
    change(m);
    return !Committee::make(2, m).has_value();
  };
  EXPECT_FALSE(broken([](Members&) {}));
  EXPECT_TRUE(broken([](Members& m) { std::swap(m[0], m[1]); }));  // not sorted
  EXPECT_TRUE(broken([](Members& m) { m[1].id = m[0].id; }));      // attack 13: a duplicate index
  EXPECT_TRUE(broken([](Members& m) { m[0].id = PartyId(); }));    // attack 13: index 0
  EXPECT_TRUE(broken([](Members& m) { m[2].node = m[0].node; }));  // a node twice
  EXPECT_TRUE(broken([](Members& m) { m[2].node = ""; }));
  EXPECT_TRUE(broken([](Members& m) { m[2].node = std::string(64, 'x'); }));
  EXPECT_TRUE(broken([](Members& m) { m[2].identity = m[0].identity; }));       // an identity twice
  EXPECT_TRUE(broken([](Members& m) { m[2].identity = Ed25519PublicKey(); }));  // unset
  EXPECT_FALSE(broken([](Members& m) { m[2].id = PartyId(32); }));              // gaps are fine
}

TEST(Committee, FindsItsMembers) {
  SeededRng rng(2);
  Members m = random_members(3, rng);
  m[2].id = PartyId(9);
  const Committee c = *Committee::make(2, m);
  EXPECT_EQ(c.parties(), (PartySet{PartyId(1), PartyId(2), PartyId(9)}));
  EXPECT_EQ(c.node_of(PartyId(9)), m[2].node.text);
  EXPECT_EQ(c.find(m[1].node.text)->id, PartyId(2));
  EXPECT_EQ(c.find("nobody"), nullptr);
  EXPECT_EQ(c.find(PartyId(3)), nullptr);
  EXPECT_EQ(c.identity_of(PartyId(1)), m[0].identity);
  EXPECT_EQ(c.size(), 3u);
  EXPECT_EQ(c.threshold(), 2);
}

TEST(Committee, DecodingChecksTheRulesToo) {
  SeededRng rng(3);
  const Committee c = *Committee::make(2, random_members(3, rng));
  const SecretBytes bytes = encode(c);
  EXPECT_EQ(decode<Committee>(bytes), c);
  SecretBytes changed = bytes;
  changed[0] = 4;  // t > n
  EXPECT_THROW(decode<Committee>(changed), Malformed);
  changed[0] = 1;
  EXPECT_THROW(decode<Committee>(changed), Malformed);
  changed = bytes;
  changed[5] = 2;  // the first member's index, now a duplicate
  EXPECT_THROW(decode<Committee>(changed), Malformed);
  changed[5] = 0;
  EXPECT_THROW(decode<Committee>(changed), Malformed);
  EXPECT_THROW(decode<Committee>(encode(Committee())), Malformed);
}

TEST(PerParty, IsIndexedByPartyAndRefusesOthers) {
  const PartySet parties{PartyId(2), PartyId(5), PartyId(32)};
  PerParty<int> v(parties, [](PartyId j) { return j.index() * 10; });
  EXPECT_EQ(v[PartyId(2)], 20);
  EXPECT_EQ(v[PartyId(32)], 320);
  v[PartyId(5)] = 1;
  EXPECT_EQ(v[PartyId(5)], 1);
  EXPECT_EQ(v.parties(), parties);
  EXPECT_DEATH((void)v[PartyId(3)], "");
}

}  // namespace
}  // namespace quorate::test
