// The Store of one node in an encrypted SQLite file.
#pragma once
#include <array>
#include <atomic>

#include "storage/files.h"
#include "storage/key_rows.h"
#include "storage/writer.h"

namespace quorate::storage {

// Files: `path` (mode 0600), path-wal and path-shm while it is open, path.lock. A process opens a database once.
class SqliteStore final : public Store {
 public:
  // Makes a new database; StorageError when there is a file already. Nothing half-made is left under `path` by a crash.
  static std::unique_ptr<SqliteStore> create(const std::string& path, const Secret<Bytes32>& key,
                                             const Identity& identity);
  // Opens one, migrates it to the newest schema and checks it. StorageError: no such file, readable by others, open in
  // another process, a key that does not fit, another node's or cluster's, of a newer program; StorageCorrupt: damaged.
  static std::unique_ptr<SqliteStore> open(const std::string& path, const Secret<Bytes32>& key,
                                           const Identity& identity);
  ~SqliteStore() override;

  void commit(Batch batch, Done done) override;
  CommitResult commit_now(Batch batch) override;
  bool healthy() const override;
  std::string failure() const override;

  std::optional<RequestRow> request(const std::string& id) const override;
  Page<RequestRow> requests(const RequestFilter& filter, std::size_t limit,
                            const std::optional<Cursor>& after) const override;
  std::vector<RequestRow> open_requests() const override;
  std::vector<RequestRow> overdue_requests(std::int64_t now) const override;
  std::size_t open_request_count() const override;
  std::optional<KeyRow> key_by_id(const std::string& id) const override;
  std::optional<KeyRow> key_by_name(const std::string& name) const override;
  Page<KeyRow> keys(std::size_t limit, const std::optional<Cursor>& after) const override;
  std::uint64_t keys_version() const override { return writer_->keys_version(); }
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
  std::vector<LedgerEntry> ledger_after(std::uint64_t after, std::size_t limit) const override;
  const Identity& identity() const override { return identity_; }

 private:
  struct Reader {
    std::mutex mutex;
    std::unique_ptr<Connection> connection;
  };
  SqliteStore(FileLock lock, const std::string& path, const Secret<Bytes32>& key, const Identity& identity);
  auto read(auto question) const;
  std::optional<ShareRow> unsealed(std::optional<ShareRow> row) const;

  static constexpr std::size_t kReaders = 4;
  FileLock lock_;
  const Identity identity_;
  const ShareCipher cipher_;
  mutable std::array<Reader, kReaders> readers_;
  mutable std::atomic<std::size_t> next_reader_{0};
  mutable RowCache cache_;
  mutable KeyRows keys_;
  std::unique_ptr<Writer> writer_;
};

}  // namespace quorate::storage
