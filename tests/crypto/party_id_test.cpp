#include "crypto/party_id.h"

#include <gtest/gtest.h>

namespace quorate {
namespace {

// attack 13
TEST(PartyId, IsOneToThirtyTwo) {
  EXPECT_FALSE(PartyId::parse(0));
  EXPECT_FALSE(PartyId::parse(33));
  EXPECT_FALSE(PartyId::parse(256 + 1));
  EXPECT_FALSE(PartyId::parse(std::uint64_t{1} << 32 | 1));
  for (unsigned i = 1; i <= 32; ++i) {
    EXPECT_EQ(PartyId::parse(i)->index(), i);
    EXPECT_EQ(decode<PartyId>(encode(PartyId(i))), PartyId(i));
  }
  for (const int bad : {0, 33, 128, 255})
    EXPECT_THROW(decode<PartyId>(Bytes{static_cast<std::uint8_t>(bad)}), Malformed);
  EXPECT_THROW(decode<PartyId>({}), Malformed);
  EXPECT_FALSE(PartyId().is_set());
  EXPECT_DEATH(encode(PartyId()), "is_set");
  EXPECT_DEATH(PartyId(33), "kMaxParties");
}

TEST(PartySet, IteratesInOrder) {
  const PartySet s{PartyId(32), PartyId(3), PartyId(1), PartyId(3)};
  EXPECT_EQ(s.size(), 3u);
  std::vector<unsigned> seen;
  for (const PartyId i : s) seen.push_back(i.index());
  EXPECT_EQ(seen, (std::vector<unsigned>{1, 3, 32}));
  EXPECT_EQ(s.position(PartyId(1)), 0u);
  EXPECT_EQ(s.position(PartyId(32)), 2u);
  EXPECT_FALSE(s.contains(PartyId(2)));
  EXPECT_FALSE(s.contains(PartyId()));
  EXPECT_EQ(s.without(PartyId(3)), (PartySet{PartyId(1), PartyId(32)}));
  EXPECT_EQ(PartySet::first(32).size(), 32u);
  EXPECT_TRUE(PartySet::first(32).includes(s));
  EXPECT_FALSE(s.includes(PartySet::first(2)));
  EXPECT_EQ(PartySet::first(3) - s, PartySet{PartyId(2)});
  EXPECT_EQ(PartySet::first(3) & s, (PartySet{PartyId(1), PartyId(3)}));
  EXPECT_EQ((PartySet::first(2) | s).size(), 4u);
  EXPECT_DEATH(static_cast<void>(s.position(PartyId(2))), "contains");
}

TEST(PartySet, GoesOverTheWire) {
  const PartySet s{PartyId(1), PartyId(9), PartyId(32)};
  const SecretBytes bytes = encode(s);
  EXPECT_EQ(to_hex(bytes), "80000101");
  EXPECT_EQ(decode<PartySet>(bytes), s);
  EXPECT_THROW(decode<PartySet>(Bytes(4)), Malformed);
  EXPECT_DEATH(encode(PartySet()), "empty");
}

}  // namespace
}  // namespace quorate
