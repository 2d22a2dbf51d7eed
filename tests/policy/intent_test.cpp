#include "policy/intent.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

namespace quorate::policy {
namespace {

Intent example() {
  Intent intent;
  intent.cluster = std::string(64, 'c');
  intent.request = "req_000102030405060708090a0b0c0d0e0f";
  intent.kind = Kind::sign;
  intent.key = std::string(64, 'a');
  intent.key_name = "hot-1";
  intent.public_key = std::string(64, 'b');
  intent.payload_digest.fill(0x11);
  intent.facts_digest = no_facts_digest();
  intent.policy_version = 7;
  intent.policy_digest.fill(0x22);
  intent.requested_by = "alice";
  intent.expires_at = from_unix_seconds(1767225599);
  return intent;
}

TEST(Intent, IsExactlyThisText) {
  const std::string expected =
      R"({"cluster":")" + std::string(64, 'c') + R"(","decoder":"2","expires_at":"2025-12-31T23:59:59Z",)" +
      R"("facts_digest":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","key":")" +
      std::string(64, 'a') + R"(","key_name":"hot-1","kind":"sign","path":"m","payload_digest":")" +
      to_hex(Bytes(32, 0x11)) + R"(","policy_digest":")" + to_hex(Bytes(32, 0x22)) +
      R"(","policy_version":"7","public_key":")" + std::string(64, 'b') +
      R"(","request":"req_000102030405060708090a0b0c0d0e0f","requested_by":"alice","v":1})";
  EXPECT_EQ(intent_jcs(example()), expected);
  EXPECT_EQ(request_digest(example()), sha256(view_of(expected)));
}

TEST(Intent, EveryFieldIsInTheDigest) {  // attack 64
  const std::vector<void (*)(Intent&)> changes = {
      [](Intent& i) { i.cluster[0] = 'd'; },     [](Intent& i) { i.request.back() = '0'; },
      [](Intent& i) { i.kind = Kind::refresh; }, [](Intent& i) { i.key.clear(); },
      [](Intent& i) { i.key_name = "hot-2"; },   [](Intent& i) { i.public_key.clear(); },
      [](Intent& i) { i.path = "m/0"; },         [](Intent& i) { i.payload_digest[31] ^= 1; },
      [](Intent& i) { i.facts_digest[0] ^= 1; }, [](Intent& i) { i.decoder = "3"; },
      [](Intent& i) { i.policy_version = 8; },   [](Intent& i) { i.policy_digest[0] ^= 1; },
      [](Intent& i) { i.requested_by = "bob"; }, [](Intent& i) { i.expires_at += Seconds(1); },
  };
  EXPECT_EQ(changes.size() + 1, to_json(example()).size()) << "every member but v";
  std::set<Digest> digests{request_digest(example())};
  for (const auto& change : changes) {
    Intent intent = example();
    change(intent);
    EXPECT_TRUE(digests.insert(request_digest(intent)).second);
  }
}

TEST(Intent, ReadsBackAndOnlyItself) {
  const Json json = to_json(example());
  EXPECT_EQ(intent_jcs(parse_intent(json)), intent_jcs(example()));
  for (const auto& [name, value] : json.items()) {
    Json bad = json;
    bad.erase(name);
    EXPECT_THROW(parse_intent(bad), JsonError) << name;
    bad = json;
    bad[name] = 3;
    EXPECT_THROW(parse_intent(bad), JsonError) << name;
  }
  for (const char* patch :
       {R"([{"op":"add","path":"/x","value":""}])", R"([{"op":"replace","path":"/kind","value":""}])",
        R"([{"op":"replace","path":"/policy_version","value":"07"}])",
        R"([{"op":"replace","path":"/policy_version","value":"7x"}])",
        R"([{"op":"replace","path":"/policy_version","value":" 7"}])",
        R"([{"op":"replace","path":"/expires_at","value":"2025-12-31T23:59:59z"}])"})
    EXPECT_THROW(parse_intent(json.patch(parse_json(patch))), JsonError) << patch;
  Json upper = json;
  upper["payload_digest"] = std::string(64, 'A');
  EXPECT_THROW(parse_intent(upper), JsonError) << "another text of the same bytes";
}

TEST(Intent, DigestsOfPayloads) {
  const Bytes a = bytes_of("a"), bc = bytes_of("bc"), ab = bytes_of("ab"), c = bytes_of("c");
  const std::array<ByteView, 2> first{a, bc}, second{ab, c};
  EXPECT_NE(signing_payload_digest(first), signing_payload_digest(second));  // attack 1
  EXPECT_EQ(signing_payload_digest(a), signing_payload_digest(std::span(first).first(1)));
  EXPECT_EQ(signing_payload_digest(bytes_of("x")), sha256(*from_hex("0000000000000001000000000000000178")));
  EXPECT_EQ(body_payload_digest(parse_json(R"({"b":1, "a":2})")), sha256(view_of(R"({"a":2,"b":1})")));
  EXPECT_EQ(no_facts_digest(), jcs_digest(Json::object()));
}

TEST(Intent, ExpiresAMinuteAfterItWasCreated) { EXPECT_EQ(expires_without_approvals(1000), from_unix_seconds(1060)); }

}  // namespace
}  // namespace quorate::policy
