// What a user may read of this node, whichever call asks for it.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/record.h"
#include "node/world.h"

namespace quorate::node {

// With which a caller proves who they are: a user of the policy in force, or "node:ID" of the cluster's.
std::optional<Ed25519PublicKey> caller_key(std::string_view user, const World& world);

// All requests with their payloads, and the audit log.
bool sees_all(const std::string& user, const policy::PolicyDocument& policy);
// What somebody may not see does not exist for them.
bool may_see(const std::string& user, const RequestRecord& record, const policy::PolicyDocument& policy);

// An entry of the audit log for those who see all.
Json audit_view(const storage::AuditRecord& record);

// One entry of the audit log on its way to many. For a user who does not see all: of a request that they may see, what
// GET /v1/requests/{id} shows of it; and what GET /v1/keys, /v1/policy, /v1/cluster, /v1/node or /readyz show to
// everybody. One thread.
class LoggedEvent {
 public:
  // Both outlive it.
  LoggedEvent(const storage::AuditRecord& record, const storage::Store& store) : record_(record), store_(store) {}

  // One line of JSON; nullptr: the user may not know of it. Throws storage::StorageError.
  const std::string* shown_to(const std::string& user, const policy::PolicyDocument& policy);

 private:
  const Json& entry();
  const RequestRecord* request();
  std::string less(const std::vector<std::string_view>& fields, bool with_request);
  const std::string* public_part();
  const std::string* requests_part();

  using Line = std::optional<std::string>;  // nullopt: it has none
  const storage::AuditRecord& record_;
  const storage::Store& store_;
  std::unique_ptr<const Json> entry_;
  std::optional<std::optional<RequestRecord>> request_;
  std::optional<Line> all_, public_, requests_;  // as far as somebody has needed them
};

}  // namespace quorate::node
