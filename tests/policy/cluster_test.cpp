#include "policy/cluster.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "policy/first_policy.h"
#include "tests/policy/keyed_node.h"

namespace quorate::policy {
namespace {

std::vector<KeyedNode> nodes_of(std::uint8_t n) {
  std::vector<KeyedNode> out;
  for (std::uint8_t i = 1; i <= n; ++i) out.push_back(keyed_node(i));
  return out;
}

Json genesis_of(const std::vector<KeyedNode>& nodes, const Digest& anchor = {}) {
  std::vector<Json> cards;
  for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) cards.push_back(sign_card(it->card, it->key));
  return make_genesis("test", cards, anchor);
}

Json file_of(const std::vector<KeyedNode>& nodes, const Json& genesis) {
  std::vector<std::pair<std::string, Signature64>> signatures;
  for (const auto& node : nodes) signatures.emplace_back(node.card.id, sign_genesis(genesis, node.key));
  return make_cluster_file(genesis, signatures);
}

// A file in which everything is signed again after `change`, so that only the changed thing is wrong.
Json changed(const std::function<void(std::vector<KeyedNode>&)>& change) {
  auto nodes = nodes_of(3);
  change(nodes);
  return file_of(nodes, genesis_of(nodes));
}

std::string pointer_of(const Json& file) {
  try {
    ClusterDocument::parse(file.dump());
  } catch (const JsonError& e) {
    return e.pointer;
  }
  return "no error";
}

TEST(Cluster, RoundTrips) {
  const auto nodes = nodes_of(3);
  const Json genesis = genesis_of(nodes, sha256(view_of("anchor")));
  const auto cluster = ClusterDocument::parse(file_of(nodes, genesis).dump(2));
  EXPECT_EQ(cluster.id(), to_hex(sha256(view_of(to_jcs(genesis)))));
  EXPECT_EQ(cluster.id(), cluster_id_of(genesis));
  EXPECT_EQ(to_hex(cluster.digest()), cluster.id());
  EXPECT_EQ(cluster.version(), 1);
  EXPECT_EQ(cluster.name(), "test");
  EXPECT_EQ(cluster.policy_anchor(), sha256(view_of("anchor")));
  ASSERT_EQ(cluster.nodes().size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(cluster.nodes()[i], nodes[i].card);
  ASSERT_NE(cluster.find("node2"), nullptr);
  EXPECT_EQ(*cluster.find("node2"), nodes[1].card);
  EXPECT_EQ(cluster.find("node4"), nullptr);
  EXPECT_EQ(cluster.find_by_spki(spki_of(3)), cluster.find("node3"));
  EXPECT_EQ(cluster.find_by_spki(spki_of(4)), nullptr);
  EXPECT_EQ(cluster.find_by_spki({}), nullptr);
  EXPECT_EQ(ClusterDocument::parse(cluster.json()).id(), cluster.id());
}

TEST(Cluster, OneFingerprintBindsNodesAndFirstPolicy) {  // attack 66
  const auto nodes = nodes_of(2);
  const FirstUser admin{"admin", keyed_node(50).card.identity_key},
      approver{"approver", keyed_node(51).card.identity_key};
  const FirstUser mallory{"admin", keyed_node(52).card.identity_key};
  const Json genesis = genesis_of(nodes, policy_anchor(first_policy("", admin, approver)));
  const auto cluster = ClusterDocument::parse(file_of(nodes, genesis).dump());
  const auto policy = [](const Json& json) { return PolicyDocument::from_json(json); };
  EXPECT_TRUE(cluster.anchors(policy(first_policy(cluster.id(), admin, approver))));
  EXPECT_FALSE(cluster.anchors(policy(first_policy(cluster.id(), mallory, approver))));
  EXPECT_FALSE(cluster.anchors(policy(first_policy(std::string(64, 'a'), admin, approver))));
  Json second = first_policy(cluster.id(), admin, approver);
  second["version"] = 2;
  second["previous"] = std::string(64, 'a');
  EXPECT_FALSE(cluster.anchors(policy(second)));
}

TEST(Cluster, EverySignatureIsChecked) {
  const auto nodes = nodes_of(3);
  const Json good = file_of(nodes, genesis_of(nodes));
  ASSERT_EQ(pointer_of(good), "no error");
  const auto flip = [&](const char* pointer) {
    Json bad = good;
    auto& text = bad[Json::json_pointer(pointer)].get_ref<std::string&>();
    text[5] = text[5] == '0' ? '1' : '0';
    return bad;
  };
  EXPECT_EQ(pointer_of(flip("/documents/0/document/nodes/1/signature")), "/documents/0/document/nodes/1/signature");
  EXPECT_EQ(pointer_of(flip("/documents/0/signatures/node3")), "/documents/0/signatures/node3");
  EXPECT_EQ(pointer_of(flip("/id")), "/id");
  Json bad = good;
  bad["documents"][0]["signatures"].erase("node2");
  EXPECT_EQ(pointer_of(bad), "/documents/0/signatures/node2");
  bad = good;
  bad["documents"][0]["signatures"]["node9"] = bad["documents"][0]["signatures"]["node1"];
  EXPECT_EQ(pointer_of(bad), "/documents/0/signatures/node9");
  bad = good;
  std::swap(bad["documents"][0]["signatures"]["node1"], bad["documents"][0]["signatures"]["node2"]);
  EXPECT_EQ(pointer_of(bad), "/documents/0/signatures/node1");
}

TEST(Cluster, NothingSignedCanBeChanged) {
  const auto nodes = nodes_of(3);
  const Json good = file_of(nodes, genesis_of(nodes));
  for (
      const char* patch :
      {R"([{"op":"replace","path":"/documents/0/document/name","value":"other"}])",
       R"([{"op":"replace","path":"/documents/0/document/policy_anchor","value":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}])",
       R"([{"op":"replace","path":"/documents/0/document/nodes/0/card/seq","value":2}])",
       R"([{"op":"replace","path":"/documents/0/document/nodes/0/card/addresses/peers","value":"evil:1"}])",
       R"([{"op":"replace","path":"/documents/0/document/nodes/0/card/addresses/rest","value":"evil:1"}])",
       R"([{"op":"remove","path":"/documents/0/document/nodes/2"}])"}) {
    Json bad = good.patch(parse_json(patch));
    bad["id"] = cluster_id_of(bad["documents"][0]["document"]);
    EXPECT_NE(pointer_of(bad), "no error") << patch;
  }
}

// A card's signature is none for the document and the reverse.
TEST(Cluster, SignaturesNameWhatTheyAreFor) {  // attack 16
  const auto nodes = nodes_of(2);
  const Json genesis = genesis_of(nodes);
  Json file = file_of(nodes, genesis);
  file["documents"][0]["signatures"]["node1"] = to_hex(nodes[0].key.sign(view_of(to_jcs(genesis))));
  EXPECT_EQ(pointer_of(file), "/documents/0/signatures/node1");
  Json card = sign_card(nodes[0].card, nodes[0].key);
  card["signature"] = to_hex(nodes[0].key.sign(view_of(to_jcs(card["card"]))));
  EXPECT_THROW(parse_signed_card(card), JsonError);
}

TEST(Cluster, NodesShareNothing) {
  const std::string second = "/documents/0/document/nodes/1/card/";
  EXPECT_EQ(pointer_of(changed([](auto& n) { n[1].card.id = "node1"; })), second + "id");
  EXPECT_EQ(pointer_of(changed([](auto& n) {
              n[1].key = keyed_node(1).key;
              n[1].card.identity_key = n[0].card.identity_key;
            })),
            second + "identity_key");
  EXPECT_EQ(pointer_of(changed([](auto& n) { n[1].card.tls_spki = n[0].card.tls_spki; })), second + "tls_spki");
  EXPECT_EQ(pointer_of(changed([](auto& n) { n[1].card.peers_address = n[0].card.peers_address; })),
            second + "addresses/peers");
  EXPECT_EQ(pointer_of(changed([](auto& n) { n[1].card.rest_address = n[0].card.rest_address; })),
            second + "addresses/rest");
  EXPECT_EQ(pointer_of(changed([](auto& n) { n[1].card.rest_address = n[0].card.peers_address; })),
            second + "addresses/rest");
  EXPECT_EQ(pointer_of(changed([](auto& n) {
              n[0].card.peers_address = "A.example:7101";
              n[1].card.peers_address = "a.example:7101";
            })),
            second + "addresses/peers");
  EXPECT_EQ(pointer_of(changed([](auto& n) { n[0].card.rest_address = n[0].card.peers_address; })),
            "/documents/0/document/nodes/0/card/addresses/rest");
}

TEST(Cluster, TheOrderOfNodesIsFixed) {
  const auto nodes = nodes_of(2);
  Json genesis = genesis_of(nodes);
  std::swap(genesis["nodes"][0], genesis["nodes"][1]);
  EXPECT_EQ(pointer_of(file_of(nodes, genesis)), "/documents/0/document/nodes/1/card/id");
}

TEST(Cluster, CardsAreWellFormed) {
  const std::string first = "/documents/0/document/nodes/0/card/";
  EXPECT_EQ(pointer_of(changed([](auto& n) { n[0].card.id = "-node"; })), first + "id");
  EXPECT_EQ(pointer_of(changed([](auto& n) { n[0].card.id = "NODE1"; })), first + "id");
  EXPECT_EQ(pointer_of(changed([](auto& n) { n[0].card.seq = 0; })), first + "seq");
  EXPECT_EQ(pointer_of(changed([](auto& n) { n[0].card.tls_spki.pop_back(); })), first + "tls_spki");
  for (const std::size_t i : {0u, 10u, 22u, 26u})
    EXPECT_EQ(pointer_of(changed([&](auto& n) { n[0].card.tls_spki[i] ^= 1; })), first + "tls_spki") << i;
  for (const char* good :
       {"localhost:1", "a.example:65535", "[::1]:7101", "10.0.0.1:80", "node-1.internal:443", "[2001:db8::1]:7101"})
    EXPECT_EQ(pointer_of(changed([&](auto& n) { n[0].card.peers_address = good; })), "no error") << good;
  for (const char* bad : {"",
                          "localhost",
                          "localhost:",
                          ":80",
                          "localhost:0",
                          "localhost:65536",
                          "localhost:080",
                          "localhost:8x",
                          "http://a:80",
                          "a b:80",
                          "::1:80",
                          "[]:80",
                          "[::1:80",
                          "[1:2]:80",
                          "[::g]:80",
                          "[a.example]:80",
                          "node_1:80",
                          "a/b:80",
                          "a@b:80",
                          "a:80\n",
                          "ä:80"})
    EXPECT_EQ(pointer_of(changed([&](auto& n) { n[0].card.rest_address = bad; })), first + "addresses/rest") << bad;
}

TEST(Cluster, HasTwoToSixtyFourNodes) {
  const auto size = [](std::uint8_t n) {
    const auto nodes = nodes_of(n);
    Json genesis = genesis_of(nodes);
    return pointer_of(file_of(nodes, genesis));
  };
  EXPECT_EQ(size(0), "/documents/0/document/nodes");
  EXPECT_EQ(size(1), "/documents/0/document/nodes");
  EXPECT_EQ(size(64), "no error");
  EXPECT_EQ(size(65), "/documents/0/document/nodes");
}

TEST(Cluster, NewerCardsTakeTheirPlaces) {
  const auto nodes = nodes_of(3);
  const Json good = file_of(nodes, genesis_of(nodes));
  NodeCard moved = nodes[1].card;
  moved.seq = 2;
  moved.tls_spki = spki_of(9);
  moved.rest_address = "moved.example:1";
  const auto with = [&](const NodeCard& card, const KeyedNode& by) {
    Json file = good;
    file["cards"] = Json::array({sign_card(card, by.key)});
    return file;
  };
  const auto cluster = ClusterDocument::parse(with(moved, nodes[1]).dump());
  EXPECT_EQ(*cluster.find("node2"), moved);
  EXPECT_EQ(*cluster.find("node1"), nodes[0].card);
  EXPECT_EQ(cluster.find_by_spki(spki_of(2)), nullptr);
  EXPECT_EQ(cluster.id(), ClusterDocument::parse(good.dump()).id());
  EXPECT_EQ(to_hex(cluster.digest()), cluster.id());

  EXPECT_EQ(pointer_of(with(nodes[1].card, nodes[1])), "/cards/0/card/seq");
  EXPECT_EQ(pointer_of(with(moved, nodes[0])), "/cards/0/signature");
  NodeCard other = moved;
  other.identity_key = nodes[0].card.identity_key;
  EXPECT_EQ(pointer_of(with(other, nodes[0])), "/cards/0/card/identity_key");
  other = moved;
  other.id = "node4";
  EXPECT_EQ(pointer_of(with(other, nodes[1])), "/cards/0/card/id");
  other = moved;
  other.rest_address = nodes[0].card.peers_address;
  EXPECT_EQ(pointer_of(with(other, nodes[1])), "/cards");
}

TEST(Cluster, UnknownMembersAndLaterDocumentsAreRefused) {
  const auto nodes = nodes_of(2);
  const Json genesis = genesis_of(nodes);
  const Json good = file_of(nodes, genesis);
  const auto patched = [&](const char* patch) { return pointer_of(good.patch(parse_json(patch))); };
  EXPECT_EQ(patched(R"([{"op":"add","path":"/x","value":1}])"), "/x");
  EXPECT_EQ(patched(R"([{"op":"add","path":"/documents/0/x","value":1}])"), "/documents/0/x");
  EXPECT_EQ(patched(R"([{"op":"copy","from":"/documents/0","path":"/documents/-"}])"), "/documents/1");
  EXPECT_EQ(patched(R"([{"op":"replace","path":"/documents","value":[]}])"), "/documents");
  EXPECT_EQ(patched(R"([{"op":"remove","path":"/id"}])"), "/id");
  Json bad = genesis;
  bad["x"] = 1;
  EXPECT_EQ(pointer_of(file_of(nodes, bad)), "/documents/0/document/x");
  bad = genesis;
  bad["version"] = 2;
  EXPECT_EQ(pointer_of(file_of(nodes, bad)), "/documents/0/document/version");
  bad = genesis;
  bad["previous"] = std::string(64, 'a');
  EXPECT_EQ(pointer_of(file_of(nodes, bad)), "/documents/0/document/previous");
  bad = genesis;
  bad["name"] = "A";
  EXPECT_EQ(pointer_of(file_of(nodes, bad)), "/documents/0/document/name");
  bad = genesis;
  bad["nodes"][0]["x"] = 1;
  EXPECT_EQ(pointer_of(file_of(nodes, bad)), "/documents/0/document/nodes/0/x");
  EXPECT_THROW(ClusterDocument::parse(std::string(limits::kMaxClusterBytes + 1, ' ')), JsonError);
}

}  // namespace
}  // namespace quorate::policy
