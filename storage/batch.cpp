#include "storage/batch.h"

#include <algorithm>

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
    case Conflict::out_of_bounds:
      return "out_of_bounds";
  }
  QUORATE_ASSERT(false && "a conflict outside its enum");
}

bool within_bounds(const op::Any& operation) { return std::visit(Bounds{}, operation); }

CommitResult CommitResult::conflicting(Conflict conflict, std::string text) {
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

}  // namespace quorate::storage
