#include "storage/sqlite_store.h"

#include <future>

#include "base/check.h"
#include "storage/ledger_table.h"
#include "storage/queries.h"
#include "storage/schema.h"

namespace quorate::storage {

// Built under another name and renamed when it is whole and on the disk.
std::unique_ptr<SqliteStore> SqliteStore::create(const std::string& path, const Secret<Bytes32>& key,
                                                 const Identity& identity) {
  FileLock lock(path + ".lock");
  if (file_exists(path)) throw StorageError(path + ": is there already");
  const std::string unfinished = path + ".new";
  for (const char* suffix : {"", "-wal", "-shm"}) remove_file(unfinished + suffix);
  create_private(unfinished, {});
  {
    Connection c(unfinished, key, OpenAs::writer);
    migrate(c, migrations());
    write_identity(c, identity);
  }  // the last connection moves the write-ahead log into the file and removes it
  rename_durably(unfinished, path);
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(lock), path, key, identity));
}

std::unique_ptr<SqliteStore> SqliteStore::open(const std::string& path, const Secret<Bytes32>& key,
                                               const Identity& identity) {
  if (!file_exists(path)) throw StorageError(path + ": there is no database");
  FileLock lock(path + ".lock");
  require_private(path);
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(lock), path, key, identity));
}

SqliteStore::SqliteStore(FileLock lock, const std::string& path, const Secret<Bytes32>& key, const Identity& identity)
    : lock_(std::move(lock)), identity_(identity), cipher_(key) {
  auto writing = std::make_unique<Connection>(path, key, OpenAs::writer);
  if (writing->pragma("user_version") == "0") throw StorageError(path + ": is not a Quorate database");
  migrate(*writing, migrations());
  check_identity(*writing, identity_);
  check_integrity(*writing);
  writing->exec("PRAGMA wal_checkpoint(TRUNCATE)");  // what an earlier process deleted is gone from the log, too
  for (Reader& r : readers_) r.connection = std::make_unique<Connection>(path, key, OpenAs::reader);
  const AuditHead head = queries::audit_head(*writing, identity_);
  cache_.committed(head);
  const std::size_t open = queries::open_request_count(*writing);
  writer_ = std::make_unique<Writer>(std::move(writing), identity_, cipher_, cache_, head, open);
}

// The writer ends first: its last `done` may still read.
SqliteStore::~SqliteStore() { writer_.reset(); }

void SqliteStore::commit(Batch batch, Done done) { writer_->commit(std::move(batch), std::move(done)); }

CommitResult SqliteStore::commit_now(Batch batch) {
  QUORATE_ASSERT(!writer_->on_writer_thread());
  // Shared, because set_value may still touch the promise when the waiting thread is on its way.
  const auto result = std::make_shared<std::promise<CommitResult>>();
  commit(std::move(batch), [result](const CommitResult& r) { result->set_value(r); });
  return result->get_future().get();
}

bool SqliteStore::healthy() const { return writer_->healthy(); }
std::string SqliteStore::failure() const { return writer_->failure(); }

auto SqliteStore::read(auto question) const {
  Reader& r = readers_[next_reader_.fetch_add(1, std::memory_order_relaxed) % kReaders];
  const std::lock_guard lock(r.mutex);
  return question(*r.connection);
}

std::optional<ShareRow> SqliteStore::unsealed(std::optional<ShareRow> row) const {
  if (row) row->blob = cipher_.open(identity_, {row->key, row->number, row->party, row->state}, row->blob);
  return row;
}

std::optional<RequestRow> SqliteStore::request(const std::string& id) const {
  return cache_.request(id, [&] { return read([&](Connection& c) { return queries::request(c, id); }); });
}
Page<RequestRow> SqliteStore::requests(const RequestFilter& filter, std::size_t limit,
                                       const std::optional<Cursor>& after) const {
  return read([&](Connection& c) { return queries::requests(c, filter, limit, after); });
}
std::vector<RequestRow> SqliteStore::open_requests() const {
  return read([](Connection& c) { return queries::open_requests(c); });
}
std::vector<RequestRow> SqliteStore::overdue_requests(std::int64_t now) const {
  return read([&](Connection& c) { return queries::overdue_requests(c, now); });
}
std::size_t SqliteStore::open_request_count() const { return writer_->open_requests(); }
std::optional<KeyRow> SqliteStore::key_by_id(const std::string& id) const {
  return keys_.get(
      "id/" + id, [&] { return keys_version(); },
      [&] { return read([&](Connection& c) { return queries::key_by_id(c, id); }); });
}
std::optional<KeyRow> SqliteStore::key_by_name(const std::string& name) const {
  return keys_.get(
      "name/" + name, [&] { return keys_version(); },
      [&] { return read([&](Connection& c) { return queries::key_by_name(c, name); }); });
}
Page<KeyRow> SqliteStore::keys(std::size_t limit, const std::optional<Cursor>& after) const {
  return read([&](Connection& c) { return queries::keys(c, limit, after); });
}
std::optional<std::string> SqliteStore::name_holder(const std::string& name) const {
  return read([&](Connection& c) { return queries::name_holder(c, name); });
}
std::optional<ShareRow> SqliteStore::share(const std::string& key, std::uint64_t number) const {
  return unsealed(read([&](Connection& c) { return queries::share(c, identity_, key, number); }));
}
std::optional<ShareRow> SqliteStore::active_share(const std::string& key) const {
  return unsealed(read([&](Connection& c) { return queries::active_share(c, identity_, key); }));
}
std::vector<ShareInfo> SqliteStore::prepared_shares() const {
  return read([](Connection& c) { return queries::prepared_shares(c); });
}
std::vector<QuarantineRow> SqliteStore::quarantines(const std::string& key) const {
  return read([&](Connection& c) { return queries::quarantines(c, key); });
}
std::vector<std::string> SqliteStore::quarantined_keys(const std::string& after, std::size_t limit) const {
  return read([&](Connection& c) { return queries::quarantined_keys(c, after, limit); });
}
std::uint64_t SqliteStore::strikes(const std::string& key, const Digest& certificate, const std::string& node) const {
  return read([&](Connection& c) { return queries::strikes(c, key, certificate, node); });
}
bool SqliteStore::claimed(const std::string& kind, const std::string& id) const {
  return read([&](Connection& c) { return queries::claimed(c, kind, id); });
}
std::vector<AuditRecord> SqliteStore::audit(std::uint64_t after_seq, std::size_t limit) const {
  return read([&](Connection& c) { return queries::audit(c, after_seq, limit); });
}
AuditHead SqliteStore::audit_head() const { return cache_.audit_head(); }
std::optional<SecretBytes> SqliteStore::meta(const std::string& name) const {
  return cache_.meta(name, [&] { return read([&](Connection& c) { return queries::meta(c, name); }); });
}
std::vector<MetaRow> SqliteStore::metas(const std::string& prefix, const std::string& after, std::size_t limit) const {
  return read([&](Connection& c) { return queries::metas(c, prefix, after, limit); });
}
// One snapshot for the clock and the buckets.
LedgerSum SqliteStore::ledger_sum(const std::string& name, std::int64_t hours, std::int64_t now) const {
  return read([&](Connection& c) {
    const Snapshot snapshot(c);
    return ledger_table::sum(c, name, hours, now);
  });
}
std::optional<LedgerEntry> SqliteStore::ledger_entry(const std::string& request) const {
  return read([&](Connection& c) { return ledger_table::entry(c, request); });
}
std::vector<LedgerEntry> SqliteStore::ledger_open(std::size_t limit) const {
  return read([&](Connection& c) { return ledger_table::open(c, limit); });
}
std::uint64_t SqliteStore::ledger_seq() const {
  return read([](Connection& c) { return ledger_table::seq(c); });
}
std::vector<LedgerEntry> SqliteStore::ledger_after(std::uint64_t after, std::size_t limit) const {
  return read([&](Connection& c) { return ledger_table::after(c, after, limit); });
}

}  // namespace quorate::storage
