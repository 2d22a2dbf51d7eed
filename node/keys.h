// Keys on this node's disk: from a prepared share to an active key, and how a key looks from outside.
#pragma once
#include <optional>
#include <string>

#include "base/json.h"
#include "keygen/certificate.h"
#include "node/record.h"
#include "node/signable.h"
#include "node/world.h"
#include "transactions/bitcoin_address.h"

namespace quorate::node {

// The policy that a complete certificate names; of anything else, the one in force.
PolicyInForce::Snapshot policy_of(ByteView certificate, const World& world);
// This node's world with the nodes that were in the cluster when a complete certificate was made; of anything else, the
// present one.
World world_of(ByteView certificate, const World& world);

// A request as its client signed it: what shows any other node that something was asked for.
struct Asked {
  BoundedText<40> request;  // its id
  ClientRequest original;
  static auto fields(auto& m) { return std::tie(m.request, m.original); }
};

// What this node remembers about a key besides its certificate.
struct KeyRecord {
  static constexpr std::uint16_t kVersion = 4;  // of what is written; those before are still read
  std::uint16_t version = kVersion;
  BoundedText<40> request;    // that asked for the key
  std::uint64_t created = 0;  // Unix seconds
  ClientRequest original;
  Digest digest{};     // of the certificate in force, if another one was before it; else zero
  Asked latest_asked;  // for that one
  static auto fields(auto& m) {
    return std::tie(m.version, m.request, m.created, m.original, m.digest, m.latest_asked);
  }

  const BoundedText<40>& latest_request() const {
    return latest_asked.request.text.empty() ? request : latest_asked.request;
  }
  const ClientRequest& latest() const { return latest_asked.request.text.empty() ? original : latest_asked.original; }
};

KeyRecord key_record(const RequestRecord& request, const World& world);
// Throws StorageCorrupt.
KeyRecord key_record_in(const storage::KeyRow& row);

// DurableStep::prepared_share: the share and a key row that nobody sees yet. Its name stays free for others until the
// certificate is complete: should two attempts under one name ever both complete, both keys stay usable, the later one
// by its id.
storage::Batch prepare_key(Algorithm algorithm, const SecretBytes& prepared_share, const KeyRecord& record);

// The body of the certificate that this node has prepared and signed; nullopt if there is none.
std::optional<CertificateBody> prepared_body(const storage::Store& store, const std::string& key_id,
                                             std::uint64_t number);

// Adds to the batch what makes this key active here: with this node's share if it has prepared one, else as a key of
// others. `certificate` is complete and verified, but that only says that the nodes it names agree with each other. It
// counts because it is the very one that this node has prepared, or, for a key that this node has no share of, because
// a client asked for it: `asked` is that request, examined and matched with the certificate (prove), or nullptr.
// Nothing replaces a key that is active. False, with nothing added, if it does not count or changes nothing.
bool activate_key(storage::Batch& batch, const KeyCertificate& certificate, const KeyRecord* asked, const World& world);

// By name or id, as clients call it. Not of one that is only prepared.
std::optional<storage::KeyRow> find_key(const storage::Store& store, const std::string& subject);

// GET /v1/keys/{key}. The row is active or archived.
Json key_view(const storage::KeyRow& row, transactions::BitcoinNetwork network = {});
// Makes it the view of a child (or, at "m", of the root), with its xpub and descriptors. `key` has the chain code.
// Refused with the path if there is no child.
std::optional<Refusal> show_child(Json& view, Algorithm algorithm, const transactions::KeyFacts& key,
                                  transactions::BitcoinNetwork network);
// The row as it is once this certificate is in force; and of a key whose first one this is.
storage::KeyRow with_certificate(storage::KeyRow row, const KeyCertificate& certificate);
storage::KeyRow row_of_new_key(const KeyCertificate& certificate);
// hex, and the other forms in which the algorithm's users know it.
Json public_key_view(Algorithm algorithm, ByteView Y);

}  // namespace quorate::node
