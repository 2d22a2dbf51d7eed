#include "node/client_request.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "http/router.h"

namespace quorate::node {
namespace {

constexpr int kMostVersions = 4;               // signatures of one person that are looked at
constexpr std::size_t kMostCancelBody = 1024;  // bytes of "{}"

}  // namespace

bool Consent::given() const {
  return !rejected && std::all_of(needs.begin(), needs.end(), [](const NeedSeen& n) { return n.met(); });
}

Consent consent_in(const ClientRequest& request, const policy::Intent& intent, const policy::Decision& decision,
                   const policy::PolicyDocument& policy) {
  Consent consent;
  for (const http::SignedRequest& c : request.cancellation) {
    const bool first = !consent.cancelled || encode(c) < encode(*consent.cancelled);
    if (first && cancels(c, intent, policy)) consent.cancelled = c;
  }
  if (decision.effect != policy::Effect::approve) return consent;
  const Json asked = policy::to_json(intent);
  std::map<std::string, policy::Approval> votes;
  std::map<std::string, int> looked_at;
  for (const policy::Approval& vote : request.approvals) {
    const std::string& user = vote.approver;
    const auto said = static_cast<policy::Vote>(vote.vote);
    if (said != policy::Vote::approve && said != policy::Vote::reject) continue;
    if (user == intent.requested_by && !decision.self_approve) continue;
    if (!policy.may_approve(user, decision.approvals.needs)) continue;
    // An authenticator makes another signature each time, and of each everybody can make a second one.
    const auto before = votes.find(user);
    const bool better = before == votes.end() || vote.vote > before->second.vote ||
                        (vote.vote == before->second.vote && encode(vote) < encode(before->second));
    if (!better || ++looked_at[user] > kMostVersions) continue;
    if (policy::fault_in(vote, *policy.user_of(user), asked)) continue;
    votes.insert_or_assign(user, vote);
  }
  for (const policy::Need& need : decision.approvals.needs) {
    NeedSeen seen{need.group, static_cast<std::uint32_t>(need.min), 0};
    for (const auto& [user, vote] : votes)
      seen.have += vote.vote == static_cast<std::uint8_t>(policy::Vote::approve) && policy.is_member(user, need.group);
    consent.needs.push_back(std::move(seen));
  }
  for (auto& [user, vote] : votes) {
    consent.rejected |= vote.vote == static_cast<std::uint8_t>(policy::Vote::reject);
    consent.votes.push_back(std::move(vote));
  }
  return consent;
}

bool cancels(const http::SignedRequest& cancellation, const policy::Intent& intent,
             const policy::PolicyDocument& policy) {
  if (cancellation.body.size() > kMostCancelBody) return false;
  const auto verified = http::verify(cancellation, intent.cluster, [&](std::string_view user) {
    const Ed25519PublicKey* key = policy.key_of(user);
    return key == nullptr ? std::nullopt : std::optional(*key);
  });
  const auto* who = std::get_if<http::Verified>(&verified);
  if (who == nullptr || (who->user != intent.requested_by && !policy.is_admin(who->user))) return false;
  const auto matched = http::route(cancellation.method.text, cancellation.target.text);
  const auto* match = std::get_if<http::Match>(&matched);
  return match != nullptr && match->route == http::Route::cancel && match->subject == intent.request;
}

void add_exceeded(ClientRequest& request, const std::set<std::string>& rules) {
  std::set<std::string> all = rules;
  for (const auto& rule : request.exceeded) all.insert(rule.text);
  request.exceeded.clear();
  for (const std::string& rule : all)
    if (request.exceeded.size() < request.exceeded.max_count) request.exceeded.push_back(rule);
}

ClientRequest in_normal_form(const ClientRequest& request, const Consent& consent) {
  ClientRequest out(as_signed(request));
  out.approvals.assign(consent.votes.begin(), consent.votes.end());
  if (consent.cancelled) out.cancellation.push_back(*consent.cancelled);
  for (const auto& rule : request.exceeded) add_exceeded(out, {rule.text});
  return out;
}

}  // namespace quorate::node
