// The nodes of a cluster change while it runs: by its admins, one step after the other, everywhere the same.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "node/desk.h"
#include "node/governance.h"
#include "peers/certificates.h"
#include "tests/node_simulated/governance_world.h"
#include "tests/support/runs.h"

namespace quorate::test {
namespace {

using policy::Vote;
using std::chrono::hours;
using storage::RequestState;

// node1, node2 and node3 have founded the cluster and have key "hot", any two of them; node4 and node5 are there and in
// nothing yet. ana, ben and cem are the admins, two of them decide. "admin" signs with "hot", and reshares it.
struct Members : Governed {
  explicit Members(std::uint64_t seed, unsigned delay_hours = 0) : Governed(5, seed, delay_hours, 3) {
    for (const std::size_t i : {3U, 4U}) sim.kill(i);  // nobody would connect with them
  }

  // Of the cluster's document.
  std::int64_t version(std::size_t i) { return sim.world(i).cluster->version(); }
  bool have(const std::vector<std::size_t>& nodes, std::int64_t v) {
    for (const std::size_t i : nodes)
      if (!sim.up(i) || version(i) != v) return false;
    return true;
  }
  bool reach(const std::vector<std::size_t>& nodes, std::int64_t v, Millis within = Seconds(30)) {
    return sim.run_until([&] { return have(nodes, v); }, within);
  }
  void come(std::size_t i) {
    sim.start(i);
    sim.connect_all();
  }

  Json follows(std::size_t at = 0) {
    return {{"version", version(at) + 1}, {"previous", to_hex(sim.world(at).cluster->digest())}};
  }
  Json offer(std::size_t i, std::size_t at = 0) {
    Json body = policy::sign_offer(policy::sign_card(sim.documents.cards[i], sim.documents.identities[i]),
                                   sim.documents.cluster->id(), sim.documents.identities[i]);
    body.update(follows(at));
    return body;
  }
  Json removal(std::size_t i, std::size_t at = 0) {
    Json body = follows(at);
    body["node"] = sim.name(i);
    return body;
  }
  http::SignedRequest call(const std::string& method, const std::string& target, const Json& body,
                           const std::string& user = "ana") {
    http::SignedRequest r;
    r.method = method;
    r.target = target;
    return signed_by(user, std::move(r), body.dump());
  }
  http::SignedRequest add(const Json& body, const std::string& user = "ana") {
    return call("POST", "/v1/cluster/nodes", body, user);
  }
  http::SignedRequest remove(const Json& body, const std::string& user = "ana") {
    return call("DELETE", "/v1/cluster/nodes/" + body["node"].get<std::string>(), body, user);
  }
  std::string change(std::size_t i, const http::SignedRequest& request) {
    const std::string id = waiting(i, request);
    say(i, id, "ana");
    say(i, id, "cem");
    return id;
  }
  void policy_change(std::size_t i, const std::string& rule) { Governed::change(i, tighter(rule, i)); }
  // With node3 away.
  void node4_joins() {
    sim.kill(2);
    change(0, add(offer(3)));
    ASSERT_TRUE(reach({0, 1}, 2));
    come(3);
    ASSERT_TRUE(reach({0, 1, 3}, 2));
  }
  void expect_one_cluster(const std::vector<std::size_t>& nodes) {
    for (const std::size_t i : nodes) {
      EXPECT_EQ(sim.world(i).cluster->digest(), sim.world(nodes[0]).cluster->digest()) << i;
      EXPECT_EQ(sim.world(i).policy->digest(), sim.world(nodes[0]).policy->digest()) << i;
      EXPECT_FALSE(sim.desk(i).governance().fork()) << i;
      EXPECT_FALSE(sim.desk(i).governance().behind()) << i;
      EXPECT_TRUE(sim.desk(i).governance().member()) << i;
    }
  }
  // All five, and the key among all of them.
  void grow() {
    change(0, add(offer(3)));
    ASSERT_TRUE(reach({0, 1, 2}, 2));
    come(3);
    ASSERT_TRUE(reach({0, 1, 2, 3}, 2));
    change(3, add(offer(4)));
    ASSERT_TRUE(reach({0, 1, 2, 3}, 3));
    come(4);
    ASSERT_TRUE(reach({0, 1, 2, 3, 4}, 3));
    sim.run_for(Seconds(70));
  }
};

// 2 of 3 becomes 3 of 5 becomes 3 of 4, and nobody has given a secret to anybody.
TEST(Membership, GrowsFromThreeToFiveAndOneLeaves) {
  Members m(1);
  m.grow();
  m.expect_one_cluster({0, 1, 2, 3, 4});
  const auto& reshared = m.sim.ask(0, m.reshare(3, {0, 1, 2, 3, 4}));
  ASSERT_TRUE(reshared.succeeded()) << why(reshared);
  m.sim.run_for(Seconds(5));
  m.expect_one_epoch({0, 1, 2, 3, 4}, 3);
  EXPECT_EQ(m.body(4).config_version, 3u);
  m.sim.isolate({2, 3, 4});
  m.sim.run_for(Seconds(2));
  EXPECT_TRUE(m.sim.ask(4, m.sim.sign("hot", "by the new ones")).succeeded());
  m.sim.heal();

  // It has a share: it stays.
  const auto& refused = m.sim.ask(1, m.remove(m.removal(0)));
  ASSERT_NE(refused.refusal(), nullptr);
  EXPECT_EQ(refused.refusal()->status, 409);
  EXPECT_EQ(refused.refusal()->code, "node_has_shares");
  EXPECT_EQ(refused.refusal()->pointer, "/node");
  EXPECT_NE(refused.refusal()->detail.find("hot"), std::string::npos);
  m.sim.clock.advance(Seconds(1));
  const auto& without = m.sim.ask(1, m.reshare(3, {1, 2, 3, 4}));
  ASSERT_TRUE(without.succeeded()) << why(without);
  m.change(1, m.remove(m.removal(0)));
  ASSERT_TRUE(m.reach({0, 1, 2, 3, 4}, 4)) << "who is removed is told, too";
  EXPECT_FALSE(m.sim.desk(0).governance().member());
  m.expect_one_cluster({1, 2, 3, 4});
  EXPECT_TRUE(m.sim.ask(2, m.sim.sign("hot", "without node1")).succeeded());
  EXPECT_EQ(m.sim.ask(1, m.sim.create("more", 2, {0, 1})).code(), "unknown_participant");

  // It stays so, whatever the first documents say.
  for (std::size_t i = 0; i < 5; ++i) m.sim.kill(i);
  m.sim.heal();
  m.sim.run_for(Seconds(5));
  EXPECT_TRUE(m.have({0, 1, 2, 3, 4}, 4));
  EXPECT_TRUE(m.sim.ask(4, m.sim.sign("hot", "after a restart")).succeeded());
  // Its identity key never comes back.
  const auto& again = m.sim.ask(1, m.add(m.offer(0, 1)));
  EXPECT_EQ(again.code(), "malformed_body");
  EXPECT_EQ(again.refusal()->pointer, "/card/identity_key");
}

TEST(Membership, WhatDoesNotFollowIsRefused) {
  Members m(2);
  const auto refused = [&](const http::SignedRequest& request) {
    const auto& s = m.sim.ask(0, request);
    return s.code() + (s.refusal() && s.refusal()->pointer ? " " + *s.refusal()->pointer : "");
  };
  EXPECT_EQ(refused(m.add(m.offer(3), "eve")), "denied");
  EXPECT_EQ(refused(m.remove(m.removal(2), "eve")), "denied") << "and learns nothing of keys";
  EXPECT_EQ(refused(m.remove(m.removal(2))), "node_has_shares /node");
  Json body = m.offer(3);
  body["version"] = 3;
  EXPECT_EQ(refused(m.add(body)), "version_not_current /version");
  body = m.offer(3);
  body["previous"] = std::string(64, '1');
  EXPECT_EQ(refused(m.add(body)), "malformed_body /previous");
  body = m.offer(3);
  body["joins"] = m.offer(4)["joins"];
  EXPECT_EQ(refused(m.add(body)), "malformed_body /joins");
  body = m.offer(3);
  body["card"]["seq"] = 7;
  EXPECT_EQ(refused(m.add(body)), "malformed_body /signature");
  body = m.offer(3);
  body["more"] = 1;
  EXPECT_EQ(refused(m.add(body)), "malformed_body /more");
  EXPECT_EQ(refused(m.add(m.offer(1))), "malformed_body /card/id");
  EXPECT_EQ(refused(m.remove(m.removal(3))), "malformed_body /node");
  body = m.removal(1);
  EXPECT_EQ(refused(m.call("DELETE", "/v1/cluster/nodes/node3", body)), "malformed_body /node");
  m.sim.run_for(Seconds(20));
  EXPECT_TRUE(m.have({0, 1, 2}, 1));
}

// Like what loosens the policy; one admin can stop it meanwhile.
TEST(Membership, WaitsForTheDelay) {
  Members m(3, 24);
  const std::string id = m.change(0, m.add(m.offer(3)));
  m.sim.run_for(Seconds(10));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(m.state(i, id), RequestState::scheduled) << i;
  m.sim.clock.advance(hours(23));
  m.sim.run_for(Seconds(10));
  EXPECT_TRUE(m.have({0, 1, 2}, 1));
  m.sim.clock.advance(hours(1));
  EXPECT_TRUE(m.reach({0, 1, 2}, 2));
  m.sim.run_for(Seconds(5));
  EXPECT_EQ(m.state(1, id), RequestState::succeeded);
  EXPECT_EQ(Json::parse(m.at(0, id).result.text)["version"], 2);
}

TEST(Membership, TooFewAdminsOrNodesChangeNothing) {
  Members m(4);
  const std::string id = m.waiting(0, m.add(m.offer(3)));
  m.say(0, id, "ana");
  m.sim.run_for(Seconds(20));
  EXPECT_TRUE(m.have({0, 1, 2}, 1));
  m.sim.kill(1);
  m.sim.kill(2);
  m.say(0, id, "cem");
  m.sim.run_for(Seconds(60));
  EXPECT_EQ(m.version(0), 1);
  m.sim.start(1);
  m.sim.connect_all();
  EXPECT_TRUE(m.reach({0, 1}, 2));
}

// The nodes look again when they vote: what was not so when it was asked for.
TEST(Membership, ANodeThatHasGotAShareMeanwhileStays) {
  Members m(5);
  m.grow();
  const std::string id = m.waiting(0, m.remove(m.removal(4)));
  m.say(0, id, "ana");
  ASSERT_TRUE(m.sim.ask(0, m.reshare(3, {0, 1, 2, 3, 4})).succeeded());
  m.sim.run_for(Seconds(5));
  m.say(0, id, "cem");
  m.sim.run_for(Seconds(30));
  EXPECT_TRUE(m.have({0, 1, 2, 3, 4}, 3));
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(m.at(i, id).code.text, "node_has_shares") << i;
}

// Nodes and policy change in one line: votes in one state are none in another.
TEST(Membership, OneLineWithThePolicy) {
  for (std::uint64_t seed = 20; seed < 20 + runs(4); ++seed) {
    Members m(seed);
    m.policy_change(0, "a");
    m.sim.run_until([&] { return m.sim.world(0).policy->version() == 2; }, Seconds(20));
    m.change(0, m.add(m.offer(3)));
    ASSERT_TRUE(m.reach({0, 1, 2}, 2)) << seed;
    m.policy_change(1, "b");
    m.change(2, m.add(m.offer(4, 2)));  // one of the two comes first; the other follows, or has to be asked for again
    m.sim.run_for(Seconds(30));
    EXPECT_EQ(m.sim.world(0).policy->version(), 3) << seed;
    if (m.version(0) == 2) m.change(0, m.add(m.offer(4)));
    // node4 learns five steps, node5 has been nowhere.
    m.come(3);
    m.come(4);
    ASSERT_TRUE(m.reach({0, 1, 2, 3, 4}, 3)) << seed;
    m.sim.run_for(Seconds(10));
    m.expect_one_cluster({0, 1, 2, 3, 4});
    EXPECT_TRUE(m.sim.ask(3, m.sim.sign("hot", "x")).succeeded()) << seed;
  }
}

// A founder that was away when nodes came and went, and keys were dealt anew among them.
TEST(Membership, ANodeThatWasAwayCatchesUp) {
  Members m(6);
  m.node4_joins();
  m.policy_change(0, "a");
  m.sim.run_for(Seconds(10));
  m.change(0, m.add(m.offer(4)));
  ASSERT_TRUE(m.reach({0, 1, 3}, 3));
  m.come(4);
  ASSERT_TRUE(m.reach({0, 1, 3, 4}, 3));
  m.sim.run_for(Seconds(70));
  ASSERT_TRUE(m.sim.ask(0, m.reshare(3, {0, 1, 3, 4})).succeeded());
  m.come(2);
  ASSERT_TRUE(m.reach({0, 1, 2, 3, 4}, 3));
  m.sim.run_for(Seconds(70));
  m.expect_one_cluster({0, 1, 2, 3, 4});
  m.expect_one_epoch({0, 1, 3, 4}, 3);
}

// The key was made under nodes that it hears of only afterwards.
TEST(Membership, AKeyOfTheNewNodesIsLearnedByWhoWasAway) {
  Members m(8);
  m.node4_joins();
  const auto& made = m.sim.ask(0, m.sim.create("late", 2, {0, 3}));
  ASSERT_TRUE(made.succeeded()) << why(made);
  const auto& reshared = m.sim.ask(0, m.reshare(2, {0, 1, 3}));
  ASSERT_TRUE(reshared.succeeded()) << why(reshared);
  Held held([](const Sent& s) { return s.to == "node3" && s.envelope.tag == node::PolicyStep::tag; });
  m.sim.tap = std::ref(held);
  m.come(2);
  m.sim.run_for(Seconds(5));
  EXPECT_EQ(m.version(2), 1);
  EXPECT_FALSE(m.sim.store(2).key_by_name("late"));
  EXPECT_NE(m.row(2).number, m.row(0).number);
  held.holds = false;
  ASSERT_TRUE(m.reach({0, 1, 2, 3}, 2));
  m.sim.run_for(Seconds(5));
  ASSERT_TRUE(m.sim.store(2).key_by_name("late"));
  EXPECT_EQ(m.sim.store(2).key_by_name("late")->number, m.sim.store(0).key_by_name("late")->number);
  EXPECT_EQ(m.row(2).number, m.row(0).number);
}

// Its removal comes into force between the first and the last message of a reshare to it, and nobody stops that.
TEST(Membership, ANodeThatIsAboutToGetAShareGetsNone) {
  Members m(9);
  m.grow();
  Held held([](const Sent& s) { return !s.envelope.tag.starts_with("node/"); });
  m.sim.tap = [&](Sent s) { return s.envelope.tag == node::Stop::tag ? std::vector<Sent>() : held(std::move(s)); };
  m.sim.submit(3, m.reshare(4, {0, 1, 2, 4}));
  m.sim.run_for(Seconds(1));
  m.change(1, m.remove(m.removal(4)));
  ASSERT_TRUE(m.reach({0, 1, 2, 3}, 4, Seconds(10)));
  ASSERT_FALSE(held.held.empty());
  held.holds = false;
  m.sim.run_for(Seconds(30));
  m.sim.kill(4);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(m.body(i).committee.find("node5"), nullptr) << i;
  const auto& s = m.sim.ask(0, m.sim.sign("hot", "still there"));
  EXPECT_TRUE(s.succeeded()) << why(s);
}

// Its share is on the disks, and all that is missing are the last signatures.
TEST(Membership, ANodeThatIsAboutToHaveAShareStays) {
  Members m(10);
  m.grow();
  Held held([](const Sent& s) { return s.envelope.tag.find("certificate") != std::string::npos; });
  m.sim.tap = std::ref(held);
  m.sim.submit(0, m.reshare(3, {0, 1, 2, 4}));
  ASSERT_TRUE(m.sim.run_until([&] { return !m.sim.store(1).prepared_shares().empty(); }, Seconds(10)));
  m.sim.run_for(Seconds(1));
  ASSERT_EQ(m.body(1).committee.find("node5"), nullptr);
  EXPECT_EQ(m.sim.ask(1, m.remove(m.removal(4))).code(), "node_has_shares");
  EXPECT_NE(m.sim.ask(1, m.remove(m.removal(3))).code(), "node_has_shares") << "that one gets none";
}

// One node dies at each of its writes, before or after it is on the disk.
TEST(Membership, KilledAtEveryWrite) {
  for (const auto point : {storage::MemoryStore::Point::before_durable, storage::MemoryStore::Point::after_durable})
    for (std::size_t k = 1; k <= runs(7); ++k) {
      Members m(100 + k);
      const std::string id = m.waiting(0, m.add(m.offer(3)));
      m.say(1, id, "ana");
      m.sim.run_for(Seconds(2));
      m.sim.store(2).fail_at(k, point);
      m.say(1, id, "cem");
      m.sim.run_for(Seconds(5));
      m.sim.store(2).fail_at(0);
      m.sim.heal();
      ASSERT_TRUE(m.reach({0, 1, 2, 3}, 2, Seconds(60))) << k;
      m.sim.run_for(Seconds(10));
      m.expect_one_cluster({0, 1, 2, 3});
      EXPECT_TRUE(m.sim.ask(0, m.sim.sign("hot", "x")).succeeded()) << k;
    }
}

// An old copy of a database does not bring a node back.
TEST(Membership, AnOldDatabaseDoesNotBringBackOldNodes) {
  Members m(7);
  const auto old = m.sim.store(2).snapshot();
  m.change(0, m.add(m.offer(3)));
  ASSERT_TRUE(m.reach({0, 1, 2}, 2));
  m.sim.kill(2);
  m.sim.store(2).restore(old);
  m.come(2);
  ASSERT_TRUE(m.reach({0, 1, 2}, 2));
}

// What a node checks of a step that it is shown, and what follows from it.
TEST(Membership, StepsAreProven) {
  Members m(8);
  const node::InForce before{m.sim.world(0).policy.now(), m.sim.world(0).cluster.chain()};
  node::PolicyLink good;
  good.original = m.add(m.offer(3));
  const auto seen = [&](const node::PolicyLink& link) {
    return (*node::seen_in(node::examine(link.original, m.sim.world(0))));
  };
  const auto approve = [&](node::PolicyLink& link, const std::string& user) {
    const Json intent = policy::to_json(seen(link).intent);
    link.original.approvals.push_back(
        {user, 1, admins().key_of(user).sign(view_of(policy::approval_text(Vote::approve, user, intent)))});
  };
  const auto vote = [&](node::PolicyLink& link, std::size_t i, std::uint32_t round = 0) {
    link.votes.push_back(node::sign_vote(m.sim.name(i), round, seen(link).change()->digest, before.digest(),
                                         m.sim.documents.cluster->id(), m.sim.documents.identities[i]));
  };
  for (const char* user : {"ana", "cem"}) approve(good, user);
  for (const std::size_t i : {0U, 1U}) vote(good, i);
  const auto follows = [&](const node::PolicyLink& link) {
    return std::holds_alternative<node::InForce>(node::follow(before, link));
  };
  ASSERT_TRUE(follows(good));
  const auto after = std::get<node::InForce>(node::follow(before, good));
  EXPECT_EQ(after.number(), 2);
  EXPECT_EQ(after.cluster->nodes().size(), 4u);
  EXPECT_NE(after.digest(), before.digest());
  EXPECT_FALSE(std::holds_alternative<node::InForce>(node::follow(after, good))) << "twice";
  // Who reads cluster.json sees the same, by the votes alone.
  EXPECT_EQ(policy::ClusterChain::parse(after.cluster->text()).digest(), after.cluster->digest());

  const auto refused = [&](const char* what, const std::function<void(node::PolicyLink&)>& bend) {
    node::PolicyLink link = good;
    bend(link);
    EXPECT_FALSE(follows(link)) << what;
    node::PolicyStep step;
    step.version = 2;
    step.link = link;
    m.sim.raw_send(1, 0, node::envelope_of(step));
    m.sim.run_for(Seconds(1));
    EXPECT_EQ(m.version(0), 1) << what;
  };
  refused("an approval is missing", [](auto& l) { l.original.approvals.pop_back(); });
  refused("somebody else's approval", [&](auto& l) {
    l.original.approvals.pop_back();
    approve(l, "eve");
  });
  refused("a vote is missing", [](auto& l) { l.votes.pop_back(); });
  refused("the joining node's vote", [&](auto& l) {
    l.votes.pop_back();
    vote(l, 3);
  });
  refused("a vote of another round", [&](auto& l) {
    l.votes.pop_back();
    vote(l, 1, 1);
  });
  refused("another request's approvals", [&](auto& l) {
    const auto approvals = l.original.approvals;
    l.original = m.add(m.offer(4));
    l.original.approvals = approvals;
    l.votes.clear();
    for (const std::size_t i : {0U, 1U}) vote(l, i);
  });
  refused("of somebody who is no admin", [&](auto& l) {
    l.original = m.add(m.offer(3), "eve");
    l.votes.clear();
    for (const char* user : {"ana", "cem"}) approve(l, user);
    for (const std::size_t i : {0U, 1U}) vote(l, i);
  });
}

// A node's TLS key and addresses: from one node to all, to those that were away, and over a restart.
TEST(Membership, NewCardsAreToldFromNodeToNode) {
  Members m(9);
  policy::NodeCard card = m.sim.documents.cards[1];
  const auto renewed = [&](std::int64_t seq, const std::string& address) {
    card.seq = seq;
    card.peers_address = address;
    card.tls_spki = peers::spki_of_key(peers::make_tls_key(m.sim.rng()));
    return policy::sign_card(card, m.sim.documents.identities[1]);
  };
  const auto give = [&](std::size_t i, const Json& signed_card) {
    const auto stored = std::make_shared<std::optional<bool>>();
    m.sim.desk(i).cards().renew(signed_card, [stored](bool ok) { *stored = ok; });
    m.sim.run_until([&] { return stored->has_value(); }, Seconds(5));
    return stored->value_or(false);
  };
  const auto known = [&](std::size_t i) { return m.sim.desk(i).cards().chain().find("node2")->seq; };
  const auto mesh = [&](std::size_t i) {
    for (const peers::PeerConfig& peer : m.sim.net().at(m.sim.name(i)).updated_peers())
      if (peer.node == "node2") return peer.addresses.at(0);
    return std::string();
  };
  m.sim.kill(2);
  const Json first = renewed(2, "127.0.0.1:7902"), second = renewed(3, "127.0.0.1:7903");
  EXPECT_TRUE(give(0, second));
  m.sim.run_for(Seconds(2));
  for (const std::size_t i : {0U, 1U}) EXPECT_EQ(known(i), 3) << i;
  EXPECT_EQ(mesh(0), "127.0.0.1:7903");
  m.come(2);
  m.sim.run_for(Seconds(2));
  EXPECT_EQ(known(2), 3);
  EXPECT_EQ(mesh(2), "127.0.0.1:7903");
  EXPECT_NE(m.sim.desk(2).cards().text().find("127.0.0.1:7903"), std::string::npos) << "GET /v1/cluster";
  EXPECT_EQ(m.version(0), 1) << "nobody has voted";
  EXPECT_TRUE(m.sim.ask(2, m.sim.sign("hot", "x")).succeeded());

  // Older ones, forged ones, and what no TLS key is.
  EXPECT_TRUE(give(0, first));
  EXPECT_EQ(known(0), 3);
  Json forged = renewed(4, "127.0.0.1:7904");
  forged["card"]["seq"] = 5;
  EXPECT_THROW(m.sim.desk(0).cards().renew(forged, [](bool) {}), JsonError);
  card.tls_spki = m.sim.documents.cards[1].tls_spki;
  EXPECT_THROW(m.sim.desk(0).cards().renew(policy::sign_card(card, m.sim.documents.identities[1]), [](bool) {}),
               JsonError);
  // A flood of them from a peer: one in ten seconds.
  for (std::int64_t seq = 5; seq < 9; ++seq) {
    node::CardList list;
    list.cards.push_back(to_jcs(renewed(seq, "127.0.0.1:" + std::to_string(7900 + seq))));
    m.sim.raw_send(1, 0, node::envelope_of(list));
    m.sim.run_for(Millis(500));
  }
  EXPECT_EQ(known(0), 5);

  // It stays beside the documents.
  m.change(0, m.add(m.offer(3)));
  ASSERT_TRUE(m.reach({0, 1, 2}, 2));
  EXPECT_EQ(known(0), 5);
  EXPECT_EQ(m.sim.world(0).cluster->find("node2")->seq, 1);
  for (std::size_t i = 0; i < 3; ++i) m.sim.kill(i);
  m.sim.heal();
  m.sim.run_for(Seconds(5));
  EXPECT_EQ(known(0), 5);
}

// The mesh follows the document: at once for who comes, after a farewell for who leaves.
TEST(Membership, TheMeshFollows) {
  Members m(10);
  const auto peers_of = [&](std::size_t i) {
    std::string names;
    for (const peers::PeerConfig& peer : m.sim.net().at(m.sim.name(i)).updated_peers()) names += peer.node.substr(4);
    return names;
  };
  m.change(0, m.add(m.offer(3)));
  ASSERT_TRUE(m.reach({0, 1, 2}, 2));
  EXPECT_EQ(peers_of(0), "234");
  m.sim.start(3);
  EXPECT_FALSE(m.sim.desk(3).governance().member());
  EXPECT_EQ(m.sim.desk(3).cards().peers().size(), 3u) << "the founders";
  m.sim.connect_all();
  ASSERT_TRUE(m.reach({3}, 2));
  EXPECT_TRUE(m.sim.desk(3).governance().member());
  m.change(1, m.remove(m.removal(3)));
  ASSERT_TRUE(m.reach({0, 1, 2, 3}, 3));
  EXPECT_EQ(peers_of(1), "134") << "it is still told";
  m.sim.run_for(Seconds(15));
  EXPECT_EQ(peers_of(1), "13");
  EXPECT_TRUE(m.sim.desk(3).cards().peers().empty());
  EXPECT_FALSE(m.sim.desk(3).governance().member());
}

// A lost machine: the same name with other keys, and shares for it.
TEST(Membership, AMachineIsMadeAnew) {
  Members m(11);
  m.sim.kill(2);
  SeededRng rng(4711);
  const auto again = Ed25519SecretKey::generate(rng);
  policy::NodeCard card = m.sim.documents.cards[2];
  card.identity_key = again.public_key();
  card.tls_spki[90] ^= 0x55;
  Json body = policy::sign_offer(policy::sign_card(card, again), m.sim.documents.cluster->id(), again);
  body.update(m.follows());
  m.change(0, m.add(body));
  ASSERT_TRUE(m.reach({0, 1}, 2));
  EXPECT_EQ(m.sim.world(0).cluster->find("node3")->identity_key, again.public_key());
  m.come(2);  // with the old key
  ASSERT_TRUE(m.reach({2}, 2));
  EXPECT_FALSE(m.sim.desk(2).governance().member());
  EXPECT_TRUE(m.sim.ask(0, m.sim.sign("hot", "the others sign")).succeeded());
}

}  // namespace
}  // namespace quorate::test
