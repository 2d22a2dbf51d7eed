// This node's part in attempts that somebody coordinates: it checks everything by itself, makes the acceptance durable, then takes part.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "node/examine.h"
#include "node/messages.h"
#include "node/requests.h"
#include "node/session_host.h"

namespace quorate::node {

class Participant {
 public:
  // `report_here` gets the end of sessions that this node coordinates itself, on the desk.
  Participant(const World& world, Requests& requests, SessionHost& host, std::function<void(const Report&)> report_here);

  void on_propose(const std::string& from, const Propose& propose);
  void on_begin(const std::string& from, const Begin& begin);
  void on_stop(const std::string& from, const Stop& stop);

  // The coordinator's own part: what it has examined and stored already.
  std::optional<Refusal> join(const Examined& x, const RequestRecord& record, const Propose& propose, const std::string& coordinator);
  void leave(const std::string& request);
  bool takes_part(const std::string& request) const { return active_.contains(request); }

  // A request that this node knows is over, however it learned it: nothing more to do for it.
  void on_final(const std::string& request) { leave(request); }

 private:
  struct Active {
    SessionId sid{};
    std::string coordinator;
  };

  std::optional<Refusal> compare(const Examined& x, const Propose& propose) const;
  void accept(const std::string& from, const Propose& propose, Examined x);
  void ended(const Examined& x, const RequestRecord& record, const std::string& coordinator, PartySet signers, Report report);
  void refuse(const std::string& to, const Propose& propose, const std::string& request, const Refusal& refusal);

  World world_;
  Requests& requests_;
  SessionHost& host_;
  std::function<void(const Report&)> report_here_;
  std::unordered_map<std::string, Active> active_;  // by request
};

// A record for a request that this node has examined.
RequestRecord new_record(const Examined& x, const http::SignedRequest& original, const std::string& coordinator);

}  // namespace quorate::node
