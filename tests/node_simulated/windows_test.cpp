// Windows among whole nodes: what is signed never passes them, whoever dies, is away or is cut off (attacks 62, 63).
#include "tests/node_simulated/windows_world.h"

#include "node/messages.h"

namespace quorate::test {
namespace {

using storage::RequestState;

// attack 62
TEST(NodeWindows, ManyAtOnceNeverPassTheCount) {
  const std::size_t many = thorough() ? 1000 : 60;
  for (std::uint64_t seed = 1; seed <= runs(6); ++seed) {
    Windowed w(4, seed, Windowed::count(10));
    SCOPED_TRACE("seed " + std::to_string(seed));
    for (std::size_t k = 0; k < many; ++k) w.sim.submit(k % 4, w.message());  // node4 is no member
    w.sim.settle();
    const std::size_t at_once = w.signed_requests().size();
    EXPECT_LE(at_once, 10u);
    EXPECT_GE(at_once, 5u);  // those that keep each other out come to nothing in the end
    EXPECT_EQ(w.ended_as("succeeded"), at_once);
    // Not for good where somebody else may have spent.
    EXPECT_EQ(w.ended_as("denied") + w.ended_as("window_exceeded"), many - at_once);
    EXPECT_GT(w.ended_as("denied"), 0u);
    w.sim.expect_safe();
    w.sim.run_for(Seconds(5));
    // Spent by one when the other found no room. Nothing else of those that came to nothing is left: one after the
    // other they fit, up to the last.
    const std::size_t lost = w.released({0, 1, 2}).size() - at_once;
    EXPECT_LE(at_once + lost, 10u);
    for (std::size_t k = at_once + lost; k < 10; ++k) EXPECT_TRUE(w.sim.ask(k % 4, w.message()).succeeded()) << k;
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(w.sim.ask(i, w.message()).code(), "denied");
    EXPECT_EQ(w.signed_requests().size(), 10u - lost);
    w.sim.settle();
    w.sim.run_for(Seconds(5));
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(w.counted(i), 10u) << i;
  }
}

TEST(NodeWindows, ManyAmountsAtOnceNeverPassTheSum) {
  for (std::uint64_t seed = 1; seed <= runs(4); ++seed) {
    Windowed w(3, seed, Windowed::amount(50));
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::map<std::string, unsigned> amounts;
    std::vector<std::pair<std::shared_ptr<NodeSimulation::Submission>, unsigned>> asked;
    for (std::size_t k = 0; k < 40; ++k) {
      const auto lamports = static_cast<std::uint8_t>(1 + w.sim.rng().below(9));
      w.sim.submit(k % 3, w.transfer(lamports));
      asked.emplace_back(w.sim.submissions.back(), lamports);
    }
    w.sim.settle();
    for (const auto& [s, lamports] : asked) amounts[s->id] = lamports;
    unsigned sum = 0;
    for (const std::string& id : w.signed_requests()) sum += amounts.at(id);
    EXPECT_LE(sum, 50u);
    EXPECT_GE(sum, 25u);
    EXPECT_EQ(w.ended_as("succeeded") + w.ended_as("denied") + w.ended_as("window_exceeded"), 40u);
    w.sim.expect_safe();
  }
}

TEST(NodeWindows, InSplitModeAnotherSignerHasRoom) {
  Windowed w(3, 1, Windowed::count(4, "split"));  // each node: two
  // Without node3, node1 and node2 use up their parts.
  w.sim.kill(2);
  for (int k = 0; k < 2; ++k) EXPECT_TRUE(w.sim.ask(0, w.message()).succeeded());
  EXPECT_EQ(w.sim.ask(0, w.message()).code(), "denied");
  // node3 has room, and nobody that could sign with it.
  w.sim.settle();
  EXPECT_EQ(w.sim.ask(2, w.message()).code(), "denied");
  EXPECT_EQ(w.signed_requests().size(), 2u);

  Windowed v(3, 2, Windowed::count(6, "split"));  // each node: three
  v.sim.kill(2);
  for (int k = 0; k < 2; ++k) EXPECT_TRUE(v.sim.ask(0, v.message()).succeeded());
  v.sim.heal();
  v.sim.run_for(Seconds(5));
  v.sim.kill(1);
  EXPECT_TRUE(v.sim.ask(0, v.message()).succeeded());  // node1 has used up its part
  v.sim.heal();
  v.sim.run_for(Seconds(5));
  const auto& moved = v.sim.ask(0, v.message());
  ASSERT_TRUE(moved.succeeded()) << why(moved);
  EXPECT_EQ(v.released({1, 2}).at(moved.id), 2u);
  EXPECT_FALSE(v.released({0}).contains(moved.id));
}

TEST(NodeWindows, OverItPeopleAreAsked) {
  const Json people{{"approve", Json::array({{{"group", "treasury"}, {"min", 1}}})}, {"expires_hours", 24}};
  Windowed w(3, 3, Windowed::count(2), Json::array({{{"id", "more"}, {"if", {{"kind", "sign"}}}, {"then", people}}}));
  for (int k = 0; k < 2; ++k) EXPECT_TRUE(w.sim.ask(0, w.message()).succeeded());
  auto& s = w.sim.submit(1, w.message());
  w.sim.run_for(Seconds(10));
  ASSERT_FALSE(s.answer) << why(s);
  const auto at = [&](std::size_t i) { return node::record_of(w.sim.store(i).request(s.id).value()); };
  ASSERT_EQ(at(1).request_state(), RequestState::pending_approval);
  EXPECT_EQ(w.signed_requests().size(), 2u);
  const policy::Approval vote = Windowed::vote_of_bob(Json::parse(at(1).intent.text));
  w.sim.desk(1).approvals().vote(s.id, vote, [](const node::Answer&) {});
  w.sim.run_until([&] { return s.answer.has_value(); }, Seconds(80));
  EXPECT_TRUE(s.succeeded()) << why(s);
  w.sim.settle();
  EXPECT_EQ(w.signed_requests().size(), 3u);
  w.sim.expect_safe();
}

// The others have refused before it is on the disk of the node that was asked.
TEST(NodeWindows, OverItPeopleAreAskedAlsoWhereTheDiskIsSlow) {
  const Json people{{"approve", Json::array({{{"group", "treasury"}, {"min", 1}}})}, {"expires_hours", 24}};
  Windowed w(3, 3, Windowed::count(2), Json::array({{{"id", "more"}, {"if", {{"kind", "sign"}}}, {"then", people}}}));
  for (int k = 0; k < 2; ++k) EXPECT_TRUE(w.sim.ask(0, w.message()).succeeded());
  w.sim.slow_disk(1, true);
  auto& s = w.sim.submit(1, w.message());
  w.sim.run_for(Seconds(1));
  ASSERT_FALSE(s.stored || s.answer);
  w.sim.slow_disk(1, false);
  w.sim.run_for(Seconds(10));
  EXPECT_TRUE(s.stored);
  ASSERT_FALSE(s.answer) << why(s);
  EXPECT_EQ(node::record_of(w.sim.store(1).request(s.id).value()).request_state(), RequestState::pending_approval);
}

// What some node has released counts, whoever dies; what nobody has leaves the sums again.
void expect_counts_what_was_released(Windowed& w, std::size_t most) {
  w.sim.settle();
  for (int k = 0; k < 4; ++k) w.sim.submit(static_cast<std::size_t>(k) % 3, w.message());
  w.sim.settle();
  EXPECT_LE(w.signed_requests().size(), most);
  w.sim.run_for(Seconds(5));
  const auto all = w.released({0, 1, 2});
  for (std::size_t i = 0; i < 3; ++i) {
    const auto mine = w.released({i});
    for (const auto& [request, entry] : w.ledger(i)) {
      EXPECT_TRUE(!entry.counted() || all.contains(request) || entry.certain)
          << request << " came to nothing, and counts at " << i;
      EXPECT_FALSE(mine.contains(request) && entry.own != storage::LedgerOwn::spent) << request;
    }
    for (const auto& [request, who] : mine) EXPECT_TRUE(w.ledger(i).contains(request));
  }
  // As many as there is room for, that of lost ones not: each still counts.
  EXPECT_GE(all.size(), most);
  w.sim.expect_safe();
}

TEST(NodeWindows, WhoeverDiesAtAnyMessage) {
  const std::uint64_t step = thorough() ? 1 : 7;
  for (std::uint64_t k = 1; k < 160; k += step) {
    SCOPED_TRACE("message " + std::to_string(k));
    Windowed w(3, 100 + k, Windowed::count(2));
    for (std::size_t i = 0; i < 3; ++i) w.sim.submit(i, w.message());
    w.sim.kill_at_message = w.sim.sent + k;
    w.sim.run_for(Seconds(3));
    w.sim.kill_at_message = 0;
    expect_counts_what_was_released(w, 2);
  }
}

TEST(NodeWindows, WhoeverDiesAtAnyWrite) {
  const std::size_t step = thorough() ? 1 : 3;
  for (std::size_t k = 1; k < 24; k += step)
    for (const auto point : {storage::MemoryStore::Point::before_durable, storage::MemoryStore::Point::after_durable}) {
      SCOPED_TRACE("write " + std::to_string(k));
      Windowed w(3, 300 + k, Windowed::count(2));
      w.sim.store(k % 3).fail_at(k, point);
      for (std::size_t i = 0; i < 3; ++i) w.sim.submit(i, w.message());
      w.sim.run_for(Seconds(3));
      w.sim.store(k % 3).fail_at(0);
      expect_counts_what_was_released(w, 2);
    }
}

// attack 63: the net is cut, and each side knows only of its own.
TEST(NodeWindows, ACutNetInModeAnnouncedHasTheLimitOnEachSide) {
  Windowed w(4, 5, Windowed::count(3), Json::array(), {0, 1, 2, 3});
  w.sim.isolate({0, 1});
  w.sim.net().connect("node3", "node4");
  w.sim.run_for(Seconds(10));
  std::vector<std::shared_ptr<NodeSimulation::Submission>> all;
  for (std::size_t k = 0; k < 12; ++k) w.sim.submit(k % 4, w.message());
  w.sim.run_until(
      [&] {
        return std::all_of(w.sim.submissions.begin(), w.sim.submissions.end(), [](auto& s) { return s->answer; });
      },
      Seconds(80));
  EXPECT_EQ(w.ended_as("succeeded"), 6u);
  EXPECT_EQ(w.signed_requests().size(), 6u);
  w.sim.heal();
  w.sim.run_for(Seconds(10));
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(w.counted(i), 6u) << i;  // what they have missed
    EXPECT_EQ(w.sim.ask(i, w.message()).code(), "denied");
  }
  EXPECT_EQ(w.signed_requests().size(), 6u);
}

TEST(NodeWindows, WhoWasAwayLearnsWhatItHasMissedBeforeItDecides) {
  for (std::uint64_t seed = 1; seed <= runs(5); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Windowed w(3, 20 + seed, Windowed::count(3));
    w.sim.kill(2);
    for (std::size_t k = 0; k < 2; ++k) EXPECT_TRUE(w.sim.ask(k, w.message()).succeeded());
    // node3 knows of nothing, and is asked at once.
    bool too_early = false;
    std::set<std::string> told;
    w.sim.tap = [&](Sent s) {
      if (s.to == "node3" && s.envelope.tag == node::LedgerNews::tag && decode<node::LedgerNews>(s.envelope.body).last)
        told.insert(s.from);
      if (s.from == "node3" && (s.envelope.tag == node::Propose::tag || s.envelope.tag == node::Accept::tag))
        too_early = too_early || told.empty();
      std::vector<Sent> out;
      out.push_back(std::move(s));
      return out;
    };
    w.sim.heal();
    for (int k = 0; k < 4; ++k) w.sim.submit(2, w.message());
    w.sim.run_for(Seconds(8));
    EXPECT_FALSE(too_early);
    w.sim.settle();
    EXPECT_EQ(w.signed_requests().size(), 3u);
    // Without the one that has signed all.
    w.sim.kill(0);
    EXPECT_EQ(w.sim.ask(2, w.message()).code(), "denied");
    EXPECT_EQ(w.counted(2), 3u);
  }
}

// Longer than a request is remembered for its client.
TEST(NodeWindows, WhoWasAwayForTwoWeeksLearnsOfAMonth) {
  Json window = Windowed::count(2);
  window["hours"] = limits::kMaxWindowHours;
  Windowed w(3, 25, window);
  w.sim.kill(2);
  for (std::size_t k = 0; k < 2; ++k) EXPECT_TRUE(w.sim.ask(k, w.message()).succeeded());
  w.sim.clock.advance(std::chrono::hours(14 * 24));
  w.sim.run_for(Seconds(120));
  w.sim.heal();
  w.sim.run_for(Seconds(10));
  EXPECT_EQ(w.counted(2), 2u);
  EXPECT_EQ(w.sim.ask(2, w.message()).code(), "denied");
  // When the month is over all of it is forgotten.
  w.sim.clock.advance(std::chrono::hours(17 * 24));
  w.sim.run_for(Seconds(120));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(w.counted(i), 0u) << i;
  EXPECT_TRUE(w.sim.ask(2, w.message()).succeeded());
}

// What node4 is told is dropped there, or could not be sent to it.
TEST(NodeWindows, WhatDidNotFitIntoAQueueIsAskedForAgain) {
  for (const bool dropped_there : {true, false}) {
    SCOPED_TRACE(dropped_there);
    Windowed w(4, 26, Windowed::count(3), Json::array(), {0, 1, 2, 3});
    std::size_t lost = 0;
    w.sim.tap = [&](Sent s) {
      std::vector<Sent> out;
      if (s.to == "node4" && s.envelope.tag == node::LedgerNews::tag) {
        ++lost;
        if (dropped_there)
          for (std::size_t k = 0; k <= limits::kMaxInboxPerPeer; ++k)
            out.push_back({s.from, s.to, node::envelope_of(node::LedgerNoted())});
        else
          s.to = "nobody";
      }
      if (s.to != "node4" || s.envelope.tag != node::Outcome::tag) out.push_back(std::move(s));
      return out;
    };
    const auto& s = w.sim.submit(0, w.message());
    for (std::size_t k = 0; k < 100'000 && !s.answer; ++k) {
      while (w.sim.net().step()) continue;  // into the queues, before anybody looks at them
      if (!w.sim.step()) w.sim.tick();
    }
    ASSERT_TRUE(s.succeeded()) << why(s);
    ASSERT_GE(lost, 1u);
    ASSERT_FALSE(w.released({3}).contains(s.id));
    w.sim.tap = nullptr;
    w.sim.run_for(Seconds(30));
    EXPECT_EQ(w.counted(3), 1u);
  }
}

TEST(NodeWindows, NewMembersKnowTheSumsBeforeTheySign) {
  Windowed w(5, 8, Windowed::count(3));
  for (std::size_t k = 0; k < 2; ++k) EXPECT_TRUE(w.sim.ask(k, w.message()).succeeded());
  const auto& s = w.sim.ask(0, w.reshare(2, {3, 4}));
  ASSERT_TRUE(s.succeeded()) << why(s);
  w.sim.settle();
  w.sim.run_for(Seconds(5));
  w.sim.isolate({3, 4});
  w.sim.run_for(Seconds(10));
  EXPECT_TRUE(w.sim.ask(3, w.message()).succeeded());
  EXPECT_EQ(w.sim.ask(4, w.message()).code(), "denied");
  EXPECT_EQ(w.signed_requests().size(), 3u);
}

TEST(NodeWindows, ALoweredWindowHoldsForWhatIsUnderWay) {
  for (std::uint64_t seed = 1; seed <= runs(5); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Windowed w(3, 40 + seed, Windowed::count(20));
    Json document = w.next();
    document["rules"][1]["if"]["window"]["count"] = 5;
    w.change(document);
    for (std::size_t k = 0; k < 12; ++k) w.sim.submit(k % 3, w.message());
    std::size_t before = 0;  // signed while some node still had the first one
    const auto lowered = [&] {
      for (std::size_t i = 0; i < 3; ++i)
        if (w.sim.world(i).policy->version() != 2) return false;
      return true;
    };
    for (std::size_t k = 0; k < 100'000 && !lowered(); ++k)
      if (!w.sim.step()) w.sim.tick();
    ASSERT_TRUE(lowered());
    before = w.signed_requests(1).size();
    for (std::size_t k = 0; k < 8; ++k) w.sim.submit(k % 3, w.message());
    w.sim.settle();
    EXPECT_LE(w.signed_requests().size(), std::max<std::size_t>(5, before));
    EXPECT_GE(w.signed_requests().size(), 5u);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_NE(w.sim.ask(i, w.message()).code(), "succeeded");
    EXPECT_LE(w.signed_requests().size(), std::max<std::size_t>(5, before));
  }
}

// What was signed does not come to nothing by a change of the policy.
struct AcrossVersions : Windowed {
  explicit AcrossVersions(std::uint64_t seed) : Windowed(3, seed, Windowed::count(3)) {
    Json document = Json::parse(sim.world(0).policy->jcs());
    document["rules"][1]["if"]["payload"] = {"message"};
    restart_under(document);
    sim.submissions.clear();
    sim.tap = [this](Sent s) {
      std::vector<Sent> out;
      const bool lost = s.to == "node3" && std::any_of(withheld.begin(), withheld.end(), [&](const std::string& tag) {
                          return s.envelope.tag.starts_with(tag);
                        });
      if (!lost) out.push_back(std::move(s));
      return out;
    };
  }
  // Transfers instead of messages.
  void change_to_transfers() {
    Json document = next();
    document["rules"][1]["if"]["payload"] = {"solana_transaction"};
    change(document);
    sim.run_until([this] { return version(0) == 2 && version(1) == 2; }, Seconds(20));
    ASSERT_EQ(version(0), 2);
    ASSERT_EQ(version(1), 2);
  }
  std::int64_t version(std::size_t i) { return sim.world(i).policy->version(); }
  // node3 knows of two of three.
  void expect_room_for_one() {
    EXPECT_EQ(counted(2), 2u);
    const auto third = transfer(1), fourth = transfer(1);
    sim.kill(0);
    sim.run_for(Seconds(2));
    EXPECT_TRUE(sim.ask(2, third).succeeded());
    EXPECT_EQ(sim.ask(2, fourth).code(), "denied");
    EXPECT_EQ(signed_requests().size(), 3u);
  }
  std::set<std::string> withheld;  // the beginnings of tags that do not reach node3
};

TEST(NodeWindows, WhatAnEarlierPolicyAllowedCountsUnderTheNext) {
  AcrossVersions w(61);
  w.withheld = {"node/ledger", "node/outcome"};
  w.sim.kill(2);
  for (std::size_t k = 0; k < 2; ++k) EXPECT_TRUE(w.sim.ask(k, w.message()).succeeded());
  w.change_to_transfers();
  w.sim.heal();
  w.sim.run_until([&] { return w.version(2) == 2; }, Seconds(20));
  ASSERT_EQ(w.version(2), 2);
  EXPECT_EQ(w.counted(2), 0u);
  // Now it hears of them, under a policy that would not have allowed them.
  w.withheld = {"node/outcome"};
  w.sim.kill(2);
  w.sim.heal();
  w.sim.run_for(Seconds(10));
  w.expect_room_for_one();
}

// A peer may say what it likes of its ledger.
struct Told : AcrossVersions {
  using AcrossVersions::AcrossVersions;
  std::string tell(const http::SignedRequest& request) {
    const std::string id = (*node::seen_in(node::examine(request, sim.world(0)))).id;
    node::LedgerNews news;
    node::LedgerRow& row = news.rows.emplace_back();
    row.request = id;
    row.counts = true;
    row.time = static_cast<std::uint64_t>(unix_seconds(sim.clock.wall()));
    row.original.push_back(request);
    EXPECT_TRUE(sim.net().at("node1").send("node3", node::envelope_of(news)));
    sim.run_for(Seconds(2));
    return id;
  }
  bool counts(const std::string& id) { return ledger(2).contains(id) && ledger(2).at(id).counted(); }
};

TEST(NodeWindows, WhatIsAskedForAfterAPolicyIsOverDoesNotCountByIt) {
  Told w(64);
  w.change_to_transfers();
  w.sim.run_until([&] { return w.version(2) == 2; }, Seconds(20));
  EXPECT_TRUE(w.counts(w.tell(w.message()))) << "it may have been under way";
  w.sim.clock.advance(std::chrono::hours(14 * 24));
  w.sim.run_for(Seconds(5));
  EXPECT_FALSE(w.counts(w.tell(w.message())));
  EXPECT_TRUE(w.counts(w.tell(w.transfer(1))));
}

// An answer to an earlier question says nothing of what was told since.
TEST(NodeWindows, APageThatAnswersAnotherQuestionIsPassedOver) {
  Windowed w(3, 65, Windowed::count(3));
  w.sim.run_for(Seconds(30));
  const auto heard = [&] { return w.sim.store(2).meta("ledger/heard/node1"); };
  const auto before = heard();
  node::LedgerNews page;
  page.page = page.last = true;
  page.seq = 1'000'000;
  page.after = 999'999;
  ASSERT_TRUE(w.sim.net().at("node1").send("node3", node::envelope_of(page)));
  w.sim.run_for(Seconds(2));
  EXPECT_EQ(heard(), before);
}

// The ledgers tell of it before the key is known.
TEST(NodeWindows, WhatAnUnknownKeySignedCountsOnceItIsKnown) {
  Windowed w(5, 63, {{"hours", 24}, {"count", 3}, {"per", "by"}});
  w.sim.kill(4);
  ASSERT_TRUE(w.sim.ask(0, w.sim.create("late", 2, {0, 1})).succeeded());
  for (const char* text : {"a", "b"}) EXPECT_TRUE(w.sim.ask(0, w.sim.sign("late", text)).succeeded());
  Held held([](const Sent& s) { return s.to == "node5" && s.envelope.tag == node::CertificateComplete::tag; });
  w.sim.tap = std::ref(held);
  w.sim.heal();
  w.sim.run_for(Seconds(30));  // marks, too
  EXPECT_EQ(w.counted(4), 0u);
  ASSERT_FALSE(held.held.empty());
  held.holds = false;
  EXPECT_TRUE(w.sim.ask(0, w.sim.sign("late", "c")).succeeded());  // something is sent
  w.sim.run_for(Seconds(10));
  EXPECT_TRUE(w.sim.store(4).key_by_name("late"));
  EXPECT_EQ(w.counted(4), 3u);
}

TEST(NodeWindows, WhatALaterPolicyAllowsCountsOnceItIsKnown) {
  AcrossVersions w(62);
  // An outcome with its signature would do, too.
  w.withheld = {"node/policy", "node/outcome"};
  w.change_to_transfers();
  ASSERT_EQ(w.version(2), 1);
  for (std::size_t k = 0; k < 2; ++k) EXPECT_TRUE(w.sim.ask(k, w.transfer(1)).succeeded());
  w.sim.run_for(Seconds(30));  // marks, too
  ASSERT_EQ(w.version(2), 1);
  EXPECT_EQ(w.counted(2), 0u);
  w.withheld = {"node/outcome"};
  w.sim.run_until([&] { return w.version(2) == 2; }, Seconds(60));
  ASSERT_EQ(w.version(2), 2);
  w.sim.run_for(Seconds(10));
  w.expect_room_for_one();
}

}  // namespace
}  // namespace quorate::test
