#include "policy/approval.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "policy/document.h"
#include "policy/kinds.h"

namespace quorate::policy {
namespace {

constexpr std::size_t kMaxNeeds = 16;  // groups that one rule asks

Need parse_need(const Json& json, const std::string& pointer,
                const std::function<std::size_t(const std::string&)>& members_of) {
  JsonObject object(json, pointer);
  Need need;
  need.group = object.text("group", 1, limits::kMaxName);
  const std::size_t members = members_of(need.group);
  if (members == 0) object.fail("group", "is a group without members");
  need.min = static_cast<std::size_t>(object.integer("min", 1, static_cast<std::int64_t>(kMaxApprovals)));
  if (need.min > members)
    object.fail("min", "cannot be reached: the group has " + std::to_string(members) + " members");
  object.expect_no_more();
  return need;
}

}  // namespace

Approvals Approvals::parse(JsonObject& then, const std::function<std::size_t(const std::string&)>& members_of) {
  Approvals out;
  const Json& array = then.array("approve", kMaxNeeds);
  if (array.empty()) then.fail("approve", "must not be empty");
  std::size_t all = 0;
  for (std::size_t i = 0; i < array.size(); ++i) {
    const std::string pointer = then.pointer("approve") + "/" + std::to_string(i);
    Need need = parse_need(array[i], pointer, members_of);
    all += need.min;
    if (std::any_of(out.needs.begin(), out.needs.end(), [&](const Need& n) { return n.group == need.group; }))
      throw JsonError(pointer + "/group", "is there twice");
    out.needs.push_back(std::move(need));
  }
  if (all > kMaxApprovals) then.fail("approve", "asks for more than " + std::to_string(kMaxApprovals) + " approvals");
  std::sort(out.needs.begin(), out.needs.end(), [](const Need& a, const Need& b) { return a.group < b.group; });
  if (then.has("expires_hours")) out.expires_hours = then.integer("expires_hours", 1, kMostApprovalHours);
  return out;
}

Approvals& Approvals::operator+=(const Approvals& other) {
  for (const Need& need : other.needs) {
    const auto at = std::lower_bound(needs.begin(), needs.end(), need,
                                     [](const Need& a, const Need& b) { return a.group < b.group; });
    if (at != needs.end() && at->group == need.group)
      at->min = std::max(at->min, need.min);
    else
      needs.insert(at, need);
  }
  expires_hours = std::min(expires_hours, other.expires_hours);
  return *this;
}

std::string_view name_of(Vote vote) {
  switch (vote) {
    case Vote::approve:
      return "approve";
    case Vote::reject:
      return "reject";
    case Vote::unset:
      break;
  }
  return "unset";
}

std::optional<Vote> parse_vote(std::string_view text) {
  for (const Vote vote : {Vote::approve, Vote::reject})
    if (text == name_of(vote)) return vote;
  return std::nullopt;
}

void Approval::validate_decoded() const {
  if (!webauthn.empty() && signature != Signature64{}) throw Malformed("two signatures of one vote");
}

Json to_json(const Approval& approval) {
  Json json{{"approver", approval.approver.text}, {"decision", std::string(name_of(static_cast<Vote>(approval.vote)))}};
  if (approval.webauthn.empty())
    json["signature"] = to_hex(approval.signature);
  else
    json["webauthn"] = to_json(approval.webauthn.front());
  return json;
}

std::string approval_text(Vote vote, const std::string& approver, const Json& intent) {
  return "quorate/approval/v1\n" +
         to_jcs(Json{{"decision", std::string(name_of(vote))}, {"approver", approver}, {"intent", intent}});
}

std::optional<Fault> fault_in(const Approval& approval, const User& user, const Json& intent) {
  const auto vote = static_cast<Vote>(approval.vote);
  if (vote != Vote::approve && vote != Vote::reject) return Fault{"/decision", "must be approve or reject"};
  const std::string text = approval_text(vote, approval.approver, intent);
  if (!approval.webauthn.empty()) {
    auto fault = fault_in(approval.webauthn.front(), user.webauthn, text);
    if (fault) fault->pointer = "/webauthn" + fault->pointer;
    return fault;
  }
  if (!user.key) return Fault{"/signature", "is by an Ed25519 key, of which " + approval.approver.text + " has none"};
  if (!user.key->verify(view_of(text), approval.signature))
    return Fault{"/signature",
                 "is not " + approval.approver.text + "'s signature over this decision and this request's intent"};
  return std::nullopt;
}

}  // namespace quorate::policy
