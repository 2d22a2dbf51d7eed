// The requests that this node knows: their records, and who waits for them. Lives on the desk.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "node/record.h"
#include "node/refusal.h"
#include "node/world.h"

namespace quorate::node {

using Answer = std::variant<RequestRecord, Refusal>;

class Requests {
 public:
  explicit Requests(const World& world) : world_(world) {}

  std::optional<RequestRecord> load(const std::string& id) const;

  // `then` runs on the desk.
  using Then = std::function<void(const storage::CommitResult&)>;
  void commit(storage::Batch batch, Then then);
  // The same for a batch that leaves the request in this record's state: on success those who wait for a final state
  // are told.
  void commit(storage::Batch batch, RequestRecord record, Then then);

  // It has its approvals and takes effect after the delay, by this node's own clock from now; `more`: what else its
  // result says. `then` if it is on the disk.
  void schedule(const RequestRecord& record, std::chrono::hours delay, Json more, std::function<void()> then);
  // It can no longer come to pass: another one has made it pointless, or what `code` says. `then` with the record, if
  // it is on the disk.
  static constexpr const char* kSuperseded = "superseded";
  void supersede(const RequestRecord& record, const std::string& why, const std::string& code,
                 std::function<void(const RequestRecord&)> then);

  // Called once with the record when the request is final. `ticket` names the waiter for `forget`.
  using Waiter = std::function<void(const RequestRecord&)>;
  void wait(const std::string& id, std::uint64_t ticket, Waiter waiter);
  bool forget(const std::string& id, std::uint64_t ticket);  // false: it was told already
  void tell(const RequestRecord& record);                    // those who wait, if it is final
  bool awaited(const std::string& id) const { return waiting_.contains(id); }

  // Whether a last-round message of this node may have left for this request, in whatever attempt.
  bool released(const std::string& id) const;
  static void add_released(storage::Batch& batch, const RequestRecord& record);
  void expect_unreleased(storage::Batch& batch, const std::string& id) const;

  // A nonce counts once: another request with it is a replay.
  bool nonce_used_by_other(const std::string& user, const std::string& nonce, const std::string& id) const;
  void add_nonce(storage::Batch& batch, const std::string& user, const std::string& nonce,
                 const RequestRecord& record) const;

  storage::AuditEntry audit(const std::string& kind, const RequestRecord& record, Json detail) const;

 private:
  World world_;
  std::unordered_map<std::string, std::vector<std::pair<std::uint64_t, Waiter>>> waiting_;
};

}  // namespace quorate::node
