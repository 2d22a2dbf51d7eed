// Requests that this node coordinates: proposes to a set of members, replaces who is silent or cheats while enough are left, ends the request.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>

#include "node/choose.h"
#include "node/examine.h"
#include "node/messages.h"
#include "node/participant.h"
#include "node/requests.h"
#include "node/session_host.h"

namespace quorate::node {

using Answer = std::variant<RequestRecord, Refusal>;

class Coordinator {
 public:
  Coordinator(const World& world, Requests& requests, SessionHost& host, Participant& participant);

  // A client's request, authenticated and fresh. `stored` is called when it is durable here, `answer` once: a refusal, or the final record.
  // Whoever stops waiting says so with requests.forget(id, ticket).
  void submit(const http::SignedRequest& original, std::uint64_t ticket, std::function<void(const std::string& id)> stored,
              std::function<void(const Answer&)> answer);
  // After a restart: an open request of this node goes on while its time lasts.
  void resume(const RequestRecord& record);

  void on_accept(const std::string& from, const Accept& accept);
  void on_refuse(const std::string& from, const Refuse& refuse);
  void on_report(const std::string& from, const Report& report);
  void on_peer_up(const std::string& node);
  void on_peer_down(const std::string& node);
  void on_final(const RequestRecord& record);  // learned from elsewhere
  void tick();

  bool coordinates(const std::string& request) const { return jobs_.contains(request); }
  bool is_up(const std::string& node) const { return up_.contains(node); }
  std::size_t open_jobs() const { return jobs_.size(); }

 private:
  enum class Phase { storing, waiting_for_peers, proposing, running, ending };
  struct Job {
    Examined x;
    RequestRecord record;
    Phase phase = Phase::storing;
    bool stored = false;
    Candidates candidates;
    Propose propose;
    SessionId sid{};
    PartySet signers;
    std::set<std::string> waiting;  // nodes whose answer to the proposal is outstanding, this one until it has joined
    SteadyTime deadline{};          // of the phase
    SteadyTime patience{};          // until then it waits for enough peers to be reachable
    bool any_released = false;
    std::optional<Refusal> refused;  // the last one, named
  };

  void open(Job job, const RequestRecord* known, std::function<void(const std::string&)> stored);
  void attempt(Job& job);
  void lack(Job& job, PartySet reachable);
  void joined(Job& job);
  void begin_if_all(Job& job);
  void give_up_attempt(Job& job);  // stops everyone; the next attempt follows
  void succeed_with(Job& job, const Report& report, const std::string& from);
  void fail(Job& job, const std::string& code, const std::string& reason, bool retryable);
  void finish(const std::string& id, const RequestRecord& record);
  std::vector<std::string> audience(const Job& job) const;  // the other nodes that are to know
  PartySet reachable(const Job& job) const;
  Job* job_of(const Bytes32& random);

  World world_;
  Requests& requests_;
  SessionHost& host_;
  Participant& participant_;
  std::unordered_map<std::string, Job> jobs_;
  std::map<Bytes32, std::string> by_random_;
  std::set<std::string> up_;
};

}  // namespace quorate::node
