// Hours and weekdays, of the time that the request's signature names.
#include "policy/time_conditions.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "tests/policy/sample_policy.h"

namespace quorate::policy {
namespace {

Truth at(const std::string& time, const std::string& condition, const char* then = "allow") {
  const auto policy = with_rules(R"([{"id":"r","if":)" + condition + R"(,"then":")" + then + R"("}])");
  PolicyQuery query{Kind::sign, "hot-1", "alice", PayloadKind::message};
  if (!time.empty()) query.created = unix_seconds(from_rfc3339(time).value());
  return policy.explain(query).reasons.at(0).matched;
}

TEST(TimeConditions, HoursBeginWithTheFirstMinuteAndEndBeforeTheLast) {
  const std::string day = R"({"hours_utc":"08:00-20:00"})";
  EXPECT_EQ(at("2026-11-23T07:59:59Z", day), Truth::no);
  EXPECT_EQ(at("2026-11-23T08:00:00Z", day), Truth::yes);
  EXPECT_EQ(at("2026-11-23T19:59:59Z", day), Truth::yes);
  EXPECT_EQ(at("2026-11-23T20:00:00Z", day), Truth::no);
  const std::string night = R"({"hours_utc":"22:30-06:15"})";
  EXPECT_EQ(at("2026-11-23T22:29:59Z", night), Truth::no);
  EXPECT_EQ(at("2026-11-23T22:30:00Z", night), Truth::yes);
  EXPECT_EQ(at("2026-11-24T00:00:00Z", night), Truth::yes);
  EXPECT_EQ(at("2026-11-24T06:14:59Z", night), Truth::yes);
  EXPECT_EQ(at("2026-11-24T06:15:00Z", night), Truth::no);
  EXPECT_EQ(at("2026-11-23T23:59:59Z", R"({"hours_utc":"00:00-24:00"})"), Truth::yes);
  EXPECT_EQ(at("2026-11-23T23:59:59Z", R"({"hours_utc":"23:00-24:00"})"), Truth::yes);
  EXPECT_EQ(at("2026-11-24T00:00:00Z", R"({"hours_utc":"23:00-24:00"})"), Truth::no);
}

TEST(TimeConditions, WeekdaysAreThoseOfUtc) {
  const std::string working = R"({"weekdays":["mon","tue","wed","thu","fri"]})";
  EXPECT_EQ(at("2026-11-22T23:59:59Z", working), Truth::no);  // a Sunday
  EXPECT_EQ(at("2026-11-23T00:00:00Z", working), Truth::yes);
  EXPECT_EQ(at("2026-11-27T23:59:59Z", working), Truth::yes);
  EXPECT_EQ(at("2026-11-28T00:00:00Z", working), Truth::no);
  EXPECT_EQ(at("2024-02-29T12:00:00Z", R"({"weekdays":["thu"]})"), Truth::yes);
  EXPECT_EQ(at("2026-11-22T12:00:00Z", R"({"weekdays":["sun"]})"), Truth::yes);
  // Both must hold; of a night, each of its days by itself.
  const std::string both = R"({"weekdays":["mon"],"hours_utc":"22:00-02:00"})";
  EXPECT_EQ(at("2026-11-23T01:00:00Z", both), Truth::yes);
  EXPECT_EQ(at("2026-11-23T23:00:00Z", both), Truth::yes);
  EXPECT_EQ(at("2026-11-24T01:00:00Z", both), Truth::no);
  EXPECT_EQ(at("2026-11-23T12:00:00Z", both), Truth::no);
}

TEST(TimeConditions, AnUnknownTimeHelpsNoAllowAndEscapesNoDeny) {
  EXPECT_EQ(at("", R"({"hours_utc":"08:00-20:00"})"), Truth::unknown);
  EXPECT_EQ(at("", R"({"weekdays":["mon"]})", "deny"), Truth::unknown);
  EXPECT_EQ(at("", "{}"), Truth::yes);
  const auto policy = with_rules(R"([{"id":"d","if":{"weekdays":["mon"]},"then":"deny"},
                                     {"id":"a","if":{},"then":"allow"}])");
  EXPECT_EQ(policy.evaluate({Kind::sign, "hot-1", "alice", PayloadKind::message}).rule, "d");
}

TEST(TimeConditions, WhatIsNoTimeIsRefusedWithItsPlace) {
  const auto error = [](const std::string& condition) -> std::string {
    try {
      with_rules(R"([{"id":"r","if":)" + condition + R"(,"then":"allow"}])");
    } catch (const JsonError& e) {
      return e.pointer;
    }
    return "no error";
  };
  for (const char* hours :
       {"", "8:00-20:00", "08:00", "08:00-", "-20:00", "08:00-08:00", "24:00-08:00", "08:00-00:00", "08:60-20:00",
        "08:00-24:01", "25:00-26:00", "08.00-20.00", "08:00-20:00-21:00", "08:00 - 20:00", "0x:00-20:00"})
    EXPECT_EQ(error(R"({"hours_utc":")" + std::string(hours) + R"("})"), "/rules/0/if/hours_utc") << hours;
  EXPECT_EQ(error(R"({"hours_utc":8})"), "/rules/0/if/hours_utc");
  EXPECT_EQ(error(R"({"weekdays":[]})"), "/rules/0/if/weekdays");
  EXPECT_EQ(error(R"({"weekdays":"mon"})"), "/rules/0/if/weekdays");
  EXPECT_EQ(error(R"({"weekdays":["mon","Tue"]})"), "/rules/0/if/weekdays/1");
  EXPECT_EQ(error(R"({"weekdays":["mon","mon"]})"), "/rules/0/if/weekdays/1");
  EXPECT_EQ(error(R"({"weekdays":[1]})"), "/rules/0/if/weekdays/0");
}

}  // namespace
}  // namespace quorate::policy
