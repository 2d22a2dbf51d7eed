// Where the 32-byte key of the database comes from. All throw StorageError with a text for the operator and without the
// secret.
#pragma once
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/rng.h"
#include "storage/store.h"

namespace quorate::storage {

using DatabaseKey = Secret<Bytes32>;

// 64 hex digits, white space around them allowed, or exactly 32 bytes. `source` names the origin in errors.
DatabaseKey parse_database_key(ByteView content, const std::string& source);

// A file of this user that nobody else may read.
DatabaseKey key_from_file(const std::string& path);
// 64 hex digits. Reads once: the variable is wiped and unset, so that no child inherits it. Before other threads start.
DatabaseKey key_from_env(const std::string& name);
// What a program prints on its standard output within `timeout`; no shell, argv[0] is looked up in
// PATH. Any KMS or vault by its own client.
DatabaseKey key_from_command(const std::vector<std::string>& argv, Millis timeout = limits::kKeyCommandTimeout);

// Costs of Argon2id for a new database: `passes` over `memory_bytes`.
struct KdfCost {
  std::uint64_t passes = 3;
  std::uint64_t memory_bytes = std::uint64_t{256} << 20;
};
// Argon2id with the salt in <database>.salt, which is made when neither it nor the database exists.
DatabaseKey key_from_passphrase(ByteView passphrase, const std::string& database, Rng& rng,
                                const KdfCost& cost = KdfCost{});

}  // namespace quorate::storage
