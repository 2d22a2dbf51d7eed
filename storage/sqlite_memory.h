// SQLite's memory, for all connections of the process.
#pragma once

namespace quorate::storage {

// What SQLite frees is wiped first; what it keeps to use again (pages of its cache, small pieces of a connection) is
// overwritten then, or wiped with the connection. Before the first connection; later calls do nothing. SQLCipher's own
// `cipher_memory_security` would also lock each piece, and unlock it when it is freed, with whatever else lies on that
// page: it would undo what the node locks as a whole (node/main.cpp), at two system calls for every page that is read.
void wipe_sqlite_memory();

}  // namespace quorate::storage
