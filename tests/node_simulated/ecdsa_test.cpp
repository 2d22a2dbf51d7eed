// ECDSA keys among nodes: signing, and what a node does about a peer whose OT extension fails its check (attack 21).
#include <gtest/gtest.h>

#include "node/api.h"
#include "node/quarantines.h"
#include "signing/ecdsa.h"
#include "signing/verify.h"
#include "tests/node_simulated/algorithms.h"
#include "tests/support/node_simulation.h"
#include "tests/support/runs.h"

namespace quorate::test {
namespace {

using State = node::Gates::State;

// A cluster of three with one key, whose second node may cheat: its OT extensions towards the first one fail the check.
struct Cheated {
  explicit Cheated(std::uint64_t seed, std::vector<std::size_t> members = {}) : sim(3, seed) {
    const auto& made = sim.ask(0, sim.create("hot", 2, std::move(members), kEcdsa));
    EXPECT_TRUE(made.succeeded()) << made.code();
    sim.settle();
    key = sim.active_keys(0).at(0);
    gated = {key.id, decode<KeyCertificate>(key.certificate).body.digest()};
    sim.tap = [this](NodeSimulation::Sent s) {
      if (cheating && s.from == "node2" && s.to == "node1" && s.envelope.tag == ecdsa::Round1::tag) {
        auto message = decode<ecdsa::Round1>(s.envelope.body);
        message.extension.x_check[0] ^= 1;
        s.envelope.body = encode(message);
        ++bad;
      }
      if (s.envelope.tag == node::QuarantineList::tag && s.to == deaf) return std::vector<NodeSimulation::Sent>{};
      if (s.from == "node1" && s.envelope.tag == ecdsa::Round2::tag) ++products;
      if (s.from == "node1" && s.envelope.tag == node::Report::tag)
        reports.push_back(decode<node::Report>(s.envelope.body));
      std::vector<NodeSimulation::Sent> all;
      all.push_back(std::move(s));
      return all;
    };
  }
  void cheat() {
    cheating = true;
    sim.evil[1] = true;
  }
  // Steps until node1 has closed a gate. False: it never does.
  bool run_until_closing() {
    for (int k = 0; k < 100'000; ++k) {
      if (sim.up(0) && sim.gates(0).closed() > 0) return true;
      if (!sim.step()) sim.tick();
    }
    return false;
  }
  std::vector<storage::QuarantineRow> rows(std::size_t i) { return sim.store(i).quarantines(key.id); }
  Json signers(const NodeSimulation::Submission& s) { return Json::parse(s.record()->result.text)["signers"]; }

  NodeSimulation sim;
  storage::KeyRow key;
  node::GatedKey gated;
  bool cheating = false;
  std::string deaf;  // a node that is told of no quarantine
  int bad = 0, products = 0;
  std::vector<node::Report> reports;  // of node1
};

TEST(NodeEcdsa, AKeyIsMadeAndEverySetOfMembersSigns) {
  NodeSimulation sim(4, 1);
  const auto& made = sim.ask(0, sim.create("hot", 2, {0, 1, 2}, kEcdsa));
  ASSERT_TRUE(made.succeeded()) << made.code();
  for (std::size_t i = 0; i < 4; ++i) {
    const auto& s = sim.ask(i, sim.sign("hot", "through any node " + std::to_string(i)));
    ASSERT_TRUE(s.succeeded()) << i << ": " << s.code();
    const Json signature = Json::parse(s.record()->result.text)["signature"];
    EXPECT_EQ(signature["hex"].get<std::string>(),
              signature["r"].get<std::string>() + signature["s"].get<std::string>());
    EXPECT_LE(signature["recovery_id"], 3);
    EXPECT_EQ(signature["der"].get<std::string>().substr(0, 2), "30");
  }
  sim.settle();
  sim.expect_safe();
  sim.expect_all_sets_sign();
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(sim.store(i).quarantined_keys("", 1).empty());
    EXPECT_TRUE(sim.store(i).metas("signing/", "", 1).empty())
        << sim.name(i) << " has a note of a signing that is over";
  }
}

TEST(NodeEcdsa, ADigestIsSignedAsItIsWhereThePolicySaysSo) {
  NodeSimulation sim(3, 8);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 2, {}, kEcdsa)).succeeded());
  const auto ask = [&](const std::string& hex) {
    const Json payload{{"kind", "digest"}, {"hex", hex}};
    return sim.ask(1, sim.request("/v1/keys/hot/signatures", {{"payload", payload}}));
  };
  EXPECT_EQ(ask(std::string(64, '1')).record()->request_state(), storage::RequestState::denied);  // the first policy

  Json document = Json::parse(sim.documents.policy->jcs());
  document["rules"][1]["if"]["payload"].push_back("digest");
  const auto allowing = policy::PolicyDocument::parse(document.dump());
  sim.policies.assign(3, &allowing);
  for (std::size_t i = 0; i < 3; ++i) sim.kill(i);
  sim.heal();
  sim.quiesce();

  const EncodedPoint Y = decode<KeyCertificate>(sim.active_keys(0).at(0).certificate).body.Y;
  const std::string q = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
  for (const std::string& hex : {std::string(64, '0'), q, std::string(64, 'f'), std::string(64, '1')}) {
    const auto& s = ask(hex);
    ASSERT_TRUE(s.succeeded()) << hex << ": " << s.code();
    const Json signature = Json::parse(s.record()->result.text)["signature"];
    const auto rs = array_from_hex<64>(signature["hex"].get<std::string>());
    EXPECT_TRUE(verify_signature(Algorithm::ecdsa_secp256k1, Y, *from_hex(hex), *rs)) << hex;
  }
}

TEST(NodeEcdsa, AFailedCheckQuarantinesAndTheOthersSign) {
  Cheated t(2);
  t.cheat();
  const auto& s = t.sim.ask(0, t.sim.sign("hot", "all the same"));
  ASSERT_TRUE(s.succeeded()) << s.code();
  EXPECT_EQ(t.signers(s), Json::array({"node1", "node3"}));
  EXPECT_EQ(t.bad, 1);
  EXPECT_TRUE(s.record()->blame.empty());  // a request does not say that its session was the one
  ASSERT_EQ(t.rows(0).size(), 1u);
  EXPECT_EQ(t.rows(0)[0].by, "node1");
  EXPECT_EQ(t.rows(0)[0].node, "node2");
  EXPECT_EQ(t.rows(0)[0].reason, node::kExtensionCheck);
  t.sim.settle();
  EXPECT_EQ(t.rows(1).size(), 1u);  // all know it
  EXPECT_EQ(t.rows(2).size(), 1u);
  node::NodeApi api(t.sim.world(2), t.sim.desk(2), t.sim.host(2));
  const http::SignedRequest original;
  http::Call call{http::Route::show_key, "hot", {}, {}, original, {}, {}, {}};
  const auto shown = api.call(call);
  const Json since = to_rfc3339(from_unix_seconds(t.rows(0)[0].since));
  EXPECT_EQ(std::get<http::Reply>(shown).body["quarantined"],
            Json::array({{{"node", "node2"}, {"by", "node1"}, {"since", since}}}));
  call.route = http::Route::list_keys;
  EXPECT_EQ(std::get<http::Reply>(api.call(call)).body["items"][0]["quarantined"].size(), 1u);
  // From now on nobody asks the two of them together.
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& next = t.sim.ask(i, t.sim.sign("hot", "again " + std::to_string(i)));
    ASSERT_TRUE(next.succeeded()) << next.code();
    const Json pair = t.signers(next);
    EXPECT_NE(pair, Json::array({"node1", "node2"}));
  }
  EXPECT_EQ(t.bad, 1);
  t.sim.settle();
  t.sim.expect_safe();
}

TEST(NodeEcdsa, WhoDoesNotKnowOfItIsRefusedAndAsksOthers) {
  Cheated t(3);
  t.cheat();
  t.deaf = "node2";
  ASSERT_TRUE(t.sim.ask(0, t.sim.sign("hot", "first")).succeeded());
  t.sim.settle();
  EXPECT_TRUE(t.rows(1).empty());
  const int products = t.products;
  const auto& s = t.sim.ask(1, t.sim.sign("hot", "node2 asks node1 first"));
  ASSERT_TRUE(s.succeeded()) << s.code();
  EXPECT_EQ(t.signers(s), Json::array({"node2", "node3"}));
  EXPECT_EQ(t.products, products);  // node2 speaks with its proposal: at node1 it came to no session
}

TEST(NodeEcdsa, WithoutAnotherSetTheClientIsToldWhichPairAndWhatHelps) {
  Cheated t(4, {0, 1});
  t.cheat();
  const auto& s = t.sim.ask(0, t.sim.sign("hot", "there is nobody else"));
  ASSERT_NE(s.record(), nullptr) << s.code();
  EXPECT_EQ(s.code(), "quarantined");
  EXPECT_NE(s.record()->reason.text.find("node1 has quarantined node2"), std::string::npos) << s.record()->reason.text;
  EXPECT_NE(s.record()->reason.text.find("refresh"), std::string::npos);
  t.sim.settle();
  EXPECT_EQ(t.sim.ask(2, t.sim.sign("hot", "through the third")).code(), "quarantined");
  EXPECT_EQ(t.bad, 1);
}
TEST(NodeEcdsa, WhenTheThirdIsMissingTheClientIsToldBoth) {
  Cheated t(5);
  t.cheat();
  ASSERT_TRUE(t.sim.ask(0, t.sim.sign("hot", "first")).succeeded());
  t.sim.kill(2);
  const auto& s = t.sim.ask(0, t.sim.sign("hot", "second"));
  ASSERT_NE(s.record(), nullptr);
  EXPECT_EQ(s.code(), "no_quorum");
  EXPECT_NE(s.record()->reason.text.find("did not answer: node3"), std::string::npos) << s.record()->reason.text;
  EXPECT_NE(s.record()->reason.text.find("node1 has quarantined node2"), std::string::npos);
}

TEST(NodeEcdsa, ManySessionsAtOnceEndAlike) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    Cheated t(100 + seed);
    t.cheat();
    std::vector<NodeSimulation::Submission*> all;
    for (int k = 0; k < 8; ++k) all.push_back(&t.sim.submit(1, t.sim.sign("hot", "bet " + std::to_string(k))));
    t.sim.settle();
    for (const auto* s : all) EXPECT_TRUE(s->succeeded()) << s->code();  // with node3
    EXPECT_EQ(t.products, 0);
    EXPECT_EQ(t.rows(0).size(), 1u);
    EXPECT_FALSE(t.reports.empty());
    for (const auto& report : t.reports) {
      EXPECT_EQ(report.check.text, "session_ended");
      EXPECT_EQ(report.abort_kind.text, "");
      EXPECT_EQ(report.round.text, "");
      EXPECT_TRUE(report.culprits.empty());
    }
  }
}

TEST(NodeEcdsa, AQuarantineOutlivesTheProcess) {
  Cheated t(6);
  t.cheat();
  ASSERT_TRUE(t.sim.ask(0, t.sim.sign("hot", "first")).succeeded());
  t.deaf = "node1";  // nobody reminds it
  t.sim.kill(0);
  t.sim.heal();
  t.sim.quiesce();
  EXPECT_EQ(t.sim.gates(0).state(t.gated, {"node2"}), State::closed);
  const int bad = t.bad;
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(t.sim.ask(i, t.sim.sign("hot", "x" + std::to_string(i))).succeeded());
  EXPECT_EQ(t.bad, bad);
}

TEST(NodeEcdsa, AnOlderDatabaseIsToldItsOwnQuarantines) {  // attack 57
  Cheated t(7);
  const auto old = t.sim.store(0).snapshot();
  t.cheat();
  ASSERT_TRUE(t.sim.ask(0, t.sim.sign("hot", "first")).succeeded());
  t.sim.settle();
  t.sim.kill(0);
  t.sim.store(0).restore(old);
  EXPECT_TRUE(t.rows(0).empty());
  t.sim.start(0);
  t.sim.connect_all();
  // The cheater asks at once, before the third node has said a word.
  t.sim.net().hold("node3", "node1");
  const int bad = t.bad;
  auto& s = t.sim.submit(1, t.sim.sign("hot", "quick"));
  t.sim.quiesce();
  EXPECT_EQ(t.bad, bad);
  t.sim.net().release("node3", "node1");
  t.sim.run_until([&] { return s.answer.has_value(); }, Seconds(80));
  EXPECT_TRUE(s.succeeded()) << s.code();
  EXPECT_EQ(t.bad, bad);
  ASSERT_EQ(t.rows(0).size(), 1u);
  EXPECT_EQ(t.rows(0)[0].by, "node1");
  EXPECT_EQ(t.sim.gates(0).state(t.gated, {"node2"}), State::closed);
  EXPECT_EQ(t.sim.gates(0).state(t.gated, {"node3"}), State::open);
}

TEST(NodeEcdsa, ACrashBetweenCheckAndWriteIsAStrike) {
  int strikes = 0, stored = 0;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    Cheated t(200 + seed);
    t.cheat();
    t.sim.submit(seed % 2, t.sim.sign("hot", "die"));
    ASSERT_TRUE(t.run_until_closing());
    t.sim.kill(0);
    t.cheating = false;
    t.sim.heal();
    t.sim.quiesce();
    const bool is_stored = t.rows(0).size() == 1;
    const auto count = t.sim.store(0).strikes(t.key.id, t.gated.certificate, "node2");
    EXPECT_TRUE(is_stored || count == 1) << "seed " << seed << ": the failed check is forgotten";
    EXPECT_EQ(t.sim.gates(0).state(t.gated, {"node2"}), is_stored ? State::closed : State::open);
    EXPECT_TRUE(t.sim.store(0).metas("signing/", "", 1).empty());
    stored += is_stored;
    strikes += count == 1;
    t.sim.settle();
    t.sim.expect_safe();
  }
  EXPECT_GT(stored, 0);
  EXPECT_GT(strikes, 0);
}

TEST(NodeEcdsa, EightStrikesQuarantine) {
  Cheated t(8, {0, 1});
  for (unsigned k = 1; k <= limits::kMaxStrikes; ++k) {
    auto& s = t.sim.submit(0, t.sim.sign("hot", "life " + std::to_string(k)));
    for (int steps = 0; t.sim.host(0).running() == 0 && steps < 100'000; ++steps)
      if (!t.sim.step()) t.sim.tick();
    ASSERT_FALSE(s.answer);
    t.sim.kill(0);
    t.sim.start(0);
    t.sim.quiesce();
    EXPECT_EQ(t.sim.store(0).strikes(t.key.id, t.gated.certificate, "node2"), k);
    EXPECT_EQ(t.rows(0).size(), k == limits::kMaxStrikes ? 1u : 0u);
    t.sim.settle();
  }
  EXPECT_EQ(t.rows(0)[0].reason, node::kStrikes);
  EXPECT_EQ(t.sim.gates(0).state(t.gated, {"node2"}), State::closed);
  EXPECT_EQ(t.sim.ask(0, t.sim.sign("hot", "ninth")).code(), "quarantined");
}

TEST(NodeEcdsa, IfItCannotBeStoredTheKeyStopsOnThatNode) {
  Cheated t(9);
  t.cheat();
  auto& s = t.sim.submit(1, t.sim.sign("hot", "no space"));
  ASSERT_TRUE(t.run_until_closing());
  t.sim.store(0).break_disk("no space");
  t.sim.run_until([&] { return s.answer.has_value(); }, Seconds(80));
  EXPECT_TRUE(s.succeeded()) << s.code();  // node2 and node3
  EXPECT_TRUE(t.sim.gates(0).stopped(t.key.id));
  EXPECT_EQ(t.sim.gates(0).state(t.gated, {"node3"}), State::closed);
  EXPECT_EQ(t.products, 0);
  // After a new start with a sound disk the note tells.
  t.sim.kill(0);
  t.cheating = false;
  t.sim.heal();
  t.sim.quiesce();
  EXPECT_FALSE(t.sim.gates(0).stopped(t.key.id));
  EXPECT_EQ(t.sim.store(0).strikes(t.key.id, t.gated.certificate, "node2"), 1u);
}

// What node2 sends as round 2 to node1, changed.
void change_product(Cheated& t, std::function<void(ecdsa::Product&)> change) {
  t.cheat();
  t.cheating = false;
  t.sim.tap = [&t, change](NodeSimulation::Sent s) {
    if (s.from == "node2" && s.to == "node1" && s.envelope.tag == ecdsa::Round2::tag) {
      auto message = decode<ecdsa::Round2>(s.envelope.body);
      change(message.products.at(0));
      s.envelope.body = encode(message);
      ++t.bad;
    }
    std::vector<NodeSimulation::Sent> all;
    all.push_back(std::move(s));
    return all;
  };
}

TEST(NodeEcdsa, AWrongProductNamesItsSenderWithoutAQuarantine) {  // attack 22
  for (int what = 0; what < 2; ++what) {
    Cheated t(20 + static_cast<std::uint64_t>(what));
    change_product(t, [what](ecdsa::Product& p) {
      if (what == 0)
        p.ole.mu[0] ^= 1;
      else
        std::swap(p.gamma_u, p.gamma_v);
    });
    const auto& s = t.sim.ask(0, t.sim.sign("hot", "all the same"));
    ASSERT_TRUE(s.succeeded()) << s.code();
    EXPECT_EQ(t.signers(s), Json::array({"node1", "node3"}));
    EXPECT_EQ(t.bad, 1);  // it was not asked again
    ASSERT_EQ(s.record()->blame.size(), 1u);
    EXPECT_EQ(s.record()->blame[0].node.text, "node2");
    EXPECT_EQ(s.record()->blame[0].check.text,
              name_of(what == 0 ? Reason::bad_vector_ole : Reason::bad_point_relation));
    t.sim.settle();
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(t.rows(i).empty());
    EXPECT_EQ(t.sim.gates(0).closed(), 0u);
    t.sim.expect_safe();
  }
}
// Through a node that takes no part itself: it hears who accuses whom, and keeps the two apart.
TEST(NodeEcdsa, AnAccusationKeepsThePairApart) {
  NodeSimulation sim(4, 30);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 2, {0, 1, 2}, kEcdsa)).succeeded());
  sim.settle();
  sim.evil[1] = true;
  int bad = 0;
  sim.tap = [&](NodeSimulation::Sent s) {
    if (s.from == "node2" && s.to == "node1" && s.envelope.tag == ecdsa::Round2::tag) {
      auto message = decode<ecdsa::Round2>(s.envelope.body);
      message.products.at(0).ole.mu[0] ^= 1;
      s.envelope.body = encode(message);
      ++bad;
    }
    std::vector<NodeSimulation::Sent> all;
    all.push_back(std::move(s));
    return all;
  };
  const auto& s = sim.ask(3, sim.sign("hot", "through node4"));
  ASSERT_TRUE(s.succeeded()) << s.code();
  EXPECT_EQ(bad, 1);
  EXPECT_TRUE(s.record()->blame.empty());  // it saw nothing itself
}
// With three signers a wrong ψ shows only in the signature, and names nobody: another set is taken.
TEST(NodeEcdsa, AfterAFailureThatNamesNobodyTheNextSetDiffers) {
  NodeSimulation sim(4, 31);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 3, {}, kEcdsa)).succeeded());
  sim.settle();
  sim.evil[1] = true;
  std::set<std::string> sets;
  sim.tap = [&](NodeSimulation::Sent s) {
    if (s.from == "node2" && s.envelope.tag == ecdsa::Round2::tag) {
      auto message = decode<ecdsa::Round2>(s.envelope.body);
      message.products.at(0).psi = message.products.at(0).psi + Scalar<Secp256k1>::one();
      s.envelope.body = encode(message);
    }
    if (s.envelope.tag == ecdsa::Round1::tag) sets.insert(to_hex(s.envelope.sid));
    std::vector<NodeSimulation::Sent> all;
    all.push_back(std::move(s));
    return all;
  };
  const auto& s = sim.ask(0, sim.sign("hot", "without node2 in the end"));
  ASSERT_TRUE(s.succeeded()) << s.code();
  EXPECT_EQ(Json::parse(s.record()->result.text)["signers"], Json::array({"node1", "node3", "node4"}));
  EXPECT_EQ(sets.size(), 3u);  // {1,2,3}, {1,2,4}, {1,3,4}
  for (const auto& blame : s.record()->blame) EXPECT_EQ(blame.node.text, "");
}

TEST(NodeEcdsa, OnlyWhatItsNodeHasSignedCounts) {
  Cheated t(10);
  node::SignedQuarantine q;
  q.body.cluster = t.sim.documents.cluster->id();
  q.body.key_id = t.key.id;
  q.body.number = 1;
  q.body.certificate = t.gated.certificate;
  q.body.since = 1;
  q.body.reason = node::kExtensionCheck;
  const auto send = [&](std::size_t from, node::SignedQuarantine item) {
    node::QuarantineList list;
    list.items.push_back(std::move(item));
    t.sim.raw_send(from, 0, node::envelope_of(list));
    t.sim.quiesce();
  };
  const auto signed_by = [&](std::size_t i, const std::string& by, const std::string& node) {
    node::SignedQuarantine item = q;
    item.body.by = by;
    item.body.node = node;
    item.signature = node::sign_quarantine(item.body, t.sim.documents.identities[i]);
    return item;
  };
  auto refused = t.sim.desk(0).quarantines().refused();
  const auto expect_refused = [&](std::size_t from, const node::SignedQuarantine& item, const char* what) {
    send(from, item);
    EXPECT_EQ(t.sim.desk(0).quarantines().refused(), ++refused) << what;
    EXPECT_TRUE(t.rows(0).empty()) << what;
  };
  expect_refused(1, signed_by(1, "node3", "node1"), "in another's name");
  expect_refused(1, signed_by(2, "node3", "node1"), "another's, which is not for it to tell");
  expect_refused(1, signed_by(1, "node1", "node3"), "in the receiver's name");
  expect_refused(1, signed_by(1, "node2", "node2"), "of itself");
  expect_refused(1, signed_by(1, "node2", "node9"), "of no member");
  auto changed = signed_by(1, "node2", "node3");
  changed.body.since = 2;
  expect_refused(1, changed, "changed after it was signed");
  auto elsewhere = q;
  elsewhere.body.cluster = "another";
  elsewhere.body.by = "node2";
  elsewhere.body.node = "node3";
  elsewhere.signature = node::sign_quarantine(elsewhere.body, t.sim.documents.identities[1]);
  expect_refused(1, elsewhere, "of another cluster");
  // Of a certificate that is not known here: not kept, and nobody's fault.
  auto later = q;
  later.body.by = "node2";
  later.body.node = "node3";
  later.body.certificate[0] ^= 1;
  later.signature = node::sign_quarantine(later.body, t.sim.documents.identities[1]);
  send(1, later);
  EXPECT_TRUE(t.rows(0).empty());
  EXPECT_EQ(t.sim.desk(0).quarantines().refused(), refused);
  // And a good one, twice.
  send(1, signed_by(1, "node2", "node3"));
  send(1, signed_by(1, "node2", "node3"));
  EXPECT_EQ(t.rows(0).size(), 1u);
  EXPECT_EQ(t.sim.gates(0).closed(), 0u);  // it closes no gate of this node
  const auto& s = t.sim.ask(0, t.sim.sign("hot", "node2 and node3 do not meet"));
  EXPECT_TRUE(s.succeeded()) << s.code();
  t.sim.settle();
  EXPECT_EQ(t.sim.desk(0).quarantines().refused(), refused);
}

TEST(NodeEcdsa, Storm) {
  for (std::uint64_t seed = 0; seed < runs(20); ++seed) {
    SeededRng rng(seed + 77);
    NodeSimulation sim(3, 5000 + seed);
    ASSERT_TRUE(sim.ask(0, sim.create("hot", 2, {}, kEcdsa)).succeeded());
    for (int action = 0; action < 12; ++action) {
      const std::size_t i = rng.below(3), k = rng.below(3);
      switch (rng.below(6)) {
        case 0:
          sim.kill(i);
          break;
        case 1:
          sim.heal();
          break;
        case 2:
          if (i != k) sim.net().cut(sim.name(i), sim.name(k));
          break;
        default:
          if (sim.up(i)) sim.submit(i, sim.sign("hot", "m" + std::to_string(action)));
      }
      for (std::uint64_t steps = rng.below(120); steps > 0 && sim.step(); --steps) {
      }
    }
    sim.settle();
    sim.expect_safe();
    const auto& after = sim.ask(rng.below(3), sim.sign("hot", "after the storm"));
    EXPECT_TRUE(after.succeeded()) << after.code();
    for (std::size_t i = 0; i < 3; ++i)
      for (const auto& key : sim.store(i).quarantined_keys("", 10))
        for (const auto& row : sim.store(i).quarantines(key)) EXPECT_EQ(row.reason, node::kStrikes);
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace quorate::test
