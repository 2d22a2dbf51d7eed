// The desk: the one executor that owns all requests of a node. Sorts what peers say, keeps the timers, recovers after a
// restart.
#pragma once
#include <atomic>
#include <map>
#include <string>

#include "node/approvals.h"
#include "node/cards.h"
#include "node/coordinator.h"
#include "node/freezes.h"
#include "node/freshness.h"
#include "node/governance.h"
#include "node/healer.h"
#include "node/inflow.h"
#include "node/participant.h"
#include "node/peer_turns.h"
#include "node/peer_view.h"
#include "node/recoveries.h"
#include "node/requests.h"
#include "node/scheduled_refresh.h"
#include "node/session_host.h"
#include "node/windows.h"
#include "peers/inbox.h"

namespace quorate::node {

class Desk final : public peers::Inbox {
 public:
  Desk(const World& world, SessionHost& host);

  // On the desk's executor.
  void recover();
  void tick();
  void drain() { draining_ = true; }  // no proposal of others is accepted any more
  Coordinator& coordinator() { return coordinator_; }
  Approvals& approvals() { return approvals_; }
  Requests& requests() { return requests_; }
  const Quarantines& quarantines() const { return quarantines_; }
  const Freshness& freshness() const { return freshness_; }
  const Healer& healer() const { return healer_; }
  const Governance& governance() const { return governance_; }
  Cards& cards() { return cards_; }
  Recoveries& recoveries() { return recoveries_; }

  // From the mesh's thread.
  void on_peer_up(const std::string& node, const peers::Hello& hello) noexcept override;
  void on_peer_hello(const std::string& node, const peers::Hello& hello) noexcept override;
  void on_envelope(const std::string& from, Envelope envelope) noexcept override;
  bool wants_more(const std::string& from) noexcept override;
  void on_peer_down(const std::string& node) noexcept override;

  std::uint64_t malformed() const { return malformed_; }
  std::uint64_t dropped() const { return dropped_; }

 private:
  void dispatch(const std::string& from, const Envelope& envelope);
  void take(const std::string& from, const Outcome& outcome);
  void on_lost(const std::string& node);
  void take_mark(const std::string& from, const LedgerMark& mark);
  void tell_outcome(const std::string& to, const OutcomeQuery& query);
  void ask_outcomes(const std::string& node);
  void peer_hello(const std::string& node, const peers::Hello& hello) noexcept;
  bool post(const std::string& node, std::function<void()> work) noexcept;
  void on_malformed(const std::string& from, const std::string& why);
  void propose(const std::string& from, const Propose& propose);
  void on_final(const RequestRecord& record);
  bool has_same_documents(const peers::Hello& hello) const;
  void documents_changed();
  void update_mesh();
  void expire();

  World world_;
  SessionHost& host_;
  Requests requests_;
  PeerView peers_;
  Quarantines quarantines_;
  Windows windows_;
  Freshness freshness_;
  Inflow inflow_;
  PeerTurns turns_;
  Participant participant_;
  Coordinator coordinator_;
  Approvals approvals_;
  Governance governance_;
  Freezes freezes_;        // knows the policies by governance_
  Recoveries recoveries_;  // likewise
  Cards cards_;
  Healer healer_;
  ScheduledRefresh scheduled_refresh_;
  std::map<std::string, peers::Hello> hellos_;  // of the peers that are up, the last one
  std::vector<peers::PeerConfig> mesh_peers_;
  std::map<std::string, std::pair<peers::PeerConfig, SteadyTime>> leaving_;  // still to be told, until then
  struct Untold {
    SteadyTime next{};
    std::uint64_t n = 0;
  };
  std::map<std::string, Untold> untold_;  // of what did not decode, by node
  SteadyTime next_expiry_{}, next_sweep_{};
  bool draining_ = false;
  std::atomic<std::uint64_t> malformed_{0}, dropped_{0};
};

}  // namespace quorate::node
