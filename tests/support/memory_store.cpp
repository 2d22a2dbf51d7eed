#include "tests/support/memory_store.h"

#include <algorithm>
#include <tuple>
#include <variant>

#include "base/check.h"
#include "base/limits.h"
#include "storage/apply.h"

namespace quorate::storage {
namespace {

auto find(const auto& map, const auto& id) -> std::optional<typename std::decay_t<decltype(map)>::mapped_type> {
  const auto found = map.find(id);
  if (found == map.end()) return std::nullopt;
  return found->second;
}

template <class Row>
Page<Row> page(std::vector<Row> rows, std::size_t limit, auto cursor_of) {
  Page<Row> p{std::move(rows), std::nullopt};
  if (p.items.size() > limit) {
    p.items.resize(limit);
    if (limit != 0) p.next = cursor_of(p.items.back());
  }
  return p;
}

}  // namespace

struct MemoryStore::Apply {
  const MemoryStore& store;
  Content& c;
  std::string& text;

  Conflict operator()(const op::InsertRequest& o) {
    return c.requests.emplace(o.row.id, o.row).second ? Conflict::none : Conflict::exists;
  }
  Conflict operator()(const op::PutRequest& o) {
    c.requests.insert_or_assign(o.row.id, o.row);
    return Conflict::none;
  }
  Conflict operator()(const op::UpdateRequest& o) {
    const auto found = c.requests.find(o.row.id);
    if (found == c.requests.end()) return Conflict::not_found;
    if (std::find(o.expected.begin(), o.expected.end(), found->second.state) == o.expected.end())
      return Conflict::wrong_state;
    found->second = o.row;
    return Conflict::none;
  }
  Conflict operator()(const op::ForgetBefore& o) {
    const auto past = [&](std::int64_t forget_after) { return forget_after != 0 && forget_after < o.time; };
    const std::int64_t begin = window_begin(minute_of(o.time), limits::kMaxWindowHours);
    const auto shown = [&](const std::string& request) {
      const auto e = c.ledger.find(request);
      return e != c.ledger.end() && e->second.own != LedgerOwn::none && e->second.minute >= begin;
    };
    std::erase_if(c.requests, [&](const auto& e) {
      return past(e.second.forget_after) && !is_open(e.second.state) && !shown(e.first);
    });
    std::erase_if(c.claims, [&](const auto& e) { return past(e.second); });
    std::erase_if(c.metas, [&](const auto& e) { return past(e.second.second); });
    return Conflict::none;
  }
  Conflict operator()(const op::ReserveName& o) {
    for (const auto& [id, k] : c.keys)
      if (k.name == o.name) return Conflict::name_taken;
    return c.names.emplace(o.name, o.request).first->second == o.request ? Conflict::none : Conflict::name_taken;
  }
  Conflict operator()(const op::ReleaseName& o) {
    std::erase_if(c.names, [&](const auto& e) { return e.first == o.name && e.second == o.request; });
    return Conflict::none;
  }
  Conflict operator()(const op::PutKey& o) {
    for (const auto& [id, k] : c.keys)
      if (k.name == o.row.name && id != o.row.id) return Conflict::name_taken;
    const auto found = c.keys.find(o.row.id);
    if (found != c.keys.end() && found->second.number > o.row.number) return Conflict::stale_number;
    c.keys.insert_or_assign(o.row.id, o.row);
    return Conflict::none;
  }
  Conflict operator()(const op::SetKeyState& o) {
    const auto found = c.keys.find(o.key);
    if (found == c.keys.end()) return Conflict::not_found;
    if (found->second.state != o.expected) return Conflict::wrong_state;
    found->second.state = o.state;
    return Conflict::none;
  }
  Conflict operator()(const op::InsertShare& o) {
    const auto key = c.keys.find(o.row.key);
    if (key == c.keys.end()) return Conflict::not_found;
    if (c.shares.contains({o.row.key, o.row.number})) return Conflict::exists;
    if (key->second.number >= o.row.number) return Conflict::stale_number;
    c.shares.emplace(std::pair{o.row.key, o.row.number}, o.row);
    return Conflict::none;
  }
  Conflict operator()(const op::DropPrepared& o) {
    const auto found = c.shares.find({o.key, o.number});
    if (found == c.shares.end()) return Conflict::none;
    if (found->second.state == ShareState::active) return Conflict::wrong_state;
    c.shares.erase(found);
    return Conflict::none;
  }
  Conflict operator()(const op::InsertSuccessor& o) {
    const auto key = c.keys.find(o.row.key);
    if (key == c.keys.end()) return Conflict::not_found;
    if (key->second.certificate != o.base) return Conflict::other_certificate;
    if (key->second.number >= o.row.number) return Conflict::stale_number;
    for (const auto& [place, share] : c.shares)
      if (place.first == o.row.key && place.second >= o.row.number) return Conflict::stale_number;
    c.shares.emplace(std::pair{o.row.key, o.row.number}, o.row);
    return Conflict::none;
  }
  Conflict operator()(const op::Activate& o) {
    const auto key = c.keys.find(o.key);
    if (key == c.keys.end()) return Conflict::not_found;
    if (key->second.number != 0) return Conflict::stale_number;
    const auto share = c.shares.find({o.key, o.number});
    if (share == c.shares.end()) return Conflict::not_found;
    share->second.state = ShareState::active;
    key->second.number = o.number;
    key->second.certificate = o.certificate;
    key->second.state = KeyState::active;
    return Conflict::none;
  }
  Conflict operator()(const op::Succeed& o) {
    const Succession& s = o.it;
    const auto key = c.keys.find(s.key);
    if (key == c.keys.end()) return Conflict::not_found;
    KeyRow& k = key->second;
    if (k.state == KeyState::prepared) return Conflict::wrong_state;
    if (k.certificate != s.replaces) return Conflict::other_certificate;
    if (k.number > s.number) return Conflict::stale_number;
    const auto share = c.shares.find({s.key, s.number});
    if (s.with_share && (share == c.shares.end() || share->second.state != ShareState::prepared))
      return Conflict::not_found;
    for (const std::uint64_t number : s.obsolete) c.shares.erase({s.key, number});
    for (const auto& [place, row] : c.shares)
      if (place.first == s.key && (row.state == ShareState::active || place.second < s.number))
        return Conflict::wrong_state;
    const auto ends = [&](const std::string& of, std::uint64_t number, const Digest& certificate) {
      return of == s.key && number <= s.number && certificate != s.digest;
    };
    std::erase_if(c.quarantines,
                  [&](const auto& e) { return ends(e.second.key, e.second.number, e.second.certificate); });
    std::erase_if(c.strikes,
                  [&](const auto& e) { return ends(std::get<0>(e.first), e.second.first, std::get<1>(e.first)); });
    if (s.with_share) c.shares.at({s.key, s.number}).state = ShareState::active;
    k.number = s.number;
    k.certificate = s.certificate;
    k.record = s.record;
    return Conflict::none;
  }
  Conflict older_than_key(const std::string& key, std::uint64_t number) const {
    const auto found = c.keys.find(key);
    if (found == c.keys.end()) return Conflict::not_found;
    return found->second.number > number ? Conflict::stale_number : Conflict::none;
  }
  Conflict operator()(const op::PutQuarantine& o) {
    const QuarantineRow& r = o.row;
    if (const Conflict refused = older_than_key(r.key, r.number); refused != Conflict::none) return refused;
    c.quarantines.try_emplace({r.key, r.certificate, r.by, r.node}, r);
    return Conflict::none;
  }
  Conflict operator()(const op::AddStrike& o) {
    if (const Conflict refused = older_than_key(o.key, o.number); refused != Conflict::none) return refused;
    ++c.strikes.try_emplace({o.key, o.certificate, o.node}, o.number, 0).first->second.second;
    return Conflict::none;
  }
  Conflict operator()(const op::Claim& o) {
    return c.claims.emplace(std::pair{o.kind, o.id}, o.forget_after).second ? Conflict::none : Conflict::claimed;
  }
  Conflict operator()(const op::AppendAudit& o) {
    c.audit.push_back(audit_record(store.head_of_log(c), o.entry));
    return Conflict::none;
  }
  Conflict operator()(const op::PutMeta& o) {
    c.metas.insert_or_assign(o.name, std::pair{o.bytes, o.forget_after});
    return Conflict::none;
  }
  Conflict operator()(const op::EraseMeta& o) {
    c.metas.erase(o.name);
    return Conflict::none;
  }
  Conflict operator()(const op::ExpectMeta& o) {
    const auto found = c.metas.find(o.name);
    const bool same = found == c.metas.end() ? !o.bytes : o.bytes && *o.bytes == found->second.first;
    return same ? Conflict::none : Conflict::meta_differs;
  }

  std::int64_t advance(std::int64_t time) { return c.ledger_clock = std::max(c.ledger_clock, minute_of(time)); }
  std::optional<LedgerEntry> entry(const std::string& request) const { return find(c.ledger, request); }
  Conflict keep(const std::optional<LedgerEntry>& before, LedgerEntry after) {
    if (after.parts.size() > limits::kMaxLedgerParts || after.others.size() > limits::kMaxNodes)
      return Conflict::out_of_bounds;
    if (is_news(before, after)) after.seq = ++c.ledger_seq;
    const std::string request = after.request;
    c.ledger.insert_or_assign(request, std::move(after));
    return Conflict::none;
  }
  Conflict operator()(const op::Reserve& o) {
    const auto before = entry(o.it.request);
    const Conflict kept = keep(before, reserved(before, o.it, advance(o.it.time)));
    if (kept != Conflict::none) return kept;
    for (const LedgerLimit& limit : o.it.limits)
      if (!holds(limit, sum_in(c, limit.sum, limit.hours, o.it.time))) {
        text = limit.rule;
        return Conflict::limit;
      }
    return Conflict::none;
  }
  Conflict operator()(const op::Spend& o) {
    const auto before = entry(o.request);
    if (!before || before->own == LedgerOwn::none) return Conflict::not_found;
    return keep(before, spent(*before, advance(o.time)));
  }
  Conflict operator()(const op::Settle& o) {
    const auto before = entry(o.it.request);
    return keep(before, settled(before, o.it, advance(o.it.time)));
  }
  Conflict operator()(const op::Unreserve& o) {
    const auto before = entry(o.request);
    return before ? keep(before, unreserved(*before)) : Conflict::none;
  }
  Conflict operator()(const op::Hear& o) {
    const auto before = entry(o.it.request);
    return keep(before, heard(before, o.it));
  }
  Conflict operator()(const op::Unhear& o) {
    const auto before = entry(o.request);
    return before ? keep(before, unheard(*before, o.node)) : Conflict::none;
  }
  Conflict operator()(const op::PruneLedger& o) {
    const std::int64_t begin = window_begin(advance(o.now), limits::kMaxWindowHours);
    std::erase_if(c.ledger, [&](const auto& e) { return e.second.minute < begin; });
    return Conflict::none;
  }
};

MemoryStore::MemoryStore(Identity identity) : identity_(std::move(identity)) {}
MemoryStore::~MemoryStore() = default;

std::size_t MemoryStore::pump(std::size_t most) {
  while (!landed_.empty()) {
    const auto [done, result] = std::move(landed_.front());
    landed_.pop_front();
    done(result);
  }
  std::size_t n = 0;
  for (; n < most && !queue_.empty(); ++n) {
    Waiting w = std::move(queue_.front());
    queue_.pop_front();
    if (crash_at(Point::before_durable)) throw Crash{};
    const CommitResult result = write(w.batch);
    if (crash_at(Point::after_durable)) throw Crash{};
    if (fail_in_ != 0) --fail_in_;
    w.done(result);
  }
  return n;
}

void MemoryStore::land() {
  if (queue_.empty() || fail_in_ != 0) return;
  Waiting w = std::move(queue_.front());
  queue_.pop_front();
  landed_.emplace_back(std::move(w.done), write(w.batch));
}

MemoryStore::Content MemoryStore::snapshot() const { return content_; }
void MemoryStore::restore(Content content) {
  content_ = std::move(content);
  keys_version_ += 2;
}
void MemoryStore::crash() { queue_.clear(), landed_.clear(), fail_in_ = 0, failure_.clear(); }

void MemoryStore::commit(Batch batch, Done done) {
  if (!failure_.empty()) return done(CommitResult::breaking(failure_));
  if (queue_.size() >= limits::kMaxWriteQueue || (has_no_room && has_no_room(batch)))
    return done({CommitStatus::overloaded, Conflict::none, "too many writes wait", {}});
  queue_.push_back({std::move(batch), std::move(done)});
}

CommitResult MemoryStore::commit_now(Batch batch) {
  std::optional<CommitResult> result;
  commit(std::move(batch), [&result](const CommitResult& r) { result = r; });
  while (!result) QUORATE_ASSERT(pump(1) == 1);
  return *result;
}

std::optional<RequestRow> MemoryStore::request(const std::string& id) const { return find(content_.requests, id); }

Page<RequestRow> MemoryStore::requests(const RequestFilter& f, std::size_t limit,
                                       const std::optional<Cursor>& after) const {
  std::vector<RequestRow> rows;
  for (const auto& [id, r] : content_.requests) {
    if ((f.state && r.state != *f.state) || (f.kind && r.kind != *f.kind) || (f.key && r.key != *f.key) ||
        (f.user && r.user != *f.user))
      continue;
    if (after && std::tie(r.created, r.id) >= std::tie(after->time, after->id)) continue;
    rows.push_back(r);
  }
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return std::tie(b.created, b.id) < std::tie(a.created, a.id); });
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < rows.size() && i < limit; bytes += rows[i++].record.size())
    if (bytes >= kMaxPageBytes) limit = i;
  return page(std::move(rows), limit, [](const RequestRow& r) { return Cursor{r.created, r.id}; });
}

std::vector<RequestRow> MemoryStore::open_requests() const {
  std::vector<RequestRow> rows;
  for (const auto& [id, r] : content_.requests)
    if (is_open(r.state)) rows.push_back(r);
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return std::tie(a.created, a.id) < std::tie(b.created, b.id); });
  return rows;
}

std::vector<RequestRow> MemoryStore::overdue_requests(std::int64_t now) const {
  std::vector<RequestRow> rows = open_requests();
  std::erase_if(rows, [now](const RequestRow& r) { return r.expires >= now; });
  return rows;
}

std::size_t MemoryStore::open_request_count() const { return open_requests().size(); }

std::optional<KeyRow> MemoryStore::key_by_id(const std::string& id) const {
  if (before_read) before_read();
  return find(content_.keys, id);
}

std::optional<KeyRow> MemoryStore::key_by_name(const std::string& name) const {
  for (const auto& [id, r] : content_.keys)
    if (r.name == name) return r;
  return std::nullopt;
}

Page<KeyRow> MemoryStore::keys(std::size_t limit, const std::optional<Cursor>& after) const {
  std::vector<KeyRow> rows;
  for (const auto& [id, r] : content_.keys)
    if (!after || r.name > after->id) rows.push_back(r);
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return page(std::move(rows), limit, [](const KeyRow& r) { return Cursor{0, r.name}; });
}

std::optional<std::string> MemoryStore::name_holder(const std::string& name) const {
  return find(content_.names, name);
}

std::optional<ShareRow> MemoryStore::share(const std::string& key, std::uint64_t number) const {
  return find(content_.shares, std::pair{key, number});
}

std::optional<ShareRow> MemoryStore::active_share(const std::string& key) const {
  if (before_read) before_read();
  for (const auto& [place, r] : content_.shares)
    if (place.first == key && r.state == ShareState::active) return r;
  return std::nullopt;
}

std::vector<ShareInfo> MemoryStore::prepared_shares() const {
  if (before_read) before_read();
  std::vector<ShareInfo> rows;
  for (const auto& [place, r] : content_.shares)
    if (r.state == ShareState::prepared) rows.push_back({r.key, r.number, r.party, r.state, r.record});
  return rows;
}

std::vector<QuarantineRow> MemoryStore::quarantines(const std::string& key) const {
  std::vector<QuarantineRow> rows;
  for (const auto& [place, r] : content_.quarantines)
    if (r.key == key) rows.push_back(r);
  return rows;
}

std::vector<std::string> MemoryStore::quarantined_keys(const std::string& after, std::size_t limit) const {
  std::vector<std::string> keys;
  for (const auto& [place, r] : content_.quarantines)
    if (r.key > after && keys.size() < limit && (keys.empty() || keys.back() != r.key)) keys.push_back(r.key);
  return keys;
}

std::uint64_t MemoryStore::strikes(const std::string& key, const Digest& certificate, const std::string& node) const {
  const auto found = content_.strikes.find({key, certificate, node});
  return found == content_.strikes.end() ? 0 : found->second.second;
}

bool MemoryStore::claimed(const std::string& kind, const std::string& id) const {
  return content_.claims.contains({kind, id});
}

std::vector<AuditRecord> MemoryStore::audit(std::uint64_t after_seq, std::size_t limit) const {
  std::vector<AuditRecord> rows;
  for (const AuditRecord& r : content_.audit)
    if (r.seq > after_seq && rows.size() < limit) rows.push_back(r);
  return rows;
}

AuditHead MemoryStore::audit_head() const { return head_of_log(content_); }

std::optional<SecretBytes> MemoryStore::meta(const std::string& name) const {
  const auto found = content_.metas.find(name);
  if (found == content_.metas.end()) return std::nullopt;
  return found->second.first;
}

std::vector<MetaRow> MemoryStore::metas(const std::string& prefix, const std::string& after, std::size_t limit) const {
  if (before_read) before_read();
  std::vector<MetaRow> rows;
  for (const auto& [name, value] : content_.metas)
    if (name.starts_with(prefix) && name > after && rows.size() < limit) rows.push_back({name, value.first});
  return rows;
}

// Over all entries, without the buckets that SQL has.
LedgerSum MemoryStore::sum_in(const Content& c, const std::string& name, std::int64_t hours, std::int64_t now) {
  const std::int64_t begin = window_begin(std::max(c.ledger_clock, minute_of(now)), hours);
  LedgerSum sum;
  for (const auto& [request, e] : c.ledger)
    for (const LedgerPart& part : e.parts) {
      if (part.sum != name || !e.counted() || e.minute < begin) continue;
      sum.total = sum.total + widened(part.amount);
      ++sum.count;
      if (!e.counted_as_own()) continue;
      sum.own = sum.own + widened(part.amount);
      ++sum.own_count;
    }
  return sum;
}

LedgerSum MemoryStore::ledger_sum(const std::string& name, std::int64_t hours, std::int64_t now) const {
  return sum_in(content_, name, hours, now);
}

std::optional<LedgerEntry> MemoryStore::ledger_entry(const std::string& request) const {
  return find(content_.ledger, request);
}

std::vector<LedgerEntry> MemoryStore::ledger_open(std::size_t limit) const {
  std::vector<LedgerEntry> entries;
  for (const auto& [request, e] : content_.ledger)
    if (e.own == LedgerOwn::reserved && entries.size() < limit) entries.push_back(e);
  return entries;
}

std::uint64_t MemoryStore::ledger_seq() const { return content_.ledger_seq; }

std::vector<LedgerEntry> MemoryStore::ledger_after(std::uint64_t after, std::size_t limit) const {
  std::vector<LedgerEntry> entries;
  for (const auto& [request, e] : content_.ledger)
    if (e.seq > after) entries.push_back(e);
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.seq < b.seq; });
  if (entries.size() > limit) entries.resize(limit);
  return entries;
}

AuditHead MemoryStore::head_of_log(const Content& c) const {
  return c.audit.empty() ? audit_genesis(identity_) : head_of(c.audit.back());
}

CommitResult MemoryStore::write(const Batch& batch) {
  if (!failure_.empty()) return CommitResult::breaking(failure_);
  Content next = content_;
  std::string text = "in memory";
  for (const op::Any& o : batch.operations()) {
    const Conflict c = within_bounds(o) ? std::visit(Apply{*this, next, text}, o) : Conflict::out_of_bounds;
    if (c != Conflict::none) return CommitResult::conflicting(c, text);
  }
  content_ = std::move(next);
  if (std::any_of(batch.operations().begin(), batch.operations().end(), changes_keys)) keys_version_ += 2;
  ++commits_;
  return {CommitStatus::ok, Conflict::none, {}, head_of_log(content_)};
}

}  // namespace quorate::storage
