// n nodes in one thread: one seed decides which queue runs next, which link delivers, what is cut and who dies when;
// virtual time moves only when nothing else can happen. A node killed by kill() keeps what its store had made durable,
// nothing else.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "http/message_signature.h"
#include "keygen/key_share.h"
#include "node/desk.h"
#include "node/keys.h"
#include "policy/first_policy.h"
#include "signing/verify.h"
#include "tests/support/memory_mesh.h"
#include "tests/support/memory_store.h"

namespace quorate::test {

// Documents and keys of a cluster of n nodes: node1 … nodeN, users admin (may create and sign) and approver (may
// nothing).
struct SimulatedCluster {
  std::vector<Ed25519SecretKey> identities;
  Ed25519SecretKey admin, approver;
  std::optional<policy::ClusterDocument> cluster;
  std::optional<policy::PolicyDocument> policy, other_policy;  // the other one differs by a rule's name

  explicit SimulatedCluster(unsigned n) : SimulatedCluster(n, SeededRng(n)) {}

  static const SimulatedCluster& of(unsigned n) {
    static std::map<unsigned, std::unique_ptr<SimulatedCluster>> made;
    auto& one = made[n];
    if (!one) one = std::make_unique<SimulatedCluster>(n);
    return *one;
  }

 private:
  SimulatedCluster(unsigned n, SeededRng rng)
      : admin(Ed25519SecretKey::generate(rng)), approver(Ed25519SecretKey::generate(rng)) {
    QUORATE_ASSERT(n >= 2 && n <= 9);  // so that the order of names is that of numbers
    std::vector<Json> cards;
    for (unsigned i = 1; i <= n; ++i) {
      identities.push_back(Ed25519SecretKey::generate(rng));
      policy::NodeCard card;
      card.id = "node" + std::to_string(i);
      card.identity_key = identities.back().public_key();
      card.tls_spki = *from_hex("3059301306072a8648ce3d020106082a8648ce3d03010703420004");
      card.tls_spki.resize(91, static_cast<std::uint8_t>(i));
      card.peers_address = "127.0.0.1:" + std::to_string(7100 + i);
      card.rest_address = "127.0.0.1:" + std::to_string(7000 + i);
      card.seq = 1;
      cards.push_back(policy::sign_card(card, identities.back()));
    }
    const auto first = [&](const std::string& id) {
      return policy::first_policy(id, {"admin", admin.public_key()}, {"approver", approver.public_key()});
    };
    const Json genesis = policy::make_genesis("simulated", cards, policy::policy_anchor(first("")));
    std::vector<std::pair<std::string, Signature64>> signatures;
    for (unsigned i = 1; i <= n; ++i)
      signatures.emplace_back("node" + std::to_string(i), policy::sign_genesis(genesis, identities[i - 1]));
    cluster = policy::ClusterDocument::parse(policy::make_cluster_file(genesis, signatures).dump());
    Json document = first(cluster->id());
    policy = policy::PolicyDocument::parse(document.dump());
    document["rules"][0]["id"] = "other";
    other_policy = policy::PolicyDocument::parse(document.dump());
  }
};

class NodeSimulation {
 public:
  struct Sent {
    std::string from, to;
    Envelope envelope;
  };
  struct Submission {
    std::size_t node = 0;  // 0-based
    std::string id;
    http::SignedRequest original;
    std::uint64_t generation = 0;
    bool stored = false;
    std::optional<node::Answer> answer;
    SteadyTime at{};

    const node::RequestRecord* record() const { return answer ? std::get_if<node::RequestRecord>(&*answer) : nullptr; }
    const node::Refusal* refusal() const { return answer ? std::get_if<node::Refusal>(&*answer) : nullptr; }
    bool succeeded() const {
      return record() != nullptr && record()->request_state() == storage::RequestState::succeeded;
    }
    std::string code() const { return refusal() ? refusal()->code : record() ? record()->code.text : "no answer"; }
  };

  NodeSimulation(unsigned n, std::uint64_t seed_)
      : seed(seed_),
        documents(SimulatedCluster::of(n)),
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

  const std::uint64_t seed;
  const SimulatedCluster& documents;
  ManualClock clock;
  // Sees and may change everything that a node sends; what it returns is sent instead.
  std::function<std::vector<Sent>(Sent)> tap;
  std::vector<const policy::PolicyDocument*> policies;  // takes effect with the next start of the node
  std::vector<bool> evil;                               // no oracle looks at these
  std::uint64_t sent = 0;                               // messages since the start
  std::uint64_t kill_at_message = 0;  // the node that sends the k-th message dies before it leaves; 0: none
  std::vector<std::string> log;

  std::size_t size() const { return seats_.size(); }
  std::string name(std::size_t i) const { return "node" + std::to_string(i + 1); }
  bool up(std::size_t i) const { return seats_[i]->process != nullptr; }
  storage::MemoryStore& store(std::size_t i) { return seats_[i]->store; }
  node::Desk& desk(std::size_t i) { return seats_[i]->process->desk; }
  node::SessionHost& host(std::size_t i) { return seats_[i]->process->host; }
  const node::World& world(std::size_t i) { return seats_[i]->process->world; }
  node::Gates& gates(std::size_t i) { return *world(i).gates; }
  peers::MemoryNet& net() { return net_; }
  SeededRng& rng() { return rng_; }
  void raw_send(std::size_t from, std::size_t to, Envelope e) { net_.at(name(from)).send(name(to), std::move(e)); }

  // ---- nodes and links
  void slow_disk(std::size_t i, bool slow) { seats_[i]->slow_disk = slow; }  // nothing is written meanwhile
  void start(std::size_t i) {
    Seat& seat = *seats_[i];
    peers::MemoryMesh& mesh = net_.restart(name(i));
    peers::Hello hello = mesh.hello();
    hello.cluster_document = documents.cluster->digest();
    hello.policy_digest = policies[i]->digest();
    mesh.set_hello(hello);
    seat.process = std::make_unique<Process>(*this, i);
    mesh.attach(&seat.process->desk);
    Process& p = *seat.process;
    p.desk_queue.post([&p] { p.desk.recover(); });
    ++seat.generation;
  }
  void kill(std::size_t i) {
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
  void connect_all() { net_.connect_all(); }
  void isolate(const std::vector<std::size_t>& together) {  // these keep their links, all others are cut
    const auto in = [&](std::size_t i) { return std::find(together.begin(), together.end(), i) != together.end(); };
    for (std::size_t i = 0; i < size(); ++i)
      for (std::size_t k = 0; k < i; ++k)
        if (!in(i) || !in(k)) net_.cut(name(i), name(k));
  }
  void heal() {
    for (std::size_t i = 0; i < size(); ++i)
      if (!up(i)) start(i);
    connect_all();
  }

  // ---- time
  // One thing happens. False: nothing can, until time moves.
  bool step() {
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
  void tick(Millis by = Millis(250)) {
    clock.advance(by);
    for (std::size_t i = 0; i < size(); ++i)
      if (up(i)) {
        Process& p = *seats_[i]->process;
        p.desk_queue.post([&p] { p.desk.tick(); });
      }
  }
  void quiesce() {
    for (std::size_t k = 0; step(); ++k)
      if (k > 200'000) throw std::runtime_error("the nodes do not come to rest");
  }
  bool idle() {
    for (const auto& s : submissions)
      if (!s->answer && lives(*s)) return false;
    for (std::size_t i = 0; i < size(); ++i)
      if (up(i) && (store(i).open_request_count() != 0 || host(i).running() != 0)) return false;
    return true;
  }
  bool lives(const Submission& s) const {
    return seats_[s.node]->process && seats_[s.node]->generation == s.generation;
  }
  // Until done() or so much virtual time has passed.
  template <class Done>
  bool run_until(Done&& done, Millis most) {
    const SteadyTime end = clock.steady() + most;
    for (;;) {
      quiesce();
      if (done()) return true;
      if (clock.steady() >= end) return false;
      tick();
    }
  }
  void run_for(Millis time) {
    run_until([] { return false; }, time);
  }

  // ---- clients
  http::SignedRequest request(const std::string& target, const Json& body, const std::string& idempotency_key = "",
                              const std::string& user = "admin", std::optional<std::string> nonce = std::nullopt,
                              std::int64_t age = 0) {
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
  http::SignedRequest create(const std::string& key, unsigned t, std::vector<std::size_t> members = {},
                             const std::string& algorithm = "eddsa-ed25519", const std::string& idempotency_key = "") {
    if (members.empty())
      for (std::size_t i = 0; i < size(); ++i) members.push_back(i);
    Json participants = Json::array();
    for (const std::size_t i : members) participants.push_back(name(i));
    return request("/v1/keys",
                   {{"name", key}, {"algorithm", algorithm}, {"threshold", t}, {"participants", participants}},
                   idempotency_key);
  }
  http::SignedRequest sign(const std::string& key, const std::string& text, const std::string& idempotency_key = "") {
    return request("/v1/keys/" + key + "/signatures", {{"payload", {{"kind", "message"}, {"utf8", text}}}},
                   idempotency_key);
  }
  Submission& submit(std::size_t i, const http::SignedRequest& original) {
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
          [s](const std::string& id) {
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
  // And runs until it is answered.
  Submission& ask(std::size_t i, const http::SignedRequest& original, Millis most = Seconds(80)) {
    Submission& s = submit(i, original);
    run_until([&] { return s.answer.has_value(); }, most);
    return s;
  }
  std::vector<std::shared_ptr<Submission>> submissions;

  std::vector<storage::KeyRow> active_keys(std::size_t i) {
    std::vector<storage::KeyRow> rows;
    for (storage::KeyRow& row : store(i).keys(1000, std::nullopt).items)
      if (row.state != storage::KeyState::prepared) rows.push_back(std::move(row));
    return rows;
  }

  // ---- the oracle
  // Everything up and connected, until all is over; then every promise is looked at.
  void settle() {
    heal();
    // A request's life, its grace, and a key generation that began at its end.
    EXPECT_TRUE(run_until([&] { return idle(); }, Seconds(200))) << "seed " << seed << ": requests are still open";
    quiesce();
  }
  void expect_safe() {
    SCOPED_TRACE("seed " + std::to_string(seed));
    for (const auto& s : submissions) {
      if (!lives(*s)) continue;
      EXPECT_TRUE(s->answer) << "no answer";
      if (s->succeeded() && !evil[s->node]) expect_proven(*s);
    }
    std::map<std::string, std::set<std::string>> names;           // name -> ids
    std::map<std::string, std::set<std::string>> key_of_request;  // request -> keys
    for (std::size_t i = 0; i < size(); ++i) {
      if (evil[i]) continue;
      EXPECT_EQ(store(i).open_request_count(), 0u);
      const auto records = store(i).audit(0, SIZE_MAX);
      const auto fault = storage::verify_audit_chain(storage::audit_genesis(store(i).identity()), records);
      EXPECT_FALSE(fault) << name(i) << ": " << fault->what;
      for (const auto& row : store(i).requests({}, 100'000, std::nullopt).items) {
        const auto record = node::record_of(row);
        const bool all_honest = std::find(evil.begin(), evil.end(), true) == evil.end();
        EXPECT_TRUE(!all_honest || record.blame.empty())
            << name(i) << " sees cheating among honest nodes: " << record.blame[0].check.text;
        for (const auto& blame : record.blame) {
          const auto* card = documents.cluster->find(blame.node.text);
          const bool honest =
              card != nullptr && !evil[static_cast<std::size_t>(card - documents.cluster->nodes().data())];
          EXPECT_FALSE(honest) << name(i) << " blames " << blame.node.text << " for " << blame.check.text;
        }
        if (record.request_state() == storage::RequestState::succeeded && record.kind.text == "create_key")
          key_of_request[record.id].insert(record.key_id);
      }
      for (const auto& row : active_keys(i)) {
        names[row.name].insert(row.id);
        expect_complete(row);
      }
    }
    for (const auto& [key, ids] : names) EXPECT_EQ(ids.size(), 1u) << "the name " << key << " stands for several keys";
    for (const auto& [id, keys] : key_of_request) EXPECT_EQ(keys.size(), 1u) << id << " has made several keys";
  }
  // With every set of t members alone, one after the other.
  void expect_all_sets_sign() {
    std::map<std::string, KeyCertificate> keys;
    for (std::size_t i = 0; i < size(); ++i)
      if (!evil[i])
        for (const auto& row : active_keys(i)) keys.try_emplace(row.id, decode<KeyCertificate>(row.certificate));
    for (const auto& [id, certificate] : keys) {
      const auto& members = certificate.body.committee.members();
      for (unsigned mask = 0; mask < (1u << members.size()); ++mask) {
        if (static_cast<unsigned>(std::popcount(mask)) != certificate.body.committee.threshold()) continue;
        std::vector<std::size_t> set;
        for (std::size_t k = 0; k < members.size(); ++k)
          if (mask >> k & 1) set.push_back(index_of(members[k].node));
        isolate(set);
        quiesce();
        const auto& s = ask(set[rng_.below(set.size())], sign(id, "every set signs " + std::to_string(mask)));
        EXPECT_TRUE(s.succeeded()) << "seed " << seed << ", set " << mask << ": " << s.code();
        if (s.succeeded()) expect_proven(s);
        connect_all();
        quiesce();
      }
    }
  }

  std::size_t index_of(const std::string& node) const {
    return static_cast<std::size_t>(documents.cluster->find(node) - documents.cluster->nodes().data());
  }

 private:
  struct Process;
  // The mesh as one node sees it.
  struct Tap final : peers::Mesh {
    Tap(NodeSimulation& s, std::size_t i, peers::MemoryMesh& m) : sim(s), me(i), mesh(m) {}
    bool send(const std::string& to, Envelope envelope) override {
      Process* p = sim.seats_[me]->process.get();
      if (p == nullptr || p->dying) return false;
      if (++sim.sent == sim.kill_at_message) {
        p->dying = true;  // kill() follows when this step is over
        sim.to_kill_ = me;
        return false;
      }
      if (!sim.tap) return mesh.send(to, std::move(envelope));
      bool ok = true;
      for (Sent& s : sim.tap({sim.name(me), to, std::move(envelope)}))
        ok = mesh.send(s.to, std::move(s.envelope)) && ok;
      return ok;
    }
    std::vector<peers::PeerStatus> peers() const override { return mesh.peers(); }
    void set_hello(peers::Hello hello) override { mesh.set_hello(std::move(hello)); }
    NodeSimulation& sim;
    std::size_t me;
    peers::MemoryMesh& mesh;
  };
  struct Seat {
    explicit Seat(storage::Identity identity) : store(std::move(identity)) {}
    storage::MemoryStore store;
    std::unique_ptr<Tap> mesh;
    std::unique_ptr<Process> process;
    std::uint64_t generation = 0;
    bool slow_disk = false;
  };
  struct Process {
    Process(NodeSimulation& sim, std::size_t i)
        : rng(sim.rng_.below(UINT64_MAX)),
          world{*sim.documents.cluster,
                *sim.policies[i],
                sim.documents.cluster->nodes()[i],
                sim.documents.identities[i],
                sim.seats_[i]->store,
                *sim.seats_[i]->mesh,
                sim.clock,
                rng,
                desk_queue,
                [&sim, i](node::LogLevel, const std::string& text) { sim.log.push_back(sim.name(i) + " " + text); }},
          host(world, {&worker}),
          desk(world, host) {}
    node::QueueExecutor desk_queue, worker;
    SeededRng rng;
    node::World world;
    node::SessionHost host;
    node::Desk desk;
    bool dying = false;
  };
  enum class Choice { desk, worker, disk };

  bool run(std::pair<std::size_t, Choice> choice) {
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

  void expect_proven(const Submission& s) {
    const auto& record = *s.record();
    const Json result = Json::parse(record.result.text);
    std::optional<storage::KeyRow> row;
    for (std::size_t i = 0; i < size() && (!row || row->certificate.empty()); ++i)
      row = store(i).key_by_id(record.key_id);
    ASSERT_TRUE(row && !row->certificate.empty()) << "no node has the key of a success";
    const auto certificate = decode<KeyCertificate>(row->certificate);
    if (record.kind.text != "sign") {
      EXPECT_EQ(result["key"]["id"], row->id);
      EXPECT_TRUE(verify_certificate(certificate));
      return;
    }
    const auto signature = array_from_hex<64>(result["signature"]["hex"].get<std::string>());
    ASSERT_TRUE(signature);
    const Json body = Json::parse(text_of(record.original.body));
    if (body["payload"]["kind"] != "message" || body.value("path", "m") != "m") return;  // the test's own to verify
    const std::string text = body["payload"]["utf8"];
    const ByteView Y = certificate.body.Y;
    const bool x_only = certificate.body.algorithm == Algorithm::schnorr_secp256k1;
    const bool as_it_is = certificate.body.algorithm == Algorithm::eddsa_ed25519;
    const Digest hash = sha256(view_of(text));
    EXPECT_TRUE(verify_signature(certificate.body.algorithm, x_only ? Y.subspan(1) : Y,
                                 as_it_is ? view_of(text) : ByteView(hash), *signature));
  }
  // Whoever shows a key shows a complete certificate, and every member that is up has it active with its share.
  void expect_complete(const storage::KeyRow& row) {
    const auto certificate = decode<KeyCertificate>(row.certificate);
    EXPECT_TRUE(verify_certificate(certificate));
    EXPECT_EQ(to_hex(certificate.body.key_id), row.id);
    for (const Member& m : certificate.body.committee.members()) {
      const std::size_t i = index_of(m.node);
      if (evil[i]) continue;
      const auto theirs = store(i).key_by_id(row.id);
      EXPECT_TRUE(theirs && theirs->state != storage::KeyState::prepared)
          << m.node.text << " does not have key " << row.name;
      if (!theirs || theirs->state == storage::KeyState::prepared) continue;
      EXPECT_EQ(decode<KeyCertificate>(theirs->certificate).body.digest(), certificate.body.digest());
      EXPECT_TRUE(store(i).active_share(row.id)) << m.node.text << " has no share of key " << row.name;
    }
  }

  SeededRng rng_;
  peers::MemoryNet net_;
  std::vector<std::unique_ptr<Seat>> seats_;
  std::vector<std::unique_ptr<Process>> graveyard_;
  std::vector<std::pair<std::size_t, Choice>> choices_;
  std::optional<std::size_t> to_kill_;
  bool stepping_ = false;
  std::uint64_t nonces_ = 0, tickets_ = 0;
};

}  // namespace quorate::test
