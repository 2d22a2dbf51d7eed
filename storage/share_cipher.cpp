#include "storage/share_cipher.h"

#include <sodium.h>

#include <new>

#include "base/check.h"
#include "base/codec.h"
#include "base/limits.h"

namespace quorate::storage {
namespace {

constexpr std::size_t kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t kKey = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::string_view kPurpose = "quorate/share-cipher/1";

struct Place {
  BoundedText<64> cluster;
  BoundedText<limits::kMaxName> node;
  BoundedText<limits::kMaxStoredName> key;
  std::uint64_t number = 0;
  std::uint16_t party = 0;
  static auto fields(auto& m) { return std::tie(m.cluster, m.node, m.key, m.number, m.party); }
};

SecretBytes place_of(const Identity& identity, const std::string& key, std::uint64_t number, std::uint16_t party) {
  Place p;
  p.cluster = identity.cluster;
  p.node = identity.node;
  p.key = key;
  p.number = number;
  p.party = party;
  return encode(p);
}

}  // namespace

void ShareCipher::Free::operator()(std::uint8_t* p) const noexcept { sodium_free(p); }

ShareCipher::ShareCipher(const Secret<Bytes32>& database_key) {
  QUORATE_ASSERT(sodium_init() >= 0);
  key_.reset(static_cast<std::uint8_t*>(sodium_malloc(kKey)));
  if (!key_) throw std::bad_alloc();
  crypto_generichash(key_.get(), kKey, reinterpret_cast<const std::uint8_t*>(kPurpose.data()), kPurpose.size(),
                     database_key.expose().data(), database_key.expose().size());
  sodium_mprotect_readonly(key_.get());
}

SecretBytes ShareCipher::seal(const Identity& identity, const ShareRow& row) const {
  const SecretBytes place = place_of(identity, row.key, row.number, row.party);
  SecretBytes out(kNonce + row.blob.size() + kTag);
  randombytes_buf(out.data(), kNonce);
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.data() + kNonce, nullptr, row.blob.data(), row.blob.size(), place.data(),
                                             place.size(), nullptr, out.data(), key_.get());
  return out;
}

SecretBytes ShareCipher::open(const Identity& identity, const ShareInfo& info, ByteView sealed) const {
  const std::string where = "share of key " + info.key + " number " + std::to_string(info.number);
  if (sealed.size() < kNonce + kTag) throw StorageCorrupt(where + ": too short");
  const SecretBytes place = place_of(identity, info.key, info.number, info.party);
  SecretBytes out(sealed.size() - kNonce - kTag);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, sealed.data() + kNonce, sealed.size() - kNonce,
                                                 place.data(), place.size(), sealed.data(), key_.get()) != 0)
    throw StorageCorrupt(where + ": not what this node sealed there");
  return out;
}

}  // namespace quorate::storage
