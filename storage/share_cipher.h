// Seals the secret part of a share under a key of its own, derived from the database's. SQLCipher encrypts the file, but keeps decrypted pages in
// its cache for as long as it likes: a share that lies in them stays sealed, so that the only plain copy is the one that a signature uses and wipes.
#pragma once
#include <memory>

#include "storage/store.h"

namespace quorate::storage {

class ShareCipher {
 public:
  explicit ShareCipher(const Secret<Bytes32>& database_key);

  // Nonce and XChaCha20-Poly1305 ciphertext of row.blob, bound to the place of the share.
  SecretBytes seal(const Identity& identity, const ShareRow& row) const;
  // Throws StorageCorrupt for anything that seal did not make for this place under this key.
  SecretBytes open(const Identity& identity, const ShareInfo& place, ByteView sealed) const;

 private:
  struct Free {
    void operator()(std::uint8_t* p) const noexcept;
  };
  std::unique_ptr<std::uint8_t, Free> key_;  // guarded, locked, not in core files
};

}  // namespace quorate::storage
