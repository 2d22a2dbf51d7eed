// This node's database: where its key comes from, whether it is new.
#pragma once
#include <memory>

#include "base/rng.h"
#include "node/config.h"
#include "node/world.h"
#include "storage/store.h"

namespace quorate::node {

// Beside config.toml, from the first start on: this node has had a database. One that is missing then is lost.
inline constexpr const char* kHadDatabase = "had-database";

// The first start makes the database. Throws StorageError or ConfigError naming file or setting, also when a database
// that was there is gone: an empty one in its place would hold no key share.
// It goes with `me`, the node's identity key, from then on: what is in it was made, and is known to peers, under that
// one.
std::unique_ptr<storage::Store> open_database(const Config& config, const storage::Identity& identity,
                                              const Ed25519PublicKey& me, Rng& rng, const Log& log);

}  // namespace quorate::node
