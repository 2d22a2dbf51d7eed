// A Store in memory for simulations: one thread, deterministic, and it can crash.
//
//   commit() only queues; pump() makes the queued batches durable in order and then runs their `done`. What was not
//   pumped is lost by crash(), what was pumped survives it. land() makes one batch durable and leaves its `done` for
//   the next pump(), as a writer's thread may between any two reads. fail_at(k) crashes at the k-th batch from now,
//   before or after it became durable, so that a simulation can break every write for every k.
#pragma once
#include <algorithm>
#include <deque>
#include <map>

#include "base/check.h"
#include "base/limits.h"
#include "storage/store.h"

namespace quorate::storage {

class MemoryStore final : public Store {
 public:
  // Thrown by pump() and commit_now() at the point that fail_at chose. The host simulates the death of the process: it
  // destroys everything but the store and calls crash().
  struct Crash {};
  enum class Point { before_durable, after_durable };

  // All durable content.
  struct Content {
    std::map<std::string, RequestRow> requests;
    std::map<std::string, std::string> names;  // name -> request
    std::map<std::string, KeyRow> keys;
    std::map<std::pair<std::string, std::uint64_t>, ShareRow> shares;
    std::map<std::tuple<std::string, Digest, std::string, std::string>, QuarantineRow>
        quarantines;  // (key, certificate, by, node)
    std::map<std::tuple<std::string, Digest, std::string>, std::pair<std::uint64_t, std::uint64_t>>
        strikes;  // (key, certificate, node) -> number, count
    std::map<std::pair<std::string, std::string>, std::int64_t> claims;
    std::map<std::string, std::pair<SecretBytes, std::int64_t>> metas;
    std::vector<AuditRecord> audit;
  };

  explicit MemoryStore(Identity identity) : identity_(std::move(identity)) {}

  // ---- the simulation's side
  // Makes at most `most` queued batches durable and runs their `done`. Returns how many.
  std::size_t pump(std::size_t most = SIZE_MAX) {
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
  void land() {
    if (queue_.empty() || fail_in_ != 0) return;
    Waiting w = std::move(queue_.front());
    queue_.pop_front();
    landed_.emplace_back(std::move(w.done), write(w.batch));
  }
  std::size_t waiting() const { return queue_.size() + landed_.size(); }
  std::function<void()> before_read;                // of a key, its shares, its metas
  std::size_t commits() const { return commits_; }  // batches made durable since construction

  // The k-th batch from now (1 is the next one) crashes. k = 0: none.
  void fail_at(std::size_t k, Point point = Point::before_durable) { fail_in_ = k, fail_point_ = point; }
  // The process died: what was not durable is gone, no `done` of it will run. Usable again at once.
  void crash() { queue_.clear(), landed_.clear(), fail_in_ = 0, failure_.clear(); }
  // The disk fails: this and all later batches are `broken`.
  void break_disk(std::string text) { failure_ = std::move(text); }

  Content snapshot() const { return content_; }
  void restore(Content content) { content_ = std::move(content); }

  // ---- Store
  void commit(Batch batch, Done done) override {
    if (!failure_.empty()) return done(CommitResult::breaking(failure_));
    if (queue_.size() >= limits::kMaxWriteQueue)
      return done({CommitStatus::overloaded, Conflict::none, "too many writes wait", {}});
    queue_.push_back({std::move(batch), std::move(done)});
  }
  CommitResult commit_now(Batch batch) override {
    std::optional<CommitResult> result;
    commit(std::move(batch), [&result](const CommitResult& r) { result = r; });
    while (!result) QUORATE_ASSERT(pump(1) == 1);
    return *result;
  }
  bool healthy() const override { return failure_.empty(); }
  std::string failure() const override { return failure_; }
  const Identity& identity() const override { return identity_; }

  std::optional<RequestRow> request(const std::string& id) const override { return find(content_.requests, id); }
  Page<RequestRow> requests(const RequestFilter& f, std::size_t limit,
                            const std::optional<Cursor>& after) const override {
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
  std::vector<RequestRow> open_requests() const override {
    std::vector<RequestRow> rows;
    for (const auto& [id, r] : content_.requests)
      if (is_open(r.state)) rows.push_back(r);
    std::sort(rows.begin(), rows.end(),
              [](const auto& a, const auto& b) { return std::tie(a.created, a.id) < std::tie(b.created, b.id); });
    return rows;
  }
  std::vector<RequestRow> overdue_requests(std::int64_t now) const override {
    std::vector<RequestRow> rows = open_requests();
    std::erase_if(rows, [now](const RequestRow& r) { return r.expires >= now; });
    return rows;
  }
  std::size_t open_request_count() const override { return open_requests().size(); }

  std::optional<KeyRow> key_by_id(const std::string& id) const override {
    if (before_read) before_read();
    return find(content_.keys, id);
  }
  std::optional<KeyRow> key_by_name(const std::string& name) const override {
    for (const auto& [id, r] : content_.keys)
      if (r.name == name) return r;
    return std::nullopt;
  }
  Page<KeyRow> keys(std::size_t limit, const std::optional<Cursor>& after) const override {
    std::vector<KeyRow> rows;
    for (const auto& [id, r] : content_.keys)
      if (!after || r.name > after->id) rows.push_back(r);
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return page(std::move(rows), limit, [](const KeyRow& r) { return Cursor{0, r.name}; });
  }
  std::optional<std::string> name_holder(const std::string& name) const override { return find(content_.names, name); }

  std::optional<ShareRow> share(const std::string& key, std::uint64_t number) const override {
    return find(content_.shares, std::pair{key, number});
  }
  std::optional<ShareRow> active_share(const std::string& key) const override {
    if (before_read) before_read();
    for (const auto& [place, r] : content_.shares)
      if (place.first == key && r.state == ShareState::active) return r;
    return std::nullopt;
  }
  std::vector<ShareInfo> prepared_shares() const override {
    if (before_read) before_read();
    std::vector<ShareInfo> rows;
    for (const auto& [place, r] : content_.shares)
      if (r.state == ShareState::prepared) rows.push_back({r.key, r.number, r.party, r.state, r.record});
    return rows;
  }

  std::vector<QuarantineRow> quarantines(const std::string& key) const override {
    std::vector<QuarantineRow> rows;
    for (const auto& [place, r] : content_.quarantines)
      if (r.key == key) rows.push_back(r);
    return rows;
  }
  std::vector<std::string> quarantined_keys(const std::string& after, std::size_t limit) const override {
    std::vector<std::string> keys;
    for (const auto& [place, r] : content_.quarantines)
      if (r.key > after && keys.size() < limit && (keys.empty() || keys.back() != r.key)) keys.push_back(r.key);
    return keys;
  }
  std::uint64_t strikes(const std::string& key, const Digest& certificate, const std::string& node) const override {
    const auto found = content_.strikes.find({key, certificate, node});
    return found == content_.strikes.end() ? 0 : found->second.second;
  }
  bool claimed(const std::string& kind, const std::string& id) const override {
    return content_.claims.contains({kind, id});
  }
  std::vector<AuditRecord> audit(std::uint64_t after_seq, std::size_t limit) const override {
    std::vector<AuditRecord> rows;
    for (const AuditRecord& r : content_.audit)
      if (r.seq > after_seq && rows.size() < limit) rows.push_back(r);
    return rows;
  }
  AuditHead audit_head() const override { return head_of_log(content_); }
  std::optional<SecretBytes> meta(const std::string& name) const override {
    const auto found = content_.metas.find(name);
    if (found == content_.metas.end()) return std::nullopt;
    return found->second.first;
  }
  std::vector<MetaRow> metas(const std::string& prefix, const std::string& after, std::size_t limit) const override {
    if (before_read) before_read();
    std::vector<MetaRow> rows;
    for (const auto& [name, value] : content_.metas)
      if (name.starts_with(prefix) && name > after && rows.size() < limit) rows.push_back({name, value.first});
    return rows;
  }

 private:
  struct Waiting {
    Batch batch;
    Done done;
  };

  static auto find(const auto& map, const auto& id)
      -> std::optional<typename std::decay_t<decltype(map)>::mapped_type> {
    const auto found = map.find(id);
    if (found == map.end()) return std::nullopt;
    return found->second;
  }
  template <class Row>
  static Page<Row> page(std::vector<Row> rows, std::size_t limit, auto cursor_of) {
    Page<Row> p{std::move(rows), std::nullopt};
    if (p.items.size() > limit) {
      p.items.resize(limit);
      if (limit != 0) p.next = cursor_of(p.items.back());
    }
    return p;
  }
  AuditHead head_of_log(const Content& c) const {
    return c.audit.empty() ? audit_genesis(identity_) : head_of(c.audit.back());
  }
  bool crash_at(Point point) const { return fail_in_ == 1 && fail_point_ == point; }

  CommitResult write(const Batch& batch) {
    if (!failure_.empty()) return CommitResult::breaking(failure_);
    Content next = content_;
    for (const op::Any& o : batch.operations()) {
      const Conflict c = within_bounds(o) ? std::visit(Apply{*this, next}, o) : Conflict::out_of_bounds;
      if (c != Conflict::none) return CommitResult::conflicting(c, "in memory");
    }
    content_ = std::move(next);
    ++commits_;
    return {CommitStatus::ok, Conflict::none, {}, head_of_log(content_)};
  }

  struct Apply {
    const MemoryStore& store;
    Content& c;

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
      std::erase_if(c.requests, [&](const auto& e) { return past(e.second.forget_after) && !is_open(e.second.state); });
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
  };

  const Identity identity_;
  Content content_;
  std::deque<Waiting> queue_;
  std::deque<std::pair<Done, CommitResult>> landed_;
  std::size_t commits_ = 0;
  std::size_t fail_in_ = 0;
  Point fail_point_ = Point::before_durable;
  std::string failure_;
};

}  // namespace quorate::storage
