#include "storage/sqlite_connection.h"

#include "base/check.h"
#include "base/limits.h"
#include "storage/sqlite_memory.h"

namespace quorate::storage {
namespace {

constexpr int kBusyMillis = 5000;
constexpr int kMaxStatements = 128;
constexpr int kOverhead = 64 * 1024;  // of a row beyond its record

}  // namespace

Connection::Connection(const std::string& path, const Secret<Bytes32>& key, OpenAs as) : path_(path) {
  QUORATE_ASSERT(as != OpenAs::unset);
  wipe_sqlite_memory();
  // Without SQLITE_OPEN_CREATE: an empty database in the place of a lost one would be a lost share unnoticed.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
  try {
    if (sqlite3_open_v2(path.c_str(), &database_, flags, nullptr) != SQLITE_OK) fail("cannot be opened");
    sqlite3_extended_result_codes(database_, 1);
    sqlite3_busy_timeout(database_, kBusyMillis);
    sqlite3_db_config(database_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(database_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_limit(database_, SQLITE_LIMIT_LENGTH, static_cast<int>(limits::kMaxRecord) + kOverhead);
    apply_key(key);
    exec("PRAGMA cipher_compatibility = 4");
    exec("PRAGMA temp_store = MEMORY");
    try {
      exec("SELECT count(*) FROM sqlite_master");
    } catch (const StorageError& e) {
      const int code = sqlite3_errcode(database_) & 0xff;
      if (code != SQLITE_NOTADB && code != SQLITE_CORRUPT && code != SQLITE_ERROR) throw;
      throw StorageError(path_ + ": the database key does not fit this file (or it is not a Quorate database)");
    }
    exec("PRAGMA journal_mode = WAL");
    exec("PRAGMA synchronous = FULL");
    exec("PRAGMA secure_delete = ON");
    exec("PRAGMA foreign_keys = ON");
    if (as == OpenAs::reader) exec("PRAGMA query_only = ON");
    // A pragma that is not known is silently ignored, so ask.
    const bool set = pragma("journal_mode") == "wal" && pragma("synchronous") == "2" &&
                     pragma("secure_delete") == "1" && pragma("foreign_keys") == "1" && pragma("temp_store") == "2" &&
                     !pragma("cipher_version").empty() && pragma("cipher_memory_security") == "0";
    if (!set) throw StorageError(path_ + ": the SQLite library is no SQLCipher or refuses its settings");
  } catch (...) {
    statements_.clear();
    sqlite3_close(database_);
    throw;
  }
}

Connection::~Connection() {
  statements_.clear();
  sqlite3_close(database_);
}

void Connection::apply_key(const Secret<Bytes32>& key) {
  exec("PRAGMA cipher_memory_security = OFF");  // storage/sqlite_memory.h
  exec("PRAGMA cipher_log_level = NONE");
  // SQLCipher's form of a raw key, which it does not stretch: x'<64 hex digits>' as the passphrase.
  ByteArray<67> raw{};
  raw[0] = 'x';
  raw[1] = raw[66] = '\'';
  ByteArray<65> hex{};
  sodium_bin2hex(reinterpret_cast<char*>(hex.data()), hex.size(), key.expose().data(), key.expose().size());
  std::memcpy(raw.data() + 2, hex.data(), 64);
  const int result = sqlite3_key(database_, raw.data(), static_cast<int>(raw.size()));
  wipe(hex.data(), hex.size());
  wipe(raw.data(), raw.size());
  if (result != SQLITE_OK) fail("takes no key");
}

void Connection::fail(const std::string& doing) const {
  std::string text = path_ + ": " + doing;
  if (database_ != nullptr) text += std::string(": ") + sqlite3_errmsg(database_);
  const int code = database_ != nullptr ? sqlite3_errcode(database_) : SQLITE_NOMEM;
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) throw StorageCorrupt(text);
  throw StorageError(text);
}

void Connection::exec(const std::string& sql) {
  if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail("SQL failed");
}

std::string Connection::pragma(const std::string& name) {
  Query q(*this, "PRAGMA " + name);
  return q.row() ? q.text(0) : std::string();
}

sqlite3_stmt* Connection::statement(const std::string& sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return found->second.get();
  QUORATE_ASSERT(statements_.size() < kMaxStatements);  // SQL text is made of literals, so there are few
  sqlite3_stmt* s = nullptr;
  if (sqlite3_prepare_v3(database_, sql.c_str(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &s,
                         nullptr) != SQLITE_OK)
    fail("SQL cannot be prepared");
  statements_.emplace(sql, std::unique_ptr<sqlite3_stmt, Finalize>(s));
  return s;
}

Snapshot::Snapshot(Connection& connection) : connection_(connection) { connection_.exec("BEGIN"); }
Snapshot::~Snapshot() {
  try {
    connection_.exec("COMMIT");
  } catch (const StorageError&) {
    // nothing was written; the next BEGIN says what is wrong
  }
}

Query::Query(Connection& connection, const std::string& sql)
    : connection_(connection), statement_(connection.statement(sql)) {
  QUORATE_ASSERT(sqlite3_stmt_busy(statement_) == 0);
}

Query::~Query() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Query& Query::bind(std::int64_t v) {
  if (sqlite3_bind_int64(statement_, ++bound_, v) != SQLITE_OK) connection_.fail("cannot bind");
  return *this;
}
Query& Query::bind(std::string_view text) {
  if (sqlite3_bind_text64(statement_, ++bound_, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC,
                          SQLITE_UTF8) != SQLITE_OK)
    connection_.fail("cannot bind");
  return *this;
}
Query& Query::bind(ByteView blob) {
  const void* at = blob.empty() ? static_cast<const void*>("") : blob.data();
  if (sqlite3_bind_blob64(statement_, ++bound_, at, blob.size(), SQLITE_STATIC) != SQLITE_OK)
    connection_.fail("cannot bind");
  return *this;
}

bool Query::row() {
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result != SQLITE_DONE) connection_.fail("SQL failed");
  return false;
}
void Query::run() { QUORATE_ASSERT(!row()); }

std::int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_, column); }
std::string Query::text(int column) const {
  const auto* t = sqlite3_column_text(statement_, column);
  const int n = sqlite3_column_bytes(statement_, column);
  return t == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(t), static_cast<std::size_t>(n));
}
ByteView Query::blob(int column) const {
  const void* b = sqlite3_column_blob(statement_, column);
  const int n = sqlite3_column_bytes(statement_, column);
  return b == nullptr ? ByteView() : ByteView(static_cast<const std::uint8_t*>(b), static_cast<std::size_t>(n));
}
Bytes Query::bytes(int column) const {
  const ByteView b = blob(column);
  return {b.begin(), b.end()};
}
SecretBytes Query::secret(int column) const { return secret_bytes(blob(column)); }
Digest Query::digest(int column) const {
  const ByteView b = blob(column);
  Digest out;
  if (b.size() != out.size()) throw StorageCorrupt(connection_.path() + ": a hash without 32 bytes");
  std::memcpy(out.data(), b.data(), out.size());
  return out;
}

}  // namespace quorate::storage
