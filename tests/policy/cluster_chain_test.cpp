#include "policy/cluster_chain.h"

#include <gtest/gtest.h>

#include <functional>

#include "policy/founding.h"
#include "policy/intent.h"
#include "sample_policy.h"
#include "tests/policy/keyed_node.h"

namespace quorate::policy {
namespace {

Ed25519SecretKey admin_key(std::uint64_t seed) {
  SeededRng rng(seed);
  return Ed25519SecretKey::generate(rng);
}

// Three nodes, and policies of which alice and bob are admins (two are asked for), in the second one carol and bob.
struct Chain : ::testing::Test {
  std::map<std::string, KeyedNode> people_of_nodes;  // every node there is or could be, by id
  std::vector<PolicyDocument> policies;
  std::optional<ClusterChain> chain;
  PolicyOf policy_of = [this](std::int64_t version, const Digest& digest) -> const PolicyDocument* {
    for (const PolicyDocument& policy : policies)
      if (policy.version() == version && policy.digest() == digest) return &policy;
    return nullptr;
  };

  Chain() {
    for (std::uint8_t i = 1; i <= 6; ++i) add(keyed_node(i));
    chain.emplace(founded("acme"));
    Json second = base_policy();
    second["version"] = 2;
    second["previous"] = to_hex(policies[0].digest());
    second["cluster"] = chain->id();
    second["users"][0]["groups"] = Json::array({"treasury"});
    second["users"][2]["groups"] = Json::array({"auditors", "admins"});
    policies.push_back(PolicyDocument::from_json(second));
  }
  void add(KeyedNode node) { people_of_nodes.insert_or_assign(node.card.id, std::move(node)); }
  const KeyedNode& node(const std::string& id) const { return people_of_nodes.at(id); }
  Json card(const std::string& id) const { return sign_card(node(id).card, node(id).key); }

  ClusterDocument founded(const std::string& name) {
    std::vector<Json> cards;
    for (const char* id : {"node1", "node2", "node3"}) cards.push_back(card(id));
    Founding founding = Founding::make(name, cards, base_policy());
    for (const NodeCard& card : founding.nodes()) founding.add(card.id, founding.sign(node(card.id).key));
    if (policies.empty()) policies.push_back(PolicyDocument::parse(founding.policy_file()));
    return ClusterDocument::parse(founding.cluster_file());
  }

  struct By {  // who takes part in a change
    std::vector<std::pair<std::string, std::uint64_t>> admins{{"alice", 1}, {"bob", 2}};
    std::vector<std::string> holders{"node1", "node2", "node3"};
    std::size_t policy = 0;
  };
  Intent intent_of(const Json& document, std::size_t policy) const {
    Intent intent;
    intent.cluster = chain->id();
    intent.request = "req_00000000000000000000000000000001";
    intent.kind = Kind::change_cluster;
    intent.payload_digest = body_payload_digest(document);
    intent.facts_digest = no_facts_digest();
    intent.policy_version = policies[policy].version();
    intent.policy_digest = policies[policy].digest();
    intent.requested_by = "alice";
    intent.expires_at = from_unix_seconds(1'800'000'000);
    return intent;
  }
  // The entry with every signature of it.
  Json entry_of(const Json& document, const By& by, const std::function<void(Intent&)>& bend = {}) const {
    Intent intent = intent_of(document, by.policy);
    if (bend) bend(intent);
    Json entry = Json::object();
    entry["document"] = document;
    entry["intent"] = to_json(intent);
    entry["approvals"] = Json::array();
    for (const auto& [admin, seed] : by.admins) {
      Json approval = Json::object();
      approval["approver"] = admin;
      approval["signature"] =
          to_hex(admin_key(seed).sign(view_of(approval_text(Vote::approve, admin, entry["intent"]))));
      entry["approvals"].push_back(approval);
    }
    entry["signatures"] = Json::object();
    for (const Json& id : document["joins"])
      entry["signatures"][id.get<std::string>()] = to_hex(sign_joining(document, node(id.get<std::string>()).key));
    entry["held"] = Json::object();
    for (const std::string& id : by.holders)
      entry["held"][id] = to_hex(sign_holding(document, entry["intent"], node(id).key));
    return entry;
  }
  Json entry_of(const Json& document) const { return entry_of(document, By{}); }

  std::string pointer_of(const std::function<void()>& act) {
    const std::string before = chain->text();
    try {
      act();
    } catch (const JsonError& e) {
      EXPECT_EQ(chain->text(), before);  // what is refused changes nothing
      return e.pointer;
    }
    return "no error";
  }
  std::string refusal(const Json& entry) {
    return pointer_of([&] { chain->append(entry, policy_of); });
  }
  std::vector<std::string> ids() const {
    std::vector<std::string> out;
    for (const NodeCard& card : chain->nodes()) out.push_back(card.id);
    return out;
  }
};

TEST_F(Chain, GrowsFromThreeToFive) {
  const std::string id = chain->id();
  EXPECT_EQ(chain->version(), 1);
  EXPECT_EQ(to_hex(chain->digest()), id);
  const Json document = chain->next({card("node4"), card("node5")}, {});
  EXPECT_EQ(document["joins"], Json::array({"node4", "node5"}));
  EXPECT_EQ(document["removes"], Json::array());
  EXPECT_EQ(chain->append(entry_of(document), policy_of), ClusterChain::Appended::added);
  EXPECT_EQ(chain->version(), 2);
  EXPECT_EQ(chain->id(), id);
  EXPECT_EQ(chain->digest(), jcs_digest(document));
  EXPECT_EQ(ids(), (std::vector<std::string>{"node1", "node2", "node3", "node4", "node5"}));
  EXPECT_EQ(*chain->find("node4"), node("node4").card);

  // From two documents to three: now three of the five have to hold it, the joined ones among them.
  By by;
  by.holders = {"node2", "node4", "node5"};
  const Json removal = chain->next({}, {"node1"});
  EXPECT_EQ(removal["removes"], Json::array({"node1"}));
  EXPECT_EQ(chain->append(entry_of(removal, by), policy_of), ClusterChain::Appended::added);
  EXPECT_EQ(chain->find("node1"), nullptr);

  const auto again = ClusterChain::parse(chain->text(), policy_of);
  EXPECT_EQ(again.text(), chain->text());
  EXPECT_EQ(again.digest(), chain->digest());
  EXPECT_EQ(again.nodes(), chain->nodes());
}

TEST_F(Chain, ReadsAClusterThatNeverChanged) {
  const auto genesis = founded("acme");
  EXPECT_EQ(ClusterChain::parse(genesis.json(), policy_of).nodes(), genesis.nodes());
  EXPECT_EQ(ClusterDocument::parse(chain->text()).id(), chain->id());
}

TEST_F(Chain, ANewIdentityKeyIsAChange) {
  const auto old = node("node2").key.public_key();
  const Json kept = card("node2");
  Json renewed = sign_card(keyed_node(2, 1).card, keyed_node(2, 1).key);
  EXPECT_EQ(pointer_of([&] { chain->renew(renewed); }), "/card/identity_key");
  NodeCard last = node("node2").card;  // by the old key, with a higher number than the new key's first one
  last.seq = 9;
  ASSERT_EQ(chain->renew(sign_card(last, node("node2").key)), ClusterChain::Renewed::newer);
  Json document = chain->next({renewed}, {});
  EXPECT_EQ(document["joins"], Json::array({"node2"}));
  EXPECT_EQ(document["removes"], Json::array({"node2"}));
  const Json held = entry_of(document);  // by the old keys
  add(keyed_node(2, 1));
  Json entry = held;
  entry["signatures"]["node2"] = to_hex(sign_joining(document, node("node2").key));
  EXPECT_EQ(refusal(held), "/signatures/node2");  // the old key has signed as the joining one
  ASSERT_EQ(chain->append(entry, policy_of), ClusterChain::Appended::added);
  EXPECT_EQ(*chain->find("node2"), node("node2").card);
  EXPECT_NE(chain->find("node2")->identity_key, old);
  // The old key is worth nothing from now on, under any id.
  document = chain->next({kept}, {});
  EXPECT_EQ(refusal(entry_of(document)), "/document/nodes/1/card/identity_key");
}

TEST_F(Chain, AnIdentityKeyHasOneId) {
  KeyedNode moved = keyed_node(3);
  moved.card.id = "node9";
  moved.card.tls_spki[90] ^= 1;
  const Json document = chain->next({sign_card(moved.card, moved.key)}, {"node3"});
  add(std::move(moved));
  EXPECT_EQ(refusal(entry_of(document)), "/document/nodes/2/card/identity_key");
}

TEST_F(Chain, NobodyIsDroppedOrAddedSilently) {
  Json document = chain->next({card("node4")}, {"node1"});
  Json silent = document;
  silent["removes"] = Json::array();
  EXPECT_EQ(refusal(entry_of(silent)), "/document/removes");
  silent["removes"] = Json::array({"node1", "node2"});
  EXPECT_EQ(refusal(entry_of(silent)), "/document/removes");
  silent = document;
  silent["joins"] = Json::array();
  EXPECT_EQ(refusal(entry_of(silent)), "/document/joins");
  silent["joins"] = Json::array({"node4", "node3"});
  EXPECT_EQ(refusal(entry_of(silent)), "/document/joins");
  for (const char* member : {"joins", "removes"}) {
    Json entry = entry_of(document);
    entry["document"][member] = Json::array({4});
    EXPECT_EQ(refusal(entry), std::string("/document/") + member);
  }
  EXPECT_EQ(refusal(entry_of(chain->next({}, {}))), "/document");  // changes nothing
  EXPECT_EQ(pointer_of([&] { chain->next({}, {"node7"}); }), "/removes");
  EXPECT_EQ(pointer_of([&] { chain->next({}, {"node1", "node2"}); }), "/nodes");  // one is no cluster
}

TEST_F(Chain, EveryoneWhoJoinsHasSigned) {
  const Json document = chain->next({card("node4"), card("node5")}, {});
  Json entry = entry_of(document);
  entry["signatures"].erase("node5");
  EXPECT_EQ(refusal(entry), "/signatures/node5");
  entry = entry_of(document);
  entry["signatures"]["node5"] = entry["signatures"]["node4"];
  EXPECT_EQ(refusal(entry), "/signatures/node5");
  // A signature of another document, and one for another purpose.
  entry["signatures"]["node5"] = to_hex(sign_joining(chain->next({card("node5")}, {}), node("node5").key));
  EXPECT_EQ(refusal(entry), "/signatures/node5");
  entry["signatures"]["node5"] = to_hex(sign_genesis(document, node("node5").key));
  EXPECT_EQ(refusal(entry), "/signatures/node5");
  entry = entry_of(document);
  entry["signatures"]["node1"] = to_hex(sign_joining(document, node("node1").key));
  EXPECT_EQ(refusal(entry), "/signatures/node1");
  EXPECT_EQ(refusal(entry_of(document)), "no error");
}

TEST_F(Chain, TheAdminsHaveApprovedThisDocument) {
  const Json document = chain->next({card("node4")}, {});
  By by;
  by.admins = {{"alice", 1}};
  EXPECT_EQ(refusal(entry_of(document, by)), "/approvals");
  by.admins = {{"alice", 1}, {"alice", 1}};
  EXPECT_EQ(refusal(entry_of(document, by)), "/approvals/1/approver");
  by.admins = {{"alice", 1}, {"carol", 3}};
  EXPECT_EQ(refusal(entry_of(document, by)), "/approvals/1/approver");
  by.admins = {{"alice", 1}, {"bob", 3}};  // not bob's key
  EXPECT_EQ(refusal(entry_of(document, by)), "/approvals/1/signature");
  const auto bent = [&](const std::function<void(Intent&)>& bend) { return refusal(entry_of(document, By{}, bend)); };
  EXPECT_EQ(bent([](Intent& i) { i.kind = Kind::change_policy; }), "/intent/kind");
  EXPECT_EQ(bent([](Intent& i) { i.cluster = std::string(64, 'a'); }), "/intent/cluster");
  EXPECT_EQ(bent([](Intent& i) { i.payload_digest = Digest{}; }), "/intent/payload_digest");
  EXPECT_EQ(bent([](Intent& i) { i.policy_digest = Digest{}; }), "/intent/policy_digest");
  EXPECT_EQ(bent([](Intent& i) { i.policy_version = 3; }), "/intent/policy_digest");
  // Approvals of another change do not fit.
  Json entry = entry_of(document);
  entry["approvals"] = entry_of(chain->next({card("node5")}, {}))["approvals"];
  EXPECT_EQ(refusal(entry), "/approvals/0/signature");
  // A rejection is no approval.
  entry = entry_of(document);
  entry["approvals"][1]["signature"] =
      to_hex(admin_key(2).sign(view_of(approval_text(Vote::reject, "bob", entry["intent"]))));
  EXPECT_EQ(refusal(entry), "/approvals/1/signature");
  EXPECT_EQ(refusal(entry_of(document)), "no error");
}

// attack 64, of the cluster's documents: who is no admin any more changes nothing, and the policy never goes back.
TEST_F(Chain, ThePolicyInForceDecides) {
  By by;
  by.policy = 1;
  EXPECT_EQ(refusal(entry_of(chain->next({card("node4")}, {}), by)), "/approvals/0/approver");  // alice was removed
  by.admins = {{"bob", 2}, {"carol", 3}};
  ASSERT_EQ(refusal(entry_of(chain->next({card("node4")}, {}), by)), "no error");
  By old;
  old.holders = {"node1", "node2", "node3"};
  EXPECT_EQ(refusal(entry_of(chain->next({card("node5")}, {}), old)), "/intent/policy_version");
}

// Approvals of a change of the cluster are Ed25519's; the public key is of RFC 6979 A.2.5.
TEST_F(Chain, AnAdminWhoHasAnAuthenticatorOnlyApprovesNone) {
  Json second = Json::parse(policies[1].jcs());
  second["users"][2].erase("key");
  second["users"][2]["webauthn"] =
      parse_json(R"([{"rp_id": "example.com", "origins": ["https://example.com"], "credential_id": "AQI",
    "public_key": "0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"}])");
  policies[1] = PolicyDocument::from_json(second);
  By by;
  by.policy = 1;
  by.admins = {{"bob", 2}, {"carol", 3}};
  EXPECT_EQ(refusal(entry_of(chain->next({card("node4")}, {}), by)), "/approvals/1/signature");
}

TEST_F(Chain, AMajorityOfTheNodesBeforeHoldsIt) {
  const Json document = chain->next({card("node4"), card("node5")}, {});
  By by;
  by.holders = {"node1"};
  EXPECT_EQ(refusal(entry_of(document, by)), "/held");
  by.holders = {"node1", "node4", "node5"};  // who joins has no say yet
  const std::string refused = refusal(entry_of(document, by));
  EXPECT_TRUE(refused == "/held/node4" || refused == "/held/node5") << refused;
  by.holders = {"node1", "node3"};
  Json entry = entry_of(document, by);
  entry["held"]["node3"] = entry["held"]["node1"];
  EXPECT_EQ(refusal(entry), "/held/node3");
  // Held under another intent: another request, other approvals.
  entry = entry_of(document, by);
  entry["held"] = entry_of(document, by, [](Intent& i) { i.requested_by = "bob"; })["held"];
  EXPECT_EQ(refusal(entry), "/held/node1");
  EXPECT_EQ(refusal(entry_of(document, by)), "no error");
  by.holders = {"node1", "node2"};  // two of five
  EXPECT_EQ(refusal(entry_of(chain->next({}, {"node3"}), by)), "/held");
}

TEST_F(Chain, NeitherGoesBackNorForks) {  // rollback, fork, skipped version
  const Json first = entry_of(chain->next({card("node4")}, {}));
  const Json rival = entry_of(chain->next({card("node5")}, {}));
  ASSERT_EQ(chain->append(first, policy_of), ClusterChain::Appended::added);
  const Json second = entry_of(chain->next({card("node6")}, {}));
  ClusterChain behind = *chain;
  ASSERT_EQ(chain->append(second, policy_of), ClusterChain::Appended::added);
  EXPECT_EQ(chain->append(first, policy_of), ClusterChain::Appended::known);
  EXPECT_EQ(chain->append(second, policy_of), ClusterChain::Appended::known);
  EXPECT_EQ(chain->version(), 3);
  EXPECT_EQ(refusal(rival), "/document");
  EXPECT_EQ(behind.append(second, policy_of), ClusterChain::Appended::added);

  chain.emplace(founded("acme"));
  EXPECT_EQ(refusal(second), "/document/version");
  ASSERT_EQ(chain->append(rival, policy_of), ClusterChain::Appended::added);
  Json grafted = second;
  EXPECT_EQ(refusal(grafted), "/document/previous");
}

TEST_F(Chain, IsOfOneCluster) {  // replay in another cluster of the same nodes and people
  const Json entry = entry_of(chain->next({card("node4")}, {}));
  chain.emplace(founded("other"));
  EXPECT_EQ(refusal(entry), "/document/cluster");
  Json bent = entry;
  bent["document"]["cluster"] = chain->id();
  bent["document"]["previous"] = to_hex(chain->digest());
  EXPECT_EQ(refusal(bent), "/intent/cluster");
}

TEST_F(Chain, NewCardsNeedNoVote) {
  NodeCard moved = node("node2").card;
  moved.seq = 2;
  moved.tls_spki[90] ^= 1;
  moved.rest_address = "New.example:7001";
  const auto signed_by_2 = [&](const NodeCard& card) { return sign_card(card, node("node2").key); };
  EXPECT_EQ(chain->renew(card("node2")), ClusterChain::Renewed::known);
  EXPECT_EQ(chain->renew(signed_by_2(moved)), ClusterChain::Renewed::newer);
  EXPECT_EQ(*chain->find("node2"), moved);
  EXPECT_EQ(chain->renew(signed_by_2(moved)), ClusterChain::Renewed::known);
  EXPECT_EQ(chain->renew(card("node2")), ClusterChain::Renewed::older);
  EXPECT_EQ(*chain->find("node2"), moved);
  EXPECT_EQ(chain->version(), 1);
  EXPECT_EQ(ClusterChain::parse(chain->text(), policy_of).nodes(), chain->nodes());
  EXPECT_EQ(ClusterDocument::parse(chain->text()).nodes(), chain->nodes());
  EXPECT_EQ(ClusterDocument::parse(chain->text()).id(), chain->id());
  // Another node takes the address that is free now; the file is read whatever the order of its cards.
  NodeCard first = node("node1").card;
  first.seq = 5;
  first.rest_address = node("node2").card.rest_address;
  EXPECT_EQ(chain->renew(sign_card(first, node("node1").key)), ClusterChain::Renewed::newer);
  EXPECT_EQ(ClusterChain::parse(chain->text(), policy_of).nodes(), chain->nodes());
  EXPECT_EQ(ClusterDocument::parse(chain->text()).nodes(), chain->nodes());

  const auto refused = [&](const std::function<void(NodeCard&)>& bend) {
    NodeCard other = moved;
    bend(other);
    return pointer_of([&] { chain->renew(signed_by_2(other)); });
  };
  EXPECT_EQ(refused([](auto& c) { c.rest_address = "x:1"; }), "/card/seq");  // two cards of one seq
  EXPECT_EQ(refused([](auto& c) { c.id = "node7"; }), "/card/id");
  EXPECT_EQ(refused([&](auto& c) { ++c.seq, c.tls_spki = node("node1").card.tls_spki; }), "");
  EXPECT_EQ(refused([&](auto& c) { ++c.seq, c.peers_address = "H3.example:7001"; }), "");
  EXPECT_EQ(refused([&](auto& c) { ++c.seq, c.peers_address = c.rest_address; }), "");
  Json forged = signed_by_2(moved);
  forged["card"]["seq"] = 3;
  EXPECT_EQ(pointer_of([&] { chain->renew(forged); }), "/signature");

  // The next document carries it on, and none brings the old card back.
  const Json document = chain->next({card("node4")}, {});
  EXPECT_EQ(document["nodes"][1], signed_by_2(moved));
  ASSERT_EQ(refusal(entry_of(document)), "no error");
  EXPECT_FALSE(parse_json(chain->text()).contains("cards"));  // the document has them now
  EXPECT_EQ(ClusterChain::parse(chain->text(), policy_of).nodes(), chain->nodes());
  EXPECT_EQ(*chain->find("node2"), moved);
  Json back = chain->next({card("node5")}, {});
  NodeCard old = node("node2").card;
  old.rest_address = "old.example:7001";
  back["nodes"][1] = signed_by_2(old);
  EXPECT_EQ(refusal(entry_of(back)), "/document/nodes/1/card/seq");
  NodeCard twin = moved;
  twin.rest_address = "twin.example:7001";
  back["nodes"][1] = signed_by_2(twin);
  EXPECT_EQ(refusal(entry_of(back)), "/document/nodes/1/card/seq");
}

TEST_F(Chain, ADocumentComesBeforeCardsThatDoNotFitIt) {
  const Json document = chain->next({card("node4")}, {});
  const Json removal = chain->next({}, {"node3"});
  NodeCard moved = node("node2").card, kept = node("node1").card, gone = node("node3").card;
  moved.seq = kept.seq = gone.seq = 2;
  moved.peers_address = node("node4").card.peers_address;  // free until node4 joins
  kept.rest_address = "kept.example:7001";
  gone.rest_address = "gone.example:7001";
  chain->renew(sign_card(moved, node("node2").key));
  chain->renew(sign_card(kept, node("node1").key));
  chain->renew(sign_card(gone, node("node3").key));
  ClusterChain other = *chain;
  ASSERT_EQ(chain->append(entry_of(document), policy_of), ClusterChain::Appended::added);
  EXPECT_EQ(*chain->find("node2"), node("node2").card);
  EXPECT_EQ(*chain->find("node1"), kept);
  EXPECT_EQ(*chain->find("node3"), gone);
  ASSERT_EQ(other.append(entry_of(removal), policy_of), ClusterChain::Appended::added);
  EXPECT_EQ(other.find("node3"), nullptr);
  EXPECT_EQ(*other.find("node2"), moved);
  for (const ClusterChain* each : {&*chain, &other})
    EXPECT_EQ(ClusterChain::parse(each->text(), policy_of).nodes(), each->nodes());
}

TEST_F(Chain, FilesAreReadStrictly) {
  ASSERT_EQ(refusal(entry_of(chain->next({card("node4")}, {}))), "no error");
  const Json good = parse_json(chain->text());
  const auto file = [&](const Json& json) { return pointer_of([&] { ClusterChain::parse(json.dump(), policy_of); }); };
  EXPECT_EQ(file(good), "no error");
  const auto patched = [&](const char* patch) { return file(good.patch(parse_json(patch))); };
  EXPECT_EQ(patched(R"([{"op":"add","path":"/x","value":1}])"), "/x");
  EXPECT_EQ(patched(R"([{"op":"add","path":"/documents/1/x","value":1}])"), "/documents/1/x");
  EXPECT_EQ(patched(R"([{"op":"add","path":"/documents/1/document/x","value":1}])"), "/documents/1/document/x");
  EXPECT_EQ(patched(R"([{"op":"add","path":"/documents/1/approvals/0/x","value":1}])"), "/documents/1/approvals/0/x");
  EXPECT_EQ(patched(R"([{"op":"copy","from":"/documents/1","path":"/documents/-"}])"), "/documents/2");
  EXPECT_EQ(patched(R"([{"op":"replace","path":"/documents","value":[]}])"), "/documents");
  EXPECT_EQ(patched(R"([{"op":"remove","path":"/documents/0"}])"), "/documents/0/document/version");
  EXPECT_EQ(patched(R"([{"op":"remove","path":"/documents/1/held"}])"), "/documents/1/held");
  EXPECT_EQ(patched(R"([{"op":"remove","path":"/documents/1/intent"}])"), "/documents/1/intent");
  EXPECT_EQ(patched(R"([{"op":"add","path":"/cards","value":[{}]}])"), "/cards/0/card");
  Json old = good;
  old["cards"] = Json::array({card("node1")});
  EXPECT_EQ(file(old), "/cards/0/card/seq");
  EXPECT_EQ(
      pointer_of([&] { ClusterChain::parse(good.dump() + std::string(limits::kMaxClusterBytes, ' '), policy_of); }),
      "");
}

}  // namespace
}  // namespace quorate::policy
