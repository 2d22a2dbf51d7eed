// The two stores, for tests of what every Store does.
#pragma once
#include "tests/storage/fixture.h"
#include "tests/support/memory_store.h"

namespace quorate::storage {

struct InMemory {
  MemoryStore store{test_identity()};
  Store& get() { return store; }
  void reopen() { store.crash(); }
};
struct InSqlite {
  TempDir dir;
  std::unique_ptr<SqliteStore> store = SqliteStore::create(dir.file("db"), test_key(), test_identity());
  Store& get() { return *store; }
  void reopen() {
    store.reset();
    store = SqliteStore::open(dir.file("db"), test_key(), test_identity());
  }
};
using BothStores = testing::Types<InMemory, InSqlite>;

}  // namespace quorate::storage
