#include "node/choose.h"

#include <gtest/gtest.h>

#include <chrono>

namespace quorate::node {
namespace {

PartySet set(std::initializer_list<unsigned> ids) {
  PartySet s;
  for (const unsigned i : ids) s.insert(PartyId(i));
  return s;
}
Candidates reachable(std::initializer_list<unsigned> ids) {
  Candidates c;
  c.reachable = set(ids);
  return c;
}

TEST(Choose, TakesItselfThenTheNearest) {
  Candidates c = reachable({1, 2, 3, 4, 5});
  c.me = PartyId(4);
  c.preferred = {PartyId(5), PartyId(2)};
  EXPECT_EQ(choose_signers(c, 2), set({4, 5}));
  EXPECT_EQ(choose_signers(c, 3), set({2, 4, 5}));
  EXPECT_EQ(choose_signers(c, 4), set({1, 2, 4, 5}));
  EXPECT_EQ(choose_signers(c, 5), set({1, 2, 3, 4, 5}));
  EXPECT_EQ(choose_signers(c, 6), std::nullopt);
}
TEST(Choose, WhoIsDoubtfulComesLastTheNearestFirst) {
  Candidates c = reachable({1, 2, 3, 4});
  c.me = PartyId(1);
  c.preferred = {PartyId(4), PartyId(3), PartyId(2)};
  c.doubtful = set({3, 4});
  EXPECT_EQ(choose_signers(c, 2), set({1, 2}));
  EXPECT_EQ(choose_signers(c, 3), set({1, 2, 4}));
  c.doubtful = set({2, 3, 4});
  EXPECT_EQ(choose_signers(c, 2), set({1, 4}));
}
TEST(Choose, WhoCannotBeReachedOrIsExcludedIsNotTaken) {
  Candidates c = reachable({1, 2, 3});
  c.me = PartyId(1);
  c.preferred = {PartyId(7), PartyId(2), PartyId(3)};
  c.excluded = set({2});
  EXPECT_EQ(choose_signers(c, 2), set({1, 3}));
  EXPECT_EQ(choose_signers(c, 3), std::nullopt);
  c.excluded = set({1, 2});
  EXPECT_EQ(choose_signers(c, 1), set({3}));
}
TEST(Choose, NeverBothEndsOfAnEdge) {
  Candidates c = reachable({1, 2, 3, 4});
  c.me = PartyId(1);
  c.edges = {{PartyId(1), PartyId(2)}, {PartyId(3), PartyId(4)}};
  EXPECT_EQ(choose_signers(c, 2), set({1, 3}));
  EXPECT_EQ(choose_signers(c, 3), std::nullopt);
  c.edges = {{PartyId(1), PartyId(2)}, {PartyId(1), PartyId(3)}, {PartyId(1), PartyId(4)}};
  EXPECT_EQ(choose_signers(c, 3), set({2, 3, 4}));  // without itself, if need be
}
TEST(Choose, ASetThatHasFailedIsNotTriedAgain) {
  Candidates c = reachable({1, 2, 3});
  c.me = PartyId(1);
  c.failed = {set({1, 2})};
  EXPECT_EQ(choose_signers(c, 2), set({1, 3}));
  c.failed.insert(set({1, 3}));
  EXPECT_EQ(choose_signers(c, 2), set({2, 3}));
  c.failed.insert(set({2, 3}));
  EXPECT_EQ(choose_signers(c, 2), std::nullopt);
  EXPECT_EQ(choose_signers(c, 3), set({1, 2, 3}));
}
TEST(Choose, TheWorstCaseIsBounded) {
  Candidates c;
  for (unsigned i = 1; i <= 32; ++i) c.reachable.insert(PartyId(i));
  for (unsigned i = 1; i <= 32; ++i)  // pairs that exclude each other: 2^16 sets of 16, none of 17
    if (i % 2 == 1) c.edges.insert({PartyId(i), PartyId(i + 1)});
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(choose_signers(c, 17), std::nullopt);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_TRUE(choose_signers(c, 16));
}

}  // namespace
}  // namespace quorate::node
