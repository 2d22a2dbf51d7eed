#include "storage/sqlite_memory.h"

#include <sodium.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace quorate::storage {
namespace {

sqlite3_mem_methods plain;

void free_wiped(void* piece) {
  if (piece == nullptr) return;
  sodium_memzero(piece, static_cast<std::size_t>(plain.xSize(piece)));
  plain.xFree(piece);
}

void* move_wiped(void* piece, int size) {
  void* moved = plain.xMalloc(size);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, piece, static_cast<std::size_t>(std::min(size, plain.xSize(piece))));
  free_wiped(piece);
  return moved;
}

bool configure() {
  if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain) != SQLITE_OK) return false;
  sqlite3_mem_methods wiping = plain;
  wiping.xFree = free_wiped;
  wiping.xRealloc = move_wiped;
  return sqlite3_config(SQLITE_CONFIG_MALLOC, &wiping) == SQLITE_OK &&
         sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK;  // counting takes a lock of the whole process
}

}  // namespace

void wipe_sqlite_memory() {
  static const bool done = configure();
  QUORATE_ASSERT(done);
}

}  // namespace quorate::storage
