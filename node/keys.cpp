#include "node/keys.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "keygen/ecdsa_share.h"
#include "transactions/addresses.h"

namespace quorate::node {
namespace {

// No name has this form (policy::is_name), so it never collides with one.
std::string hidden_name(const std::string& key_id) { return "~" + key_id.substr(0, limits::kMaxName - 1); }

// SubjectPublicKeyInfo up to the point: id-ecPublicKey, secp256k1, a compressed point of 33 bytes (RFC 5480).
constexpr std::array<std::uint8_t, 23> kSecp256k1Spki{0x30, 0x36, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                                      0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                                                      0x81, 0x04, 0x00, 0x0a, 0x03, 0x22, 0x00};

// Prepared: what the algorithm's key generation stores.
template <class Prepared>
storage::Batch prepare(const SecretBytes& prepared_share, const KeyRecord& record) {
  const auto prepared = decode<Prepared>(prepared_share);
  storage::KeyRow key;
  key.id = to_hex(prepared.body.key_id);
  key.name = hidden_name(key.id);
  key.algorithm = std::string(name_of(prepared.body.algorithm));
  key.state = storage::KeyState::prepared;
  const SecretBytes bytes = encode(record);
  key.record.assign(bytes.begin(), bytes.end());

  storage::ShareRow share;
  share.key = key.id;
  share.number = prepared.body.number;
  share.party = prepared.share.me.index();
  share.state = storage::ShareState::prepared;
  share.blob = prepared_share;

  storage::Batch batch;
  batch.put_key(std::move(key)).insert_share(std::move(share));
  return batch;
}

// As versions 1, 2 and 3 wrote it.
struct KeyRecordOfVersion1 {
  KeyRecord record;
  static auto fields(auto& m) {
    auto& r = m.record;
    return std::tie(r.version, r.request, r.created, as_signed(r.original));
  }
};
struct KeyRecordOfVersion2 {
  KeyRecord record;
  static auto fields(auto& m) {
    auto& r = m.record;
    return std::tie(r.version, r.request, r.created, as_signed(r.original), r.digest, r.latest_asked.request,
                    as_signed(r.latest_asked.original));
  }
};
struct KeyRecordOfVersion3 {
  KeyRecord record;
  static auto fields(auto& m) {
    auto& r = m.record;
    return std::tie(r.version, r.request, r.created, with_consent(r.original), r.digest, r.latest_asked.request,
                    with_consent(r.latest_asked.original));
  }
};

template <class Prepared>
std::optional<CertificateBody> body_in(const storage::ShareRow& row) {
  auto prepared = decode<Prepared>(row.blob);
  if (to_hex(prepared.body.key_id) != row.key || prepared.body.number != row.number ||
      prepared.share.me.index() != row.party)
    throw storage::StorageCorrupt("the share of key " + row.key + " belongs elsewhere");
  return std::move(prepared.body);
}

}  // namespace

PolicyInForce::Snapshot policy_of(ByteView certificate, const World& world) {
  try {
    return world.policy.of(decode<KeyCertificate>(certificate).body.policy_digest);
  } catch (const Malformed&) {
    return world.policy.now();
  }
}

World world_of(ByteView certificate, const World& world) {
  World then = world;
  try {
    if (auto cluster = world.cluster.at(decode<KeyCertificate>(certificate).body.config_version))
      then.cluster = *std::move(cluster);
  } catch (const Malformed&) {
  }
  return then;
}

KeyRecord key_record(const RequestRecord& request, const World& world) {
  KeyRecord record;
  record.request = request.id;
  record.created = static_cast<std::uint64_t>(unix_seconds(world.clock.wall()));
  record.original = request.original;
  return record;
}

KeyRecord key_record_in(const storage::KeyRow& row) {
  try {
    std::uint16_t version = 0;
    wire::Reader(row.record).get(version);
    if (version == KeyRecord::kVersion) return decode<KeyRecord>(row.record);
    KeyRecord record;
    if (version == 1)
      record = decode<KeyRecordOfVersion1>(row.record).record;
    else if (version == 2)
      record = decode<KeyRecordOfVersion2>(row.record).record;
    else if (version == 3)
      record = decode<KeyRecordOfVersion3>(row.record).record;
    else
      throw Malformed("its version");
    record.version = KeyRecord::kVersion;
    return record;
  } catch (const Malformed& e) {
    throw storage::StorageCorrupt("the record of key " + row.id + ": " + e.what());
  }
}

storage::Batch prepare_key(Algorithm algorithm, const SecretBytes& prepared_share, const KeyRecord& record) {
  switch (algorithm) {
    case Algorithm::eddsa_ed25519:
      return prepare<PreparedShare<Ed25519>>(prepared_share, record);
    case Algorithm::ecdsa_secp256k1:
      return prepare<PreparedEcdsaShare>(prepared_share, record);
    case Algorithm::schnorr_secp256k1:
      return prepare<PreparedShare<Secp256k1>>(prepared_share, record);
    case Algorithm::unset:
      break;
  }
  impossible("an algorithm is set");
}

std::optional<CertificateBody> prepared_body(const storage::Store& store, const std::string& key_id,
                                             std::uint64_t number) {
  const auto row = store.share(key_id, number);
  const auto key = store.key_by_id(key_id);
  if (!row || !key) return std::nullopt;
  const auto algorithm = parse_algorithm(key->algorithm);
  if (!algorithm) throw storage::StorageCorrupt("key " + key_id + " has no known algorithm");
  try {
    switch (*algorithm) {
      case Algorithm::eddsa_ed25519:
        return body_in<PreparedShare<Ed25519>>(*row);
      case Algorithm::ecdsa_secp256k1:
        return body_in<PreparedEcdsaShare>(*row);
      case Algorithm::schnorr_secp256k1:
        return body_in<PreparedShare<Secp256k1>>(*row);
      case Algorithm::unset:
        break;
    }
    impossible("an algorithm is set");
  } catch (const Malformed& e) {
    throw storage::StorageCorrupt("the share of key " + key_id + ": " + e.what());
  }
}

bool activate_key(storage::Batch& batch, const KeyCertificate& certificate, const KeyRecord* asked,
                  const World& world) {
  const CertificateBody& body = certificate.body;
  const std::string id = to_hex(body.key_id);
  const auto present = world.store.key_by_id(id);
  if (present && present->state != storage::KeyState::prepared) return false;
  if (body.number != 1 || body.base_number != 0) return false;  // a later certificate comes from a reshare
  const auto prepared = prepared_body(world.store, id, body.number);
  if (prepared ? prepared->digest() != body.digest() : asked == nullptr) return false;

  storage::KeyRow row;
  if (present) row = *present;
  row.id = id;
  row.algorithm = std::string(name_of(body.algorithm));
  const auto holder = world.store.key_by_name(body.name);
  row.name = !holder || holder->id == id ? body.name.text : hidden_name(id);
  if (row.record.empty() && asked != nullptr) {
    const SecretBytes bytes = encode(*asked);
    row.record.assign(bytes.begin(), bytes.end());
  }
  const std::string request = key_record_in(row).request;
  const SecretBytes encoded = encode(certificate);
  const Bytes complete(encoded.begin(), encoded.end());
  if (prepared) {
    row.state = storage::KeyState::prepared;
    batch.put_key(row).activate(id, body.number, complete);
  } else {
    row.state = storage::KeyState::active;
    row.number = body.number;
    row.certificate = complete;
    batch.put_key(row);
  }
  if (!request.empty()) batch.release_name(body.name, request);
  return true;
}

std::optional<storage::KeyRow> find_key(const storage::Store& store, const std::string& subject) {
  auto row = store.key_by_name(subject);
  if (!row) row = store.key_by_id(subject);
  if (row && row->state == storage::KeyState::prepared) row.reset();
  return row;
}

storage::KeyRow with_certificate(storage::KeyRow row, const KeyCertificate& certificate) {
  const SecretBytes bytes = encode(certificate);
  row.certificate.assign(bytes.begin(), bytes.end());
  row.number = certificate.body.number;
  return row;
}

storage::KeyRow row_of_new_key(const KeyCertificate& certificate) {
  storage::KeyRow row;
  row.id = to_hex(certificate.body.key_id);
  row.name = certificate.body.name;
  row.algorithm = std::string(name_of(certificate.body.algorithm));
  row.state = storage::KeyState::active;
  return with_certificate(std::move(row), certificate);
}

Json public_key_view(Algorithm algorithm, ByteView Y) {
  Json view{{"hex", to_hex(Y)}};
  if (algorithm == Algorithm::eddsa_ed25519) {
    Bytes32 raw{};
    QUORATE_ASSERT(Y.size() == raw.size());
    std::copy(Y.begin(), Y.end(), raw.begin());
    view["pem"] = ed25519_public_pem(raw);
    return view;
  }
  if (algorithm == Algorithm::schnorr_secp256k1) view["x_only"] = to_hex(Y.subspan(1));
  Bytes der(kSecp256k1Spki.begin(), kSecp256k1Spki.end());
  der.insert(der.end(), Y.begin(), Y.end());
  std::string text = to_base64(der);
  text.insert(64, "\n");
  view["pem"] = "-----BEGIN PUBLIC KEY-----\n" + text + "\n-----END PUBLIC KEY-----\n";
  return view;
}

std::optional<Refusal> show_child(Json& view, Algorithm algorithm, const transactions::KeyFacts& key,
                                  transactions::BitcoinNetwork network) {
  const auto found = child_at(key);
  if (const auto* refused = std::get_if<Refusal>(&found)) return *refused;
  const auto& child = std::get<transactions::DerivedKey>(found);
  view["path"] = key.path;
  view["public_key"] = public_key_view(algorithm, child.public_key);
  view["addresses"] = transactions::addresses_of(key.scheme, child, network);
  const std::string xpub = transactions::extended_public_key(key.scheme, child, network);
  if (xpub.empty()) return std::nullopt;  // Ed25519 has no standard one
  view["xpub"] = xpub;
  const auto path = transactions::parse_path(key.path);
  view["descriptors"] = transactions::descriptors_of(key.scheme, child, key.public_key, *path, network);
  return std::nullopt;
}

Json key_view(const storage::KeyRow& row, transactions::BitcoinNetwork network) {
  const auto certificate = decode<KeyCertificate>(row.certificate);
  const CertificateBody& body = certificate.body;
  transactions::DerivedKey root;
  root.public_key.assign(body.Y.begin(), body.Y.end());
  Json participants = Json::array();
  for (const Member& m : body.committee.members()) participants.push_back(m.node.text);
  return {{"id", row.id},
          {"name", row.name},
          {"algorithm", row.algorithm},
          {"threshold", body.committee.threshold()},
          {"participants", std::move(participants)},
          {"epoch", row.number},
          {"state", std::string(storage::to_text(row.state))},
          {"public_key", public_key_view(body.algorithm, body.Y)},
          {"addresses", transactions::addresses_of(scheme_of(body.algorithm), root, network)},
          {"certificate", to_hex(body.digest())},
          {"quarantined", Json::array()}};
}

}  // namespace quorate::node
