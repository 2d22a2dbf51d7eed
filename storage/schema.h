// The tables and how old ones become new ones.
#pragma once
#include <span>

#include "storage/sqlite_connection.h"

namespace quorate::storage {

// migrations()[k] leads from version k to k + 1; a database without tables has version 0. Never change one that was
// released: add.
std::span<const char* const> migrations();

// Brings the database to the newest version, each step in a transaction of its own. Throws StorageError for a database
// that is newer than this program.
void migrate(Connection& connection, std::span<const char* const> steps);

// Writes or checks whose database it is. Throws StorageError for another node's or another cluster's.
void write_identity(Connection& connection, const Identity& identity);
void check_identity(Connection& connection, const Identity& identity);

// Every page that is in use is read (and so its HMAC checked) and the trees are sound. Throws StorageCorrupt.
void check_integrity(Connection& connection);

}  // namespace quorate::storage
