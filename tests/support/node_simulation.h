// n nodes in one thread: one seed decides which queue runs next, which link delivers, what is cut and who dies when;
// virtual time moves only when nothing else can happen. A node killed by kill() keeps what its store had made durable,
// nothing else.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/rng.h"
#include "http/message_signature.h"
#include "node/record.h"
#include "node/refusal.h"
#include "tests/support/memory_mesh.h"
#include "tests/support/memory_store.h"
#include "tests/support/simulated_cluster.h"

// Whoever looks into a node includes node/desk.h.
namespace quorate::node {
class Desk;
class Gates;
class SessionHost;
struct World;
}  // namespace quorate::node

namespace quorate::test {

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
    std::optional<std::variant<node::RequestRecord, node::Refusal>> answer;  // node::Answer
    SteadyTime at{};

    const node::RequestRecord* record() const { return answer ? std::get_if<node::RequestRecord>(&*answer) : nullptr; }
    const node::Refusal* refusal() const { return answer ? std::get_if<node::Refusal>(&*answer) : nullptr; }
    bool succeeded() const {
      return record() != nullptr && record()->request_state() == storage::RequestState::succeeded;
    }
    std::string code() const { return refusal() ? refusal()->code : record() ? record()->code.text : "no answer"; }
  };

  NodeSimulation(unsigned n, std::uint64_t seed_, unsigned founders = 0);
  ~NodeSimulation();

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
  bool up(std::size_t i) const;
  storage::MemoryStore& store(std::size_t i);
  node::Desk& desk(std::size_t i);
  node::SessionHost& host(std::size_t i);
  const node::World& world(std::size_t i);
  node::Gates& gates(std::size_t i);
  peers::MemoryNet& net() { return net_; }
  SeededRng& rng() { return rng_; }
  void raw_send(std::size_t from, std::size_t to, Envelope e);

  // ---- nodes and links
  void slow_disk(std::size_t i, bool slow);  // nothing is written meanwhile
  void start(std::size_t i);
  void kill(std::size_t i);
  void connect_all() { net_.connect_all(); }
  // These keep their links, all others are cut.
  void isolate(const std::vector<std::size_t>& together);
  void heal();

  // ---- time
  // One thing happens. False: nothing can, until time moves.
  bool step();
  void tick(Millis by = Millis(250));
  void quiesce();
  bool idle();
  bool lives(const Submission& s) const;
  // Until done() or so much virtual time has passed.
  bool run_until(const std::function<bool()>& done, Millis most);
  void run_for(Millis time);

  // ---- clients
  http::SignedRequest request(const std::string& target, const Json& body, const std::string& idempotency_key = "",
                              const std::string& user = "admin", std::optional<std::string> nonce = std::nullopt,
                              std::int64_t age = 0);
  http::SignedRequest create(const std::string& key, unsigned t, std::vector<std::size_t> members = {},
                             const std::string& algorithm = "eddsa-ed25519", const std::string& idempotency_key = "");
  http::SignedRequest sign(const std::string& key, const std::string& text, const std::string& idempotency_key = "");
  Submission& submit(std::size_t i, const http::SignedRequest& original);
  // And runs until it is answered.
  Submission& ask(std::size_t i, const http::SignedRequest& original, Millis most = Seconds(80));
  std::vector<std::shared_ptr<Submission>> submissions;

  std::vector<storage::KeyRow> active_keys(std::size_t i);

  // ---- the oracle
  // Everything up and connected, until all is over; then every promise is looked at.
  void settle();
  void expect_safe();
  // With every set of t members alone, one after the other.
  void expect_all_sets_sign();

  std::size_t index_of(const std::string& node) const;

 private:
  struct Tap;      // the mesh as one node sees it
  struct Process;  // what dies with a node
  struct Seat;     // what stays
  enum class Choice { desk, worker, disk };

  bool run(std::pair<std::size_t, Choice> choice);

  void expect_proven(const Submission& s);
  // Whoever shows a key shows a complete certificate, and every member that is up has it active with its share.
  void expect_complete(const storage::KeyRow& row);

  SeededRng rng_;
  peers::MemoryNet net_;
  std::vector<std::unique_ptr<Seat>> seats_;
  std::vector<std::unique_ptr<Process>> graveyard_;
  std::vector<std::pair<std::size_t, Choice>> choices_;
  std::optional<std::size_t> to_kill_;
  bool stepping_ = false;
  std::uint64_t nonces_ = 0, tickets_ = 0;
};

using Sent = NodeSimulation::Sent;

}  // namespace quorate::test
