// The meaning of each operation of a Batch in SQL. Called on the writer's connection, inside its transaction.
#pragma once
#include "storage/share_cipher.h"
#include "storage/sqlite_connection.h"

namespace quorate::storage {

struct Applied {
  Conflict conflict = Conflict::none;
  std::string text;  // which row
  int opened = 0;    // by how many there are more open requests
};

// `head` is the audit head so far and moves on with each entry. Throws StorageError when the disk fails.
Applied apply(Connection& connection, const Identity& identity, const ShareCipher& cipher, AuditHead& head,
              const op::Any& operation);

// Whether it deletes secrets, so that the write-ahead log must be cut after it.
bool deletes_secrets(const op::Any& operation);
// It writes a row of `keys`.
bool changes_keys(const op::Any& operation);

}  // namespace quorate::storage
