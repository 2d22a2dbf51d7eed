#include "policy/cluster_chain.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "base/hash.h"
#include "policy/founding.h"
#include "policy/intent.h"
#include "sample_policy.h"
#include "tests/policy/keyed_node.h"

namespace quorate::policy {
namespace {

// Three nodes, and three more that may come.
struct Chain : ::testing::Test {
  std::map<std::string, KeyedNode> all_nodes;  // every node there is or could be, by id
  std::optional<ClusterChain> chain;
  Digest policy = body_payload_digest(base_policy());

  Chain() {
    for (std::uint8_t i = 1; i <= 6; ++i) add(keyed_node(i));
    chain.emplace(founded("acme"));
  }
  void add(KeyedNode node) { all_nodes.insert_or_assign(node.card.id, std::move(node)); }
  const KeyedNode& node(const std::string& id) const { return all_nodes.at(id); }
  Json card(const std::string& id) const { return sign_card(node(id).card, node(id).key); }

  ClusterDocument founded(const std::string& name, std::uint8_t nodes = 3) {
    std::vector<Json> cards;
    for (std::uint8_t i = 1; i <= nodes; ++i) cards.push_back(card("node" + std::to_string(i)));
    Founding founding = Founding::make(name, cards, base_policy());
    for (const NodeCard& card : founding.nodes()) founding.add(card.id, founding.sign(node(card.id).key));
    return ClusterDocument::parse(founding.cluster_file());
  }

  struct By {  // who takes part in a change
    std::vector<std::string> voters{"node1", "node2", "node3"};
    std::uint32_t round = 0;
  };
  std::string consent(const std::string& id) const {
    return sign_offer(card(id), chain->id(), node(id).key)["joins"].get<std::string>();
  }
  // The entry with every signature of it.
  Json entry_of(const Json& document, const By& by) const {
    std::map<std::string, std::string> consents;
    for (const Json& id : document["joins"]) consents[id.get<std::string>()] = consent(id.get<std::string>());
    Json entry = ClusterChain::entry_of(document, consents, policy);
    const Digest previous = state_digest(policy, chain->version(), chain->digest());
    for (const std::string& id : by.voters)
      ClusterChain::add_vote(
          entry, by.round, id,
          node(id).key.sign(view_of(vote_text(chain->id(), id, by.round, previous, jcs_digest(document)))));
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
    return pointer_of([&] { chain->append(entry); });
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
  EXPECT_EQ(chain->append(entry_of(document)), ClusterChain::Appended::added);
  EXPECT_EQ(chain->version(), 2);
  EXPECT_EQ(chain->id(), id);
  EXPECT_EQ(chain->digest(), jcs_digest(document));
  EXPECT_EQ(ids(), (std::vector<std::string>{"node1", "node2", "node3", "node4", "node5"}));
  EXPECT_EQ(*chain->find("node4"), node("node4").card);

  EXPECT_EQ(chain->document().version(), 2);
  EXPECT_EQ(chain->document().digest(), chain->digest());
  EXPECT_EQ(chain->document().id(), id);
  EXPECT_EQ(chain->document().nodes(), chain->nodes());

  // From two documents to three: now three of the five have to vote for it, the joined ones among them.
  By by;
  by.voters = {"node2", "node4", "node5"};
  const Json removal = chain->next({}, {"node1"});
  EXPECT_EQ(removal["removes"], Json::array({"node1"}));
  EXPECT_EQ(chain->append(entry_of(removal, by)), ClusterChain::Appended::added);
  EXPECT_EQ(chain->find("node1"), nullptr);

  const auto again = ClusterChain::parse(chain->text());
  EXPECT_EQ(again.text(), chain->text());
  EXPECT_EQ(again.digest(), chain->digest());
  EXPECT_EQ(again.nodes(), chain->nodes());
}

TEST_F(Chain, ReadsAClusterThatNeverChanged) {
  const auto genesis = founded("acme");
  EXPECT_EQ(ClusterChain::parse(genesis.json()).nodes(), genesis.nodes());
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
  const KeyedNode again = keyed_node(2, 1);
  Json document = chain->next_with(sign_offer(renewed, chain->id(), again.key));
  EXPECT_EQ(document, chain->next({renewed}, {}));
  EXPECT_EQ(document["joins"], Json::array({"node2"}));
  EXPECT_EQ(document["removes"], Json::array({"node2"}));
  Json entry = entry_of(document);                 // by the old keys
  EXPECT_EQ(refusal(entry), "/signatures/node2");  // the old key has consented as the joining one
  add(keyed_node(2, 1));
  entry["signatures"]["node2"] = consent("node2");
  ASSERT_EQ(chain->append(entry), ClusterChain::Appended::added);
  EXPECT_EQ(*chain->find("node2"), node("node2").card);
  EXPECT_NE(chain->find("node2")->identity_key, old);
  // The old key is worth nothing from now on, under any id.
  document = chain->next({kept}, {});
  EXPECT_EQ(refusal(entry_of(document)), "/document/nodes/1/card/identity_key");
  EXPECT_EQ(pointer_of([&] { chain->next_with(sign_offer(kept, chain->id(), keyed_node(2).key)); }),
            "/card/identity_key");
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

TEST_F(Chain, EveryoneWhoJoinsHasConsented) {
  const Json document = chain->next({card("node4"), card("node5")}, {});
  Json entry = entry_of(document);
  entry["signatures"].erase("node5");
  EXPECT_EQ(refusal(entry), "/signatures/node5");
  entry = entry_of(document);
  entry["signatures"]["node5"] = entry["signatures"]["node4"];
  EXPECT_EQ(refusal(entry), "/signatures/node5");
  // A consent to another cluster, one by another card, and a signature for another purpose.
  const auto offered = [&](const Json& card, const std::string& cluster) {
    return sign_offer(card, cluster, node("node5").key)["joins"];
  };
  entry["signatures"]["node5"] = offered(card("node5"), std::string(64, 'a'));
  EXPECT_EQ(refusal(entry), "/signatures/node5");
  NodeCard moved = node("node5").card;
  moved.seq = 2;
  entry["signatures"]["node5"] = offered(sign_card(moved, node("node5").key), chain->id());
  EXPECT_EQ(refusal(entry), "/signatures/node5");
  entry["signatures"]["node5"] = card("node5")["signature"];
  EXPECT_EQ(refusal(entry), "/signatures/node5");
  entry = entry_of(document);
  entry["signatures"]["node1"] = consent("node1");
  EXPECT_EQ(refusal(entry), "/signatures/node1");
  EXPECT_EQ(refusal(entry_of(document)), "no error");
}

// What a client's request carries of the node that it lets in.
TEST_F(Chain, AnOfferIsOfANodeThatFits) {
  const auto offer_of = [&](const NodeCard& card) {
    return sign_offer(sign_card(card, node("node4").key), chain->id(), node("node4").key);
  };
  const auto refused = [&](const Json& offer) { return pointer_of([&] { chain->next_with(offer); }); };
  const NodeCard good = node("node4").card;
  EXPECT_EQ(refused(offer_of(good)), "no error");
  EXPECT_EQ(chain->next_with(offer_of(good)), chain->next({card("node4")}, {}));
  EXPECT_EQ(refused(sign_offer(card("node4"), std::string(64, 'a'), node("node4").key)), "/joins");
  EXPECT_EQ(refused(sign_offer(card("node4"), chain->id(), node("node5").key)), "/joins");
  EXPECT_EQ(refused(card("node4")), "/joins");
  Json offer = offer_of(good);
  offer["x"] = 1;
  EXPECT_EQ(refused(offer), "/x");
  offer = offer_of(good);
  offer["card"]["seq"] = 2;
  EXPECT_EQ(refused(offer), "/signature");
  EXPECT_EQ(refused(sign_offer(card("node3"), chain->id(), node("node3").key)), "/card/id");
  NodeCard other = good;
  other.rest_address = node("node1").card.peers_address;
  EXPECT_EQ(refused(offer_of(other)), "/card/addresses/rest");
  other = good;
  other.tls_spki = node("node1").card.tls_spki;
  EXPECT_EQ(refused(offer_of(other)), "/card/tls_spki");
}

// Its nodes have to be able to vote; one of them may be replaced.
TEST_F(Chain, NobodyJoins32Nodes) {
  for (std::uint8_t i = 7; i <= 33; ++i) add(keyed_node(i));
  add(keyed_node(32, 1));
  chain.emplace(founded("acme", 31));
  const auto offer = [&](const std::string& id) { return sign_offer(card(id), chain->id(), node(id).key); };
  EXPECT_EQ(chain->next_with(offer("node32"))["nodes"].size(), 32u);
  add(keyed_node(32));
  chain.emplace(founded("acme", 32));
  try {
    chain->next_with(offer("node33"));
    ADD_FAILURE() << "33 nodes";
  } catch (const JsonError& e) {
    EXPECT_EQ(e.pointer, "/card");
    EXPECT_STREQ(e.what(), "a cluster has at most 32 nodes");
  }
  add(keyed_node(32, 1));
  EXPECT_EQ(chain->next_with(offer("node32"))["joins"], Json::array({"node32"}));
}

TEST_F(Chain, AMajorityOfTheNodesBeforeHasVoted) {
  const Json document = chain->next({card("node4"), card("node5")}, {});
  By by;
  by.voters = {"node1"};
  EXPECT_EQ(refusal(entry_of(document, by)), "/votes");
  by.voters = {"node1", "node4", "node5"};  // who joins has no say yet
  const std::string refused = refusal(entry_of(document, by));
  EXPECT_TRUE(refused == "/votes/node4" || refused == "/votes/node5") << refused;
  by.voters = {"node1", "node3"};
  Json entry = entry_of(document, by);
  entry["votes"]["node3"] = entry["votes"]["node1"];
  EXPECT_EQ(refusal(entry), "/votes/node3");
  // Of another round, for another document, on what follows another policy.
  entry = entry_of(document, by);
  entry["round"] = 1;
  EXPECT_EQ(refusal(entry), "/votes/node1");
  entry["round"] = kMaxVoteRounds;
  EXPECT_EQ(refusal(entry), "/round");
  entry = entry_of(document, by);
  entry["votes"] = entry_of(chain->next({card("node5")}, {}), by)["votes"];
  EXPECT_EQ(refusal(entry), "/votes/node1");
  entry = entry_of(document, by);
  entry["policy"] = std::string(64, 'a');
  EXPECT_EQ(refusal(entry), "/votes/node1");
  by.round = 3;
  EXPECT_EQ(refusal(entry_of(document, by)), "no error");
  by.voters = {"node1", "node2"};  // two of five
  EXPECT_EQ(refusal(entry_of(chain->next({}, {"node3"}), by)), "/votes");
}

// Votes of one state are none in another, though the policy is the same.
TEST_F(Chain, AStateIsPolicyAndNodes) {
  EXPECT_EQ(state_digest(policy, 1, chain->digest()), policy);
  ASSERT_EQ(refusal(entry_of(chain->next({card("node4")}, {}))), "no error");
  const Digest second = state_digest(policy, 2, chain->digest());
  EXPECT_NE(second, policy);
  ASSERT_EQ(refusal(entry_of(chain->next({}, {"node4"}))), "no error");
  EXPECT_NE(state_digest(policy, 3, chain->digest()), second);
  EXPECT_NE(state_digest(chain->digest(), 3, policy), state_digest(policy, 3, chain->digest()));
  EXPECT_EQ(state_number(4, 3), 6);
}

TEST_F(Chain, NeitherGoesBackNorForks) {  // rollback, fork, skipped version
  const Json first = entry_of(chain->next({card("node4")}, {}));
  const Json rival = entry_of(chain->next({card("node5")}, {}));
  ASSERT_EQ(chain->append(first), ClusterChain::Appended::added);
  const Json second = entry_of(chain->next({card("node6")}, {}));
  ClusterChain behind = *chain;
  ASSERT_EQ(chain->append(second), ClusterChain::Appended::added);
  EXPECT_EQ(chain->append(first), ClusterChain::Appended::known);
  EXPECT_EQ(chain->append(second), ClusterChain::Appended::known);
  EXPECT_EQ(chain->version(), 3);
  EXPECT_EQ(refusal(rival), "/document");
  EXPECT_EQ(behind.append(second), ClusterChain::Appended::added);

  chain.emplace(founded("acme"));
  EXPECT_EQ(refusal(second), "/document/version");
  ASSERT_EQ(chain->append(rival), ClusterChain::Appended::added);
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
  EXPECT_EQ(refusal(bent), "/signatures/node4");
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
  EXPECT_EQ(ClusterChain::parse(chain->text()).nodes(), chain->nodes());
  EXPECT_EQ(ClusterDocument::parse(chain->text()).nodes(), chain->nodes());
  EXPECT_EQ(ClusterDocument::parse(chain->text()).id(), chain->id());
  // Another node takes the address that is free now; the file is read whatever the order of its cards.
  NodeCard first = node("node1").card;
  first.seq = 5;
  first.rest_address = node("node2").card.rest_address;
  EXPECT_EQ(chain->renew(sign_card(first, node("node1").key)), ClusterChain::Renewed::newer);
  EXPECT_EQ(ClusterChain::parse(chain->text()).nodes(), chain->nodes());
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

  // The next document does not carry it, so that it is the same wherever it is made; none brings an old card back.
  const Json document = chain->next({card("node4")}, {});
  EXPECT_EQ(document["nodes"][1], card("node2"));
  ASSERT_EQ(refusal(entry_of(document)), "no error");
  EXPECT_EQ(chain->renewals().size(), 2u);
  EXPECT_EQ(*chain->find("node2"), moved);
  EXPECT_EQ(*chain->document().find("node2"), node("node2").card);
  EXPECT_EQ(*chain->with_newest_cards().find("node2"), moved);
  EXPECT_EQ(chain->with_newest_cards().digest(), chain->digest());
  EXPECT_EQ(ClusterChain::parse(chain->text()).nodes(), chain->nodes());
  Json forward = chain->next({card("node5")}, {});
  forward["nodes"][1] = signed_by_2(moved);
  ASSERT_EQ(refusal(entry_of(forward)), "no error");
  EXPECT_EQ(chain->renewals().size(), 1u);  // the document has it now
  Json back = chain->next({card("node6")}, {});
  back["nodes"][1] = card("node2");
  EXPECT_EQ(refusal(entry_of(back)), "/document/nodes/1/card/seq");
  NodeCard twin = moved;
  twin.rest_address = "twin.example:7001";
  back["nodes"][1] = signed_by_2(twin);
  EXPECT_EQ(refusal(entry_of(back)), "/document/nodes/1/card/seq");
}

TEST_F(Chain, ADocumentComesBeforeCardsThatDoNotFitIt) {
  const Json document = entry_of(chain->next({card("node4")}, {}));
  const Json removal = entry_of(chain->next({}, {"node3"}));
  NodeCard moved = node("node2").card, kept = node("node1").card, gone = node("node3").card;
  moved.seq = kept.seq = gone.seq = 2;
  moved.peers_address = node("node4").card.peers_address;  // free until node4 joins
  kept.rest_address = "kept.example:7001";
  gone.rest_address = "gone.example:7001";
  chain->renew(sign_card(moved, node("node2").key));
  chain->renew(sign_card(kept, node("node1").key));
  chain->renew(sign_card(gone, node("node3").key));
  ClusterChain other = *chain;
  ASSERT_EQ(chain->append(document), ClusterChain::Appended::added);
  EXPECT_EQ(*chain->find("node2"), node("node2").card);
  EXPECT_EQ(*chain->find("node1"), kept);
  EXPECT_EQ(*chain->find("node3"), gone);
  ASSERT_EQ(other.append(removal), ClusterChain::Appended::added);
  EXPECT_EQ(other.find("node3"), nullptr);
  EXPECT_EQ(*other.find("node2"), moved);
  for (const ClusterChain* each : {&*chain, &other})
    EXPECT_EQ(ClusterChain::parse(each->text()).nodes(), each->nodes());
}

// What all nodes agree on can always be read.
TEST_F(Chain, EndsBeforeItsFileIsTooLarge) {
  for (std::size_t i = 0;; ++i) {
    ASSERT_LT(i, 1000u);
    KeyedNode guest = keyed_node(4);
    SeededRng rng(10'000 + i);
    guest.key = Ed25519SecretKey::generate(rng);
    guest.card.identity_key = guest.key.public_key();
    add(std::move(guest));
    Json document;
    try {
      document = chain->next({card("node4")}, {});
    } catch (const JsonError& e) {
      EXPECT_EQ(e.pointer, "/version");
      break;
    }
    By by;
    by.voters = {"node1", "node2", "node3"};
    ASSERT_EQ(chain->append(entry_of(document, by)), ClusterChain::Appended::added);
  }
  EXPECT_GT(chain->version(), 100);
  EXPECT_LT(chain->text().size(), limits::kMaxClusterBytes);
}

TEST_F(Chain, FilesAreReadStrictly) {
  ASSERT_EQ(refusal(entry_of(chain->next({card("node4")}, {}))), "no error");
  const Json good = parse_json(chain->text());
  const auto file = [&](const Json& json) { return pointer_of([&] { ClusterChain::parse(json.dump()); }); };
  EXPECT_EQ(file(good), "no error");
  const auto patched = [&](const char* patch) { return file(good.patch(parse_json(patch))); };
  EXPECT_EQ(patched(R"([{"op":"add","path":"/x","value":1}])"), "/x");
  EXPECT_EQ(patched(R"([{"op":"add","path":"/documents/1/x","value":1}])"), "/documents/1/x");
  EXPECT_EQ(patched(R"([{"op":"add","path":"/documents/1/document/x","value":1}])"), "/documents/1/document/x");
  EXPECT_EQ(patched(R"([{"op":"add","path":"/documents/1/votes/x","value":1}])"), "/documents/1/votes/x");
  EXPECT_EQ(patched(R"([{"op":"copy","from":"/documents/1","path":"/documents/-"}])"), "/documents/2");
  EXPECT_EQ(patched(R"([{"op":"replace","path":"/documents","value":[]}])"), "/documents");
  EXPECT_EQ(patched(R"([{"op":"remove","path":"/documents/0"}])"), "/documents/0/document/version");
  EXPECT_EQ(patched(R"([{"op":"remove","path":"/documents/1/votes"}])"), "/documents/1/votes");
  EXPECT_EQ(patched(R"([{"op":"remove","path":"/documents/1/policy"}])"), "/documents/1/policy");
  EXPECT_EQ(patched(R"([{"op":"add","path":"/cards","value":[{}]}])"), "/cards/0/card");
  Json old = good;
  old["cards"] = Json::array({card("node1")});
  EXPECT_EQ(file(old), "/cards/0/card/seq");
  EXPECT_EQ(pointer_of([&] { ClusterChain::parse(good.dump() + std::string(limits::kMaxClusterBytes, ' ')); }), "");
}

}  // namespace
}  // namespace quorate::policy
