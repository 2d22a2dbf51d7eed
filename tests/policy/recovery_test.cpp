#include "policy/recovery.h"

#include <gtest/gtest.h>

#include <functional>

#include "sample_policy.h"
#include "tests/policy/keyed_node.h"

namespace quorate::policy {
namespace {

struct Recovering : ::testing::Test {
  const PolicyDocument before = with_rules(R"([
    {"id": "pay", "if": {"kind": "sign", "by": ["group:bots"]}, "then": {"approve": [{"group": "treasury", "min": 1}]}}])");

  RecoveryAsked asked() const {
    RecoveryAsked a;
    a.cluster = std::string(64, 'c');
    a.state = before.digest();
    a.created = 1'790'000'000;
    a.threshold = 2;
    a.group = "admins-2";
    a.min = 2;
    a.users.push_back(Json{{"id", "zoe"}, {"key", key_of(77).to_text()}});
    a.members = {"carol"};
    return a;
  }
  std::string wrong(const std::function<void()>& act) const {
    try {
      act();
    } catch (const JsonError& e) {
      return e.pointer;
    }
    return "no error";
  }
  std::string makes(const std::function<void(RecoveryAsked&)>& bend) const {
    RecoveryAsked a = asked();
    bend(a);
    return wrong([&] { Recovery::make(a).next(before); });
  }
  std::string reads(const std::function<void(Json&)>& bend) const {
    Json json = Recovery::make(asked()).json();
    bend(json);
    return wrong([&] { Recovery::parse(json); });
  }
};

TEST_F(Recovering, ChangesTheAdminsAndNothingElse) {
  const PolicyDocument after = Recovery::make(asked()).next(before);
  Json expected = parse_json(before.jcs());
  expected["version"] = before.version() + 1;
  expected["previous"] = to_hex(before.digest());
  expected["admins"]["group"] = "admins-2";
  for (Json& user : expected["users"])
    if (user["id"] == "carol") user["groups"].push_back("admins-2");
  expected["users"].push_back({{"id", "zoe"}, {"key", key_of(77).to_text()}, {"groups", {"admins-2"}}});
  EXPECT_EQ(parse_json(after.jcs()), expected);
  EXPECT_TRUE(after.is_admin("zoe") && after.is_admin("carol"));
  EXPECT_FALSE(after.is_admin("alice"));
  EXPECT_EQ(after.admins().delay_hours, before.admins().delay_hours);
}

TEST_F(Recovering, WhatIsWrongIsNamed) {
  EXPECT_EQ(makes([](auto&) {}), "no error");
  EXPECT_EQ(makes([](auto& a) { a.group = "treasury"; }), "/recovery/admins/group");
  EXPECT_EQ(makes([](auto& a) { a.group = "admins"; }), "/recovery/admins/group");
  EXPECT_EQ(makes([](auto& a) { a.group = "A"; }), "/recovery/admins/group");
  EXPECT_EQ(makes([](auto& a) { a.min = 3; }), "/recovery/admins/min");
  EXPECT_EQ(makes([](auto& a) { a.min = 0; }), "/recovery/admins/min");
  EXPECT_EQ(makes([](auto& a) { a.users[0]["id"] = "bob"; }), "/recovery/users/0/id");
  EXPECT_EQ(makes([](auto& a) { a.users[0]["key"] = key_of(2).to_text(); }), "/recovery/users/0/key") << "bob's";
  EXPECT_EQ(makes([](auto& a) { a.users[0]["key"] = "x"; }), "/recovery/users/0/key");
  EXPECT_EQ(makes([](auto& a) { a.users[0]["groups"] = Json::array({"treasury"}); }), "/recovery/users/0/groups");
  EXPECT_EQ(makes([](auto& a) { a.members[0] = "dora"; }), "/recovery/members/0");
  EXPECT_EQ(makes([](auto& a) { a.members.push_back("carol"); }), "/recovery/members/1");
  EXPECT_EQ(makes([](auto& a) { a.threshold = 33; }), "/recovery/threshold");

  EXPECT_EQ(reads([](Json& j) { j["recovery"]["rules"] = Json::array(); }), "/recovery/rules");
  EXPECT_EQ(reads([](Json& j) { j["recovery"]["admins"]["delay_hours"] = 0; }), "/recovery/admins/delay_hours");
  EXPECT_EQ(reads([](Json& j) { j["recovery"].erase("state"); }), "/recovery/state");
  EXPECT_EQ(reads([](Json& j) { j["recovery"]["created"] = 0; }), "/recovery/created");
  EXPECT_EQ(reads([](Json& j) { j["policy"] = Json::object(); }), "/policy");
  EXPECT_EQ(reads([](Json& j) { j["signatures"]["node1"] = "00"; }), "/signatures/node1");
  EXPECT_EQ(wrong([] { Recovery::parse(std::string_view(std::string(limits::kMaxRecoveryBytes, ' ') + "{}")); }), "");
  // The same node twice.
  std::string text = Recovery::make(asked()).text();
  const std::string one = "\"node1\":\"" + std::string(128, 'a') + "\"";
  text.replace(text.find("\"signatures\":{}"), 15, "\"signatures\":{" + one + "," + one + "}");
  EXPECT_NE(wrong([&] { Recovery::parse(std::string_view(text)); }), "no error");
}

// As one that is proposed: a node could not read it again.
TEST_F(Recovering, APolicyThatWouldBeTooLargeIsNotMade) {
  Json large = parse_json(before.jcs());
  Json& far = large["lists"]["far"] = Json::array();
  const std::size_t room = limits::kMaxPolicyBytes - to_jcs(large).size();
  for (std::size_t i = 0; i < room / 45; ++i) {
    const std::string number = std::to_string(i);
    far.push_back("0x" + std::string(40 - number.size(), '0') + number);
  }
  const auto full = PolicyDocument::parse(to_jcs(large));
  RecoveryAsked a = asked();
  a.state = full.digest();
  EXPECT_EQ(wrong([&] { Recovery::make(a).next(full); }), "/recovery");
}

TEST_F(Recovering, SignaturesAreOfTheClustersNodes) {
  std::vector<KeyedNode> nodes;
  std::vector<Json> cards;
  for (std::uint8_t i = 1; i <= 4; ++i) nodes.push_back(keyed_node(i));
  for (const KeyedNode& node : nodes) cards.push_back(sign_card(node.card, node.key));
  const Json genesis = make_genesis("acme", cards, Digest{});
  std::vector<std::pair<std::string, Signature64>> all;
  for (const KeyedNode& node : nodes) all.emplace_back(node.card.id, sign_genesis(genesis, node.key));
  const auto cluster = ClusterDocument::parse(make_cluster_file(genesis, all).dump());

  RecoveryAsked a = asked();
  a.cluster = cluster.id();
  const auto of = [&](const RecoveryAsked& what, std::size_t signers) {
    auto recovery = Recovery::make(what);
    for (std::size_t i = 0; i < signers; ++i) recovery.add(nodes[i].card.id, recovery.sign(nodes[i].key));
    return recovery;
  };
  const auto faults = [&](const Recovery& recovery) { return wrong([&] { recovery.expect_signed(cluster); }); };
  EXPECT_EQ(faults(of(a, 3)), "no error");
  EXPECT_EQ(faults(Recovery::parse(parse_json(of(a, 3).text()))), "no error");
  EXPECT_EQ(faults(of(a, 2)), "/signatures");
  a.threshold = 4;
  EXPECT_EQ(faults(of(a, 3)), "/signatures");
  EXPECT_EQ(faults(of(a, 4)), "no error");
  a.threshold = 2;
  auto foreign = of(a, 3);
  foreign.add("node7", foreign.sign(nodes[3].key));
  EXPECT_EQ(faults(foreign), "/signatures/node7");
  auto another = of(a, 2);
  another.add("node3", another.sign(nodes[0].key));
  EXPECT_EQ(faults(another), "/signatures/node3");
  a.cluster = std::string(64, 'd');
  EXPECT_EQ(faults(of(a, 3)), "/recovery/cluster");
}

TEST_F(Recovering, ASignatureIsOfAllOfIt) {
  const auto recovery = Recovery::make(asked());
  RecoveryAsked other = asked();
  ++other.created;
  EXPECT_NE(Recovery::make(other).id(), recovery.id());
  const RecoverySignature signature{to_hex(recovery.digest()), "node1", {}};
  const auto read = parse_recovery_signature(to_json(signature).dump());
  EXPECT_EQ(read.recovery, signature.recovery);
  EXPECT_EQ(read.node, "node1");
  EXPECT_THROW(parse_recovery_signature("{}"), JsonError);
}

}  // namespace
}  // namespace quorate::policy
