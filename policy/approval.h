// Approvals: what a rule asks for, and the signatures that give it (docs/approvals.md).
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/codec.h"
#include "base/ed25519.h"
#include "base/json.h"
#include "base/limits.h"
#include "policy/webauthn.h"

namespace quorate::policy {

inline constexpr std::size_t kMaxApprovals = 64;  // of one request
inline constexpr std::int64_t kApprovalHours = 24, kMostApprovalHours = 24 * 30;

// So many different members of the group.
struct Need {
  std::string group;
  std::size_t min = 0;
  friend bool operator==(const Need&, const Need&) = default;
};

// All of them are needed. A person that is in several of the groups counts in each.
struct Approvals {
  std::vector<Need> needs;                      // in the order of their groups, each once
  std::int64_t expires_hours = kApprovalHours;  // after the request was made

  // The object that an approving rule's `then` is. `members_of` of a group: 0 if there is none. Throws JsonError.
  static Approvals parse(JsonObject& then, const std::function<std::size_t(const std::string&)>& members_of);
  // What both ask for.
  Approvals& operator+=(const Approvals& other);
};

// The numbers are stored and sent.
enum class Vote : std::uint8_t { unset = 0, approve = 1, reject = 2 };
std::string_view name_of(Vote vote);  // "approve", "reject"
std::optional<Vote> parse_vote(std::string_view text);

// A vote, who gives it, and what shows that they do: an Ed25519 signature, or an authenticator's assertion.
struct Approval {
  BoundedText<limits::kMaxName> approver;  // user id
  std::uint8_t vote = 0;                   // Vote
  Signature64 signature{};                 // zero if there is an assertion
  Bounded<Assertion, 1> webauthn{};
  static auto fields(auto& m) { return std::tie(m.approver, m.vote, m.signature, m.webauthn); }
  void validate_decoded() const;
  friend bool operator==(const Approval&, const Approval&) = default;
};
// As the API and the audit log show it: {approver, decision, signature} or {approver, decision, webauthn}.
Json to_json(const Approval& approval);

// "quorate/approval/v1\n" and the JCS of {decision, approver, intent}: what is signed, byte for byte. `intent` is the
// intent's own JSON.
std::string approval_text(Vote vote, const std::string& approver, const Json& intent);

struct User;  // policy/document.h
// nullopt: this user, who is the approver, has given the vote about this intent. Else what is wrong with `signature` or
// within `webauthn`, as the API takes them.
std::optional<Fault> fault_in(const Approval& approval, const User& user, const Json& intent);

}  // namespace quorate::policy
