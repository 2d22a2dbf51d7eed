#include "tests/support/node_simulation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "node/desk.h"
#include "policy/cluster.h"

namespace quorate::test {

struct NodeSimulation::Tap final : peers::Mesh {
  Tap(NodeSimulation& s, std::size_t i, peers::MemoryMesh& m) : sim(s), me(i), mesh(m) {}
  bool send(const std::string& to, Envelope envelope) override;
  std::vector<peers::PeerStatus> peers() const override { return mesh.peers(); }
  void set_hello(peers::Hello hello) override { mesh.set_hello(std::move(hello)); }
  void update_peers(std::vector<peers::PeerConfig> peers) override { mesh.update_peers(std::move(peers)); }
  NodeSimulation& sim;
  std::size_t me;
  peers::MemoryMesh& mesh;
};

struct NodeSimulation::Process {
  Process(NodeSimulation& sim, std::size_t i);
  node::QueueExecutor desk_queue, worker;
  SeededRng rng;
  node::World world;
  node::SessionHost host;
  node::Desk desk;
  bool dying = false;
};

struct NodeSimulation::Seat {
  explicit Seat(storage::Identity identity) : store(std::move(identity)) {}
  storage::MemoryStore store;
  std::unique_ptr<Tap> mesh;
  std::unique_ptr<Process> process;
  std::uint64_t generation = 0;
  bool slow_disk = false;
};

bool NodeSimulation::Tap::send(const std::string& to, Envelope envelope) {
  Process* p = sim.seats_[me]->process.get();
  if (p == nullptr || p->dying) return false;
  if (++sim.sent == sim.kill_at_message) {
    p->dying = true;  // kill() follows when this step is over
    sim.to_kill_ = me;
    return false;
  }
  if (!sim.tap) return mesh.send(to, std::move(envelope));
  bool ok = true;
  for (Sent& s : sim.tap({sim.name(me), to, std::move(envelope)})) ok = mesh.send(s.to, std::move(s.envelope)) && ok;
  return ok;
}

NodeSimulation::Process::Process(NodeSimulation& sim, std::size_t i)
    : rng(sim.rng_.below(UINT64_MAX)),
      world{*sim.documents.cluster,
            *sim.policies[i],
            sim.documents.cards[i],
            sim.documents.identities[i],
            sim.seats_[i]->store,
            *sim.seats_[i]->mesh,
            sim.clock,
            rng,
            desk_queue,
            [&sim, i](node::LogLevel, const std::string& text) { sim.log.push_back(sim.name(i) + " " + text); }},
      host(world, {&worker}),
      desk(world, host) {}

NodeSimulation::NodeSimulation(unsigned n, std::uint64_t seed_, unsigned founders)
    : seed(seed_),
      documents(SimulatedCluster::of(n, founders)),
      clock(WallTime(Seconds(1'800'000'000))),
      rng_(seed_),
      net_(rng_) {
  policies.assign(n, &*documents.policy);
  evil.assign(n, false);
  for (unsigned i = 0; i < n; ++i) {
    auto seat = std::make_unique<Seat>(storage::Identity{documents.cluster->id(), name(i)});
    seat->mesh = std::make_unique<Tap>(*this, i, net_.add(name(i), *array_from_hex<32>(documents.cluster->id())));
    seats_.push_back(std::move(seat));
  }
  for (unsigned i = 0; i < n; ++i) start(i);
  connect_all();
  quiesce();
}

NodeSimulation::~NodeSimulation() = default;

bool NodeSimulation::up(std::size_t i) const { return seats_[i]->process != nullptr; }

bool NodeSimulation::lives(const Submission& s) const {
  return seats_[s.node]->process && seats_[s.node]->generation == s.generation;
}

storage::MemoryStore& NodeSimulation::store(std::size_t i) { return seats_[i]->store; }
node::Desk& NodeSimulation::desk(std::size_t i) { return seats_[i]->process->desk; }
node::SessionHost& NodeSimulation::host(std::size_t i) { return seats_[i]->process->host; }
const node::World& NodeSimulation::world(std::size_t i) { return seats_[i]->process->world; }
node::Gates& NodeSimulation::gates(std::size_t i) { return *world(i).gates; }

void NodeSimulation::raw_send(std::size_t from, std::size_t to, Envelope e) {
  net_.at(name(from)).send(name(to), std::move(e));
}

void NodeSimulation::slow_disk(std::size_t i, bool slow) { seats_[i]->slow_disk = slow; }

void NodeSimulation::start(std::size_t i) {
  Seat& seat = *seats_[i];
  peers::MemoryMesh& mesh = net_.restart(name(i));
  peers::Hello hello = mesh.hello();
  hello.cluster_document = documents.cluster->digest();
  hello.policy_version = static_cast<std::uint64_t>(policies[i]->version());
  hello.policy_digest = policies[i]->digest();
  mesh.set_hello(hello);
  seat.process = std::make_unique<Process>(*this, i);
  mesh.attach(&seat.process->desk);
  Process& p = *seat.process;
  p.desk_queue.post([&p] { p.desk.recover(); });
  ++seat.generation;
}

void NodeSimulation::kill(std::size_t i) {
  Seat& seat = *seats_[i];
  if (!seat.process) return;
  seat.process->dying = true;
  net_.crash(name(i));
  try {
    seat.store.pump(rng_.below(seat.store.waiting() + 1));  // what was on its way to the disk may have arrived
  } catch (const storage::MemoryStore::Crash&) {
  }
  seat.store.crash();
  graveyard_.push_back(std::move(seat.process));
  if (!stepping_) graveyard_.clear();
}

void NodeSimulation::isolate(const std::vector<std::size_t>& together) {
  const auto in = [&](std::size_t i) { return std::find(together.begin(), together.end(), i) != together.end(); };
  for (std::size_t i = 0; i < size(); ++i)
    for (std::size_t k = 0; k < i; ++k)
      if (!in(i) || !in(k)) net_.cut(name(i), name(k));
}

void NodeSimulation::heal() {
  for (std::size_t i = 0; i < size(); ++i)
    if (!up(i)) start(i);
  connect_all();
}

bool NodeSimulation::step() {
  choices_.clear();
  for (std::size_t i = 0; i < size(); ++i) {
    if (!up(i)) continue;
    Process& p = *seats_[i]->process;
    if (p.desk_queue.waiting() != 0) choices_.push_back({i, Choice::desk});
    if (p.worker.waiting() != 0) choices_.push_back({i, Choice::worker});
    if (seats_[i]->store.waiting() != 0 && !seats_[i]->slow_disk) choices_.push_back({i, Choice::disk});
  }
  const bool air = net_.in_the_air() != 0;
  const std::size_t n = choices_.size();
  if (n == 0 && !air) return false;
  const std::size_t pick = rng_.below(n + (air ? 1 + n / 2 : 0));
  if (pick >= n) return net_.step() || (n != 0 && run(choices_[rng_.below(n)]));
  return run(choices_[pick]);
}

bool NodeSimulation::run(std::pair<std::size_t, Choice> choice) {
  const std::size_t i = choice.first;
  Process& p = *seats_[i]->process;
  stepping_ = true;
  try {
    switch (choice.second) {
      case Choice::desk:
        p.desk_queue.run_one();
        break;
      case Choice::worker:
        p.worker.run_one();
        break;
      case Choice::disk:
        seats_[i]->store.pump(1);
        break;
    }
  } catch (const storage::MemoryStore::Crash&) {
    to_kill_ = i;
  }
  stepping_ = false;
  graveyard_.clear();
  if (to_kill_) {
    const std::size_t victim = *std::exchange(to_kill_, std::nullopt);
    kill(victim);
  }
  return true;
}

void NodeSimulation::tick(Millis by) {
  clock.advance(by);
  for (std::size_t i = 0; i < size(); ++i)
    if (up(i)) {
      Process& p = *seats_[i]->process;
      p.desk_queue.post([&p] { p.desk.tick(); });
    }
}

void NodeSimulation::quiesce() {
  for (std::size_t k = 0; step(); ++k)
    if (k > 200'000) throw std::runtime_error("the nodes do not come to rest");
}

bool NodeSimulation::idle() {
  for (const auto& s : submissions)
    if (!s->answer && lives(*s)) return false;
  for (std::size_t i = 0; i < size(); ++i)
    if (up(i) && (store(i).open_request_count() != 0 || host(i).running() != 0)) return false;
  return true;
}

bool NodeSimulation::run_until(const std::function<bool()>& done, Millis most) {
  const SteadyTime end = clock.steady() + most;
  for (;;) {
    quiesce();
    if (done()) return true;
    if (clock.steady() >= end) return false;
    tick();
  }
}

void NodeSimulation::run_for(Millis time) {
  run_until([] { return false; }, time);
}

http::SignedRequest NodeSimulation::request(const std::string& target, const Json& body,
                                            const std::string& idempotency_key, const std::string& user,
                                            std::optional<std::string> nonce, std::int64_t age) {
  http::SignedRequest r;
  r.method = "POST";
  r.target = target;
  const std::string text = body.dump();
  r.body.assign(text.begin(), text.end());
  if (!idempotency_key.empty()) {
    r.idempotency_key.present = true;
    r.idempotency_key.value = idempotency_key;
  }
  http::SignatureParameters p;
  p.user = user;
  p.cluster_id = documents.cluster->id();
  p.created = unix_seconds(clock.wall()) - age;
  p.nonce = nonce ? *nonce : "nonce-" + std::to_string(seed) + "-" + std::to_string(100'000'000 + ++nonces_);
  return http::sign_request(std::move(r), p, user == "admin" ? documents.admin : documents.approver);
}

http::SignedRequest NodeSimulation::create(const std::string& key, unsigned t, std::vector<std::size_t> members,
                                           const std::string& algorithm, const std::string& idempotency_key) {
  if (members.empty())
    for (std::size_t i = 0; i < size(); ++i) members.push_back(i);
  Json participants = Json::array();
  for (const std::size_t i : members) participants.push_back(name(i));
  return request("/v1/keys",
                 {{"name", key}, {"algorithm", algorithm}, {"threshold", t}, {"participants", participants}},
                 idempotency_key);
}

http::SignedRequest NodeSimulation::sign(const std::string& key, const std::string& text,
                                         const std::string& idempotency_key) {
  return request("/v1/keys/" + key + "/signatures", {{"payload", {{"kind", "message"}, {"utf8", text}}}},
                 idempotency_key);
}

NodeSimulation::Submission& NodeSimulation::submit(std::size_t i, const http::SignedRequest& original) {
  submissions.push_back(std::make_shared<Submission>());
  const auto s = submissions.back();
  s->node = i;
  s->original = original;
  s->generation = seats_[i]->generation;
  s->at = clock.steady();
  Process& p = *seats_[i]->process;
  p.desk_queue.post([&p, s, ticket = ++tickets_] {
    p.desk.coordinator().submit(
        s->original, ticket,
        [s](const std::string& id, bool) {
          EXPECT_FALSE(s->stored);
          s->stored = true;
          s->id = id;
        },
        [s](const node::Answer& answer) {
          EXPECT_FALSE(s->answer) << "answered twice";
          s->answer = answer;
        });
  });
  return *s;
}

NodeSimulation::Submission& NodeSimulation::ask(std::size_t i, const http::SignedRequest& original, Millis most) {
  Submission& s = submit(i, original);
  run_until([&] { return s.answer.has_value(); }, most);
  return s;
}

std::vector<storage::KeyRow> NodeSimulation::active_keys(std::size_t i) {
  std::vector<storage::KeyRow> rows;
  for (storage::KeyRow& row : store(i).keys(1000, std::nullopt).items)
    if (row.state != storage::KeyState::prepared) rows.push_back(std::move(row));
  return rows;
}

}  // namespace quorate::test
