// The rules of the numbers over real runs: hosts whose databases change in the simulated durable step, crashes at every
// point, certificates that are shown late, twice or in the wrong order. // attacks 43, 44
#include "tests/keygen/reshare_world.h"
#include "tests/support/runs.h"

namespace quorate::test {
namespace {

using Record = PreparedReshare<PreparedShare<Ed25519>>;
using Verdict = KeyHistory::Verdict;
constexpr std::uint64_t kNow = 1000;

// What one node has on disk. Each function is one transaction.
struct Disk {
  KeyHistory history;
  std::optional<Lineage> lineage;
  std::map<CertificateName, Record> shares;

  bool prepare(const SecretBytes& stored, const ReshareRequest& request) {
    Record record = decode<Record>(stored);
    if (history.may_sign(attempt_of(record.body, &request), kNow) != MaySign::yes) return false;
    history = history.signed_for(record.body);
    shares.emplace(name_of(record.body), std::move(record));
    return true;
  }
  Verdict complete(std::span<const Link> chain, const Ed25519PublicKey& me) {
    const Believed believed = lineage->followed_by(chain, kNow);
    if (believed.verdict != Succession::follows) return Verdict::unset;
    auto done = history.complete(believed.lineage->in_force(), me);
    for (const CertificateName& gone : done.plan.obsolete) EXPECT_EQ(shares.erase(gone), 1u);
    if (done.plan.verdict == Verdict::activates) {
      EXPECT_EQ(done.plan.with_share, shares.contains(name_of(believed.lineage->in_force())));
      lineage = believed.lineage;
    }
    history = std::move(done.after);
    return done.plan.verdict;
  }
  bool holds(const CertificateName& name) const { return shares.contains(name); }
};

// All nodes of a cluster, and what has come of one key.
class Cluster {
 public:
  explicit Cluster(const std::shared_ptr<DealtBase<Ed25519>>& base) : base_(base) {
    const CertificateBody& body = base->certificate.body;
    for (const PartyId i : PartySet::first(6)) {
      Disk& disk = disks[i];
      disk.lineage = Lineage::restore({body});
      disk.history = *KeyHistory::restore(KeyHistory::InForce{name_of(body), base->shares.contains(i)}, {});
      if (!base->shares.contains(i)) continue;
      Record record;
      record.share = decode<KeyShare<Ed25519>>(encode(base->shares.at(i)));
      record.body = body;
      disk.shares.emplace(name_of(body), std::move(record));
    }
  }

  // Runs an attempt from the base for `deliveries` messages (-1: all), then everyone crashes. How many there were.
  int attempt(PartySet dealers, PartySet members, std::uint64_t number, int deliveries = -1) {
    const EdWorld world(base_, dealers, members, 2, number);
    Simulation<EdWorld> sim(world, number);
    sim.stop_after = deliveries;
    const Link link = world.link({});
    sim.store = [&](PartyId i, const SecretBytes& record) { return disks[i].prepare(record, link.request); };
    const auto outcomes = sim.run();
    if (deliveries < 0) {
      EXPECT_TRUE(expect_safe(sim, outcomes));
    }
    links.push_back(link);
    committees.push_back(members);
    numbers.push_back(number);
    return sim.deliveries;
  }

  // The attempt's certificate if all members have signed it, from what is on their disks.
  std::optional<Link> certificate(std::size_t attempt) const {
    std::optional<CertificateCollector> collector;
    for (const PartyId j : committees[attempt]) {
      const auto& shares = disks.at(j).shares;
      const auto found =
          std::find_if(shares.begin(), shares.end(), [&](const auto& s) { return s.first.number == numbers[attempt]; });
      if (found == shares.end()) return std::nullopt;
      if (!collector) collector.emplace(found->second.body, found->second.dealers);
      EXPECT_TRUE(collector->add(j, sign_certificate(found->second.body, base_->identities.at(j))));
    }
    Link link = links[attempt];
    link.certificate = collector->complete().value();
    return link;
  }
  Verdict show(PartyId i, const Link& link) {
    return disks.at(i).complete(std::span(&link, 1), base_->identities.at(i).public_key());
  }

  // Of all complete certificates the greatest has all its shares.
  void expect_usable(const std::vector<Link>& complete) const {
    CertificateBody greatest = base_->certificate.body;
    for (const Link& link : complete)
      if (name_of(link.certificate.body) > name_of(greatest)) greatest = link.certificate.body;
    std::map<PartyId, const KeyShare<Ed25519>*> shares;
    for (const Member& m : greatest.committee.members()) {
      ASSERT_TRUE(disks.at(m.id).holds(name_of(greatest))) << int(m.id.index());
      shares[m.id] = &disks.at(m.id).shares.at(name_of(greatest)).share;
    }
    const PartySet members = greatest.committee.parties();
    EXPECT_TRUE(signs(subsets(members, 2).back(), shares, base_->Y()));
  }
  // All have the same in force, and nothing else that is complete.
  void expect_one_epoch() const {
    const auto name = disks.begin()->second.history.in_force()->name;
    for (const auto& [i, disk] : disks) {
      EXPECT_EQ(disk.history.in_force()->name, name);
      EXPECT_EQ(disk.lineage->in_force().digest(), name.digest);
      EXPECT_EQ(disk.history.in_force()->with_share, disk.holds(name));
      EXPECT_EQ(disk.shares.size(), disk.history.prepared().size() + (disk.holds(name) ? 1 : 0));
      for (const CertificateName& p : disk.history.prepared()) EXPECT_TRUE(disk.holds(p));
    }
  }

  std::map<PartyId, Disk> disks;
  std::vector<Link> links;
  std::vector<PartySet> committees;
  std::vector<std::uint64_t> numbers;

 private:
  std::shared_ptr<DealtBase<Ed25519>> base_;
};

std::shared_ptr<DealtBase<Ed25519>> three() {
  return std::make_shared<DealtBase<Ed25519>>(PartySet::first(3), 2, Algorithm::eddsa_ed25519);
}

// Two attempts one after the other, over committees that overlap or do not, everyone crashing anywhere in the first and
// anywhere in the second; then those who are told of what is complete, each in another order, crashing in between.
TEST(ReshareEpochs, WhereverEveryoneCrashesOneEpochIsUsable) {
  struct Shape {
    PartySet first, second;
  };
  int complete_first = 0, complete_second = 0, both = 0;
  for (const Shape& shape : {Shape{set_of({2, 3, 4}), set_of({2, 3, 4})}, Shape{set_of({2, 3, 4}), set_of({1, 2, 5})},
                             Shape{set_of({4, 5, 6}), set_of({1, 2, 3})}}) {
    Cluster dry(three());
    const int most_first = dry.attempt(set_of({1, 2}), shape.first, 10),
              most_second = dry.attempt(set_of({1, 3}), shape.second, 20);
    const int step = 1 + static_cast<int>(200 / runs(200));
    for (int k = most_first % step; k <= most_first; k += step) {
      const int offset = k % 9;
      for (int m = offset; m <= most_second + 8; m += 9) {
        Cluster cluster(three());
        cluster.attempt(set_of({1, 2}), shape.first, 10, k);
        cluster.attempt(set_of({1, 3}), shape.second, 20, m);
        std::vector<Link> complete;
        for (const std::size_t a : {0u, 1u})
          if (const auto link = cluster.certificate(a)) complete.push_back(*link);
        complete_first += complete.size() == 1 && name_of(complete[0].certificate.body).number == 10;
        complete_second += complete.size() == 1 && name_of(complete[0].certificate.body).number == 20;
        both += complete.size() == 2;
        cluster.expect_usable(complete);
        for (const bool lesser_first : {(k + m) % 2 == 0, (k + m) % 2 != 0}) {
          for (auto& [i, disk] : cluster.disks) {
            const bool backward = (i.index() % 2 == 0) == lesser_first;
            if (complete.empty()) continue;
            EXPECT_NE(cluster.show(i, backward ? complete.back() : complete.front()), Verdict::lost_share);
            cluster.expect_usable(complete);
          }
        }
        cluster.expect_one_epoch();
        if (testing::Test::HasFailure()) FAIL() << "first stopped at " << k << ", second at " << m;
      }
    }
  }
  EXPECT_GT(complete_first, 0);
  EXPECT_GT(complete_second, 0);
  EXPECT_GT(both, 0);
}

// A member that withholds its signature of one attempt, takes part in the next, and then shows both: every honest node
// ends with the greater one and its share, whatever it is shown first, and the key signs.
TEST(ReshareEpochs, AWithholderCannotSplitTheHonestNodes) {
  for (const bool lesser_first : {false, true}) {
    Cluster cluster(three());
    cluster.attempt(set_of({1, 2}), PartySet::first(3), 10);
    cluster.attempt(set_of({2, 3}), PartySet::first(3), 20);
    const Link lesser = cluster.certificate(0).value(), greater = cluster.certificate(1).value();
    for (const unsigned i : {1u, 2u}) {
      const bool lesser_now = (i == 1) == lesser_first;
      EXPECT_EQ(cluster.show(PartyId(i), lesser_now ? lesser : greater), Verdict::activates);
      EXPECT_EQ(cluster.disks[PartyId(i)].shares.size(), lesser_now ? 2u : 1u);  // the greater one's is kept
    }
    cluster.expect_usable({lesser, greater});
    for (auto& [i, disk] : cluster.disks) cluster.show(i, lesser), cluster.show(i, greater);
    cluster.expect_one_epoch();
    cluster.expect_usable({lesser, greater});
  }
}

// Three attempts of one number, which no honest host makes, by committees without a common member: one epoch comes of
// them in every order.
TEST(ReshareEpochs, RivalsOfOneNumberInEveryOrder) {
  const std::vector<PartySet> committees{set_of({1, 4}), set_of({2, 5}), set_of({3, 6})};
  std::vector<std::size_t> order{0, 1, 2};
  do {
    Cluster cluster(three());
    for (const PartySet members : committees) cluster.attempt(set_of({1, 2}), members, 10);
    std::vector<Link> complete;
    for (const std::size_t a : order) complete.push_back(cluster.certificate(a).value());
    cluster.expect_usable(complete);
    for (const Link& link : complete)
      for (auto& [i, disk] : cluster.disks) {
        EXPECT_NE(cluster.show(i, link), Verdict::lost_share);
        cluster.expect_usable(complete);
      }
    cluster.expect_one_epoch();
  } while (std::next_permutation(order.begin(), order.end()));
}

// The host refuses in the durable step: an attempt from a base that is not in force any more, with a used number or
// with one that lies in the future, signs nothing and blames nobody.
TEST(ReshareEpochs, TheDurableStepRefusesWhatMayNotBeSigned) {
  Cluster cluster(three());
  cluster.attempt(set_of({1, 2}), set_of({1, 2, 4}), 20);
  cluster.attempt(set_of({1, 2}), set_of({1, 2, 5}), 20);  // a used number for 1 and 2
  cluster.attempt(set_of({1, 2}), set_of({1, 2, 5}), 15);
  cluster.attempt(set_of({1, 2}), set_of({1, 2, 5}), kNow + kClockTolerance + 1);
  EXPECT_TRUE(cluster.certificate(0));
  for (const unsigned i : {1u, 2u}) EXPECT_EQ(cluster.disks[PartyId(i)].history.prepared().size(), 1u);
  const Link done = cluster.certificate(0).value();
  for (auto& [i, disk] : cluster.disks) EXPECT_EQ(cluster.show(i, done), Verdict::activates);
  cluster.attempt(set_of({1, 2}), set_of({1, 3, 6}), 30);  // still from the base
  for (const unsigned i : {1u, 3u, 6u}) EXPECT_TRUE(cluster.disks[PartyId(i)].history.prepared().empty());
}

// An old database comes back: its node has signed what it does not remember.
TEST(ReshareEpochs, ARolledBackMemberIsToldAndDeletesNothing) {
  Cluster cluster(three());
  Cluster old(three());
  cluster.attempt(set_of({1, 2}), PartySet::first(3), 10);
  const Link done = cluster.certificate(0).value();
  const Disk before = std::move(old.disks.at(PartyId(3)));
  cluster.disks.at(PartyId(3)) = Disk{before.history, before.lineage, {}};
  EXPECT_EQ(cluster.show(PartyId(3), done), Verdict::lost_share);
  EXPECT_EQ(cluster.disks.at(PartyId(3)).history, before.history);
  EXPECT_EQ(cluster.show(PartyId(1), done), Verdict::activates);
}

}  // namespace
}  // namespace quorate::test
