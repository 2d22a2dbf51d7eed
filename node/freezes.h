// Freezes, and what lifts them (docs/freeze.md). A freeze counts on a node from the moment it has it, because of its
// admin's signature; it is lifted by a request of the admins' quorum that was made after it, once a majority of the
// nodes has signed that its delay is over. So all nodes that know the same agree, in whatever order they have learned
// it. Lives on the desk.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "node/examine.h"
#include "node/messages.h"
#include "node/peer_view.h"
#include "node/policy_chain.h"
#include "node/requests.h"

namespace quorate::node {

// POST /v1/freeze, by an admin of the version of the policy with this digest.
struct Freeze {
  std::uint16_t version = 1;  // of this form
  Digest policy{};
  ClientRequest original;
  static auto fields(auto& m) { return std::tie(m.version, m.policy, m.original); }
};
// One node's word that the delay of an unfreeze is over.
struct LiftVote {
  BoundedText<limits::kMaxName> node;
  Signature64 signature{};
  static auto fields(auto& m) { return std::tie(m.node, m.signature); }
};
// `intent`: the request digest of the unfreeze.
LiftVote sign_lift(const std::string& node, const Digest& intent, const std::string& cluster,
                   const Ed25519SecretKey& identity);
bool verify_lift(const LiftVote& vote, const Digest& intent, const policy::ClusterDocument& cluster);

// POST /v1/unfreeze with its approvals, likewise, and a majority's votes.
struct Lift {
  std::uint16_t version = 1;
  Digest policy{};
  ClientRequest original;
  Bounded<LiftVote, limits::kMaxNodes> votes;
  static auto fields(auto& m) { return std::tie(m.version, m.policy, m.original, m.votes); }
};

// ---- messages

struct FreezeTold {
  static constexpr std::string_view tag = "node/freeze/1";
  Freeze freeze;
  static auto fields(auto& m) { return std::tie(m.freeze); }
};
// "It counts here, and is on my disk", or a later one.
struct FreezeTaken {
  static constexpr std::string_view tag = "node/freeze_taken/1";
  BoundedText<40> request;
  static auto fields(auto& m) { return std::tie(m.request); }
};
// All votes that the sender knows, whoever has given them.
struct LiftVotes {
  static constexpr std::string_view tag = "node/lift_votes/1";
  BoundedText<40> request;
  Bounded<LiftVote, limits::kMaxNodes> votes;
  static auto fields(auto& m) { return std::tie(m.request, m.votes); }
};
struct LiftTold {
  static constexpr std::string_view tag = "node/lift/1";
  Lift lift;
  static auto fields(auto& m) { return std::tie(m.lift); }
};
// What the sender knows. The receiver shows what it knows of later ones, and what it knows less of it lists itself.
// Long lists come in several.
struct FreezeEntry {
  BoundedText<64> scope;
  std::uint64_t frozen = 0, lifted = 0;  // when the newest of each was asked for, Unix seconds; 0: never
  static auto fields(auto& m) { return std::tie(m.scope, m.frozen, m.lifted); }
};
inline constexpr std::size_t kMaxFreezeList = 1024;
struct FreezeList {
  static constexpr std::string_view tag = "node/freezes/1";
  Bounded<FreezeEntry, kMaxFreezeList> entries;
  static auto fields(auto& m) { return std::tie(m.entries); }
};

class Freezes {
 public:
  struct Hooks {
    std::function<void()> frozen;                     // another scope is
    std::function<void(const RequestRecord&)> final;  // an unfreeze has come to its end
    std::function<bool()> resting;                    // Freshness's
    std::function<std::uint64_t()> noticed;           // likewise
  };
  // Knows what is frozen on the disk, and says so to world.frozen. Throws storage::StorageCorrupt. The policies that
  // have been in force are known.
  Freezes(const World& world, Requests& requests, const PeerView& peers, Hooks hooks);

  // A client's freeze, examined and allowed. Answered when all nodes that can be reached have it, or did not say so in
  // time; in force here before that.
  void submit(const Examined& x, const ClientRequest& original, std::uint64_t ticket,
              const std::function<void(const std::string& id, bool people)>& stored,
              const std::function<void(const Answer&)>& answer);
  void on_unfreeze(const RequestRecord& record);  // an open one

  void on_freeze(const std::string& from, const FreezeTold& message);
  void on_taken(const std::string& from, const FreezeTaken& taken);
  void on_votes(const std::string& from, const LiftVotes& message);
  void on_lift(const std::string& from, const LiftTold& message);
  void on_list(const std::string& from, const FreezeList& list);
  void on_peer_up(const std::string& node);
  void on_peer_down();
  void on_policy_changed();
  void tick();

 private:
  struct Scope {
    std::uint64_t frozen = 0, lifted = 0;  // as in FreezeEntry
    bool is_frozen() const { return frozen != 0 && frozen >= lifted; }
  };
  struct Unfreeze {
    Digest intent{};
    std::map<std::string, LiftVote> votes;  // by node
  };
  struct Telling {  // a freeze of this node's client
    RequestRecord record;
    std::set<std::string> applied;  // nodes
    SteadyTime deadline{};
  };
  // Whether this is such a request, under that version. `judged`: it was, and is on the disk; else it must have been
  // made while that version could still decide.
  SharedExamined examined(const ClientRequest& original, const Digest& policy, bool freezes, bool judged = false) const;
  void load();
  void freeze(const std::string& from, const Examined& x, const ClientRequest& original,
              const std::function<void(const Answer&)>& then);
  void lift(const std::string& from, const Lift& proof);
  RequestRecord succeeded(const Examined& x, const ClientRequest& original, const std::string& from, Json result) const;
  void look(const std::string& id);
  void schedule(const RequestRecord& record);
  void supersede(const RequestRecord& record, const std::string& why);
  void vote(const RequestRecord& record);
  void certify(const std::string& id);
  void tell_votes(const std::string& id, const std::string& to);
  void tell_list(const std::string& to);
  void tell_all(const Envelope& envelope, const std::string& but);
  void settle(const std::string& id, bool late);
  template <class Proof>
  std::optional<Proof> on_disk(const std::string& name) const;

  World world_;
  Requests& requests_;
  const PeerView& peers_;
  Hooks hooks_;
  std::map<std::string, Scope> scopes_;
  std::map<std::string, Unfreeze> open_;    // by request
  std::map<std::string, Telling> telling_;  // by request
  SteadyTime next_look_{}, next_tell_{}, next_list_{};
};

// Of GET /v1/node: what is frozen here.
Json frozen_view(const Frozen& frozen);

}  // namespace quorate::node
