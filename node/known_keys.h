// Certificates of keys in use, decoded and checked once instead of at every signature. Public data only; no share ever
// comes in here. Lives on the desk.
#pragma once
#include <list>
#include <memory>
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
  std::size_t size() const { return places_.size(); }

 private:
  struct Place {
    std::string id;
    Bytes certificate;  // what was decoded: another one under the same id is decoded anew
    std::shared_ptr<const KnownKey> known;
  };
  std::list<Place> places_;  // the latest used first, at most limits::kMaxKnownKeys
  std::unordered_map<std::string, std::list<Place>::iterator> by_id_;
};

}  // namespace quorate::node
