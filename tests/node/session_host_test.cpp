// One node's sessions seen from its host: begun or not, silent peers, lost peers, slow and broken disks. Virtual time.
#include "node/session_host.h"

#include <gtest/gtest.h>

#include "tests/session/toss.h"
#include "tests/support/memory_mesh.h"
#include "tests/support/memory_store.h"
#include "tests/support/simulated_cluster.h"

namespace quorate::test {
namespace {

using node::SessionEnd;

struct Host : ::testing::Test {
  const SimulatedCluster& documents = SimulatedCluster::of(3);
  ManualClock clock{WallTime(Seconds(1'800'000'000))};
  SeededRng rng{1};
  peers::MemoryNet net{rng};
  peers::MemoryMesh& mesh = net.add("node1");
  storage::MemoryStore store{{documents.cluster->id(), "node1"}};
  node::QueueExecutor desk, worker;
  node::World world{*documents.cluster,
                    *documents.policy,
                    documents.cluster->nodes()[0],
                    documents.identities[0],
                    store,
                    mesh,
                    clock,
                    rng,
                    desk,
                    [](node::LogLevel, const std::string&) {}};
  node::SessionHost host{world, {&worker}};
  Committee committee = make_committee();
  struct Ended {
    std::string how;  // "result", "silent 23", "lost node2", "broken …", "never begun"
    bool released = false;
  };
  std::vector<Ended> ended;
  std::optional<WallTime> expires;

  Committee make_committee() {
    Members members;
    for (unsigned i = 1; i <= 3; ++i)
      members.push_back({PartyId(i), "node" + std::to_string(i), documents.identities[i - 1].public_key()});
    return *Committee::make(2, members);
  }
  SessionId sid(int n) { return sha256(view_of("session " + std::to_string(n))); }
  struct How {
    bool eager, held;
  };
  bool open(int n) { return open(n, How{false, false}); }
  bool open(int n, How how) {
    node::HostedSession hosted;
    hosted.eager = how.eager;
    hosted.held = how.held;
    hosted.session = Toss{}.start(SessionConfig{sid(n), PartySet::first(3), PartyId(1), rng});
    hosted.committee = committee;
    hosted.round_timeout = Seconds(5);
    hosted.expires = expires;
    hosted.to_batch = [](DurableStep, SecretBytes record) {
      storage::Batch batch;
      batch.put_meta("spent", std::move(record));
      return batch;
    };
    hosted.ended = [this](const SessionEnd& end) {
      Ended e;
      e.released = end.released;
      if (end.session != nullptr && end.session->aborted() != nullptr) {
        e.how = std::string(name_of(end.session->aborted()->kind));
        for (const PartyId id : end.session->aborted()->culprits) e.how += " " + std::to_string(id.index());
      } else if (end.session != nullptr)
        e.how = "result";
      else if (end.lost)
        e.how = "lost " + *end.lost;
      else if (!end.broken.empty())
        e.how = "broken " + end.broken;
      else
        e.how = "never begun";
      ended.push_back(e);
    };
    return host.open(std::move(hosted));
  }
  // The other two parties, run by hand; up to `rounds` of their messages reach the host.
  struct Others {
    std::map<unsigned, std::unique_ptr<Session<Digest>>> sessions;
  };
  void drain() {
    while (worker.run_one()) {
    }
  }
  void wait(Millis by) {
    clock.advance(by);
    host.tick();
    drain();
  }
  void from(unsigned i, int n, std::string_view tag, const SecretBytes& body) {
    Envelope e;
    e.sid = sid(n);
    e.tag = std::string(tag);
    e.body = body;
    host.deliver("node" + std::to_string(i), std::move(e));
    drain();
  }
  static constexpr auto kKept = node::EarlyMail::kKept;
  TossCommit commitment_of(unsigned i, int n, const TossOpening& opening) {
    return TossCommit{toss_commitment(sid(n), PartyId(i), opening)};
  }
  TossOpening opening_of(unsigned i) {
    TossOpening o;
    o.share[0] = static_cast<std::uint8_t>(i);
    o.salt = {1, 2, 3};
    return o;
  }
  void commit_and_reveal(int n) {
    for (unsigned i : {2u, 3u}) from(i, n, TossCommit::tag, encode(commitment_of(i, n, opening_of(i))));
    for (unsigned i : {2u, 3u}) from(i, n, TossReveal::tag, encode(TossReveal{PartyId(1), opening_of(i)}));
  }
};

TEST_F(Host, NeverBegunEndsByItself) {
  ASSERT_TRUE(open(1));
  drain();
  wait(limits::kProposalTimeout + Seconds(5) - Millis(1));
  EXPECT_TRUE(ended.empty());
  wait(Millis(1));
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].how, "never begun");
  EXPECT_EQ(host.running(), 0u);
}
TEST_F(Host, ASilentPeerEndsItAfterTheRoundsTime) {
  open(1);
  host.begin(sid(1));
  drain();
  wait(Millis(4'999));
  from(2, 1, TossCommit::tag, encode(commitment_of(2, 1, opening_of(2))));
  EXPECT_TRUE(ended.empty());
  wait(Millis(1));
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].how, "silent 3");
  EXPECT_FALSE(ended[0].released);
}
TEST_F(Host, EveryRoundHasItsOwnTime) {
  open(1);
  host.begin(sid(1));
  drain();
  wait(Millis(4'000));
  for (unsigned i : {2u, 3u}) from(i, 1, TossCommit::tag, encode(commitment_of(i, 1, opening_of(i))));
  wait(Millis(4'000));
  EXPECT_TRUE(ended.empty());
  wait(Millis(1'000));
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].how, "silent 2 3");
}
TEST_F(Host, ALostPeerEndsOnlyWhatWaitsForIt) {
  open(1);
  open(2);
  host.begin(sid(1));
  host.begin(sid(2));
  drain();
  from(2, 2, TossCommit::tag, encode(commitment_of(2, 2, opening_of(2))));  // session 2 has heard of it
  host.peer_lost("node2");
  host.peer_lost("stranger");
  drain();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].how, "lost node2");
  EXPECT_EQ(host.running(), 1u);
  from(3, 2, TossCommit::tag, encode(commitment_of(3, 2, opening_of(3))));  // and now waits for its next message
  ASSERT_EQ(ended.size(), 2u);
  EXPECT_EQ(ended[1].how, "lost node2");
}
// A restarted node that is led into the same session would seem to equivocate: what it says is of another life.
TEST_F(Host, WhatALostPeerSaysAfterwardsIsDropped) {
  open(1);
  host.begin(sid(1));
  drain();
  from(2, 1, TossCommit::tag, encode(commitment_of(2, 1, opening_of(2))));
  host.peer_lost("node2");
  drain();
  const auto before = host.dropped();
  from(2, 1, TossCommit::tag, encode(commitment_of(2, 1, opening_of(9))));  // another one than before
  EXPECT_EQ(host.dropped(), before + 1);
  EXPECT_TRUE(ended.empty());
  from(3, 1, TossCommit::tag, encode(commitment_of(3, 1, opening_of(3))));
  EXPECT_EQ(host.dropped(), before + 1);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].how, "lost node2");
}
TEST_F(Host, NothingLeavesBeforeTheDurableStepIsWritten) {
  open(1);
  host.begin(sid(1));
  drain();
  commit_and_reveal(1);
  ASSERT_EQ(store.waiting(), 1u);
  EXPECT_FALSE(store.meta("spent"));
  store.pump();
  drain();
  EXPECT_TRUE(store.meta("spent"));
  host.peer_lost("node3");
  drain();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].how, "lost node3");
  EXPECT_TRUE(ended[0].released);
}
TEST_F(Host, ADiskThatNeverAnswersEndsIt) {
  open(1);
  host.begin(sid(1));
  drain();
  commit_and_reveal(1);
  wait(Millis(5'000));
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].how, "broken a durable step took too long");
  EXPECT_FALSE(ended[0].released);
  store.pump();  // too late: nothing happens any more
  drain();
  EXPECT_EQ(ended.size(), 1u);
}
TEST_F(Host, NothingLeavesOnceItsTimeIsOver) {
  expires = clock.wall() + Seconds(2);
  open(1);
  host.begin(sid(1));
  drain();
  commit_and_reveal(1);
  clock.advance(Seconds(2));
  store.pump();  // the disk was slow
  drain();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].how, "broken its time is over");
  EXPECT_TRUE(ended[0].released) << "for all that the disk says";
}
TEST_F(Host, ABrokenDiskEndsIt) {
  store.break_disk("no space");
  open(1);
  host.begin(sid(1));
  drain();
  commit_and_reveal(1);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].how.substr(0, 6), "broken");
  EXPECT_FALSE(ended[0].released);
}
TEST_F(Host, CloseEndsItWithoutAWordAndStrangersAreDropped) {
  open(1);
  host.begin(sid(1));
  drain();
  host.close(sid(1));
  drain();
  EXPECT_EQ(host.running(), 0u);
  const auto before = host.dropped();
  from(2, 1, TossCommit::tag, encode(TossCommit{}));
  from(9, 1, TossCommit::tag, encode(TossCommit{}));
  EXPECT_EQ(host.dropped(), before + 2);
  from(2, 2, TossCommit::tag, encode(TossCommit{}));
  EXPECT_EQ(host.dropped(), before + 2) << "it might be opened yet";
  wait(Seconds(60));
  EXPECT_EQ(host.dropped(), before + 3);
  EXPECT_TRUE(ended.empty());
}
// Letters of what has ended, was stopped or is not opened take nothing of their peer's place.
TEST_F(Host, WhatIsOverFillsNoPlace) {
  open(1, {true, false});
  drain();
  wait(limits::kProposalTimeout + Seconds(5));
  ASSERT_EQ(ended.size(), 1u);
  open(2, {true, false});
  host.close(sid(2));
  from(2, 3, TossCommit::tag, encode(TossCommit{}));
  host.forget(sid(3));
  drain();
  EXPECT_EQ(host.dropped(), 1u) << "what was kept for 3";
  for (std::size_t k = 0; k < limits::kMaxInboxPerPeer; ++k)
    for (const int n : {1, 2, 3}) from(2, n, TossCommit::tag, encode(TossCommit{}));
  EXPECT_EQ(host.dropped(), 1 + 3 * limits::kMaxInboxPerPeer);
  from(2, 4, TossCommit::tag, encode(commitment_of(2, 4, opening_of(2))));
  from(3, 4, TossCommit::tag, encode(commitment_of(3, 4, opening_of(3))));
  ASSERT_TRUE(open(4, {true, false}));
  drain();
  for (unsigned i : {2u, 3u}) from(i, 4, TossReveal::tag, encode(TossReveal{PartyId(1), opening_of(i)}));
  EXPECT_EQ(store.waiting(), 1u) << "it has come to its last round";
}
TEST_F(Host, WhatIsForgottenMayBeOpenedAfterAll) {
  host.forget(sid(1));
  drain();
  ASSERT_TRUE(open(1, {true, false}));
  drain();
  host.forget(sid(1));  // of a session that runs: nothing
  drain();
  commit_and_reveal(1);
  EXPECT_EQ(store.waiting(), 1u);
}
// What is kept has a place of its own for each peer, until it is taken, dropped or too old; what runs has another.
TEST_F(Host, WhatIsKeptIsWithinItsPeersPlace) {
  const auto fill = [&](int n) {
    for (std::size_t k = 0; k < limits::kMaxInboxPerPeer; ++k) from(2, n, TossCommit::tag, encode(TossCommit{}));
  };
  fill(1);
  EXPECT_EQ(host.dropped(), 0u);
  from(2, 1, TossCommit::tag, encode(TossCommit{}));
  EXPECT_EQ(host.dropped(), 1u);
  from(3, 1, TossCommit::tag, encode(TossCommit{}));
  EXPECT_EQ(host.dropped(), 1u) << "another peer has its own";
  open(9, {true, false});
  drain();
  commit_and_reveal(9);
  EXPECT_EQ(store.waiting(), 1u) << "what runs goes on";
  open(1, {true, false});  // takes them
  drain();
  const auto taken = host.dropped();
  fill(2);
  EXPECT_EQ(host.dropped(), taken) << "what was taken has made room";
  host.peer_lost("node2");  // drops them
  drain();
  const auto lost = host.dropped();
  EXPECT_EQ(lost, taken + limits::kMaxInboxPerPeer);
  fill(3);
  EXPECT_EQ(host.dropped(), lost);
  wait(kKept);
  const auto old = host.dropped();
  fill(4);
  EXPECT_EQ(host.dropped(), old);
}
// A signing begins when it is opened, with what has come before that.
TEST_F(Host, AnEagerSessionTakesWhatCameEarly) {
  for (unsigned i : {2u, 3u}) from(i, 1, TossCommit::tag, encode(commitment_of(i, 1, opening_of(i))));
  from(9, 1, TossCommit::tag, encode(TossCommit{}));  // no member
  EXPECT_EQ(host.dropped(), 0u);
  ASSERT_TRUE(open(1, {true, false}));
  drain();
  EXPECT_EQ(host.dropped(), 1u);
  for (unsigned i : {2u, 3u}) from(i, 1, TossReveal::tag, encode(TossReveal{PartyId(1), opening_of(i)}));
  EXPECT_EQ(store.waiting(), 1u) << "it has come to its last round";
  EXPECT_TRUE(ended.empty());
}
TEST_F(Host, WhatCameEarlyFromALostPeerIsOfAnotherLife) {
  for (unsigned i : {2u, 3u}) from(i, 1, TossCommit::tag, encode(commitment_of(i, 1, opening_of(i))));
  host.peer_lost("node3");
  drain();
  ASSERT_TRUE(open(1, {true, false}));
  drain();
  wait(limits::kProposalTimeout + Seconds(5));
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].how, "silent 3");
}
TEST_F(Host, WhatCameTooEarlyIsForgotten) {
  for (unsigned i : {2u, 3u}) from(i, 1, TossCommit::tag, encode(commitment_of(i, 1, opening_of(i))));
  wait(kKept);
  EXPECT_EQ(host.dropped(), 2u);
  ASSERT_TRUE(open(1, {true, false}));
  drain();
  wait(limits::kProposalTimeout + Seconds(5));
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].how, "silent 2 3");
}
TEST_F(Host, AnEagerSessionsFirstRoundLastsAsLongAsOthersMayAccept) {
  open(1, {true, false});
  drain();
  wait(limits::kProposalTimeout + Seconds(5) - Millis(1));
  EXPECT_TRUE(ended.empty());
  wait(Millis(1));
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].how, "silent 2 3");
}
TEST_F(Host, OnceAllHaveAcceptedItLastsARoundsTime) {
  open(1, {true, false});
  drain();
  wait(Millis(1'000));
  host.begin(sid(1));
  drain();
  wait(Millis(4'999));
  EXPECT_TRUE(ended.empty());
  wait(Millis(1));
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].how, "silent 2 3");
}
// Whoever says so again and again does not keep a session, its note and its reservation.
TEST_F(Host, NothingMakesTheFirstRoundLonger) {
  open(1, {true, false});
  drain();
  for (int k = 0; k < 7; ++k) {
    wait(Millis(1'000));
    host.begin(sid(1));
    drain();
  }
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].how, "silent 2 3");
}
TEST_F(Host, WhatIsHeldReleasesNothingBeforeItIsAllowed) {
  open(1, {true, true});
  drain();
  commit_and_reveal(1);
  EXPECT_EQ(store.waiting(), 0u);
  host.allow(sid(1));
  drain();
  EXPECT_EQ(store.waiting(), 1u);
  store.pump();
  drain();
  EXPECT_TRUE(store.meta("spent"));
}
TEST_F(Host, WhatNobodyAllowsEnds) {
  open(1, {true, true});
  drain();
  commit_and_reveal(1);
  wait(Seconds(5));
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].how, "broken nothing has allowed it to go on");
  EXPECT_FALSE(ended[0].released);
  host.allow(sid(1));
  drain();
  EXPECT_EQ(store.waiting(), 0u);
}
TEST_F(Host, SessionsAreBounded) {
  for (std::size_t n = 0; n < limits::kMaxSessions; ++n) ASSERT_TRUE(open(static_cast<int>(n)));
  EXPECT_FALSE(open(1'000'000));
  drain();
  EXPECT_EQ(host.running(), limits::kMaxSessions);
  host.close(sid(0));
  drain();
  EXPECT_TRUE(open(1'000'000));
  drain();
  EXPECT_FALSE(open(1'000'001));
}
TEST_F(Host, WhatOnePeerMayHaveWaitingIsBounded) {
  Envelope e;
  e.sid = sid(1);
  e.tag = "toss/commit";
  e.body.resize(32);
  for (std::size_t k = 0; k < limits::kMaxInboxPerPeer + 10; ++k) host.deliver("node2", e);
  EXPECT_EQ(host.dropped(), 10u);
  host.deliver("node3", e);  // another peer has its own share
  EXPECT_EQ(worker.waiting(), limits::kMaxInboxPerPeer + 1);
  drain();
  wait(kKept);  // what came for no session is let go of
  e.body.resize(limits::kMaxInboxBytesPerPeer / 4);
  const auto before = host.dropped();
  for (int k = 0; k < 6; ++k) host.deliver("node2", e);
  EXPECT_EQ(host.dropped(), before + 2);
}

}  // namespace
}  // namespace quorate::test
