// Which policy and which cluster's document are in force: the chain of steps on the disk, the votes of the nodes on the
// next one, what others know that this node does not (docs/governance.md, docs/cluster.md). Lives on the desk, but for
// behind(), fork() and member().
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "node/messages.h"
#include "node/peer_view.h"
#include "node/policy_chain.h"
#include "node/requests.h"

namespace quorate::node {

// All votes that the sender knows on what follows `previous`, whoever has given them.
struct PolicyVotes {
  static constexpr std::string_view tag = "node/policy_votes/1";
  Digest previous{};
  Bounded<PolicyVote, kMaxRounds * limits::kMaxNodes> votes;
  static auto fields(auto& m) { return std::tie(m.previous, m.votes); }
};
// "Show me the step after this one." The first documents are number 1.
struct PolicyQuery {
  static constexpr std::string_view tag = "node/policy_query/1";
  std::uint64_t after = 0;
  static auto fields(auto& m) { return std::tie(m.after); }
};
struct PolicyStep {
  static constexpr std::string_view tag = "node/policy_step/1";
  std::uint64_t version = 0;
  PolicyLink link;
  static auto fields(auto& m) { return std::tie(m.version, m.link); }
};

// A recovery of the admins of the policy in force, as this node has it (node/recoveries.h).
struct KnownRecovery {
  std::string id;
  ClientRequest original;  // as a step holds it
  Digest next{};           // what nodes vote for: its own, not of the policy
  bool due = false;        // this node votes for it
  std::string meta;        // where it lies on the disk, as `row`; `voted_row` once this node has voted
  SecretBytes row, voted_row;
};

InForce in_force(const World& world);

// What peers are told of this node.
peers::Hello hello_of(const World& world);

class Governance {
 public:
  struct Hooks {
    std::function<void()> changed;                    // another document is in force
    std::function<void(const RequestRecord&)> final;  // a change has come to its end
    std::function<bool()> resting;                    // Freshness's
    std::function<std::uint64_t()> noticed;           // likewise
    std::function<std::vector<KnownRecovery>()> recoveries;
    std::function<void(const std::string& id)> recovery_voted;
  };
  // Takes the newest version of the chain on the disk into force. Throws storage::StorageCorrupt.
  Governance(const World& world, Requests& requests, const PeerView& peers, Hooks hooks);

  void recover();                               // tells the mesh
  void on_change(const RequestRecord& record);  // an open request that would change it
  void on_hello(const std::string& node, const peers::Hello& hello);
  void on_peer_down(const std::string& node) { claims_.erase(node); }
  void on_votes(const std::string& from, const PolicyVotes& message);
  void on_query(const std::string& from, const PolicyQuery& query);
  void on_step(const std::string& from, const PolicyStep& step);
  void tick();

  // A peer says that it has come further than this node. Any thread.
  bool behind() const { return behind_; }
  // A peer has shown another step to where this node is, as well proven. Any thread.
  bool fork() const { return fork_; }
  // This node is one of the cluster's. Any thread.
  bool member() const;

 private:
  struct OwnVotes {
    Digest previous{};
    Bounded<PolicyVote, kMaxRounds> votes;
    static auto fields(auto& m) { return std::tie(m.previous, m.votes); }
  };
  struct Candidate {
    std::variant<RequestRecord, KnownRecovery> what;
    Digest next{};
  };
  struct Claim {
    std::uint64_t number = 0;
    Digest digest{};
    SteadyTime since{};
  };
  void load();
  void look(const std::string& id);
  void schedule(const RequestRecord& record, bool loosens);
  void supersede(const RequestRecord& record, const std::string& why, const std::string& code = Requests::kSuperseded);
  std::optional<std::uint32_t> round() const;  // the one that is voted in
  void vote();
  void certify();
  bool take_known(const Digest& next, std::uint32_t round, const std::vector<PolicyVote>& votes);
  bool take(const std::string& from, const PolicyLink& link);
  void taken(const InForce& next, const PolicyLink& link);
  InForce now() const { return in_force(world_); }
  void set(const InForce& next, const PolicyLink& link);
  void expect(storage::Batch& batch, const InForce& now) const;
  void tell_votes(const std::string& to);
  void ask(const std::string& node);
  void look_behind();

  World world_;
  Requests& requests_;
  const PeerView& peers_;
  Hooks hooks_;
  std::optional<InForce> previous_;  // before the last step
  std::set<std::string> open_;       // requests that would change it
  std::map<std::string, Candidate> due_;
  std::map<std::uint32_t, std::map<std::string, PolicyVote>> votes_;  // round -> node
  OwnVotes own_;                                                      // what of them is on the disk
  std::map<std::string, Claim> claims_;                               // node -> how far it says it has come
  bool writing_ = false;                                              // a vote, or a step
  SteadyTime next_look_{}, next_tell_{};
  std::atomic<bool> behind_{false}, fork_{false};
};

}  // namespace quorate::node
