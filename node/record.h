// What a node keeps of one request, and how it looks from outside.
#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "crypto/party_id.h"
#include "node/client_request.h"
#include "policy/signable.h"
#include "storage/rows.h"

namespace quorate::node {

inline constexpr std::uint16_t kRecordVersion = 4;      // of what is written; those before are still read
inline constexpr std::size_t kMaxResult = 1024 * 1024;  // bytes of the JSON of one result
using policy::kMaxFacts;

// A failure that this node saw itself.
struct Blame {
  BoundedText<limits::kMaxName> node;
  BoundedText<64> check;  // name_of(Reason)
  BoundedText<limits::kMaxTag> round;
  static auto fields(auto& m) { return std::tie(m.node, m.check, m.round); }
};

struct RequestRecord {
  std::uint16_t version = kRecordVersion;
  BoundedText<40> id;
  BoundedText<limits::kMaxName> kind;  // name_of(policy::Kind)
  std::uint8_t state = 0;              // storage::RequestState
  BoundedText<64> code;                // why it ended so: snake_case; empty while open or succeeded
  BoundedText<2048> reason;            // the same for people
  bool retryable = false;              // a resend starts the next attempt
  BoundedText<limits::kMaxName> requested_by;
  BoundedText<limits::kMaxName> coordinator;
  std::uint64_t created = 0, expires = 0;  // Unix seconds, from the signed `created`
  BoundedText<64> key_id;                  // hex; empty before the key exists
  BoundedText<limits::kMaxName> key_name;
  BoundedText<64> payload_kind;
  std::uint64_t policy_version = 0;
  BoundedText<limits::kMaxName> rule;  // that decided
  BoundedText<16> decision;
  BoundedText<16 * 1024> intent;   // JCS
  BoundedText<kMaxFacts> facts;    // JCS; empty if the payload shows none
  BoundedText<kMaxResult> result;  // JSON; empty unless succeeded
  Bounded<Blame, limits::kMaxParties> blame;
  Bounded<BoundedText<limits::kMaxName>, limits::kMaxParties> silent;  // who did not answer the last attempt
  std::uint32_t attempts = 0;
  bool released = false;                           // this node has sent its last-round message of some attempt
  Bounded<NeedSeen, policy::kMaxApprovals> needs;  // people's approvals; they are in `original`
  ClientRequest original;
  std::shared_ptr<const Json> bound;  // what audit entries say of the intent; not stored, nullptr: to be read from it
  static auto fields(auto& m) {
    return std::tie(m.version, m.id, m.kind, m.state, m.code, m.reason, m.retryable, m.requested_by, m.coordinator,
                    m.created, m.expires, m.key_id, m.key_name, m.payload_kind, m.policy_version, m.rule, m.decision,
                    m.intent, m.facts, m.result, m.blame, m.silent, m.attempts, m.released, m.needs, m.original);
  }

  storage::RequestState request_state() const { return static_cast<storage::RequestState>(state); }
  void set_state(storage::RequestState s) { state = static_cast<std::uint8_t>(s); }
  // A failure within its time may be tried again, also after a signer's last message: every attempt signs the same
  // bytes, and counts once.
  bool lives(WallTime now) const { return unix_seconds(now) < static_cast<std::int64_t>(expires); }
  bool open() const { return storage::is_open(request_state()); }
  void name_silent(const std::string& node);  // once
};

// The beginning of a text, at most so many bytes of valid UTF-8, whatever it was: what a record holds must be readable
// again.
std::string cut(std::string_view text, std::size_t most);

// Of the policy or of the cluster: Governance's affair, not a coordinator's.
bool changes_documents(const RequestRecord& record);

using SharedRecord = std::shared_ptr<const RequestRecord>;

storage::RequestRow row_of(const RequestRecord& record);
// Of this version or one before. Throws storage::StorageCorrupt for a row that is neither.
RequestRecord record_of(const storage::RequestRow& row);

// GET /v1/requests/{id}. Without `full` the payload, its facts and the intent are left out.
Json request_view(const RequestRecord& record, bool full);

}  // namespace quorate::node
