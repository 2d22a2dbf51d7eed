// docs/runbook.md, "A backup was restored": a node on an old copy of its database notices and keeps still.
#include "node/freshness.h"
#include "node/api.h"
#include "tests/node_simulated/reshare_world.h"

namespace quorate::test {
namespace {

using storage::MemoryStore;

struct Backup : Reshare {
  explicit Backup(std::uint64_t seed) : Reshare(3, seed, {0, 1, 2}, 2) {
    sim.run_for(Seconds(12));  // all have told how far they are
    old = sim.store(2).snapshot();
  }
  // node3 runs on the copy that was made of its database.
  void restore() {
    sim.kill(2);
    sim.store(2).restore(old);
    sim.log.clear();
    sim.start(2);
    sim.connect_all();
    sim.quiesce();
  }
  bool says(const std::string& node, const std::string& text) const {
    return std::any_of(sim.log.begin(), sim.log.end(), [&](const std::string& line) {
      return line.starts_with(node + " ") && line.find(text) != std::string::npos;
    });
  }
  bool signs(const std::vector<std::size_t>& set) {
    sim.isolate(set);
    sim.quiesce();
    const bool signs = sim.ask(set[0], sim.sign("hot", "x")).succeeded();
    sim.connect_all();
    sim.quiesce();
    return signs;
  }
  std::string readiness() {
    node::NodeApi api(sim.world(2), sim.desk(2), sim.host(2));
    const auto r = api.ready();
    return r.why["store"].get<std::string>() + (r.ok ? "" : ", not ready");
  }
  MemoryStore::Content old;
};

TEST(OldDatabase, IsNoticedAndTheNodeKeepsStillForAWhile) {
  Backup b(1);
  EXPECT_EQ(b.readiness(), "ok");
  ASSERT_TRUE(b.signs({0, 2}));
  b.sim.run_for(Seconds(12));
  b.restore();
  EXPECT_TRUE(b.says("node3", "this database is an old copy"));
  EXPECT_EQ(b.readiness(), "rolled_back, not ready");
  EXPECT_FALSE(b.signs({0, 2}));
  EXPECT_FALSE(b.signs({2, 1}));
  EXPECT_TRUE(b.signs({0, 1}));
  b.sim.kill(2);  // a restart shortens nothing
  b.sim.start(2);
  b.sim.connect_all();
  b.sim.quiesce();
  EXPECT_FALSE(b.signs({0, 2}));
  const auto& with = b.sim.ask(0, b.refresh());
  EXPECT_FALSE(with.succeeded());
  b.sim.run_for(Seconds(150));
  EXPECT_EQ(b.readiness(), "ok");
  b.sim.settle();
  b.sim.expect_all_sets_sign();
  // That it was old once is not held against it.
  for (int k = 0; k < 2; ++k) {
    b.sim.log.clear();
    b.sim.kill(2);
    b.sim.settle();
    b.sim.run_for(Seconds(12));
    EXPECT_FALSE(b.says("node3", "old copy"));
  }
  b.sim.expect_safe();
}

TEST(OldDatabase, IsNoticedASecondTime) {
  Backup b(2);
  ASSERT_TRUE(b.signs({0, 2}));
  b.sim.run_for(Seconds(12));
  b.restore();
  b.sim.run_for(Seconds(200));
  ASSERT_TRUE(b.signs({0, 2}));
  b.sim.run_for(Seconds(12));
  b.restore();  // the same copy, which knows nothing of all this
  EXPECT_TRUE(b.says("node3", "this database is an old copy"));
  EXPECT_FALSE(b.signs({0, 2}));
}

TEST(OldDatabase, OfWhatOneOtherNodeHasKeptOnItsDiskIsEnough) {
  Backup b(3);
  ASSERT_TRUE(b.signs({0, 2}));
  b.sim.run_for(Seconds(12));
  for (std::size_t i = 0; i < 3; ++i) b.sim.kill(i);
  b.sim.store(2).restore(b.old);
  b.sim.log.clear();
  b.sim.start(1), b.sim.start(2);
  b.sim.connect_all();
  b.sim.quiesce();
  EXPECT_TRUE(b.says("node3", "this database is an old copy"));
}

TEST(OldDatabase, AnotherHistoryOfTheSameLengthIsNoticedToo) {
  Backup b(4);
  const auto seq = b.sim.store(2).audit_head().seq;
  ASSERT_TRUE(b.signs({0, 2}));
  b.sim.run_for(Seconds(12));
  ASSERT_GT(b.sim.store(2).audit_head().seq, seq);
  const auto told = b.sim.store(2).audit_head().seq;
  b.sim.kill(2);
  b.sim.store(2).restore(b.old);
  while (b.sim.store(2).audit_head().seq < told + 3) {
    storage::Batch batch;
    batch.append_audit({1, "other", "", "{}"});
    ASSERT_TRUE(b.sim.store(2).commit_now(std::move(batch)).ok());
  }
  b.sim.start(2);
  b.sim.connect_all();
  b.sim.quiesce();
  EXPECT_TRUE(b.says("node3", "this database is an old copy"));
}

TEST(OldDatabase, AKillIsNone) {
  Backup b(5);
  for (int k = 0; k < 10; ++k) {
    b.sim.submit(0, b.sim.sign("hot", std::to_string(k)));
    for (std::uint64_t steps = b.sim.rng().below(80); steps > 0; --steps) b.sim.step();
    b.sim.tick(Millis(6'000));
    for (std::uint64_t steps = b.sim.rng().below(20); steps > 0; --steps) b.sim.step();
    b.sim.kill(b.sim.rng().below(3));
    b.sim.settle();
    for (const char* node : {"node1", "node2", "node3"}) EXPECT_FALSE(b.says(node, "old copy"));
  }
}

// Attack 66: only the node's own signature tells it that it has been further than it is.
TEST(OldDatabase, APeerCannotMakeItUp) {
  Backup b(6);
  node::Progress p;
  p.life = 1;
  p.seq = 1'000'000;
  const storage::Identity node3 = b.sim.store(2).identity(), node2 = b.sim.store(1).identity();
  const auto& keys = b.sim.documents.identities;
  for (const auto& forged : {p, node::sign_progress(p, node3, keys[1]), node::sign_progress(p, node2, keys[2]),
                             node::sign_progress(p, {std::string(64, '0'), "node3"}, keys[2])}) {
    node::YourProgress yours;
    yours.progress = forged;
    b.sim.raw_send(1, 2, node::envelope_of(yours));
  }
  b.sim.quiesce();
  EXPECT_EQ(b.readiness(), "ok");
  node::YourProgress genuine;
  genuine.progress = node::sign_progress(p, node3, keys[2]);
  b.sim.raw_send(1, 2, node::envelope_of(genuine));
  b.sim.quiesce();
  EXPECT_EQ(b.readiness(), "rolled_back, not ready");
  // Nor can it say of another what that one has not signed.
  node::MyProgress mine;
  mine.progress = node::sign_progress(p, node2, keys[0]);
  b.sim.raw_send(1, 0, node::envelope_of(mine));
  b.sim.quiesce();
  b.sim.log.clear();
  b.sim.run_for(Seconds(12));
  EXPECT_FALSE(b.says("node1", "old copy"));
}

// A share that is not there is not there whatever time passes: a reshare without the node, then one with it.
TEST(OldDatabase, OfAnEarlierEpochHasNoShareUntilItIsDealtOne) {
  Backup b(7);
  ASSERT_TRUE(b.sim.ask(0, b.reshare(2, {0, 1, 2})).succeeded());
  b.sim.settle();
  b.restore();
  b.sim.run_for(Seconds(200));
  EXPECT_EQ(b.readiness(), "rolled_back, not ready");
  EXPECT_FALSE(b.signs({0, 2}));
  ASSERT_TRUE(b.sim.ask(0, b.reshare(2, {0, 1})).succeeded());
  b.sim.quiesce();
  b.sim.clock.advance(Seconds(1));
  ASSERT_TRUE(b.sim.ask(0, b.reshare(2, {0, 1, 2})).succeeded());
  b.sim.settle();
  EXPECT_EQ(b.readiness(), "ok");
  b.expect_one_epoch({0, 1, 2}, 2);
  b.sim.expect_all_sets_sign();
}

}  // namespace
}  // namespace quorate::test
