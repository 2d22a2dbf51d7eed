#include "node/database.h"

#include <cstdlib>

#include "storage/database_key.h"
#include "storage/sqlite_store.h"

namespace quorate::node {
namespace {

storage::DatabaseKey database_key(const Config& config, Rng& rng) {
  const DatabaseKeySource& source = config.database_key;
  if (source.key_file) return storage::key_from_file(source.key_file->string());
  if (source.key_env) return storage::key_from_env(*source.key_env);
  if (!source.key_command.empty()) return storage::key_from_command(source.key_command);
  const char* passphrase = std::getenv(source.passphrase_env->c_str());
  if (passphrase == nullptr || *passphrase == '\0')
    throw ConfigError("environment variable " + *source.passphrase_env + " is not set");
  const SecretBytes copy = secret_bytes(view_of(passphrase));
  unsetenv(source.passphrase_env->c_str());  // no child inherits it
  return storage::key_from_passphrase(copy, config.database.string(), rng);
}

}  // namespace

std::unique_ptr<storage::Store> open_database(const Config& config, const storage::Identity& identity, Rng& rng,
                                              const Log& log) {
  const storage::DatabaseKey key = database_key(config, rng);
  if (std::filesystem::exists(config.database))
    return storage::SqliteStore::open(config.database.string(), key, identity);
  log(LogLevel::warn, "no database at " + config.database.string() + ": making an empty one");
  return storage::SqliteStore::create(config.database.string(), key, identity);
}

}  // namespace quorate::node
