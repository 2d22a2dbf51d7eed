#include "node/database.h"

#include <cstdlib>

#include "storage/database_key.h"
#include "storage/files.h"
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
  const std::string file = config.database.string();
  const std::string had = (config.directory / kHadDatabase).string();
  const bool there = storage::file_exists(file);
  if (!there && storage::file_exists(had))
    throw storage::StorageError(
        file +
        ": the database is missing, and with it this node's key shares. Put it back (is its volume mounted? is "
        "there a backup?). Only to begin again without any share, delete " +
        had);
  const storage::DatabaseKey key = database_key(config, rng);
  if (!there) log(LogLevel::info, "first start: making the database " + file);
  auto store =
      there ? storage::SqliteStore::open(file, key, identity) : storage::SqliteStore::create(file, key, identity);
  if (!storage::file_exists(had))
    storage::create_private(had, view_of("The database of " + identity.node +
                                         " was made. While this file is here, quorated does not make another one.\n"));
  return store;
}

}  // namespace quorate::node
