// Requests that this node coordinates: proposes to a set of members, replaces who is silent or cheats while enough are
// left, ends the request. coordinator.cpp: a request from its arrival to its end; attempts.cpp: the attempts in
// between; room.cpp: when a window of the policy has no room; spread.cpp: requests that need no protocol, only that
// enough know.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>

#include "keygen/key_history.h"
#include "node/choose.h"
#include "node/doubts.h"
#include "node/examine.h"
#include "node/messages.h"
#include "node/participant.h"
#include "node/peer_view.h"
#include "node/quarantines.h"
#include "node/requests.h"
#include "node/session_host.h"

namespace quorate::node {

// Before a member is asked again that was busy; as much again at random, four times over.
inline constexpr Millis kTurnPause{100};

// "a, b, c"
std::string joined_text(const std::vector<std::string>& names);

class Coordinator {
 public:
  // `heal`: Healer::ask_for. `ask_people`: Approvals::ask. `freeze`: Freezes::submit.
  using Stored = std::function<void(const std::string& id, bool waits_for_people)>;
  Coordinator(const World& world, Requests& requests, SessionHost& host, Participant& participant,
              const PeerView& peers, const Quarantines& quarantines, Windows& windows,
              std::function<bool(const std::string& request)> heal,
              std::function<void(const ClientRequest&, std::function<void(const Answer&)>)> ask_people,
              std::function<void(const Examined&, const ClientRequest&, std::uint64_t, Stored,
                                 std::function<void(const Answer&)>)>
                  freeze);

  // A client's request, authenticated and fresh. `stored` is called when it is durable here, or, if it waits for
  // people, on enough nodes; `answer` once: a refusal, or the final record. Whoever stops waiting says so with
  // requests.forget(id, ticket).
  void submit(const ClientRequest& original, std::uint64_t ticket, Stored stored,
              std::function<void(const Answer&)> answer);
  // An open request goes on here while its time lasts: after a restart, or because its coordinator is gone.
  void resume(const RequestRecord& record);

  void on_accept(const std::string& from, const Accept& accept);
  void on_refuse(const std::string& from, const Refuse& refuse);
  void on_report(const std::string& from, const Report& report);
  void on_key_state_taken(const std::string& from, const KeyStateTaken& taken);
  // Another policy is in force. What people have approved is judged anew by Approvals, which resumes it; what nobody
  // was asked about is looked at again before its next attempt, and the present one can release nothing any more.
  void on_policy_changed();
  void on_frozen();                            // another scope is: what runs of it ends
  void on_peer_up(const std::string& node);    // the view knows it already
  void on_peer_down(const std::string& node);  // likewise
  // It is taken last for a while.
  void doubt(const std::string& node) { doubts_.add(node, world_.clock.steady()); }
  void on_final(const RequestRecord& record);  // learned from elsewhere
  void tick();

  // `from` proposes a request that this node coordinates: this node lets it, once per request, if neither has begun and
  // the other's name comes first, so that two honest coordinators of one request do not wait for each other.
  bool stand_back(const std::string& request, const std::string& from);
  // Request `other`, whose id is smaller, wants the name that `request` has reserved. Only who coordinates `request`
  // can give the name away for all nodes, and does so unless its key generation has begun.
  NameClaim give_way(const std::string& request, const std::string& other);

  bool coordinates(const std::string& request) const { return jobs_.contains(request); }
  // Whether an attempt of it is under way: between two a request keeps no room that another could use.
  bool attempts(const std::string& request) const {
    const auto it = jobs_.find(request);
    return it != jobs_.end() && it->second.phase != Phase::waiting && it->second.phase != Phase::storing;
  }
  std::size_t open_jobs() const { return jobs_.size(); }

 private:
  enum class Phase { storing, waiting, proposing, running, healing, ending, activating, spreading };
  struct Job {
    SharedExamined x;
    RequestRecord record;
    Phase phase = Phase::storing;
    bool stored = false;
    bool joining = false;  // this node's own part in the attempt is being written, or is
    std::vector<Stored> when_stored;
    Candidates candidates;
    PartySet busy;  // members whose turn this node has to wait for
    int attempts = 0;
    Propose propose;
    SessionId sid{};
    PartySet signers;                     // all who take part
    PartySet dealers;                     // of them, in a reshare
    std::vector<std::uint64_t> numbers;   // that members say are used
    std::map<SessionId, PartySet> tried;  // the signers of every attempt
    std::set<std::string> waiting;  // nodes whose answer to the proposal is outstanding, this one until it has joined
    std::set<std::string> ended_there;  // of those, who says that the request has ended: its outcome is on its way
    std::set<std::string> refused_by;   // of the attempt
    bool lacks_room = false;  // of the attempt: a member has no room in a window, the others have yet to answer
    bool has_joined = false;  // of the attempt: this node's own session was opened
    SteadyTime deadline{};    // of the phase
    SteadyTime patience{};    // until then it waits for enough peers to be reachable
    bool stood_back = false;
    bool any_released = false;     // as far as anybody has said
    bool may_be_released = false;  // of a signing: an attempt came to nothing that another node may have gone on with
    bool failing = false;          // in `ending`: as a failure
    std::set<std::string> exceeded{};             // rules whose windows members have found exceeded
    std::optional<SteadyTime> window_patience{};  // until then room may come free
    PartySet active_at;                           // members that say they have the key, its certificate, its state
    std::optional<Refusal> refused;               // the last one, named; in `healing`: how it fails
  };

  // coordinator.cpp
  void wait_for_people(const ClientRequest& original, const std::string& id, std::uint64_t ticket, Stored stored,
                       std::function<void(const Answer&)> answer);
  bool adopt(const Examined& x, const ClientRequest& original, const std::function<void(const Answer&)>& answer);
  void open(Job job, std::optional<RequestRecord> known, int retries);
  void not_opened(const std::string& id, const storage::CommitResult& result, int retries);
  void succeed_with(Job& job, const Report& report, const std::string& from);
  // The key is active here. Its client may go to any node next, so the other members get a moment to follow.
  void await_members(Job& job);
  void fail(Job& job, const std::string& code, const std::string& reason);
  void try_later(Job& job, const std::string& code, const std::string& reason);
  void finish(const std::string& id, const RequestRecord& record);
  bool finish_if_final(const std::string& id);  // by what is stored
  void watch_others();

  // attempts.cpp
  void attempt(Job& job);
  std::optional<PartySet> choose(Job& job, PartySet reachable);
  std::optional<PartySet> choose_reshare(Job& job, PartySet reachable);
  // What is in force here may have changed since the request was examined. False: the job has failed.
  bool look_again(Job& job);
  void propose(Job& job, PartySet signers);
  NextNumber number_of(const Job& job) const;
  void lack(Job& job, PartySet reachable);
  void postpone(Job& job, Millis by);
  void joined(Job& job);
  bool take_part(Job& job, bool held);
  void agreed(Job& job);

  // room.cpp
  void no_room(Job& job, const std::string& rule, const std::string& node);
  void go_without_room(Job& job);  // once the other members have answered
  void decide_without(Job& job);
  void hand_to_people(Job& job, const ClientRequest& original);
  void deny(Job& job, const Examined& x, const ClientRequest& original);

  // Why no set of members may sign this, should all of them be there; nullopt: one may.
  std::optional<std::string> kept_apart(const Job& job) const;
  bool is_apart(const Job& job, PartyId member) const;
  void begin_if_all(Job& job);
  void heal_or_fail(Job& job, const std::string& code, const std::string& reason);
  // Nobody's last message leaves without a word of everybody: without one of this node nobody can have spent.
  bool all_may_have_spoken(const Job& job) const;
  void give_up_attempt(Job& job);  // stops everyone; the next attempt follows
  void late(Job& job);
  bool missed(Job& job, const std::set<std::string>& nodes, bool gone);
  PartySet reachable(const Job& job) const;
  Job* job_of(const Bytes32& random);

  // spread.cpp
  void spread(Job& job, int retries);
  void spread_on(Job& job);   // done, if enough have it, or nobody is left who could say so
  void spread_end(Job& job);  // by who has it now

  World world_;
  Requests& requests_;
  SessionHost& host_;
  Participant& participant_;
  const PeerView& peers_;
  const Quarantines& quarantines_;
  Windows& windows_;
  std::function<bool(const std::string&)> heal_;
  std::function<void(const ClientRequest&, std::function<void(const Answer&)>)> ask_people_;
  std::function<void(const Examined&, const ClientRequest&, std::uint64_t, Stored, std::function<void(const Answer&)>)>
      freeze_;
  std::unordered_map<std::string, Job> jobs_;
  std::map<Bytes32, std::string> by_random_;
  Doubts doubts_;
  std::set<std::string> elsewhere_;  // requests that other nodes coordinate and somebody waits for here
  SteadyTime next_watch_{};
};

}  // namespace quorate::node
