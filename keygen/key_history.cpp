#include "keygen/key_history.h"

#include <algorithm>

#include "base/check.h"

namespace quorate {

std::string_view name_of(MaySign answer) {
  switch (answer) {
    case MaySign::unset:
      return "unset";
    case MaySign::yes:
      return "yes";
    case MaySign::used_number:
      return "this node has signed or seen a certificate with this number or a greater one";
    case MaySign::ahead_of_clock:
      return "the number lies ahead of this node's clock";
    case MaySign::outside_window:
      return "the number is no time of the request";
    case MaySign::other_base:
      return "another certificate is in force on this node";
  }
  return "unknown";
}

Attempt attempt_of(const ReshareTerms& terms, const ReshareRequest& request) {
  return {terms.number, name_of(terms.base.body), &request};
}
Attempt attempt_of(const CertificateBody& body, const ReshareRequest* request) {
  return {body.number, {body.base_number, body.base_digest}, request};
}

std::optional<KeyHistory> KeyHistory::restore(std::optional<InForce> in_force, std::vector<CertificateName> prepared) {
  std::sort(prepared.begin(), prepared.end());
  for (std::size_t k = 0; k < prepared.size(); ++k) {
    if (k > 0 && prepared[k].number == prepared[k - 1].number) return std::nullopt;
    if (in_force && prepared[k] <= in_force->name) return std::nullopt;
    if (in_force && in_force->with_share && prepared[k].number == in_force->name.number) return std::nullopt;
  }
  KeyHistory history;
  history.in_force_ = in_force;
  history.prepared_ = std::move(prepared);
  return history;
}

std::uint64_t KeyHistory::highest() const {
  const std::uint64_t number = in_force_ ? in_force_->name.number : 0;
  return prepared_.empty() ? number : std::max(number, prepared_.back().number);
}

MaySign KeyHistory::may_sign(const Attempt& attempt, std::uint64_t now) const {
  if (attempt.number <= highest()) return MaySign::used_number;
  if (attempt.base != (in_force_ ? in_force_->name : CertificateName{})) return MaySign::other_base;
  if (attempt.base == CertificateName{}) return attempt.number == 1 ? MaySign::yes : MaySign::outside_window;
  QUORATE_ASSERT(attempt.request != nullptr);
  if (!in_window(attempt.number, *attempt.request)) return MaySign::outside_window;
  if (wait_for(attempt.number, now) != 0) return MaySign::ahead_of_clock;
  return MaySign::yes;
}

KeyHistory KeyHistory::signed_for(const CertificateBody& next) const {
  QUORATE_ASSERT(next.number > highest());
  KeyHistory after = *this;
  after.prepared_.push_back(name_of(next));
  return after;
}

KeyHistory::Completion KeyHistory::complete(const CertificateBody& next, const Ed25519PublicKey& me) const {
  const CertificateName name = name_of(next);
  Completion done{{}, *this};
  if (in_force_ && name <= in_force_->name) {
    done.plan.verdict = Verdict::not_greater;
    return done;
  }
  const auto& members = next.committee.members();
  const bool member = std::any_of(members.begin(), members.end(), [&](const Member& m) { return m.identity == me; });
  const bool prepared = std::find(prepared_.begin(), prepared_.end(), name) != prepared_.end();
  if (member && !prepared) {
    done.plan.verdict = Verdict::lost_share;
    return done;
  }
  done.plan.verdict = Verdict::activates;
  done.plan.with_share = prepared;
  if (in_force_ && in_force_->with_share) done.plan.obsolete.push_back(in_force_->name);
  std::vector<CertificateName> kept;
  for (const CertificateName& p : prepared_) {
    if (p < name) done.plan.obsolete.push_back(p);
    if (p > name) kept.push_back(p);
  }
  done.after.in_force_ = InForce{name, prepared};
  done.after.prepared_ = std::move(kept);
  return done;
}

NextNumber next_number(std::span<const std::uint64_t> reported, std::uint64_t now) {
  // Half the tolerance is for the others' clocks, half for honest reports.
  const std::uint64_t greatest = now + kClockTolerance / 2;
  NextNumber next{now, 0};
  for (const std::uint64_t number : reported) {
    if (number < greatest)
      next.number = std::max(next.number, number + 1);
    else if (wait_for(number, now) <= kClockTolerance)  // more ahead no honest clock is
      next.wait = std::max(next.wait, number - greatest + 1);
  }
  return next;
}

}  // namespace quorate
