#include "policy/approval.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/hash.h"

namespace quorate::policy {
namespace {

TEST(Approval, IsExactlyThisText) {
  EXPECT_EQ(approval_text(Vote::approve, "bob", Json{{"v", 1}, {"request", "req_1"}}),
            "quorate/approval/v1\n"
            R"({"approver":"bob","decision":"approve","intent":{"request":"req_1","v":1}})");
  EXPECT_EQ(approval_text(Vote::reject, "bob", Json{{"v", 1}}),
            "quorate/approval/v1\n"
            R"({"approver":"bob","decision":"reject","intent":{"v":1}})");
}

TEST(Approval, VotesHaveTheirNames) {
  EXPECT_EQ(parse_vote("approve"), Vote::approve);
  EXPECT_EQ(parse_vote("reject"), Vote::reject);
  EXPECT_EQ(parse_vote("unset"), std::nullopt);
  EXPECT_EQ(parse_vote("Approve"), std::nullopt);
}

TEST(Approval, TravelsAsItIs) {
  Approval approval{"bob", 1, {}};
  approval.signature.fill(7);
  EXPECT_EQ(decode<Approval>(encode(approval)), approval);
}

}  // namespace
}  // namespace quorate::policy
