#include "keygen/key_history.h"

#include <algorithm>

#include "base/check.h"

namespace quorate {

std::optional<KeyHistory> KeyHistory::restore(std::optional<CertificateName> active,
                                              std::vector<CertificateName> prepared) {
  std::sort(prepared.begin(), prepared.end());
  for (std::size_t k = 0; k < prepared.size(); ++k) {
    if (k > 0 && prepared[k].number == prepared[k - 1].number) return std::nullopt;
    if (active && prepared[k] <= *active) return std::nullopt;
  }
  std::optional<KeyHistory> history(std::in_place);
  history->active_ = active;
  history->prepared_ = std::move(prepared);
  return history;
}

std::uint64_t KeyHistory::highest() const {
  const std::uint64_t active = active_ ? active_->number : 0;
  return prepared_.empty() ? active : std::max(active, prepared_.back().number);
}

MaySign KeyHistory::may_sign(const CertificateBody& next, std::uint64_t now) const {
  if (next.number <= highest()) return MaySign::used_number;
  if (next.number > greatest_number(now)) return MaySign::far_number;
  const CertificateName base{next.base_number, next.base_digest};
  if (base != active_.value_or(CertificateName{})) return MaySign::other_base;
  return MaySign::yes;
}

void KeyHistory::signed_for(const CertificateBody& next) {
  QUORATE_ASSERT(next.number > highest());
  prepared_.push_back(name_of(next));
}

KeyHistory::Activation KeyHistory::complete(const CertificateBody& next) {
  const CertificateName name = name_of(next);
  Activation activation;
  if (active_ && name <= *active_) return activation;
  activation.activates = true;
  std::vector<CertificateName> kept;
  for (const CertificateName& p : prepared_) {
    if (p == name) activation.with_share = true;
    if (p < name) activation.obsolete.push_back(p.number);
    if (p > name) kept.push_back(p);
  }
  prepared_ = std::move(kept);
  // A node has one share of a number at most: one of this number is the new certificate's, or goes.
  if (active_ && !(activation.with_share && active_->number == name.number))
    activation.obsolete.insert(activation.obsolete.begin(), active_->number);
  active_ = name;
  return activation;
}

std::optional<std::uint64_t> next_number(std::span<const std::uint64_t> reported, std::uint64_t now) {
  std::uint64_t highest = 0;
  for (const std::uint64_t number : reported)
    if (number <= greatest_number(now)) highest = std::max(highest, number);
  if (highest == greatest_number(now)) return std::nullopt;
  return highest + 1;
}

}  // namespace quorate
