#include "policy/founding.h"

#include <gtest/gtest.h>

#include <functional>

#include "sample_policy.h"
#include "tests/policy/keyed_node.h"

namespace quorate::policy {
namespace {

struct Foundings : ::testing::Test {
  std::vector<KeyedNode> nodes;
  Foundings() {
    for (std::uint8_t i = 3; i >= 1; --i) nodes.push_back(keyed_node(i));
  }
  std::vector<Json> cards() const {
    std::vector<Json> all;
    for (const KeyedNode& node : nodes) all.push_back(sign_card(node.card, node.key));
    return all;
  }
  Founding made(const char* name = "acme") const { return Founding::make(name, cards(), base_policy()); }
  Founding complete() const {
    Founding founding = made();
    for (const KeyedNode& node : nodes) founding.add(node.card.id, founding.sign(node.key));
    return founding;
  }
};

std::string pointer_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const JsonError& e) {
    return e.pointer;
  }
  return "no error";
}
std::string pointer_of(const Json& file) {
  return pointer_of([&] { Founding::parse(file.dump()); });
}

TEST_F(Foundings, BecomeAClusterOnceAllHaveSigned) {
  Founding founding = made();
  EXPECT_EQ(founding.name(), "acme");
  EXPECT_EQ(founding.unsigned_nodes(), (std::vector<std::string>{"node1", "node2", "node3"}));
  founding.add("node2", founding.sign(nodes[1].key));
  const auto again = Founding::parse(founding.text());
  EXPECT_EQ(again.text(), founding.text());
  EXPECT_EQ(again.id(), founding.id());
  EXPECT_TRUE(again.has_signed("node2"));
  EXPECT_EQ(again.unsigned_nodes(), (std::vector<std::string>{"node1", "node3"}));

  const Founding all = complete();
  EXPECT_EQ(all.id(), founding.id());
  const auto cluster = ClusterDocument::parse(all.cluster_file());
  EXPECT_EQ(cluster.id(), founding.id());
  EXPECT_EQ(cluster.name(), "acme");
  EXPECT_EQ(cluster.nodes(), all.nodes());
  EXPECT_EQ(cluster.nodes()[0], nodes[2].card);
  EXPECT_TRUE(cluster.anchors(PolicyDocument::parse(all.policy_file())));
}

// Its nodes have to be able to vote.
TEST_F(Foundings, AreOfAtMost32Nodes) {
  for (std::uint8_t i = 4; i <= 32; ++i) nodes.push_back(keyed_node(i));
  const Founding full = complete();
  EXPECT_EQ(ClusterDocument::parse(full.cluster_file()).nodes().size(), 32u);
  nodes.push_back(keyed_node(33));
  try {
    made();
    ADD_FAILURE() << "33 nodes";
  } catch (const JsonError& e) {
    EXPECT_EQ(e.pointer, "/document/nodes");
    EXPECT_STREQ(e.what(), "a cluster has at most 32 nodes");
  }
}

TEST_F(Foundings, FillInWhatThePolicyCannotKnow) {
  Json policy = base_policy();
  policy.erase("cluster");
  policy.erase("version");
  policy["previous"] = std::string(64, 'b');
  EXPECT_EQ(Founding::make("acme", cards(), policy).id(), made().id());
}

TEST_F(Foundings, TheFingerprintIsOfEverything) {
  const std::string id = made().id();
  EXPECT_NE(made("acme2").id(), id);
  Json policy = base_policy();
  policy["admins"]["min"] = 1;
  EXPECT_NE(Founding::make("acme", cards(), policy).id(), id);
  nodes[0].card.rest_address = "other.example:7001";
  EXPECT_NE(made().id(), id);
}

TEST_F(Foundings, NothingSignedCanBeChanged) {
  const Json good = parse_json(complete().text());
  ASSERT_EQ(pointer_of(good), "no error");
  const auto patched = [&](const char* patch) { return pointer_of(good.patch(parse_json(patch))); };
  EXPECT_EQ(patched(R"([{"op":"replace","path":"/document/name","value":"other"}])"), "/id");
  EXPECT_EQ(patched(R"([{"op":"replace","path":"/document/nodes/1/card/addresses/rest","value":"evil:1"}])"),
            "/document/nodes/1/signature");
  EXPECT_EQ(patched(R"([{"op":"replace","path":"/policy/admins/min","value":1}])"), "/policy");
  EXPECT_EQ(patched(R"([{"op":"remove","path":"/policy/users/0/key"}])"), "/policy/users/0/key");
  EXPECT_EQ(patched(R"([{"op":"copy","from":"/signatures/node1","path":"/signatures/node2"}])"), "/signatures/node2");
  EXPECT_EQ(patched(R"([{"op":"copy","from":"/signatures/node1","path":"/signatures/node4"}])"), "/signatures/node4");
  EXPECT_EQ(patched(R"([{"op":"add","path":"/x","value":1}])"), "/x");
  Json other = good;
  other["policy"]["cluster"] = std::string(64, 'a');
  EXPECT_EQ(pointer_of(other), "/policy/cluster");
  // Another name with an id to match: no signature holds any more.
  other = good;
  other["document"]["name"] = "other";
  other["id"] = other["policy"]["cluster"] = cluster_id_of(other["document"]);
  EXPECT_EQ(pointer_of(other), "/signatures/node1");
  EXPECT_EQ(pointer_of([&] {
              Founding::parse(complete().text() + std::string(limits::kMaxClusterBytes + limits::kMaxPolicyBytes, ' '));
            }),
            "");
}

TEST_F(Foundings, BeginWithTheFirstVersionOfAPolicy) {
  Json policy = base_policy(), file = Json::object();
  policy["version"] = 2;
  policy["previous"] = std::string(64, 'a');
  file["document"] = make_genesis("acme", cards(), policy_anchor(policy));
  file["id"] = policy["cluster"] = cluster_id_of(file["document"]);
  file["policy"] = policy;
  file["signatures"] = Json::object();
  EXPECT_EQ(pointer_of(file), "/policy/version");
}

TEST_F(Foundings, TakeNoSignatureButTheNodesOwn) {
  Founding founding = made();
  EXPECT_EQ(pointer_of([&] { founding.add("node1", founding.sign(nodes[1].key)); }), "/signatures/node1");
  EXPECT_EQ(pointer_of([&] { founding.add("node1", made("acme2").sign(nodes[2].key)); }), "/signatures/node1");
  EXPECT_EQ(pointer_of([&] { founding.add("node4", founding.sign(nodes[0].key)); }), "/signatures");
  EXPECT_EQ(founding.unsigned_nodes().size(), 3u);
}

TEST_F(Foundings, NameWhatCannotBeFounded) {
  auto bad = cards();
  bad[1]["card"]["seq"] = 2;
  EXPECT_EQ(pointer_of([&] { Founding::make("acme", bad, base_policy()); }), "/cards/1/signature");
  bad[1] = Json::array();
  EXPECT_EQ(pointer_of([&] { Founding::make("acme", bad, base_policy()); }), "/cards/1");
  EXPECT_EQ(pointer_of([&] { Founding::make("Acme", cards(), base_policy()); }), "/document/name");
  EXPECT_EQ(pointer_of([&] { Founding::make("acme", {cards()[0]}, base_policy()); }), "/document/nodes");
  EXPECT_EQ(pointer_of([&] { Founding::make("acme", cards(), Json("x")); }), "/policy");
  Json policy = base_policy();
  policy["admins"]["group"] = "nobody-there";
  EXPECT_EQ(pointer_of([&] { Founding::make("acme", cards(), policy); }), "/policy/admins/group");
}

TEST_F(Foundings, SignatureFilesAreReadStrictly) {
  const Founding founding = made();
  const FoundingSignature signature{founding.id(), "node1", founding.sign(nodes[2].key)};
  const auto read = parse_founding_signature(to_text(signature));
  EXPECT_EQ(read.cluster, signature.cluster);
  EXPECT_EQ(read.node, "node1");
  EXPECT_EQ(read.signature, signature.signature);
  const Json good = parse_json(to_text(signature));
  for (const char* member : {"cluster", "node", "signature"}) {
    Json bad = good;
    bad[member] = "X";
    EXPECT_EQ(pointer_of([&] { parse_founding_signature(bad.dump()); }), std::string("/") + member);
    bad.erase(member);
    EXPECT_EQ(pointer_of([&] { parse_founding_signature(bad.dump()); }), std::string("/") + member);
  }
  Json more = good;
  more["x"] = 1;
  EXPECT_EQ(pointer_of([&] { parse_founding_signature(more.dump()); }), "/x");
  EXPECT_EQ(pointer_of([&] { parse_founding_signature(good.dump() + std::string(5000, ' ')); }), "");
}

}  // namespace
}  // namespace quorate::policy
