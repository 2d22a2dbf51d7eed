// One SQLCipher connection and its prepared statements. Used by one thread at a time.
#pragma once
#include <sqlite3.h>

#include <map>
#include <memory>
#include <string>

#include "storage/store.h"

namespace quorate::storage {

enum class OpenAs : std::uint8_t { unset = 0, writer, reader };

class Connection {
 public:
  // Opens an existing file. The key goes through sqlite3_key, never through SQL text (attack 58). Throws StorageError:
  // a file that cannot be opened, or a key that does not fit it.
  Connection(const std::string& path, const Secret<Bytes32>& key, OpenAs as);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  void exec(const std::string& sql);  // literal SQL only
  std::string pragma(const std::string& name);
  bool in_transaction() const { return sqlite3_get_autocommit(database_) == 0; }
  std::int64_t changes() const { return sqlite3_changes64(database_); }              // of the last statement
  std::int64_t total_changes() const { return sqlite3_total_changes64(database_); }  // since it was opened
  const std::string& path() const { return path_; }

 private:
  friend class Query;
  void apply_key(const Secret<Bytes32>& key);
  [[noreturn]] void fail(const std::string& doing) const;
  sqlite3_stmt* statement(const std::string& sql);

  struct Finalize {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  std::string path_;
  sqlite3* database_ = nullptr;
  std::map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;
};

// What is read while it lives is of one moment. Not on a writer's connection.
class Snapshot {
 public:
  explicit Snapshot(Connection& connection);
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  ~Snapshot();

 private:
  Connection& connection_;
};

// One run of a prepared statement. Bound values must outlive it. Throws StorageError.
//   Query q(connection, "SELECT state FROM requests WHERE id = ?");
//   q.bind(id);
//   if (q.row()) use(q.integer(0));
class Query {
 public:
  Query(Connection& connection, const std::string& sql);
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  // The next parameter, from the left.
  Query& bind(std::int64_t v);
  Query& bind(std::uint64_t v) { return bind(static_cast<std::int64_t>(v)); }
  Query& bind(std::string_view text);
  Query& bind(const std::string& text) { return bind(std::string_view(text)); }
  Query& bind(ByteView blob);
  Query& bind(const char*) = delete;

  bool row();  // steps; false when there are no more
  void run();  // of a statement without rows

  std::int64_t integer(int column) const;
  std::uint64_t number(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  std::string text(int column) const;
  ByteView blob(int column) const;  // valid until the next step
  Bytes bytes(int column) const;
  SecretBytes secret(int column) const;
  Digest digest(int column) const;  // throws StorageCorrupt unless it has 32 bytes

 private:
  Connection& connection_;
  sqlite3_stmt* statement_;
  int bound_ = 0;
};

}  // namespace quorate::storage
