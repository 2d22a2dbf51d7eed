// This node's part in attempts that somebody coordinates: it checks everything by itself (proposal_checks.cpp), makes
// the acceptance durable, then takes part (participant.cpp).
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "node/examine.h"
#include "node/messages.h"
#include "node/peer_view.h"
#include "node/quarantines.h"
#include "node/requests.h"
#include "node/session_host.h"
#include "node/windows.h"

namespace quorate::node {

// Who holds a name that another request wants.
enum class NameClaim {
  undecided,  // a request that another node coordinates, or that is still being written here
  kept,       // one that this node coordinates, and goes on with
  given_up,   // one that this node coordinates, and has given up in favour of the other: its release is being written
};
std::string name_taken_by(const std::string& request);  // for people; "" is a key
Refusal other_certificate();

class Participant {
 public:
  struct Hooks {                                     // all on the desk
    std::function<void(const Report&)> report_here;  // the end of sessions that this node coordinates itself
    // Another node proposes a request that this node coordinates: whether this node stands back.
    std::function<bool(const std::string& request, const std::string& from)> stand_back;
    std::function<bool(const std::string& request)> coordinates;                              // Coordinator's
    std::function<bool(const std::string& request)> heal;                                     // Healer::ask_for
    std::function<NameClaim(const std::string& request, const std::string& other)> give_way;  // Coordinator's
    // That node has another certificate of the key in force: they tell each other.
    std::function<void(const std::string& node, const std::string& key)> exchange;
    std::function<bool()> resting;                                        // Freshness::resting
    std::function<std::uint64_t()> noticed;                               // Freshness::noticed
    std::function<void(const Examined&, const RequestRecord&)> accepted;  // durably: Approvals::follow
    std::function<void(const std::string& node)> refused;                 // what that node proposed
  };
  Participant(const World& world, Requests& requests, SessionHost& host, const PeerView& peers,
              Quarantines& quarantines, Windows& windows, Hooks hooks);

  void on_propose(const std::string& from, const Propose& propose);
  void on_begin(const std::string& from, const Begin& begin);
  void on_stop(const std::string& from, const Stop& stop);

  // This node proposes it: whoever gives the proposal back gains nothing.
  void proposes(const SessionId& sid);
  // The coordinator's own part: what it has examined and stored already. `held`: it releases nothing before allow().
  std::optional<Refusal> join(const SharedExamined& seen, const SharedRecord& shared, const Propose& propose,
                              const std::string& coordinator, bool held);
  // Its windows have room, as far as everybody knows. False: it is in this session no more.
  bool allow(const std::string& request, const SessionId& sid);
  // ECDSA: in a batch before join(), so that a crash amid the session counts as a strike; and once it is over.
  void note(storage::Batch& batch, const Examined& x, const SessionId& sid, PartySet signers) const;
  void erase_note_of(const SessionId& sid, const std::string& key);
  void leave(const std::string& request);
  void leave(const std::string& request, const SessionId& sid);  // if it is in this one
  // Sessions of other nodes whose key is frozen now. Those of this node end with their requests (Coordinator).
  void leave_frozen();
  bool takes_part(const std::string& request) const { return active_.contains(request); }
  // In an attempt of another node that is still there.
  bool engaged(const std::string& request) const;

  // A request that this node knows is over, however it learned it: nothing more to do for it.
  void on_final(const std::string& request) { leave(request); }

  void tick();

 private:
  static constexpr std::size_t kMaxUsed = 65'536;  // session ids; and entries of what is kept like them
  struct Active {
    SessionId sid{};
    std::string coordinator;
    bool open = false;        // its session runs; before that the acceptance is being written
    std::string noted_key{};  // whose note is on the disk, or on its way
    SteadyTime until{};       // by then it is over, one way or the other
    std::string key{};        // id; "": one that is being made
  };

  std::optional<Refusal> compare(const Examined& x, const Propose& propose) const;
  std::optional<Refusal> compare_reshare(const Examined& x, const Propose& propose) const;
  std::optional<Refusal> check_turn(const RequestRecord& known, const std::string& from);
  std::optional<Refusal> check_turn_of_approved(const Examined& x, const std::string& from);
  std::optional<Refusal> check_name(const std::string& name, const std::string& request) const;
  std::optional<Refusal> check_load(const std::string& from) const;
  void consider(const std::string& from, const Propose& propose, int retries);
  std::optional<Refusal> check_ledger(const Examined& x) const;
  void accept(const std::string& from, const Propose& propose, const SharedExamined& seen, const RequestRecord* known,
              int retries);
  void accepted(const std::string& from, const std::shared_ptr<const Propose>& proposed, const SharedExamined& seen,
                const SharedRecord& record, const SessionId& sid);
  void agreed(const std::string& from, const Propose& propose, const Examined& x, const SessionId& sid,
              const std::optional<std::string>& exceeded);
  void ended(const Examined& x, const RequestRecord& record, const std::string& coordinator, PartySet signers,
             Report report);
  void refuse(const std::string& to, const Propose& propose, const std::string& request, const Refusal& refusal);
  // What has come for its session is forgotten, and not waited for.
  void refuse(const std::string& to, const Propose& propose, const Examined& x, const Refusal& refusal);

  World world_;
  Requests& requests_;
  SessionHost& host_;
  const PeerView& peers_;
  Quarantines& quarantines_;
  Windows& windows_;
  Hooks hooks_;
  std::unordered_map<std::string, Active> active_;  // by request
  // A session id counts once: those accepted since the start, until their requests are over.
  std::map<SessionId, std::int64_t> used_, proposed_;  // by other nodes; by this one
  bool proposed_before(const SessionId& sid) const { return used_.contains(sid) || proposed_.contains(sid); }
  // Of approved requests, which live long: how often a node has proposed one, and when it may again.
  struct Turn {
    int proposals = 0;
    SteadyTime next{};
  };
  std::map<std::pair<std::string, std::string>, Turn> turns_;  // (request, node)
  std::set<std::string> given_up_;  // requests whose first coordinator has stopped its attempt: anybody's turn
  SteadyTime next_sweep_{};
};

inline constexpr int kMostRounds = 13;  // of one protocol, durable steps included: a reshare of an ECDSA key

// So long after `created` a request is its first coordinator's, if that one can be reached; then anybody may try.
inline constexpr auto kHeadStart = Seconds(10);
inline bool in_head_start(const RequestRecord& record, WallTime now) {
  return unix_seconds(now) < static_cast<std::int64_t>(record.created) + kHeadStart.count();
}

// Of a denial, for people: every rule with why.
std::string reasons_of(const policy::Decision& decision);

Refusal rolled_back();  // this node's database is an old copy

// A record for a request that this node has examined.
RequestRecord new_record(const Examined& x, const ClientRequest& original, const std::string& coordinator);

}  // namespace quorate::node
