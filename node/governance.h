// Which policy is in force: the chain of versions on the disk, the votes of the nodes on the next one, what others know
// that this node does not (docs/governance.md). Lives on the desk, but for behind() and fork().
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

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
// "Show me the version that follows this one."
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

// What peers are told of this node.
peers::Hello hello_of(const World& world);

class Governance {
 public:
  struct Hooks {
    std::function<void()> changed;                    // another version is in force
    std::function<void(const RequestRecord&)> final;  // a change has come to its end
    std::function<bool()> resting;                    // Freshness's
    std::function<std::uint64_t()> noticed;           // likewise
  };
  // Takes the newest version of the chain on the disk into force. Throws storage::StorageCorrupt.
  Governance(const World& world, Requests& requests, const PeerView& peers, Hooks hooks);

  void recover();                               // tells the mesh
  void on_change(const RequestRecord& record);  // an open request that would change it
  void on_hello(const std::string& node, std::uint64_t version, const Digest& digest);
  void on_peer_down(const std::string& node) { claims_.erase(node); }
  void on_votes(const std::string& from, const PolicyVotes& message);
  void on_query(const std::string& from, const PolicyQuery& query);
  void on_step(const std::string& from, const PolicyStep& step);
  void tick();

  // A peer says that a later version than this node's is in force. Any thread.
  bool behind() const { return behind_; }
  // A peer has shown another document of this node's version, as well proven. Any thread.
  bool fork() const { return fork_; }

 private:
  using Document = std::shared_ptr<const policy::PolicyDocument>;
  struct OwnVotes {
    Digest previous{};
    Bounded<PolicyVote, kMaxRounds> votes;
    static auto fields(auto& m) { return std::tie(m.previous, m.votes); }
  };
  struct Candidate {
    RequestRecord record;
    Document next;
  };
  struct Claim {
    std::uint64_t version = 0;
    Digest digest{};
    SteadyTime since{};
  };
  void load();
  void look(const std::string& id);
  void schedule(const RequestRecord& record, bool loosens);
  void supersede(const RequestRecord& record, const std::string& why);
  std::optional<std::uint32_t> round() const;  // the one that is voted in
  void vote();
  void certify();
  bool take(const std::string& from, const PolicyLink& link);
  void taken(const Document& next, const PolicyLink& link);
  void tell_votes(const std::string& to);
  void ask(const std::string& node);
  void look_behind();

  World world_;
  Requests& requests_;
  const PeerView& peers_;
  Hooks hooks_;
  Document previous_;           // of the version in force; nullptr for the first one
  std::set<std::string> open_;  // requests that would change it
  std::map<std::string, Candidate> due_;
  std::map<std::uint32_t, std::map<std::string, PolicyVote>> votes_;  // round -> node
  OwnVotes own_;                                                      // what of them is on the disk
  std::map<std::string, Claim> claims_;                               // node -> what it says is in force there
  bool writing_ = false;                                              // a vote, or a step
  SteadyTime next_look_{}, next_tell_{};
  std::atomic<bool> behind_{false}, fork_{false};
};

}  // namespace quorate::node
