// Certificates of keys in use, decoded and checked once instead of at every signature; and their chain codes, so that
// no share is decrypted for a public key. No share ever comes in here. For any thread.
#pragma once
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>

#include "keygen/key_share.h"
#include "storage/rows.h"

namespace quorate::node {

struct KnownKey {
  KeyCertificate certificate;
  Digest digest{};  // of its body
  std::variant<KeyPoints<Ed25519>, KeyPoints<Secp256k1>> points;
};

class KnownKeys {
 public:
  // What this row's certificate says. Throws StorageCorrupt when it is not one of a key: such a row was never written.
  std::shared_ptr<const KnownKey> of(const storage::KeyRow& row);
  // The chain code under this row's certificate: from `load`, which says nullopt where this node has no share, until it
  // is known. Members' only: what leaves the node of it is api_keys.cpp's to decide.
  std::optional<Bytes32> chain_code(const storage::KeyRow& row, const std::function<std::optional<Bytes32>()>& load);
  std::size_t size() const;

 private:
  struct Place {
    std::string id;
    Bytes certificate;  // what was decoded: another one under the same id is decoded anew
    std::shared_ptr<const KnownKey> known;
    std::optional<Bytes32> chain_code;
  };
  Place* find(const storage::KeyRow& row);  // the latest used from now on; nullptr: not here
  mutable std::mutex mutex_;
  std::list<Place> places_;  // the latest used first, at most limits::kMaxKnownKeys
  std::unordered_map<std::string, std::list<Place>::iterator> by_id_;
};

}  // namespace quorate::node
