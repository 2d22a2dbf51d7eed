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

constexpr const char* kIdentityKey = "node/identity-key";

void bind(storage::Store& store, const Ed25519PublicKey& me, const Config& config) {
  const SecretBytes mine = secret_bytes(view_of(me.to_text()));
  const auto had = store.meta(kIdentityKey);
  if (had && *had == mine) return;
  if (had)
    throw ConfigError(config.identity_key.string() + " is not the identity key that " + config.database.string() +
                      " was made with. A node that begins anew, with another key, begins without the old database");
  storage::Batch batch;
  batch.put_meta(kIdentityKey, mine);
  if (!store.commit_now(std::move(batch)).ok())
    throw storage::StorageError(config.database.string() + ": it cannot be written: " + store.failure());
}

}  // namespace

std::unique_ptr<storage::Store> open_database(const Config& config, const storage::Identity& identity,
                                              const Ed25519PublicKey& me, Rng& rng, const Log& log) {
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
  bind(*store, me, config);
  if (!storage::file_exists(had))
    storage::create_private(had, view_of("The database of " + identity.node +
                                         " was made. While this file is here, quorated does not make another one.\n"));
  return store;
}

}  // namespace quorate::node
