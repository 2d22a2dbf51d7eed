#include "node/known_keys.h"

#include "storage/store.h"

namespace quorate::node {
namespace {

template <class C>
void add_points(KnownKey& known) {
  auto points = KeyPoints<C>::of(known.certificate.body);
  if (!points) throw Malformed("the points do not fit each other");
  known.points = std::move(*points);
}

std::shared_ptr<const KnownKey> decoded(const storage::KeyRow& row) {
  try {
    const auto known = std::make_shared<KnownKey>();
    known->certificate = decode<KeyCertificate>(row.certificate);
    known->digest = known->certificate.body.digest();
    if (is_on<Ed25519>(known->certificate.body.algorithm))
      add_points<Ed25519>(*known);
    else
      add_points<Secp256k1>(*known);
    return known;
  } catch (const Malformed& e) {  // this node's own row: nobody else's fault
    throw storage::StorageCorrupt("the certificate of key " + row.id + ": " + e.what());
  }
}

}  // namespace

KnownKeys::Place* KnownKeys::find(const storage::KeyRow& row) {
  const auto it = by_id_.find(row.id);
  if (it == by_id_.end()) return nullptr;
  if (it->second->certificate == row.certificate) {
    places_.splice(places_.begin(), places_, it->second);
    return &*it->second;
  }
  places_.erase(it->second);
  by_id_.erase(it);
  return nullptr;
}

std::shared_ptr<const KnownKey> KnownKeys::of(const storage::KeyRow& row) {
  {
    const std::lock_guard lock(mutex_);
    if (const Place* place = find(row)) return place->known;
  }
  auto known = decoded(row);
  const std::lock_guard lock(mutex_);
  if (const Place* place = find(row)) return place->known;  // another thread was faster
  if (places_.size() == limits::kMaxKnownKeys) {
    by_id_.erase(places_.back().id);
    places_.pop_back();
  }
  places_.push_front({row.id, row.certificate, known, std::nullopt});
  by_id_[row.id] = places_.begin();
  return known;
}

std::optional<Bytes32> KnownKeys::chain_code(const storage::KeyRow& row,
                                             const std::function<std::optional<Bytes32>()>& load) {
  of(row);
  {
    const std::lock_guard lock(mutex_);
    if (const Place* place = find(row); place != nullptr && place->chain_code) return place->chain_code;
  }
  const auto loaded = load();
  const std::lock_guard lock(mutex_);
  if (Place* place = find(row)) place->chain_code = loaded;
  return loaded;
}

std::size_t KnownKeys::size() const {
  const std::lock_guard lock(mutex_);
  return places_.size();
}

}  // namespace quorate::node
