// Requests that wait for people, and withdrawn ones: what was signed to them reaches every node that should know, in
// whatever order, through whichever nodes are there (docs/approvals.md). approvals.cpp: what is said to a request;
// approvals_spread.cpp: who knows of it, and who goes on with it.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/examine.h"
#include "node/messages.h"
#include "node/peer_view.h"
#include "node/requests.h"

namespace quorate::node {

inline constexpr std::size_t kMaxWaiting = limits::kMaxOpenRequests / 2;  // requests that wait for people, in all …
inline constexpr std::size_t kMaxWaitingPerUser = 500;                    // … and of one user
inline constexpr std::size_t kMaxWithdrawnPerUser = 2'000;                // withdrawn ones that could still be done
inline constexpr std::size_t kMaxTold = 2 * limits::kMaxOpenRequests;     // of both, of all users

// Nodes with the same digest know the same: of an open request all votes, of a withdrawn one that it is.
Digest digest_of(const RequestRecord& record);
// All that both say; what counts of it examine() finds.
ClientRequest joined(const ClientRequest& base, const ClientRequest& other);

class Approvals {
 public:
  struct Hooks {
    std::function<void(const RequestRecord&)> resume;   // Coordinator's: everybody has approved
    std::function<bool(const std::string& id)> worked;  // somebody's attempt of it runs here
    std::function<void(const RequestRecord&)> final;    // it has ended
    // An open one that changes the policy, or lifts a freeze: Governance's, Freezes'.
    std::function<void(const RequestRecord&)> change;
  };
  Approvals(const World& world, Requests& requests, const PeerView& peers, Hooks hooks);

  // All on the desk. `told` is called once: with the record when enough nodes hold what was said, or with why not.
  using Told = std::function<void(const Answer&)>;
  void ask(const ClientRequest& original, Told told);  // a client's request that waits for people
  // Posted by who may see the request, which the API has looked at. It need not be the approver: what counts is what
  // the approver has signed.
  void vote(const std::string& request, const policy::Approval& vote, Told told);
  // Of a user that the API has authenticated.
  void cancel(const std::string& request, const std::string& user, const http::SignedRequest& cancellation, Told told);

  void on_replicate(const std::string& from, const Replicate& message);
  void on_held(const std::string& from, const Held& held);
  void on_peer_up(const std::string& node);
  // The record is durable here: an approved request that another node coordinates, perhaps not to its end.
  void follow(const Examined& x, const RequestRecord& record);
  void on_final(const RequestRecord& record);  // learned from elsewhere
  void recover();                              // after a restart, perhaps with another policy
  void tick();

 private:
  struct Waiting {
    Told told;
    SteadyTime deadline{};
  };
  // What this node tells others of: every open request that people are asked about, and every withdrawn one of which
  // others may still hold the approvals.
  struct Known {
    Digest digest{};
    std::string user;
    storage::RequestState state{};
    std::int64_t expires = 0;
    std::set<std::string> audience;          // all but this node
    std::set<std::string> holders;           // of them, with that very digest
    std::map<std::string, Digest> answered;  // node -> the digest that was sent when it came with another one
    std::set<std::string> members;           // so many of these must hold it:
    std::size_t needed = 0;
    std::vector<Waiting> waiting;
    std::optional<SteadyTime> ready;  // since when nothing is missing but that a node coordinates it
    SteadyTime next_try{}, next_spread{};
    Millis pause{};  // before the next try
  };
  struct Source {
    std::string from;  // a node; this one for what its API took
    Told told;         // or nothing
  };

  void take(const ClientRequest& incoming, const Source& source, int retries);
  void take_new(const Examined& x, const ClientRequest& incoming, const Source& source, int retries);
  void take_more(const RequestRecord& known, const Examined& x, const ClientRequest& incoming, const Source& source,
                 int retries);
  void store(storage::Batch batch, const Examined& x, const RequestRecord& record, const Source& source, int retries,
             const ClientRequest& incoming);
  void stored(const Examined& x, const RequestRecord& record, const Source& source);
  void already(const Examined& x, const RequestRecord& record, bool same, const Source& source);

  Known& know(const Examined& x, const RequestRecord& record);
  bool is_room_for(const std::string& user, storage::RequestState state) const;
  std::size_t spread(const std::string& id, Known& known);  // messages sent
  void settle(const std::string& id);
  void give_up(const std::string& id);
  void go_on(const std::string& id);
  void held(const std::string& to, const RequestRecord& record);
  void recover(const storage::RequestRow& row);

  World world_;
  Requests& requests_;
  const PeerView& peers_;
  Hooks hooks_;
  std::map<std::string, Known> known_;  // by request
  std::set<std::string> unread_;        // open, but not to be understood now: their keys are archived, perhaps
  std::string cursor_;                  // the last request that was looked at for spreading
  SteadyTime next_look_{}, next_unread_{};
};

// The other nodes that are to know of a request.
std::vector<std::string> audience_of(const Examined& x, const World& world);

}  // namespace quorate::node
