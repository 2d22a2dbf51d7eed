// What shows that something is frozen, or that it is no more: every node judges by itself what it is shown (attack 69).
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/node_simulated/freezes_world.h"
#include "tests/support/runs.h"

namespace quorate::test {
namespace {

using policy::Vote;
using std::chrono::hours;
using storage::MemoryStore;
using storage::RequestState;

TEST(FreezeProof, IsAnAdminsOfItsVersion) {
  Frost f(9, 3);
  const auto refused = [&](const char* what, const http::SignedRequest& original, const Digest& policy) {
    f.show(1, 0, original, policy);
    EXPECT_FALSE(f.is_frozen(0)) << what;
  };
  refused("nobody's", f.freeze("hot", "eve"), f.policy());
  http::SignedRequest forged = f.freeze();
  forged.signature = "sig1=:" + std::string(86, 'A') + "==:";
  refused("not signed", forged, f.policy());
  refused("another request", f.unfreeze(), f.policy());
  refused("from the future", f.freeze("hot", "ana", 3600), f.policy());
  node::FreezeTold later;
  later.freeze.version = 2;
  later.freeze.policy = f.policy();
  later.freeze.original = node::ClientRequest(f.freeze());
  f.sim.raw_send(1, 0, node::envelope_of(later));
  f.sim.run_for(Seconds(1));
  EXPECT_FALSE(f.is_frozen(0)) << "a form to come";
  f.show(1, 0, f.freeze(), f.policy());
  EXPECT_TRUE(f.is_frozen(0));
  EXPECT_TRUE(f.becomes(true)) << "whoever knows it tells the others";
}

// A freeze stays what it was when its admin is none any more; but no new one can be made in an old version's name.
TEST(FreezeProof, OfAnAdminThatWasRemoved) {
  Frost f(10, 4);
  f.sim.kill(3);
  f.frozen(0, f.freeze("hot", "cem"));
  const Digest before = f.policy();
  Json without = f.next();
  for (Json& user : without["users"])
    if (user["id"] == "cem") user["groups"] = {"others"};
  f.change(0, without);
  f.sim.run_for(Seconds(5));
  f.sim.clock.advance(hours(25));
  ASSERT_TRUE(f.sim.run_until([&] { return f.version(0) == 2 && f.version(2) == 2; }, Seconds(20)));
  f.restart_all();
  ASSERT_TRUE(f.becomes(true)) << "also at node4, which has heard of it now";
  EXPECT_EQ(f.sim.ask(0, f.freeze("all", "cem")).code(), "denied");
  f.sim.clock.advance(hours(24 * 9));
  f.show(1, 0, f.freeze("all", "cem"), before);
  EXPECT_FALSE(f.is_frozen(0, "all"));
}

// A node that was cut off has frozen under a version that could not decide any more; it starts again, and tells it.
TEST(FreezeProof, OfACutOffNodeCountsByTheVersionInForce) {
  Frost f(17, 4);
  f.sim.isolate({0, 1, 2});
  f.change(0, f.tighter());
  ASSERT_TRUE(f.sim.run_until([&] { return f.version(0) == 2 && f.version(2) == 2; }, Seconds(20)));
  f.sim.clock.advance(hours(24 * 9));
  auto& s = f.sim.submit(3, f.freeze());
  f.sim.run_until([&] { return s.stored; }, Seconds(5));
  ASSERT_TRUE(f.is_frozen(3));
  EXPECT_EQ(f.version(3), 1);
  f.sim.heal();
  ASSERT_TRUE(f.becomes(true));
  ASSERT_TRUE(f.sim.run_until([&] { return f.everywhere(std::int64_t{2}); }, Seconds(30)));
  f.restart_all();
  EXPECT_TRUE(f.everywhere(true));
}

// Also of the nodes that have given their word for it.
TEST(LiftProof, AnotherPolicyAsksAnewAndTheDelayBeginsAnew) {
  for (const bool some : {false, true}) {
    SCOPED_TRACE(some ? "one node has given its word" : "all have");
    Frost f(18, 4);
    f.frozen(0, f.freeze());
    ASSERT_TRUE(f.becomes(true));
    const std::string id = f.approved(0);
    f.sim.run_for(Seconds(5));
    f.sim.tap = [&](Sent sent) {
      return sent.envelope.tag == node::LiftVotes::tag ? std::vector<Sent>{} : std::vector<Sent>{std::move(sent)};
    };
    const auto voted = [&] {
      std::size_t n = 0;
      for (std::size_t i = 0; i < 4; ++i)
        for (const auto& entry : f.sim.store(i).audit(0, SIZE_MAX))
          n += entry.entry.kind == "unfreeze_vote" && entry.entry.request == id;
      return n;
    };
    if (some) f.sim.isolate({1, 2, 3});
    if (some)
      for (const std::size_t i : {1u, 2u, 3u}) f.sim.kill(i);
    f.sim.clock.advance(hours(25));
    f.sim.run_for(Seconds(5));
    ASSERT_EQ(voted(), some ? 1u : 4u);
    if (some)
      for (const std::size_t i : {1u, 2u, 3u}) f.sim.start(i);
    if (some) f.sim.clock.advance(hours(-1));
    f.sim.heal();
    f.sim.run_for(Seconds(5));
    const std::size_t before = voted();
    f.change(1, f.tighter("stop", 1));
    ASSERT_TRUE(f.sim.run_until([&] { return f.everywhere(std::int64_t{2}); }, Seconds(30)));
    f.sim.run_for(Seconds(5));
    EXPECT_EQ(f.say(2, id, "ana"), "pending_approval");
    EXPECT_NE(f.say(3, id, "cem"), "not_pending");
    f.sim.tap = nullptr;
    f.sim.run_for(Seconds(20));
    EXPECT_EQ(voted(), before) << "without the delay";
    EXPECT_TRUE(f.everywhere(true));
    f.sim.clock.advance(hours(25));
    EXPECT_TRUE(f.becomes(false));
  }
}

TEST(FreezeProof, OnceLiftedItCountsNoMore) {
  Frost f(11, 3);
  const http::SignedRequest freeze = f.freeze();
  f.frozen(0, freeze);
  f.approved(0);
  f.sim.run_for(Seconds(5));
  f.sim.clock.advance(hours(25));
  ASSERT_TRUE(f.becomes(false));
  f.sim.run_for(Seconds(5));
  f.show(1, 0, freeze, f.policy());
  EXPECT_FALSE(f.is_frozen(0)) << "a replay";
  EXPECT_EQ(f.sign(), "signed");
  // Nor does what has lifted it lift another one.
  const auto bytes = f.sim.store(0).meta("freeze/off/" + f.first.id);
  ASSERT_TRUE(bytes);
  f.frozen(0, f.freeze());
  ASSERT_TRUE(f.becomes(true));
  node::LiftTold told;
  told.lift = decode<node::Lift>(*bytes);
  f.sim.raw_send(1, 0, node::envelope_of(told));
  f.sim.run_for(Seconds(1));
  EXPECT_TRUE(f.is_frozen(0));
  EXPECT_EQ(f.sign(), "frozen");
}

struct Lifting : Frost {
  Lifting() : Frost(12, 3) {
    frozen(0, Frost::freeze());
    sim.run_for(Seconds(1));
    ask(unfreeze());
    approve("ana");
    approve("cem");
    vote(0);
    vote(1);
  }
  void ask(const http::SignedRequest& original) {
    lift = {};
    lift.policy = policy();
    lift.original = node::ClientRequest(original);
  }
  node::Examined examined() { return (*node::seen_in(node::examine(lift.original, sim.world(0)))); }
  void approve(const std::string& user, Vote how = Vote::approve) {
    const Json intent = policy::to_json(examined().intent);
    lift.original.approvals.push_back({user, static_cast<std::uint8_t>(how),
                                       admins().key_of(user).sign(view_of(policy::approval_text(how, user, intent)))});
  }
  void vote(std::size_t i) { vote(sim.name(i), i); }
  void vote(const std::string& name, std::size_t key) {
    lift.votes.push_back(
        node::sign_lift(name, examined().request_digest, sim.documents.cluster->id(), sim.documents.identities[key]));
  }
  bool lifts() {
    node::LiftTold told;
    told.lift = lift;
    sim.raw_send(1, 0, node::envelope_of(told));
    sim.run_for(Seconds(1));
    return !is_frozen(0);
  }
  node::Lift lift;
};

TEST(LiftProof, IsSignedByAdminsAndNodes) {
  Lifting l;
  const node::Lift good = l.lift;
  const auto with = [&](const char* what, const std::function<void()>& change) {
    l.lift = good;
    change();
    EXPECT_FALSE(l.lifts()) << what;
  };
  with("an approval is missing", [&] { l.lift.original.approvals.pop_back(); });
  with("one admin twice", [&] { l.lift.original.approvals[1] = l.lift.original.approvals[0]; });
  with("an approval of somebody else", [&] {
    l.lift.original.approvals.pop_back();
    l.approve("eve");
  });
  with("a rejection", [&] { l.approve("ben", Vote::reject); });
  with("approvals of another request", [&] {
    const auto approvals = l.lift.original.approvals;
    l.ask(l.unfreeze());
    l.lift.original.approvals = approvals;
    l.vote(0);
    l.vote(1);
  });
  with("a node is missing", [&] { l.lift.votes.pop_back(); });
  with("one node twice", [&] { l.lift.votes[1] = l.lift.votes[0]; });
  with("with another node's key", [&] {
    l.lift.votes.pop_back();
    l.vote("node2", 2);
  });
  with("of nobody", [&] {
    l.lift.votes.pop_back();
    l.vote("node9", 1);
  });
  with("votes on another request", [&] {
    l.ask(l.unfreeze());
    l.approve("ana");
    l.approve("cem");
    l.lift.votes = good.votes;
  });
  with("a form to come", [&] { l.lift.version = 2; });
  with("under a version that nobody knows", [&] { l.lift.policy = Digest{}; });
  with("a freeze", [&] {
    l.sim.clock.advance(Seconds(1));
    l.ask(l.freeze());
    l.vote(0);
    l.vote(1);
  });
  l.lift = good;
  EXPECT_TRUE(l.lifts());
  EXPECT_TRUE(l.becomes(false)) << "whoever knows it tells the others";
  EXPECT_EQ(l.sign(), "signed");
}

// A coordinator that lies: its word of an outcome counts for nothing.
TEST(LiftProof, IsNotACoordinatorsWord) {
  Frost f(13, 3);
  f.frozen(0, f.freeze());
  f.sim.run_for(Seconds(2));
  const std::string id = f.approved(1);
  f.sim.run_for(Seconds(5));
  node::Outcome lie;
  lie.request = id;
  lie.original = f.at(1, id).original;
  for (const auto state : {RequestState::succeeded, RequestState::failed}) {
    lie.state = static_cast<std::uint8_t>(state);
    f.sim.raw_send(1, 0, node::envelope_of(lie));
    f.sim.run_for(Seconds(1));
    EXPECT_EQ(f.state(0, id), RequestState::scheduled);
    EXPECT_TRUE(f.is_frozen(0));
  }
  // Nor does a node that lies about the time lift it for the others.
  node::LiftVotes early;
  early.request = id;
  const auto x = (*node::seen_in(node::examine(f.at(0, id).original, f.sim.world(0))));
  early.votes.push_back(
      node::sign_lift("node2", x.request_digest, f.sim.documents.cluster->id(), f.sim.documents.identities[1]));
  f.sim.raw_send(1, 0, node::envelope_of(early));
  f.sim.run_for(Seconds(10));
  EXPECT_TRUE(f.is_frozen(0));
  EXPECT_FALSE(f.sim.desk(0).requests().released(id));
}

}  // namespace
}  // namespace quorate::test
