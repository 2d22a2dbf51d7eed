// The seam behind which a node's durable state lies: shares, requests, names, claims, the audit log.
#pragma once
#include <functional>
#include <stdexcept>

#include "storage/batch.h"

namespace quorate::storage {

// The world broke: disk, lock, wrong key, wrong file. The text is for the operator and holds no secret.
struct StorageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// A row is not what this node wrote there.
struct StorageCorrupt : StorageError {
  using StorageError::StorageError;
};

// All functions may be called from any thread. Reads see every batch whose `done` has been called, throw StorageError
// when the disk fails and StorageCorrupt when a row does not belong where it lies; lists hold at most `limit` items.
class Store {
 public:
  using Done = std::function<void(const CommitResult&)>;

  virtual ~Store() = default;

  // Applies the batch in one transaction. Returns at once; `done` is called exactly once: on the writer's thread after
  // the batch is durable (or has failed), in the order of the commits; for `overloaded`, and once the store is broken,
  // on the caller's thread before commit returns. It must not throw, wait, or call commit_now; it may call commit. The
  // destructor first commits what is queued.
  virtual void commit(Batch batch, Done done) = 0;
  // The same, waiting. Never from inside a `done`.
  virtual CommitResult commit_now(Batch batch) = 0;

  // False for ever once a write has failed: every later commit is `broken`, and only opening the store again helps.
  virtual bool healthy() const = 0;
  virtual std::string failure() const = 0;  // what broke, or empty

  virtual std::optional<RequestRow> request(const std::string& id) const = 0;
  // Newest first: by (created, id). Fewer than `limit` when their records have more than kMaxPageBytes.
  virtual Page<RequestRow> requests(const RequestFilter& filter, std::size_t limit,
                                    const std::optional<Cursor>& after) const = 0;
  virtual std::vector<RequestRow> open_requests() const = 0;                     // oldest first
  virtual std::vector<RequestRow> overdue_requests(std::int64_t now) const = 0;  // of those whose expires lies before
  virtual std::size_t open_request_count() const = 0;

  virtual std::optional<KeyRow> key_by_id(const std::string& id) const = 0;
  virtual std::optional<KeyRow> key_by_name(const std::string& name) const = 0;
  virtual Page<KeyRow> keys(std::size_t limit,
                            const std::optional<Cursor>& after) const = 0;  // by name; prepared ones included
  // Greater after every change of a key; odd while one is on its way to the disk. The same even number twice: between
  // the two no key has changed.
  virtual std::uint64_t keys_version() const = 0;
  virtual std::optional<std::string> name_holder(
      const std::string& name) const = 0;  // the request that has reserved it

  virtual std::optional<ShareRow> share(const std::string& key, std::uint64_t number) const = 0;
  virtual std::optional<ShareRow> active_share(const std::string& key) const = 0;
  virtual std::vector<ShareInfo> prepared_shares() const = 0;  // by (key, number)

  // Of all nodes, by (certificate, by, node). Few: of one certificate each member names each other one at most once.
  virtual std::vector<QuarantineRow> quarantines(const std::string& key) const = 0;
  // Keys that have any, greater than `after`, in order.
  virtual std::vector<std::string> quarantined_keys(const std::string& after, std::size_t limit) const = 0;
  virtual std::uint64_t strikes(const std::string& key, const Digest& certificate, const std::string& node) const = 0;

  virtual bool claimed(const std::string& kind, const std::string& id) const = 0;

  virtual std::vector<AuditRecord> audit(std::uint64_t after_seq, std::size_t limit) const = 0;  // ascending
  virtual AuditHead audit_head() const = 0;

  virtual std::optional<SecretBytes> meta(const std::string& name) const = 0;
  // Those whose name starts with `prefix` and is greater than `after`, by name.
  virtual std::vector<MetaRow> metas(const std::string& prefix, const std::string& after, std::size_t limit) const = 0;

  // Of what counts since `hours` ago; `now` if the ledger has not seen a later time.
  virtual LedgerSum ledger_sum(const std::string& name, std::int64_t hours, std::int64_t now) const = 0;
  virtual std::optional<LedgerEntry> ledger_entry(const std::string& request) const = 0;
  // This node's own part is reserved and not spent; by request.
  virtual std::vector<LedgerEntry> ledger_open(std::size_t limit) const = 0;
  virtual std::uint64_t ledger_seq() const = 0;  // of the last change of an own part
  // Those whose own part has changed after that one, ascending.
  virtual std::vector<LedgerEntry> ledger_after(std::uint64_t after, std::size_t limit) const = 0;

  virtual const Identity& identity() const = 0;
};

}  // namespace quorate::storage
