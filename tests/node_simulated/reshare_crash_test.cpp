// Nodes that die amid a refresh or reshare, one or two of them: the key signs with its old epoch or with the new one,
// never with both or none, and nobody repairs anything by hand. // attacks 43, 44
#include "tests/node_simulated/reshare_world.h"
#include "tests/support/runs.h"

namespace quorate::test {
namespace {

using storage::MemoryStore;

struct Change {
  std::vector<std::size_t> members;
  unsigned t;
};
const std::vector<Change> kChanges{{{0, 1, 2}, 2}, {{0, 1, 2, 3}, 3}, {{0, 1}, 2}, {{3, 4, 5}, 2}};

// After whatever happened: the old epoch or the new one, the same everywhere, and it signs.
void expect_old_or_new(Reshare& r, const Change& change) {
  r.sim.settle();
  if (r.body(0).number == 1)
    r.expect_one_epoch({0, 1, 2}, 2);
  else
    r.expect_one_epoch(change.members, change.t);
  r.sim.expect_safe();
  r.sim.expect_all_sets_sign();
  if (testing::Test::HasFailure())
    for (const std::string& line : r.sim.log) std::cerr << line << "\n";
}

std::vector<std::string> algorithms() {
  return thorough() ? std::vector<std::string>{kEd25519, kEcdsa} : std::vector<std::string>{kEd25519};
}
void record(const std::string& what, std::size_t n) { testing::Test::RecordProperty(what, std::to_string(n)); }

// Attack 44: whoever sends the k-th message dies instead.
TEST(NodeReshare, ACrashAtEveryMessage) {
  std::size_t crashes = 0;
  for (const std::string& algorithm : algorithms())
    for (const Change& change : kChanges) {
      std::size_t done = 0;
      for (std::uint64_t k = 1; !testing::Test::HasFailure(); k += thorough() ? 1 : stride(4) + k / 20) {
        SCOPED_TRACE(algorithm + ", message " + std::to_string(k));
        Reshare r(6, 7, {0, 1, 2}, 2, algorithm);
        const std::uint64_t before = r.sim.sent;
        r.sim.submit(5, r.reshare(change.t, change.members));
        r.sim.kill_at_message = before + k;
        r.sim.run_for(Seconds(2));
        const bool killed = r.sim.sent >= before + k;
        r.sim.kill_at_message = 0;
        expect_old_or_new(r, change);
        done += r.body(0).number != 1;
        if (!killed) break;
        ++crashes;
      }
      EXPECT_GT(done, 1u);
    }
  record("crashes", crashes);
}

// Each node in turn at each of its writes, before and after it is durable.
TEST(NodeReshare, ACrashAtEveryWrite) {
  std::size_t crashes = 0, turn = 0;
  for (const std::string& algorithm : algorithms())
    for (const Change& change : kChanges)
      for (std::size_t i = 0; i < 6; ++i)
        for (const auto point : {MemoryStore::Point::before_durable, MemoryStore::Point::after_durable})
          for (std::size_t k = 1 + ++turn % stride(4); !testing::Test::HasFailure(); k += stride(4)) {
            SCOPED_TRACE(algorithm + ", node " + std::to_string(i + 1) + ", write " + std::to_string(k));
            Reshare r(6, 8, {0, 1, 2}, 2, algorithm);
            const std::size_t before = r.sim.store(i).commits();
            r.sim.store(i).fail_at(k, point);
            r.sim.submit(5, r.reshare(change.t, change.members));
            r.sim.run_for(Seconds(2));
            const bool died = !r.sim.up(i);
            r.sim.store(i).fail_at(0);
            const bool all = !died && r.sim.store(i).commits() < before + k;
            expect_old_or_new(r, change);
            if (all) break;
            crashes += died;
          }
  record("crashes", crashes);
}

// ---- pairs

std::size_t down(NodeSimulation& sim) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < sim.size(); ++i) n += !sim.up(i);
  return n;
}
// Until one more node is down. False: nobody dies for that long.
bool run_to_death(NodeSimulation& sim, Millis most) {
  const std::size_t before = down(sim);
  for (const SteadyTime end = sim.clock.steady() + most; down(sim) == before;) {
    if (sim.clock.steady() >= end) return false;
    if (!sim.step()) sim.tick();
  }
  return true;
}

// Two nodes of one refresh, each at one of its writes: the second dies amid the attempt, or amid what it and the others
// do when the first is back.
struct TwoWrites {
  std::size_t i, j, k, l;
  MemoryStore::Point at_k, at_l;
};
struct Ended {
  bool first_died = false, second_died = false, is_new = false;
};
Ended crash_both(const TwoWrites& w, const Change& change, unsigned nodes) {
  Reshare r(nodes, 9, {0, 1, 2}, 2);
  r.sim.store(w.i).fail_at(w.k, w.at_k);
  r.sim.store(w.j).fail_at(w.l, w.at_l);
  r.sim.submit(0, r.reshare(change.t, change.members));
  Ended ended;
  for (int rest = 0; rest < 2; ++rest) {
    while (run_to_death(r.sim, Seconds(2))) {
    }
    ended.first_died |= !r.sim.up(w.i);
    ended.second_died |= !r.sim.up(w.j);
    r.sim.heal();
  }
  r.sim.store(w.i).fail_at(0);
  r.sim.store(w.j).fail_at(0);
  expect_old_or_new(r, change);
  ended.is_new = r.body(0).number != 1;
  return ended;
}
std::string text_of(const TwoWrites& w) {
  const auto one = [](std::size_t node, std::size_t write, MemoryStore::Point point) {
    return "node " + std::to_string(node + 1) + (point == MemoryStore::Point::before_durable ? " before" : " after") +
           " its write " + std::to_string(write);
  };
  return one(w.i, w.k, w.at_k) + ", " + one(w.j, w.l, w.at_l);
}

using NodePairs = std::vector<std::pair<std::size_t, std::size_t>>;

// Each node of these pairs at each of its writes: before and after both are durable, or one of the four by turns, which
// is what there is time for when there are more nodes.
void crash_every_pair(const Change& change, unsigned nodes, const NodePairs& of, bool all_points) {
  std::size_t old = 0, both = 0, pairs = 0;
  for (const auto& [i, j] : of) {
    bool first = true;
    for (std::size_t k = 1; first && !testing::Test::HasFailure(); ++k) {
      first = false;
      bool second = true;
      for (std::size_t l = 1; second && !testing::Test::HasFailure(); ++l) {
        second = false;
        for (std::size_t points = 0; points < 4; ++points) {
          if (!all_points && !thorough() && points != (i + j + k + l) % 4) continue;
          const auto at = [&](std::size_t bit) {
            return (points >> bit & 1) != 0 ? MemoryStore::Point::after_durable : MemoryStore::Point::before_durable;
          };
          const TwoWrites w{i, j, k, l, at(0), at(1)};
          SCOPED_TRACE(text_of(w));
          const Ended ended = crash_both(w, change, nodes);
          first |= ended.first_died;
          second |= ended.second_died;
          both += ended.first_died && ended.second_died;
          old += !ended.is_new;
          ++pairs;
        }
      }
    }
  }
  EXPECT_GT(both, pairs / 3);
  EXPECT_GT(old, 0u);
  EXPECT_LT(old, pairs);
  record("pairs", pairs);
  record("both_died", both);
  record("ended_old", old);
}
constexpr std::uint64_t kAll = 100;
bool is_slow() { return runs(kAll) < kAll; }
TEST(NodeReshare, EveryPairOfCrashesOfARefresh) {
  crash_every_pair(kChanges[0], 3, {{0, 1}, {0, 2}, {1, 2}}, !is_slow());
}
TEST(NodeReshare, EveryPairOfCrashesOfAGrowingCommittee) {
  if (!is_slow()) crash_every_pair(kChanges[1], 4, {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}}, false);
}
TEST(NodeReshare, EveryPairOfCrashesOfAShrinkingCommittee) {
  if (!is_slow()) crash_every_pair(kChanges[2], 3, {{0, 1}, {0, 2}, {1, 2}}, false);
}
// One that leaves and one that joins.
TEST(NodeReshare, EveryPairOfCrashesOfAReplacement) {
  const NodePairs all{{0, 3}, {0, 4}, {0, 5}, {1, 3}, {1, 4}, {1, 5}, {2, 3}, {2, 4}, {2, 5}};
  if (!is_slow()) crash_every_pair(kChanges[3], 6, all, false);
}

// ---- two anywhere, with ECDSA's pairs

// One more death: of whoever sends a certain message from now on, or of a node that is up at one of its writes.
void arm(NodeSimulation& sim, SeededRng& rng, std::uint64_t messages, const std::vector<std::size_t>& writes) {
  if (rng.below(2) == 0) {
    sim.kill_at_message = sim.sent + 1 + rng.below(messages);
    return;
  }
  std::vector<std::pair<std::size_t, std::size_t>> all;  // node, which of its writes
  for (std::size_t i = 0; i < sim.size(); ++i)
    for (std::size_t k = 1; sim.up(i) && k <= writes[i]; ++k) all.emplace_back(i, k);
  const auto& [node, k] = all[rng.below(all.size())];
  const auto point = rng.below(2) == 0 ? MemoryStore::Point::before_durable : MemoryStore::Point::after_durable;
  sim.store(node).fail_at(k, point);
}
void disarm(NodeSimulation& sim) {
  sim.kill_at_message = 0;
  for (std::size_t i = 0; i < sim.size(); ++i) sim.store(i).fail_at(0);
}

TEST(NodeReshare, PairsOfRandomCrashesWithEcdsa) {
  struct Course {  // of the change when nothing happens
    std::uint64_t messages = 0;
    std::vector<std::size_t> writes;  // of each node
  };
  std::vector<Course> courses;
  for (const Change& change : kChanges) {
    Reshare r(6, 10, {0, 1, 2}, 2, kEcdsa);
    Course course;
    const std::uint64_t before = r.sim.sent;
    std::vector<std::size_t> written;
    for (std::size_t i = 0; i < 6; ++i) written.push_back(r.sim.store(i).commits());
    ASSERT_TRUE(r.sim.ask(5, r.reshare(change.t, change.members)).succeeded());
    course.messages = r.sim.sent - before;
    for (std::size_t i = 0; i < 6; ++i) course.writes.push_back(r.sim.store(i).commits() - written[i]);
    courses.push_back(course);
  }
  const std::uint64_t n = samples(40);
  std::uint64_t twice = 0, is_old = 0;
  for (std::uint64_t seed = 0; seed < n && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("sample " + std::to_string(seed));
    const Change& change = kChanges[seed % kChanges.size()];
    const Course& course = courses[seed % kChanges.size()];
    SeededRng rng(seed);
    Reshare r(6, 10'000 + seed, {0, 1, 2}, 2, kEcdsa);
    r.sim.submit(rng.below(6), r.reshare(change.t, change.members));
    arm(r.sim, rng, course.messages, course.writes);
    const bool first = run_to_death(r.sim, Seconds(2));
    disarm(r.sim);
    if (rng.below(2) == 0) r.sim.heal();
    arm(r.sim, rng, std::uint64_t{1} << rng.below(6), {2, 2, 2, 2, 2, 2});
    const bool second = run_to_death(r.sim, Seconds(2));
    disarm(r.sim);
    expect_old_or_new(r, change);
    twice += first && second;
    is_old += r.body(0).number == 1;
    // What is left of it does not hinder the next one.
    r.sim.clock.advance(Seconds(1));
    const auto& next = r.sim.ask(0, r.refresh());
    EXPECT_TRUE(next.succeeded()) << why(next);
  }
  record("samples", n);
  record("both_died", twice);
  record("ended_old", is_old);
  if (n < 40) return;
  EXPECT_GT(twice, n / 2);
  EXPECT_GT(is_old, 0u);
  EXPECT_LT(is_old, n);
}

}  // namespace
}  // namespace quorate::test
