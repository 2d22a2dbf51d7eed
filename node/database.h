// This node's database: where its key comes from, whether it is new.
#pragma once
#include <memory>

#include "base/rng.h"
#include "node/config.h"
#include "node/world.h"
#include "storage/store.h"

namespace quorate::node {

// Throws StorageError or ConfigError naming file or setting. A missing database is made, and the log says so.
std::unique_ptr<storage::Store> open_database(const Config& config, const storage::Identity& identity, Rng& rng,
                                              const Log& log);

}  // namespace quorate::node
