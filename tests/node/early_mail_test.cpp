#include "node/early_mail.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace quorate::test {
namespace {

using node::EarlyMail;

std::shared_ptr<const Envelope> letter(int session, std::size_t bytes) {
  auto envelope = std::make_shared<Envelope>();
  envelope->sid = sha256(view_of("session " + std::to_string(session)));
  envelope->tag = "toss/commit";
  envelope->body.resize(bytes);
  return envelope;
}

TEST(EarlyMail, GivesEachSessionItsOwnInOrderAndOnce) {
  EarlyMail mail;
  ASSERT_TRUE(mail.keep("a", letter(1, 1), SteadyTime{}));
  ASSERT_TRUE(mail.keep("b", letter(2, 2), SteadyTime{}));
  ASSERT_TRUE(mail.keep("b", letter(1, 3), SteadyTime{}));
  const auto letters = mail.take(letter(1, 0)->sid);
  ASSERT_EQ(letters.size(), 2u);
  EXPECT_EQ(letters[0].from, "a");
  EXPECT_EQ(letters[1].from, "b");
  EXPECT_EQ(letters[1].envelope->body.size(), 3u);
  EXPECT_TRUE(mail.take(letter(1, 0)->sid).empty());
  EXPECT_EQ(mail.messages_of("a"), 0u);
  EXPECT_EQ(mail.messages_of("b"), 1u);
}
TEST(EarlyMail, IsBoundedInMessagesOfEachPeer) {
  EarlyMail mail;
  for (std::size_t k = 0; k < EarlyMail::kMostMessages; ++k)
    ASSERT_TRUE(mail.keep("a", letter(static_cast<int>(k), 1), SteadyTime{}));
  EXPECT_FALSE(mail.keep("a", letter(0, 1), SteadyTime{}));
  EXPECT_TRUE(mail.keep("b", letter(0, 1), SteadyTime{})) << "another peer has its own room";
  EXPECT_EQ(mail.take(letter(0, 0)->sid).size(), 2u);
  EXPECT_TRUE(mail.keep("a", letter(0, 1), SteadyTime{})) << "what is taken makes room";
}
TEST(EarlyMail, IsBoundedInBytesOfEachPeer) {
  EarlyMail mail;
  ASSERT_TRUE(mail.keep("a", letter(1, EarlyMail::kMostBytes - 10), SteadyTime{}));
  EXPECT_FALSE(mail.keep("a", letter(1, 11), SteadyTime{}));
  EXPECT_TRUE(mail.keep("a", letter(1, 10), SteadyTime{}));
  EXPECT_TRUE(mail.keep("b", letter(1, 11), SteadyTime{}));
}
// From a session's first letter on, so that nobody keeps it by sending more.
TEST(EarlyMail, IsForgottenInTime) {
  EarlyMail mail;
  ASSERT_TRUE(mail.keep("a", letter(1, 1), SteadyTime{}));
  ASSERT_TRUE(mail.keep("b", letter(1, 1), SteadyTime{} + EarlyMail::kKept - Millis(1)));
  ASSERT_TRUE(mail.keep("b", letter(2, 1), SteadyTime{} + Millis(1)));
  EXPECT_EQ(mail.expire(SteadyTime{} + EarlyMail::kKept - Millis(1)), 0u);
  EXPECT_EQ(mail.expire(SteadyTime{} + EarlyMail::kKept), 2u);
  EXPECT_EQ(mail.messages_of("a"), 0u);
  EXPECT_EQ(mail.take(letter(2, 0)->sid).size(), 1u);
}
TEST(EarlyMail, ALostPeersIsDroppedWithoutTheOthers) {
  EarlyMail mail;
  ASSERT_TRUE(mail.keep("a", letter(1, 1), SteadyTime{}));
  ASSERT_TRUE(mail.keep("b", letter(1, 1), SteadyTime{}));
  EXPECT_EQ(mail.drop_of("a"), 1u);
  const auto letters = mail.take(letter(1, 0)->sid);
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].from, "b");
}

}  // namespace
}  // namespace quorate::test
