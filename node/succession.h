// The certificates of a key on this node's disk: what it has prepared to follow, what lies behind the one in force, and
// how the next one comes into force. The rules are keygen/'s (key_history.h, lineage.h); a database is all that is
// added here.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "keygen/key_history.h"
#include "node/examine.h"
#include "node/messages.h"

namespace quorate::node {

// What the request of an examined refresh or reshare says, if it is for a key whose base has this body.
ReshareRequest reshare_request(const Examined& x, const CertificateBody& base);

// ---- prepared

// In the row of a prepared successor's share. Public.
struct PreparedRecord {
  std::uint16_t version = 1;
  Digest digest{};           // of the certificate's body
  DealerSignatures dealers;  // of the certificate
  BoundedText<40> request;   // that asked for it, …
  ClientRequest original;
  static auto fields(auto& m) { return std::tie(m.version, m.digest, m.dealers, m.request, m.original); }
};
// From a share's row. nullopt: it is a key generation's. Throws StorageCorrupt.
std::optional<PreparedRecord> prepared_record(const std::string& key, ByteView record);

// DurableStep::prepared_share of a reshare: only if nothing was signed with this number or a greater one, and `base` is
// in force, when it is written.
storage::Batch prepare_successor(const SecretBytes& prepared, const ResharePlan& plan, const std::string& request,
                                 const ClientRequest& original);

// ---- history and lineage

// Both of the row as it is now, which may be later than `key`. Throw StorageError, StorageCorrupt.
KeyHistory history_of(const storage::KeyRow& key, const World& world);
// Milliseconds since 1970.
std::uint64_t milliseconds(WallTime time);

// All complete certificates that this node remembers of the key, oldest first, the one in force last; each with the
// request that asked for it.
std::vector<CertificateLink> links_of(const storage::KeyRow& key, const World& world);

// The certificate that this request has led to.
std::optional<BoundedSecretBytes<kMaxCertificate>> certificate_made_by(const std::string& request,
                                                                       const storage::KeyRow& key, const World& world);

enum class Taking : std::uint8_t {
  unset = 0,
  taken,        // the batch puts the last link in force
  nothing_new,  // it is in force here, or a greater one is
  later,        // it will be taken once this node's clock has come to its number
  unknown_base,
  refused,     // it will never be
  lost_share,  // this node is a member, and has no share of it: its database is an old copy
};
struct Taken {
  Taking how = Taking::unset;
  std::string why;                         // for the log
  std::optional<KeyCertificate> in_force;  // taken: the last link's
  std::string request;                     // taken: that asked for it
};
// Adds to the batch what puts the last of these links in force. key: active or archived here.
Taken take_links(storage::Batch& batch, const storage::KeyRow& key, const std::vector<CertificateLink>& links,
                 const World& world);

}  // namespace quorate::node
