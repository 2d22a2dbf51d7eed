#include "storage/database_key.h"

#include <sodium.h>
#include <unistd.h>

#include <cstdlib>

#include "storage/files.h"
#include "storage/stored_record.h"

namespace quorate::storage {
namespace {

constexpr std::size_t kMaxKeyFile = 256;
constexpr std::size_t kMaxPassphrase = 1024;

bool is_space(std::uint8_t b) { return b == ' ' || b == '\t' || b == '\r' || b == '\n'; }

}  // namespace

DatabaseKey parse_database_key(ByteView content, const std::string& source) {
  DatabaseKey key;
  auto& out = key.expose();
  if (content.size() == out.size()) {
    std::memcpy(out.data(), content.data(), out.size());
  } else {
    while (!content.empty() && is_space(content.front())) content = content.subspan(1);
    while (!content.empty() && is_space(content.back())) content = content.first(content.size() - 1);
    // sodium_hex2bin, unlike a table look-up, does not tell the digits by its timing.
    std::size_t n = 0;
    const char* end = nullptr;
    const char* text = text_of(content).data();
    const bool hex = content.size() == 2 * out.size() &&
                     sodium_hex2bin(out.data(), out.size(), text, content.size(), nullptr, &n, &end) == 0 &&
                     n == out.size() && end == text + content.size();
    if (!hex) throw StorageError(source + ": a database key is 64 hex digits or 32 bytes");
  }
  if (sodium_is_zero(out.data(), out.size()) == 1) throw StorageError(source + ": the database key is all zero");
  return key;
}

DatabaseKey key_from_file(const std::string& path) {
  const SecretBytes content = read_private(path, kMaxKeyFile);
  return parse_database_key(content, path);
}

DatabaseKey key_from_env(const std::string& name) {
  char* value = std::getenv(name.c_str());
  if (value == nullptr) throw StorageError("environment variable " + name + ": is not set");
  const std::size_t length = std::strlen(value);
  const SecretBytes content = secret_bytes(view_of({value, length}));
  wipe(value, length);
  ::unsetenv(name.c_str());
  return parse_database_key(content, "environment variable " + name);
}

DatabaseKey key_from_passphrase(ByteView passphrase, const std::string& database, Rng& rng, const KdfCost& cost) {
  if (passphrase.empty() || passphrase.size() > kMaxPassphrase)
    throw StorageError("a passphrase has 1 to " + std::to_string(kMaxPassphrase) + " bytes");
  const std::string path = database + ".salt";
  if (!file_exists(path)) {
    if (file_exists(database))
      throw StorageError(path + ": is missing, and without it no passphrase opens " + database);
    KdfRecord fresh;
    rng.fill(fresh.salt);
    fresh.passes = cost.passes;
    fresh.memory_bytes = cost.memory_bytes;
    create_private(path, encode(fresh));
  }
  KdfRecord record;
  try {
    record = parse_kdf(read_private(path, kMaxKeyFile));
  } catch (const Malformed& e) {
    throw StorageError(path + ": " + e.what());
  }
  static_assert(sizeof record.salt == crypto_pwhash_SALTBYTES);
  DatabaseKey key;
  if (crypto_pwhash(key.expose().data(), key.expose().size(), text_of(passphrase).data(), passphrase.size(),
                    record.salt.data(), record.passes, record.memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0)
    throw StorageError(path + ": Argon2id needs " + std::to_string(record.memory_bytes >> 20) + " MiB of memory");
  return key;
}

}  // namespace quorate::storage
