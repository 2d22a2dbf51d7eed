// New admins in the place of those whose keys are lost: what operators have signed together waits on every node, for
// all to see, until its delay is over or an admin has vetoed it (docs/recovery.md). Then Governance votes on it as on
// any other change. Lives on the desk, but for view() and pending().
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "node/governance.h"
#include "node/messages.h"
#include "node/peer_view.h"
#include "node/requests.h"
#include "policy/recovery.h"

namespace quorate::node {

// What a node tells of one, and what proves each part: the operators' signatures in the body, the admin's request.
struct RecoveryTold {
  static constexpr std::string_view tag = "node/recovery/1";
  BoundedBytes<limits::kMaxRecoveryBytes> body;
  Bounded<http::SignedRequest, 1> veto;  // POST /v1/recoveries/{id}/veto
  static auto fields(auto& m) { return std::tie(m.body, m.veto); }
};

class Recoveries {
 public:
  struct Hooks {
    std::function<bool()> resting;           // Freshness's
    std::function<std::uint64_t()> noticed;  // likewise
  };
  // Those on the disk. Throws storage::StorageCorrupt. The documents in force are known.
  Recoveries(const World& world, Requests& requests, const PeerView& peers, Hooks hooks);

  // What a client has sent. Told once: with the recovery as view() shows it, or why it does not count. Throws
  // JsonError.
  using Told = std::function<void(const std::variant<Json, Refusal>&)>;
  void submit(const Json& body, const Told& told);
  void veto(const std::string& id, const http::SignedRequest& original, const Told& told);

  void on_told(const std::string& from, const RecoveryTold& message);
  void on_peer_up(const std::string& node);
  void on_documents_changed();  // all that were under way are void
  void tick();

  // For Governance.
  std::vector<KnownRecovery> known();
  void on_voted(const std::string& id);

  bool pending() const { return pending_; }
  Json view() const;

 private:
  struct Row {
    std::uint16_t version = 1;
    BoundedBytes<limits::kMaxRecoveryBytes> body;
    std::uint64_t taken = 0;  // Unix seconds, by this node's clock
    bool voted = false;       // from here on this node's word is out
    Bounded<http::SignedRequest, 1> veto;
    BoundedText<limits::kMaxName> vetoed_by;
    static auto fields(auto& m) { return std::tie(m.version, m.body, m.taken, m.voted, m.veto, m.vetoed_by); }
  };
  struct Entry {
    Row row;
    policy::Recovery recovery;
  };
  void load();
  Entry checked(const Json& body) const;  // throws JsonError
  std::optional<Refusal> unfit(const policy::Recovery& recovery) const;
  void take(const std::string& from, Entry entry, const Told& told);  // not unfit, and not here yet
  void veto(const std::string& from, const std::string& id, const http::SignedRequest& original, const Told& told);
  std::optional<std::string> vetoes(const http::SignedRequest& original, const std::string& id) const;
  WallTime effective(const Entry& entry) const;
  bool expired(const Entry& entry) const;
  Json view_of_entry(const Entry& entry) const;
  void tell(const std::string& node, const Entry& entry) const;
  void tell_all(const Entry& entry, const std::string& but) const;
  std::int64_t largest_threshold();
  bool is_signed_by_enough(const Entry& entry);
  bool is_over(const Entry& entry) const;
  void forget_expired(storage::Batch& batch);  // if there are as many as this node keeps
  void show();
  storage::AuditEntry audit(const std::string& kind, Json detail) const;

  World world_;
  Requests& requests_;
  const PeerView& peers_;
  Hooks hooks_;
  std::map<std::string, Entry> entries_;  // by id
  std::int64_t largest_ = 0;              // threshold, as it was lately
  SteadyTime next_largest_{}, next_tell_{}, next_log_{}, next_show_{};
  std::atomic<bool> pending_{false};
  mutable std::mutex mutex_;
  Json view_ = Json::array();
};

}  // namespace quorate::node
