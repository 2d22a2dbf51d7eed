// A Store in memory for simulations: one thread, deterministic, and it can crash.
//
//   commit() only queues; pump() makes the queued batches durable in order and then runs their `done`. What was not
//   pumped is lost by crash(), what was pumped survives it. land() makes one batch durable and leaves its `done` for
//   the next pump(), as a writer's thread may between any two reads. fail_at(k) crashes at the k-th batch from now,
//   before or after it became durable, so that a simulation can break every write for every k.
#pragma once
#include <deque>
#include <functional>
#include <map>

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
    std::map<std::string, LedgerEntry> ledger;
    std::int64_t ledger_clock = 0;
    std::uint64_t ledger_seq = 0;
  };

  explicit MemoryStore(Identity identity);
  ~MemoryStore() override;

  // ---- the simulation's side
  // Makes at most `most` queued batches durable and runs their `done`. Returns how many.
  std::size_t pump(std::size_t most = SIZE_MAX);
  void land();
  std::size_t waiting() const { return queue_.size() + landed_.size(); }
  std::function<void()> before_read;                // of a key, its shares, its metas
  std::size_t commits() const { return commits_; }  // batches made durable since construction

  // The k-th batch from now (1 is the next one) crashes. k = 0: none.
  void fail_at(std::size_t k, Point point = Point::before_durable) { fail_in_ = k, fail_point_ = point; }
  // The process died: what was not durable is gone, no `done` of it will run. Usable again at once.
  void crash();
  std::function<bool(const Batch&)> has_no_room;  // for this one: it is `overloaded`
  // The disk fails: this and all later batches are `broken`.
  void break_disk(std::string text) { failure_ = std::move(text); }

  Content snapshot() const;
  void restore(Content content);

  // ---- Store
  void commit(Batch batch, Done done) override;
  CommitResult commit_now(Batch batch) override;
  bool healthy() const override { return failure_.empty(); }
  std::string failure() const override { return failure_; }
  const Identity& identity() const override { return identity_; }

  std::optional<RequestRow> request(const std::string& id) const override;
  Page<RequestRow> requests(const RequestFilter& f, std::size_t limit,
                            const std::optional<Cursor>& after) const override;
  std::vector<RequestRow> open_requests() const override;
  std::vector<RequestRow> overdue_requests(std::int64_t now) const override;
  std::size_t open_request_count() const override;

  std::optional<KeyRow> key_by_id(const std::string& id) const override;
  std::optional<KeyRow> key_by_name(const std::string& name) const override;
  Page<KeyRow> keys(std::size_t limit, const std::optional<Cursor>& after) const override;
  std::optional<std::string> name_holder(const std::string& name) const override;

  std::optional<ShareRow> share(const std::string& key, std::uint64_t number) const override;
  std::optional<ShareRow> active_share(const std::string& key) const override;
  std::vector<ShareInfo> prepared_shares() const override;

  std::vector<QuarantineRow> quarantines(const std::string& key) const override;
  std::vector<std::string> quarantined_keys(const std::string& after, std::size_t limit) const override;
  std::uint64_t strikes(const std::string& key, const Digest& certificate, const std::string& node) const override;
  bool claimed(const std::string& kind, const std::string& id) const override;
  std::vector<AuditRecord> audit(std::uint64_t after_seq, std::size_t limit) const override;
  AuditHead audit_head() const override;
  std::optional<SecretBytes> meta(const std::string& name) const override;
  std::vector<MetaRow> metas(const std::string& prefix, const std::string& after, std::size_t limit) const override;
  LedgerSum ledger_sum(const std::string& name, std::int64_t hours, std::int64_t now) const override;
  std::optional<LedgerEntry> ledger_entry(const std::string& request) const override;
  std::vector<LedgerEntry> ledger_open(std::size_t limit) const override;
  std::uint64_t ledger_seq() const override;
  std::uint64_t keys_version() const override { return keys_version_; }
  std::vector<LedgerEntry> ledger_after(std::uint64_t after, std::size_t limit) const override;

 private:
  struct Waiting {
    Batch batch;
    Done done;
  };
  struct Apply;  // one operation to the content

  AuditHead head_of_log(const Content& c) const;
  bool crash_at(Point point) const { return fail_in_ == 1 && fail_point_ == point; }
  CommitResult write(const Batch& batch);
  static LedgerSum sum_in(const Content& c, const std::string& name, std::int64_t hours, std::int64_t now);

  const Identity identity_;
  Content content_;
  std::deque<Waiting> queue_;
  std::deque<std::pair<Done, CommitResult>> landed_;
  std::size_t commits_ = 0;
  std::size_t fail_in_ = 0;
  Point fail_point_ = Point::before_durable;
  std::string failure_;
  std::uint64_t keys_version_ = 0;
};

}  // namespace quorate::storage
