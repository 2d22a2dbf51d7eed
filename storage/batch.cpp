#include "storage/batch.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/limits.h"

namespace quorate::storage {
namespace {

bool is_name(const std::string& s) {
  return !s.empty() && s.size() <= limits::kMaxStoredName && s.find('\0') == std::string::npos;
}
bool is_label(const std::string& s) { return s.empty() || is_name(s); }
bool fits(std::size_t bytes) { return bytes <= limits::kMaxRecord; }

struct Bounds {
  bool operator()(const op::InsertRequest& o) const { return holds(o.row); }
  bool operator()(const op::PutRequest& o) const { return holds(o.row); }
  bool operator()(const op::UpdateRequest& o) const { return holds(o.row) && !o.expected.empty(); }
  bool operator()(const op::ForgetBefore&) const { return true; }
  bool operator()(const op::ReserveName& o) const { return is_name(o.name) && is_name(o.request); }
  bool operator()(const op::ReleaseName& o) const { return is_name(o.name) && is_name(o.request); }
  bool operator()(const op::PutKey& o) const {
    return is_name(o.row.id) && is_name(o.row.name) && is_label(o.row.algorithm) && o.row.state != KeyState::unset &&
           o.row.number <= kMaxNumber && fits(o.row.certificate.size()) && fits(o.row.record.size());
  }
  bool operator()(const op::SetKeyState& o) const { return is_name(o.key) && o.state != KeyState::unset; }
  bool operator()(const op::InsertShare& o) const { return holds(o.row); }
  bool operator()(const op::InsertSuccessor& o) const { return holds(o.row) && !o.base.empty() && fits(o.base.size()); }
  bool operator()(const op::DropPrepared& o) const { return is_name(o.key); }
  bool operator()(const op::Activate& o) const {
    return is_name(o.key) && o.number >= 1 && o.number <= kMaxNumber && fits(o.certificate.size());
  }
  bool operator()(const op::Succeed& o) const {
    const Succession& s = o.it;
    return is_name(s.key) && !s.replaces.empty() && fits(s.replaces.size()) && s.number >= 1 &&
           s.number <= kMaxNumber && !s.certificate.empty() && fits(s.certificate.size()) && fits(s.record.size()) &&
           s.obsolete.size() <= limits::kMaxRecord &&
           !(s.with_share && std::find(s.obsolete.begin(), s.obsolete.end(), s.number) != s.obsolete.end());
  }
  bool operator()(const op::PutQuarantine& o) const {
    return is_name(o.row.key) && o.row.number >= 1 && o.row.number <= kMaxNumber && is_name(o.row.by) &&
           is_name(o.row.node) && o.row.by != o.row.node && is_name(o.row.reason);
  }
  bool operator()(const op::AddStrike& o) const {
    return is_name(o.key) && o.number >= 1 && o.number <= kMaxNumber && is_name(o.node);
  }
  bool operator()(const op::Claim& o) const { return is_name(o.kind) && is_name(o.id); }
  bool operator()(const op::AppendAudit& o) const {
    return is_name(o.entry.kind) && is_label(o.entry.request) && fits(o.entry.text.size());
  }
  bool operator()(const op::PutMeta& o) const { return is_name(o.name) && fits(o.bytes.size()); }
  bool operator()(const op::EraseMeta& o) const { return is_name(o.name); }
  bool operator()(const op::ExpectMeta& o) const { return is_name(o.name); }
  bool operator()(const op::Reserve& o) const {
    const auto is_sound = [&](const LedgerLimit& l) {
      return is_name(l.rule) && l.hours >= 1 && l.hours <= limits::kMaxWindowHours &&
             std::any_of(o.it.parts.begin(), o.it.parts.end(), [&](const LedgerPart& p) { return p.sum == l.sum; });
    };
    return is_change(o.it) && o.it.limits.size() <= limits::kMaxLedgerLimits &&
           std::all_of(o.it.limits.begin(), o.it.limits.end(), is_sound);
  }
  bool operator()(const op::Spend& o) const { return is_name(o.request) && is_time(o.time); }
  bool operator()(const op::Settle& o) const { return is_change(o.it); }
  bool operator()(const op::Unreserve& o) const { return is_name(o.request); }
  bool operator()(const op::Hear& o) const { return is_change(o.it) && is_name(o.it.node); }
  bool operator()(const op::Unhear& o) const { return is_name(o.request) && is_name(o.node); }
  bool operator()(const op::PruneLedger& o) const { return is_time(o.now); }

  static bool is_time(std::int64_t t) { return t >= 0 && t <= std::int64_t{1} << 40; }
  static bool is_change(const auto& ledger_change) {
    const std::vector<LedgerPart>& parts = ledger_change.parts;
    std::set<std::string_view> sums;
    return is_name(ledger_change.request) && is_time(ledger_change.time) && parts.size() <= limits::kMaxLedgerParts &&
           std::all_of(parts.begin(), parts.end(),
                       [&](const LedgerPart& p) { return is_name(p.sum) && sums.insert(p.sum).second; });
  }

  static constexpr std::uint64_t kMaxNumber = INT64_MAX;  // SQLite's integers are signed
  static bool holds(const RequestRow& r) {
    return is_name(r.id) && is_name(r.kind) && r.state != RequestState::unset && is_label(r.user) && is_label(r.key) &&
           fits(r.record.size());
  }
  static bool holds(const ShareRow& r) {
    return is_name(r.key) && r.state == ShareState::prepared && r.number >= 1 && r.number <= kMaxNumber &&
           r.party >= 1 && r.party <= limits::kMaxParties && fits(r.blob.size()) && fits(r.record.size());
  }
};

}  // namespace

std::string_view to_text(Conflict conflict) {
  switch (conflict) {
    case Conflict::none:
      return "none";
    case Conflict::exists:
      return "exists";
    case Conflict::not_found:
      return "not_found";
    case Conflict::wrong_state:
      return "wrong_state";
    case Conflict::name_taken:
      return "name_taken";
    case Conflict::stale_number:
      return "stale_number";
    case Conflict::claimed:
      return "claimed";
    case Conflict::meta_differs:
      return "meta_differs";
    case Conflict::other_certificate:
      return "other_certificate";
    case Conflict::limit:
      return "limit";
    case Conflict::out_of_bounds:
      return "out_of_bounds";
  }
  QUORATE_ASSERT(false && "a conflict outside its enum");
}

bool within_bounds(const op::Any& operation) { return std::visit(Bounds{}, operation); }

CommitResult CommitResult::conflicting(Conflict conflict, std::string text) {
  if (conflict == Conflict::limit) return {CommitStatus::conflict, conflict, std::move(text), {}};
  return {CommitStatus::conflict, conflict, std::string(to_text(conflict)) + ": " + std::move(text), {}};
}
CommitResult CommitResult::breaking(std::string text) {
  return {CommitStatus::broken, Conflict::none, std::move(text), {}};
}

Batch& Batch::add(op::Any operation) {
  operations_.push_back(std::move(operation));
  return *this;
}
Batch& Batch::insert_request(RequestRow row) { return add(op::InsertRequest{std::move(row)}); }
Batch& Batch::put_request(RequestRow row) { return add(op::PutRequest{std::move(row)}); }
Batch& Batch::update_request(RequestRow row, std::vector<RequestState> expected) {
  return add(op::UpdateRequest{std::move(row), std::move(expected)});
}
Batch& Batch::forget_before(std::int64_t time) { return add(op::ForgetBefore{time}); }
Batch& Batch::reserve_name(std::string name, std::string request) {
  return add(op::ReserveName{std::move(name), std::move(request)});
}
Batch& Batch::release_name(std::string name, std::string request) {
  return add(op::ReleaseName{std::move(name), std::move(request)});
}
Batch& Batch::put_key(KeyRow row) { return add(op::PutKey{std::move(row)}); }
Batch& Batch::set_key_state(std::string key, KeyState expected, KeyState state) {
  return add(op::SetKeyState{std::move(key), expected, state});
}
Batch& Batch::insert_share(ShareRow row) { return add(op::InsertShare{std::move(row)}); }
Batch& Batch::drop_prepared(std::string key, std::uint64_t number) {
  return add(op::DropPrepared{std::move(key), number});
}
Batch& Batch::activate(std::string key, std::uint64_t number, Bytes certificate) {
  return add(op::Activate{std::move(key), number, std::move(certificate)});
}
Batch& Batch::insert_successor(ShareRow row, Bytes base) {
  return add(op::InsertSuccessor{std::move(row), std::move(base)});
}
Batch& Batch::succeed(Succession succession) { return add(op::Succeed{std::move(succession)}); }
Batch& Batch::put_quarantine(QuarantineRow row) { return add(op::PutQuarantine{std::move(row)}); }
Batch& Batch::add_strike(std::string key, std::uint64_t number, const Digest& certificate, std::string node) {
  return add(op::AddStrike{std::move(key), number, certificate, std::move(node)});
}
Batch& Batch::claim(std::string kind, std::string id, std::int64_t forget_after) {
  return add(op::Claim{std::move(kind), std::move(id), forget_after});
}
Batch& Batch::append_audit(AuditEntry entry) { return add(op::AppendAudit{std::move(entry)}); }
Batch& Batch::put_meta(std::string name, SecretBytes bytes, std::int64_t forget_after) {
  return add(op::PutMeta{std::move(name), std::move(bytes), forget_after});
}
Batch& Batch::erase_meta(std::string name) { return add(op::EraseMeta{std::move(name)}); }
Batch& Batch::expect_meta(std::string name, std::optional<SecretBytes> bytes) {
  return add(op::ExpectMeta{std::move(name), std::move(bytes)});
}
Batch& Batch::reserve(LedgerReserve reservation) { return add(op::Reserve{std::move(reservation)}); }
Batch& Batch::spend(std::string request, std::int64_t time) { return add(op::Spend{std::move(request), time}); }
Batch& Batch::settle(LedgerSettle settlement) { return add(op::Settle{std::move(settlement)}); }
Batch& Batch::unreserve(std::string request) { return add(op::Unreserve{std::move(request)}); }
Batch& Batch::hear(LedgerHeard heard) { return add(op::Hear{std::move(heard)}); }
Batch& Batch::unhear(std::string request, std::string node) {
  return add(op::Unhear{std::move(request), std::move(node)});
}
Batch& Batch::prune_ledger(std::int64_t now) { return add(op::PruneLedger{now}); }

}  // namespace quorate::storage
