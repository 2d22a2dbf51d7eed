// The gate of one pair under fire (attack 21): a peer bets on one bit of a secret per session, many sessions at once on
// several workers. A wrong bet fails the check; a right one is answered, if the gate is still open.
#include "node/gates.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "node/quarantines.h"
#include "node/session_host.h"
#include "node/strikes.h"
#include "tests/storage/fixture.h"
#include "tests/support/memory_store.h"
#include "tests/support/simulated_cluster.h"

namespace quorate::test {
namespace {

using node::GatedKey;
using node::Gates;
using State = node::Gates::State;

const GatedKey kHot{"aa", sha256(view_of("certificate"))};
GatedKey other_certificate() { return {"aa", sha256(view_of("another"))}; }

TEST(Gates, OpenUntilClosedAndClosedForEver) {
  Gates gates;
  int handed = 0;
  const auto try_it = [&](const GatedKey& key, std::vector<std::string> peers) {
    return gates.release(key, peers, [&] { ++handed; });
  };
  EXPECT_EQ(try_it(kHot, {"node2"}), State::open);
  EXPECT_TRUE(gates.close(kHot, "node2"));
  EXPECT_FALSE(gates.close(kHot, "node2"));
  EXPECT_EQ(try_it(kHot, {"node2"}), State::closing);
  EXPECT_EQ(try_it(kHot, {"node3"}), State::open);
  EXPECT_EQ(try_it(kHot, {"node3", "node2"}), State::closing);  // an answer to node3 would tell node2
  EXPECT_EQ(try_it(other_certificate(), {"node2"}), State::open);
  EXPECT_EQ(try_it({"bb", kHot.certificate}, {"node2"}), State::open);
  gates.settle(kHot, "node2");
  EXPECT_EQ(try_it(kHot, {"node2"}), State::closed);
  EXPECT_FALSE(gates.close(kHot, "node2"));
  EXPECT_EQ(try_it(kHot, {"node2"}), State::closed);
  EXPECT_EQ(handed, 4);
  EXPECT_EQ(gates.closed(), 1u);
}
TEST(Gates, AStoppedKeyHasNoOpenGate) {
  Gates gates;
  gates.stop("aa");
  EXPECT_TRUE(gates.stopped("aa"));
  for (const auto& key : {kHot, other_certificate()})
    EXPECT_EQ(gates.release(key, {"node7"}, [] { FAIL(); }), State::closed);
  EXPECT_EQ(gates.state({"bb", kHot.certificate}, {"node7"}), State::open);
  EXPECT_EQ(gates.stopped_keys(), std::set<std::string>{"aa"});
}
TEST(Gates, NothingLeavesOnceCloseHasReturned) {
  for (int round = 0; round < 50; ++round) {
    Gates gates;
    std::atomic<int> handed{0};
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        while (!stop) gates.release(kHot, {"node2"}, [&] { ++handed; });
      });
    while (handed < 100) std::this_thread::yield();
    gates.close(kHot, "node2");
    const int at_close = handed;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    stop = true;
    for (auto& t : threads) t.join();
    EXPECT_EQ(handed, at_close);
  }
}

// ---- a protocol with a secret that outlives it

struct Bet {
  static constexpr std::string_view tag = "test/bet";
  std::uint8_t bit = 0, value = 0;
  static auto fields(auto& m) { return std::tie(m.bit, m.value); }
};
struct Told {
  static constexpr std::string_view tag = "test/told";
  std::uint8_t passed = 1;
  static auto fields(auto& m) { return std::tie(m.passed); }
};
using Delta = ByteArray<16>;
bool bit_of(const Delta& delta, unsigned k) { return (delta[k / 8] >> (k % 8) & 1) != 0; }

Task<bool> guarded(Party self, const Delta& delta) {
  const PerPeer<Bet> bets = co_await self.receive<Bet>();
  for (const PartyId j : self.peers())
    if (bit_of(delta, bets[j].bit) != (bets[j].value != 0)) self.quarantine(j);
  if (!self.quarantined().empty()) {
    const QuarantineStep failed{self.quarantined()};
    SecretBytes record = encode(failed);
    co_await self.durable(DurableStep::quarantine, std::move(record));
    self.require_each([&](PartyId j) { return !self.quarantined().contains(j); }, Reason::extension_check);
  }
  const Told told;
  self.send_all(told);
  const PerPeer<Told> theirs = co_await self.receive<Told>();
  co_return true;
}

struct CountingMesh final : peers::Mesh {
  bool send(const std::string& node, Envelope envelope) override {
    const std::lock_guard lock(mutex);
    if (envelope.tag == Told::tag) ++told;
    if (envelope.tag == node::QuarantineList::tag) lists.emplace_back(node, std::move(envelope));
    return true;
  }
  std::vector<peers::PeerStatus> peers() const override { return {}; }
  void set_hello(peers::Hello) override {}
  void update_peers(std::vector<peers::PeerConfig>) override {}
  std::mutex mutex;
  std::size_t told = 0;
  std::vector<std::pair<std::string, Envelope>> lists;
};

// One life of node1's process over a database.
struct Life {
  Life(storage::Store& store_, const SimulatedCluster& documents_, std::size_t workers)
      : documents(documents_),
        store(store_),
        desk(10'000, [](const std::string& what) { ADD_FAILURE() << what; }),
        world{*documents.cluster,
              *documents.policy,
              documents.cluster->nodes()[0],
              documents.identities[0],
              store,
              mesh,
              clock,
              rng,
              desk,
              [](node::LogLevel, const std::string&) {}} {
    std::vector<node::Executor*> executors;
    for (std::size_t i = 0; i < workers; ++i) {
      threads.push_back(
          std::make_unique<node::ThreadExecutor>(10'000, [](const std::string& what) { ADD_FAILURE() << what; }));
      executors.push_back(threads.back().get());
    }
    host = std::make_unique<node::SessionHost>(world, executors);
    quarantines.load();
  }
  ~Life() {
    store.commit_now({});  // what the writer tells comes after what it has told before
    for (auto& t : threads) t->stop();
    desk.stop();
  }

  Committee committee() const {
    Members members;
    for (unsigned i = 1; i <= 3; ++i)
      members.push_back({PartyId(i), "node" + std::to_string(i), documents.identities[i - 1].public_key()});
    return *Committee::make(2, members);
  }
  void open(const SessionId& sid, const GatedKey& key, const Delta& delta) {
    node::HostedSession hosted;
    hosted.session = std::make_unique<Session<bool>>(SessionConfig{sid, {PartyId(1), PartyId(2)}, PartyId(1), rng},
                                                     Messages<Bet, Told>{}, &guarded, delta);
    hosted.committee = committee();
    hosted.round_timeout = Seconds(60);
    hosted.gated =
        node::Gated{key, Told::tag,
                    [this, key](const std::vector<std::string>& nodes) { return quarantines.record(key, 1, nodes); },
                    [this](const std::vector<std::string>&, bool stored) { ++(stored ? recorded : unrecorded); }};
    hosted.to_batch = [](DurableStep, SecretBytes) { return storage::Batch(); };
    hosted.ended = [this](const node::SessionEnd& end) {
      const std::lock_guard lock(mutex);
      EXPECT_TRUE(end.gate_closed && end.session == nullptr && end.broken.empty() && !end.lost);  // all alike
      ++ended;
      changed.notify_all();
    };
    ASSERT_TRUE(host->open(std::move(hosted)));
    host->begin(sid);
  }
  void bet(const SessionId& sid, unsigned bit, bool value) {
    Envelope e;
    e.sid = sid;
    e.tag = std::string(Bet::tag);
    e.body = encode(Bet{static_cast<std::uint8_t>(bit), static_cast<std::uint8_t>(value)});
    host->deliver("node2", std::move(e));
  }
  // One bet per session on bits 0…63, all in flight. How many were answered.
  std::size_t attack(const GatedKey& key, const Delta& delta) {
    constexpr unsigned kSessions = 64;
    ended = 0;
    const std::size_t before = mesh.told;
    std::vector<SessionId> sids;
    for (unsigned k = 0; k < kSessions; ++k) sids.push_back(rng.bytes<32>());
    for (const SessionId& sid : sids) open(sid, key, delta);
    for (unsigned k = 0; k < kSessions; ++k) bet(sids[k], k, rng.below(2) != 0);
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(60), [&] { return ended == kSessions; })) << ended;
    const std::lock_guard told(mesh.mutex);
    return mesh.told - before;
  }

  const SimulatedCluster& documents;
  storage::Store& store;
  CountingMesh mesh;
  SystemClock clock;
  SystemRng rng;
  node::PeerView view;
  node::ThreadExecutor desk;
  std::vector<std::unique_ptr<node::ThreadExecutor>> threads;
  node::World world;
  node::Quarantines quarantines{world, view};
  std::unique_ptr<node::SessionHost> host;
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t ended = 0;
  std::atomic<int> recorded{0}, unrecorded{0};
};

struct UnderFire : ::testing::Test {
  const SimulatedCluster& documents = SimulatedCluster::of(3);
  storage::TempDir dir;
  std::unique_ptr<storage::SqliteStore> store =
      storage::SqliteStore::create(dir.file("db"), storage::test_key(), {documents.cluster->id(), "node1"});
  SystemRng rng;

  GatedKey key(int k) {
    const std::string name = "key" + std::to_string(k);
    return {to_hex(sha256(view_of(name))), sha256(view_of("certificate of " + name))};
  }
  void put(storage::Store& s, int k) {
    storage::KeyRow row = storage::sample_key(key(k).key, "key" + std::to_string(k));
    ASSERT_TRUE(s.commit_now(std::move(storage::Batch().put_key(row))).ok());
  }
};

TEST_F(UnderFire, TheSecretLeaksWhatChanceGivesAndNoMore) {  // attack 21
  constexpr int kTrials = 200;
  std::map<std::size_t, int> answered;  // how many right bets were answered -> how often
  std::size_t sum = 0;
  {
    Life life(*store, documents, 4);
    for (int k = 0; k < kTrials; ++k) {
      put(*store, k);
      const auto delta = rng.bytes<16>();
      const std::size_t n = life.attack(key(k), delta);
      ++answered[n];
      sum += n;
      EXPECT_EQ(life.attack(key(k), delta), 0u);  // and never again
      EXPECT_EQ(store->quarantines(key(k).key).size(), 1u);
    }
    EXPECT_EQ(life.recorded, kTrials);
  }
  // Geometric: n right bets before the first wrong one with probability 2^-(n+1), 1 on average, deviation 1.4.
  const double mean = static_cast<double>(sum) / kTrials;
  RecordProperty("mean_answers", std::to_string(mean));
  EXPECT_GT(mean, 0.4);
  EXPECT_LT(mean, 1.6);
  EXPECT_GT(answered[0], kTrials / 4);
  EXPECT_LT(answered[0], 3 * kTrials / 4);
  EXPECT_LT(answered.rbegin()->first, 30u);

  // A new process.
  store.reset();
  store = storage::SqliteStore::open(dir.file("db"), storage::test_key(), {documents.cluster->id(), "node1"});
  Life again(*store, documents, 4);
  for (int k = 0; k < 20; ++k) EXPECT_EQ(again.attack(key(k), rng.bytes<16>()), 0u);
  EXPECT_EQ(again.recorded, 0);
}

TEST_F(UnderFire, NotesBecomeOneStrikePerPairAndRestart) {
  put(*store, 1);
  put(*store, 2);
  const auto note = [&](int k, std::uint64_t number, std::vector<std::string> peers) {
    storage::Batch batch;
    node::note_signing(batch, rng.bytes<32>(), key(k), number, peers);
    ASSERT_TRUE(store->commit_now(std::move(batch)).ok());
  };
  const auto strikes = [&](int k, const std::string& node) {
    return store->strikes(key(k).key, key(k).certificate, node);
  };
  for (int n = 0; n < 5; ++n) note(1, 1, {"node2"});
  note(1, 1, {"node3", "node2"});
  note(2, 1, {"node3"});
  note(3, 1, {"node2"});  // a key that is not there
  for (int life = 0; life < 2; ++life) {
    Life once(*store, documents, 1);
    ASSERT_TRUE(store->commit_now({}).ok());  // after what the start has written
    EXPECT_EQ(strikes(1, "node2"), 1u);
    EXPECT_EQ(strikes(1, "node3"), 1u);
    EXPECT_EQ(strikes(2, "node3"), 1u);
    EXPECT_EQ(strikes(2, "node2"), 0u);
    EXPECT_TRUE(store->metas("signing/", "", 1).empty());
  }
  // A process that ends in order takes its notes along.
  note(1, 1, {"node2"});
  storage::Batch batch;
  node::erase_notes(batch, *store);
  ASSERT_TRUE(store->commit_now(std::move(batch)).ok());
  Life again(*store, documents, 1);
  EXPECT_EQ(strikes(1, "node2"), 1u);
}

TEST_F(UnderFire, IfTheRecordCannotBeStoredTheKeyStops) {
  // Without its key's row the record is refused.
  Life life(*store, documents, 4);
  life.attack(key(1), rng.bytes<16>());
  EXPECT_EQ(life.unrecorded, 1);
  EXPECT_TRUE(life.world.gates->stopped(key(1).key));
  EXPECT_EQ(life.world.gates->state(key(1), {"node3"}), State::closed);  // not only the pair
  EXPECT_EQ(life.world.gates->state(key(2), {"node2"}), State::open);
  const auto refusal = life.quarantines.check(key(1), life.committee(), {PartyId(1), PartyId(3)});
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, "storage");
}

// ---- step by step: one worker, virtual time, a disk that writes when it is told to

struct GatedHost : ::testing::Test {
  const SimulatedCluster& documents = SimulatedCluster::of(3);
  ManualClock clock{WallTime(Seconds(1'800'000'000))};
  SeededRng rng{1};
  CountingMesh mesh;
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
  node::PeerView view;
  node::Quarantines quarantines{world, view};
  const Delta delta{};
  std::vector<std::string> ended;

  SessionId sid(int n) { return sha256(view_of("session " + std::to_string(n))); }
  void drain() {
    while (worker.run_one()) {
    }
  }
  void begin(int n, PartySet parties, const GatedKey& key = kHot) {
    Members members;
    for (unsigned i = 1; i <= 3; ++i)
      members.push_back({PartyId(i), "node" + std::to_string(i), documents.identities[i - 1].public_key()});
    node::HostedSession hosted;
    hosted.session = std::make_unique<Session<bool>>(SessionConfig{sid(n), parties, PartyId(1), rng},
                                                     Messages<Bet, Told>{}, &guarded, delta);
    hosted.committee = *Committee::make(2, members);
    hosted.round_timeout = Seconds(5);
    hosted.gated =
        node::Gated{key, Told::tag,
                    [this, key](const std::vector<std::string>& nodes) { return quarantines.record(key, 1, nodes); },
                    [](const std::vector<std::string>&, bool) {}};
    hosted.to_batch = [](DurableStep, SecretBytes) { return storage::Batch(); };
    hosted.ended = [this](const node::SessionEnd& end) {
      ended.push_back(end.gate_closed ? "gate closed"
                      : end.lost      ? "lost"
                      : end.session   ? "ended by itself"
                                      : "broken " + end.broken);
    };
    ASSERT_TRUE(host.open(std::move(hosted)));
    host.begin(sid(n));
    drain();
  }
  void bet(int n, const std::string& from, bool right) {
    Envelope e;
    e.sid = sid(n);
    e.tag = std::string(Bet::tag);
    e.body = encode(Bet{0, static_cast<std::uint8_t>(right ? 0 : 1)});
    host.deliver(from, std::move(e));
    drain();
  }
  void put_key() {
    ASSERT_TRUE(store.commit_now(std::move(storage::Batch().put_key(storage::sample_key("aa", "hot")))).ok());
  }
};
const PartySet kPair{PartyId(1), PartyId(2)};

TEST_F(GatedHost, NobodyIsToldAnythingUntilTheRecordIsDurable) {
  put_key();
  for (int n = 1; n <= 2; ++n) begin(n, kPair);
  begin(3, {PartyId(1), PartyId(3)});
  bet(1, "node2", false);
  EXPECT_EQ(store.waiting(), 1u);
  bet(2, "node2", true);  // right, and too late
  host.peer_lost("node2");
  drain();
  EXPECT_TRUE(ended.empty());
  EXPECT_EQ(mesh.told, 0u);
  store.pump();
  drain();
  EXPECT_EQ(ended, (std::vector<std::string>{"gate closed", "gate closed"}));
  EXPECT_EQ(store.quarantines("aa").size(), 1u);
  bet(3, "node3", true);  // another pair goes on
  EXPECT_EQ(mesh.told, 1u);
  begin(4, kPair);
  EXPECT_EQ(ended.size(), 3u);  // at once, before it has said a word
}
TEST_F(GatedHost, ADiskThatNeverAnswersEndsThemAlike) {
  put_key();
  begin(1, kPair);
  begin(2, kPair);
  bet(1, "node2", false);
  bet(2, "node2", true);
  clock.advance(Seconds(5));
  host.tick();
  drain();
  EXPECT_EQ(ended, (std::vector<std::string>{"gate closed", "gate closed"}));
  begin(3, kPair);
  bet(3, "node2", true);
  EXPECT_EQ(mesh.told, 0u);
}
TEST_F(GatedHost, AnAnswerLeavesForAllPeersOrNone) {
  put_key();
  begin(1, PartySet::first(3));
  bet(1, "node2", true);
  world.gates->close(kHot, "node3");
  bet(1, "node3", true);
  EXPECT_EQ(mesh.told, 0u);  // node2 would tell node3
}
TEST_F(GatedHost, AnotherCertificateHasOtherGates) {
  put_key();
  begin(1, kPair);
  bet(1, "node2", false);
  store.pump();
  drain();
  EXPECT_EQ(ended.size(), 1u);
  begin(2, kPair, other_certificate());
  bet(2, "node2", true);
  EXPECT_EQ(mesh.told, 1u);
}
TEST_F(GatedHost, AFullQueueStopsTheKey) {
  put_key();
  begin(1, kPair);
  begin(2, {PartyId(1), PartyId(3)});
  for (std::size_t k = 0; k < limits::kMaxWriteQueue; ++k) store.commit({}, [](const storage::CommitResult&) {});
  bet(1, "node2", false);
  EXPECT_EQ(ended, (std::vector<std::string>{"gate closed", "gate closed"}));
  EXPECT_TRUE(world.gates->stopped("aa"));
}

}  // namespace
}  // namespace quorate::test
