#include "storage/schema.h"

namespace quorate::storage {
namespace {

constexpr const char* kVersion1 = R"sql(
CREATE TABLE identity (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  cluster TEXT NOT NULL,
  node TEXT NOT NULL
) STRICT;

CREATE TABLE requests (
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  state INTEGER NOT NULL,
  user TEXT NOT NULL,
  key TEXT NOT NULL,
  content_digest BLOB NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  forget_after INTEGER NOT NULL,
  record BLOB NOT NULL
) STRICT;
CREATE INDEX requests_by_time ON requests (created, id);
CREATE INDEX requests_by_state ON requests (state, created, id);
CREATE INDEX requests_by_user ON requests (user, created, id);
CREATE INDEX requests_by_key ON requests (key, created, id);
CREATE INDEX requests_by_end ON requests (forget_after);

CREATE TABLE names (
  name TEXT PRIMARY KEY,
  request TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  algorithm TEXT NOT NULL,
  state INTEGER NOT NULL,
  number INTEGER NOT NULL,
  certificate BLOB NOT NULL,
  record BLOB NOT NULL
) STRICT;

CREATE TABLE shares (
  key TEXT NOT NULL REFERENCES keys (id),
  number INTEGER NOT NULL,
  party INTEGER NOT NULL,
  state INTEGER NOT NULL,
  blob BLOB NOT NULL,
  UNIQUE (key, number)
) STRICT;
CREATE UNIQUE INDEX shares_one_active ON shares (key) WHERE state = 2;

CREATE TABLE claims (
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  forget_after INTEGER NOT NULL,
  PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_by_end ON claims (forget_after) WHERE forget_after != 0;

CREATE TABLE metas (
  name TEXT NOT NULL PRIMARY KEY,
  bytes BLOB NOT NULL,
  forget_after INTEGER NOT NULL
) STRICT;
CREATE INDEX metas_by_end ON metas (forget_after) WHERE forget_after != 0;

CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  kind TEXT NOT NULL,
  request TEXT NOT NULL,
  text TEXT NOT NULL,
  previous BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT;
)sql";

constexpr const char* kVersion2 = R"sql(
CREATE TABLE quarantines (
  key TEXT NOT NULL REFERENCES keys (id),
  number INTEGER NOT NULL,
  certificate BLOB NOT NULL,
  by TEXT NOT NULL,
  node TEXT NOT NULL,
  since INTEGER NOT NULL,
  reason TEXT NOT NULL,
  signature BLOB NOT NULL,
  PRIMARY KEY (key, certificate, by, node)
) STRICT, WITHOUT ROWID;

CREATE TABLE strikes (
  key TEXT NOT NULL REFERENCES keys (id),
  number INTEGER NOT NULL,
  certificate BLOB NOT NULL,
  node TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (key, certificate, node)
) STRICT, WITHOUT ROWID;
)sql";

constexpr const char* kVersion3 = R"sql(
ALTER TABLE shares ADD COLUMN record BLOB NOT NULL DEFAULT x'';
)sql";

constexpr const char* kVersion4 = R"sql(
CREATE TABLE ledger (
  request TEXT NOT NULL UNIQUE,
  minute INTEGER NOT NULL,
  own INTEGER NOT NULL,
  certain INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  record BLOB NOT NULL
) STRICT;
CREATE INDEX ledger_by_minute ON ledger (minute);
CREATE UNIQUE INDEX ledger_by_seq ON ledger (seq) WHERE seq != 0;
CREATE INDEX ledger_open ON ledger (own, request) WHERE own = 1;

CREATE TABLE ledger_buckets (
  sum TEXT NOT NULL,
  level INTEGER NOT NULL,
  at INTEGER NOT NULL,
  until INTEGER NOT NULL,
  total BLOB NOT NULL,
  count INTEGER NOT NULL,
  own BLOB NOT NULL,
  own_count INTEGER NOT NULL,
  PRIMARY KEY (sum, level, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_buckets_by_end ON ledger_buckets (until);

CREATE TABLE ledger_state (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  clock INTEGER NOT NULL,
  seq INTEGER NOT NULL
) STRICT;
INSERT INTO ledger_state (one, clock, seq) VALUES (1, 0, 0);
)sql";

constexpr const char* kMigrations[] = {kVersion1, kVersion2, kVersion3, kVersion4};

}  // namespace

std::span<const char* const> migrations() { return kMigrations; }

void migrate(Connection& connection, std::span<const char* const> steps) {
  const std::string text = connection.pragma("user_version");
  const std::size_t version = std::stoul(text);
  if (version > steps.size())
    throw StorageError(connection.path() + ": has schema version " + text + "; this program knows versions up to " +
                       std::to_string(steps.size()) + ": use a newer one");
  for (std::size_t v = version; v < steps.size(); ++v) {
    connection.exec("BEGIN IMMEDIATE");
    try {
      connection.exec(steps[v]);
      connection.exec("PRAGMA user_version = " + std::to_string(v + 1));
      connection.exec("COMMIT");
    } catch (...) {
      if (connection.in_transaction()) connection.exec("ROLLBACK");
      throw;
    }
  }
}

void write_identity(Connection& connection, const Identity& identity) {
  Query q(connection, "INSERT INTO identity (one, cluster, node) VALUES (1, ?, ?)");
  q.bind(identity.cluster).bind(identity.node).run();
}

void check_identity(Connection& connection, const Identity& identity) {
  Query q(connection, "SELECT cluster, node FROM identity");
  if (!q.row()) throw StorageError(connection.path() + ": says of no node that it is its database");
  const Identity found{q.text(0), q.text(1)};
  if (found.cluster != identity.cluster)
    throw StorageError(connection.path() + ": belongs to cluster " + found.cluster + ", not to " + identity.cluster);
  if (found.node != identity.node)
    throw StorageError(connection.path() + ": is the database of node " + found.node + ", not of " + identity.node);
}

void check_integrity(Connection& connection) {
  const std::string result = connection.pragma("quick_check(1)");
  if (result != "ok") throw StorageCorrupt(connection.path() + ": is damaged: " + result);
}

}  // namespace quorate::storage
