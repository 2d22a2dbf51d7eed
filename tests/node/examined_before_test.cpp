#include "node/examined_before.h"

#include <gtest/gtest.h>

#include "node/examine.h"

namespace quorate::node {
namespace {

ExaminedBefore::Grounds numbered(std::uint8_t i) {
  ExaminedBefore::Grounds grounds;
  grounds.request[0] = i;
  return grounds;
}

TEST(ExaminedBefore, IsFoundByAllThatItFollowsFrom) {
  ExaminedBefore before;
  auto examined = std::make_shared<Examined>();
  const ExaminedBefore::Grounds grounds = numbered(1);
  before.add(grounds, examined);
  EXPECT_EQ(before.find(grounds), examined);
  auto other = grounds;
  other.request[31] ^= 1;
  EXPECT_EQ(before.find(other), nullptr);
  other = grounds;
  other.policy[0] ^= 1;
  EXPECT_EQ(before.find(other), nullptr);
  other = grounds;
  const auto* another = reinterpret_cast<const policy::ClusterDocument*>(&other);
  other.cluster = another;
  EXPECT_EQ(before.find(other), nullptr);
  other = grounds;
  other.keys = 2;
  EXPECT_EQ(before.find(other), nullptr);
}

TEST(ExaminedBefore, NothingWhileAKeyIsBeingWritten) {
  ExaminedBefore before;
  ExaminedBefore::Grounds grounds = numbered(1);
  grounds.keys = 7;
  before.add(grounds, std::make_shared<Examined>());
  EXPECT_EQ(before.find(grounds), nullptr);
}

TEST(ExaminedBefore, KeepsTheLatest) {
  ExaminedBefore before;
  const auto examined = std::make_shared<Examined>();
  constexpr std::size_t kMore = 3 * limits::kMaxExaminedBefore;
  static_assert(kMore < 65'536);
  const auto grounds = [](std::size_t i) {
    ExaminedBefore::Grounds g = numbered(static_cast<std::uint8_t>(i % 256));
    g.request[1] = static_cast<std::uint8_t>(i / 256);
    return g;
  };
  for (std::size_t i = 0; i < kMore; ++i) before.add(grounds(i), examined);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < kMore; ++i) kept += before.find(grounds(i)) == nullptr ? 0 : 1;
  EXPECT_LE(kept, 2 * limits::kMaxExaminedBefore);
  for (std::size_t i = kMore - limits::kMaxExaminedBefore; i < kMore; ++i) EXPECT_EQ(before.find(grounds(i)), examined);
  EXPECT_LE(examined.use_count(), static_cast<long>(2 * limits::kMaxExaminedBefore + 1));
}

}  // namespace
}  // namespace quorate::node
