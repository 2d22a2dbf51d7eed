#include "node/early_mail.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace quorate::test {
namespace {

using node::EarlyMail;

SessionId sid(int session) { return sha256(view_of("session " + std::to_string(session))); }
std::shared_ptr<const Envelope> letter(int session, std::size_t bytes) {
  auto envelope = std::make_shared<Envelope>();
  envelope->sid = sid(session);
  envelope->tag = "toss/commit";
  envelope->body.resize(bytes);
  return envelope;
}
std::string senders(const EarlyMail::Letters& letters) {
  std::string all;
  for (const EarlyMail::Letter& l : letters) all += l.from;
  return all;
}

TEST(EarlyMail, GivesEachSessionItsOwnInOrderAndOnce) {
  EarlyMail mail;
  ASSERT_TRUE(mail.keep("a", letter(1, 1), SteadyTime{}));
  ASSERT_TRUE(mail.keep("b", letter(2, 2), SteadyTime{}));
  ASSERT_TRUE(mail.keep("b", letter(1, 3), SteadyTime{}));
  const auto letters = mail.open(sid(1));
  EXPECT_EQ(senders(letters), "ab");
  EXPECT_EQ(letters.at(1).envelope->body.size(), 3u);
  EXPECT_TRUE(mail.open(sid(1)).empty());
  EXPECT_EQ(senders(mail.open(sid(2))), "b");
}
// Each as long as any other: a session's first letter does not take the later ones with it.
TEST(EarlyMail, EachIsForgottenInItsTime) {
  EarlyMail mail;
  const SteadyTime later = SteadyTime{} + EarlyMail::kKept - Millis(1);
  ASSERT_TRUE(mail.keep("a", letter(1, 1), SteadyTime{}));
  ASSERT_TRUE(mail.keep("b", letter(1, 1), later));
  EXPECT_EQ(senders(mail.expire(later)), "");
  EXPECT_EQ(senders(mail.expire(SteadyTime{} + EarlyMail::kKept)), "a");
  EXPECT_EQ(senders(mail.expire(later + EarlyMail::kKept - Millis(1))), "");
  EXPECT_EQ(senders(mail.open(sid(1))), "b");
}
TEST(EarlyMail, NothingIsKeptForWhatIsOver) {
  EarlyMail mail;
  ASSERT_TRUE(mail.keep("a", letter(1, 1), SteadyTime{}));
  EXPECT_EQ(senders(mail.close(sid(1), SteadyTime{})), "a");
  EXPECT_FALSE(mail.keep("a", letter(1, 1), SteadyTime{}));
  EXPECT_TRUE(mail.keep("a", letter(2, 1), SteadyTime{}));
  mail.expire(SteadyTime{} + EarlyMail::kKept - Millis(1));
  EXPECT_FALSE(mail.keep("a", letter(1, 1), SteadyTime{}));
  mail.expire(SteadyTime{} + EarlyMail::kKept);
  EXPECT_TRUE(mail.keep("a", letter(1, 1), SteadyTime{})) << "nobody speaks of it any more, and it costs nothing";
}
// Whose proposal was refused may be proposed again.
TEST(EarlyMail, WhatOpensAfterAllIsNotOver) {
  EarlyMail mail;
  mail.close(sid(1), SteadyTime{});
  mail.open(sid(1));
  EXPECT_TRUE(mail.keep("a", letter(1, 1), SteadyTime{}));
  mail.close(sid(1), SteadyTime{});
  EXPECT_FALSE(mail.keep("a", letter(1, 1), SteadyTime{}));
}
TEST(EarlyMail, WhatIsOverIsBounded) {
  EarlyMail mail;
  const int most = static_cast<int>(EarlyMail::kMostOver);
  for (int k = 0; k < most; ++k) mail.close(sid(k), SteadyTime{});
  EXPECT_FALSE(mail.keep("a", letter(0, 1), SteadyTime{}));
  mail.close(sid(most), SteadyTime{});
  EXPECT_TRUE(mail.keep("a", letter(0, 1), SteadyTime{})) << "the oldest is forgotten";
  EXPECT_FALSE(mail.keep("a", letter(1, 1), SteadyTime{}));
}
TEST(EarlyMail, ALostPeersIsDroppedWithoutTheOthers) {
  EarlyMail mail;
  ASSERT_TRUE(mail.keep("a", letter(1, 1), SteadyTime{}));
  ASSERT_TRUE(mail.keep("b", letter(1, 1), SteadyTime{}));
  EXPECT_EQ(senders(mail.drop_of("a")), "a");
  EXPECT_EQ(senders(mail.open(sid(1))), "b");
}

}  // namespace
}  // namespace quorate::test
