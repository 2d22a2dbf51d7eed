#include "node/succession.h"

#include <algorithm>

#include "base/check.h"
#include "keygen/ecdsa_share.h"
#include "keygen/reshare_rounds.h"
#include "node/keys.h"
#include "node/windows.h"

namespace quorate::node {
namespace {

std::string lineage_prefix(const std::string& key) { return "lineage/" + key + "/"; }

// In the order of the numbers.
std::string lineage_name(const CertificateBody& body) {
  std::string number = std::to_string(body.number);
  number.insert(0, 20 - number.size(), '0');
  return lineage_prefix(to_hex(body.key_id)) + number + "/" + to_hex(body.digest());
}

KeyCertificate certificate_in(const CertificateLink& link) { return decode<KeyCertificate>(link.certificate); }

CertificateLink link_in_force(const storage::KeyRow& key) {
  const KeyRecord record = key_record_in(key);
  CertificateLink link;
  link.certificate.assign(key.certificate.begin(), key.certificate.end());
  link.request = record.latest_request();
  link.original = record.latest();
  return link;
}

std::vector<NewMember> members_of(const policy::ClusterDocument& cluster) {
  std::vector<NewMember> nodes;
  for (const policy::NodeCard& card : cluster.nodes()) nodes.push_back({card.id, card.identity_key});
  return nodes;
}

Bytes plain(const SecretBytes& bytes) { return {bytes.begin(), bytes.end()}; }

template <class P>
storage::Batch prepare(const SecretBytes& bytes, const ResharePlan& plan, const std::string& request,
                       const ClientRequest& original) {
  const auto prepared = decode<PreparedReshare<P>>(bytes);
  PreparedRecord record;
  record.digest = prepared.body.digest();
  record.dealers = prepared.dealers;
  record.request = request;
  record.original = original;
  storage::ShareRow share;
  share.key = plan.key.id;
  share.number = prepared.body.number;
  share.party = prepared.share.me.index();
  share.state = storage::ShareState::prepared;
  share.blob = encode(static_cast<const P&>(prepared));
  share.record = plain(encode(record));
  storage::Batch batch;
  batch.insert_successor(std::move(share), plan.key.certificate);
  return batch;
}

}  // namespace

ReshareRequest reshare_request(const Examined& x, const CertificateBody& base) {
  const ResharePlan& plan = *x.reshare();
  ReshareRequest r;
  r.digest = x.request_digest;
  r.created = static_cast<std::uint64_t>(x.who.created) * 1000;
  r.expires = static_cast<std::uint64_t>(unix_seconds(x.intent.expires_at)) * 1000;
  r.key_id = base.key_id;
  r.Y = base.Y;
  r.chain_code_hash = base.chain_code_hash;
  r.base = plan.asked.certificate.value_or(base.digest());
  r.threshold = plan.asked.refresh ? base.committee.threshold() : static_cast<std::uint8_t>(plan.asked.threshold);
  r.nodes = plan.asked.participants;
  if (plan.asked.refresh)
    for (const Member& m : base.committee.members()) r.nodes.push_back(m.node);
  return r;
}

std::optional<PreparedRecord> prepared_record(const std::string& key, ByteView record) {
  if (record.empty()) return std::nullopt;
  try {
    auto prepared = decode_any_original<PreparedRecord>(record);
    if (prepared.version != 1) throw Malformed("its version");
    return prepared;
  } catch (const Malformed& e) {
    throw storage::StorageCorrupt("the record of the share of key " + key + ": " + e.what());
  }
}

storage::Batch prepare_successor(const SecretBytes& prepared, const ResharePlan& plan, const std::string& request,
                                 const ClientRequest& original) {
  switch (plan.body().algorithm) {
    case Algorithm::eddsa_ed25519:
      return prepare<PreparedShare<Ed25519>>(prepared, plan, request, original);
    case Algorithm::ecdsa_secp256k1:
      return prepare<PreparedEcdsaShare>(prepared, plan, request, original);
    case Algorithm::schnorr_secp256k1:
      return prepare<PreparedShare<Secp256k1>>(prepared, plan, request, original);
    case Algorithm::unset:
      break;
  }
  impossible("an algorithm is set");
}

std::uint64_t milliseconds(WallTime time) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<Millis>(time.time_since_epoch()).count());
}

namespace {

// nullopt: they do not fit together.
std::optional<KeyHistory> history_beside(const storage::KeyRow& key, const World& world) {
  std::optional<KeyHistory::InForce> in_force;
  if (key.state != storage::KeyState::prepared) {
    const auto known = world.known_keys->of(key);
    in_force = {name_of(known->certificate.body), world.store.active_share(key.id).has_value()};
  }
  std::vector<CertificateName> prepared;
  for (const storage::ShareInfo& share : world.store.prepared_shares()) {
    if (share.key != key.id) continue;
    if (const auto record = prepared_record(share.key, share.record))
      prepared.push_back({share.number, record->digest});
    else if (const auto body = prepared_body(world.store, share.key, share.number))
      prepared.push_back(name_of(*body));
  }
  return KeyHistory::restore(in_force, std::move(prepared));
}

std::vector<CertificateLink> links_beside(const storage::KeyRow& key, const World& world) {
  std::vector<CertificateLink> links;
  try {
    for (const storage::MetaRow& row : world.store.metas(lineage_prefix(key.id), "", kMaxLineage))
      links.push_back(decode_any_original<CertificateLink>(row.bytes));
  } catch (const Malformed& e) {
    throw storage::StorageCorrupt("the lineage of key " + key.id + ": " + e.what());
  }
  links.push_back(link_in_force(key));
  return links;
}

constexpr int kReads = 100;  // each but the last was overtaken by a new epoch

// A key's row and what is beside it are read one after the other, while the store's writer may put the next certificate
// in force: read(row) of a row that is the same before and after. The row may be later than `key`.
template <class Read>
auto consistently(const storage::KeyRow& key, const World& world, Read read) {
  storage::KeyRow before = key;
  for (int k = 0; k < kReads; ++k) {
    auto result = read(before);
    const auto after = world.store.key_by_id(key.id);
    if (!after) throw storage::StorageCorrupt("key " + key.id + " is gone");
    if (after->state == before.state && after->certificate == before.certificate) return result;
    before = *after;
  }
  throw storage::StorageError("key " + key.id + " changes faster than it can be read");
}

}  // namespace

KeyHistory history_of(const storage::KeyRow& key, const World& world) {
  const auto history = consistently(key, world, [&](const storage::KeyRow& row) { return history_beside(row, world); });
  if (!history) throw storage::StorageCorrupt("the shares of key " + key.id + " do not fit its certificate");
  return *history;
}

std::vector<CertificateLink> links_of(const storage::KeyRow& key, const World& world) {
  return consistently(key, world, [&](const storage::KeyRow& row) { return links_beside(row, world); });
}

std::optional<BoundedSecretBytes<kMaxCertificate>> certificate_made_by(const std::string& request,
                                                                       const storage::KeyRow& key, const World& world) {
  for (const CertificateLink& link : links_of(key, world)) {
    if (link.request.text != request) continue;
    BoundedSecretBytes<kMaxCertificate> bytes;
    bytes.assign(link.certificate.begin(), link.certificate.end());
    return bytes;
  }
  return std::nullopt;
}

Taken take_links(storage::Batch& batch, const storage::KeyRow& key, const std::vector<CertificateLink>& links,
                 const World& world) {
  const std::vector<CertificateLink> before = links_of(key, world);
  std::vector<CertificateBody> bodies;
  for (const CertificateLink& link : before) bodies.push_back(certificate_in(link).body);
  const auto lineage = Lineage::restore(bodies);
  if (!lineage) throw storage::StorageCorrupt("the lineage of key " + key.id + " has a gap");

  // What each link's request says, over the certificate that it was dealt from.
  std::vector<Link> chain;
  for (const CertificateLink& given : links) {
    Link link;
    try {
      link.certificate = certificate_in(given);
    } catch (const Malformed& e) {
      return {Taking::refused, std::string("does not decode: ") + e.what(), {}, {}};
    }
    const CertificateBody& body = link.certificate.body;
    const CertificateBody* base = chain.empty() ? nullptr : &chain.back().certificate.body;
    for (const CertificateBody& b : bodies)
      if (base == nullptr && b.number == body.base_number && b.digest() == body.base_digest) base = &b;
    if (base == nullptr) return {Taking::unknown_base, std::string(name_of(Succession::unknown_base)), {}, {}};
    const auto policy = world.policy.of(body.policy_digest);  // under which its members have signed it
    const World then = world_of(given.certificate, world);
    const auto examined = examine(given.original, then, *policy);
    const auto* x = seen_in(examined);
    if (x == nullptr || x->reshare() == nullptr || x->id != given.request.text || x->intent.key != key.id ||
        !x->allowed())
      return {Taking::refused, "comes without a request that this node's policy allows", {}, {}};
    link.request = reshare_request(*x, *base);
    if (body.config_version == static_cast<std::uint64_t>(then.cluster->version()))
      link.cluster = members_of(*then.cluster);
    chain.push_back(std::move(link));
  }

  const Believed believed = lineage->followed_by(chain, milliseconds(world.clock.wall()));
  switch (believed.verdict) {
    case Succession::follows:
      break;
    case Succession::not_greater:
      return {Taking::nothing_new, {}, {}, {}};
    case Succession::ahead_of_clock:
      return {Taking::later, std::string(name_of(believed.verdict)), {}, {}};
    case Succession::unknown_base:
      return {Taking::unknown_base, std::string(name_of(believed.verdict)), {}, {}};
    case Succession::unset:
    case Succession::another_key:
    case Succession::not_signed:
    case Succession::not_dealt:
    case Succession::not_asked:
    case Succession::outside_window:
    case Succession::used_request:
    case Succession::unknown_members:
    case Succession::too_long:
      return {Taking::refused, std::string(name_of(believed.verdict)), {}, {}};
  }

  const KeyCertificate& next = chain.back().certificate;
  const auto completion = history_of(key, world).complete(next.body, world.me.identity_key);
  switch (completion.plan.verdict) {
    case KeyHistory::Verdict::activates:
      break;
    case KeyHistory::Verdict::not_greater:
      return {Taking::nothing_new, {}, {}, {}};
    case KeyHistory::Verdict::lost_share:
      return {Taking::lost_share, "this node is a member and has no share of it", {}, {}};
    case KeyHistory::Verdict::unset:
      impossible("a verdict is set");
  }

  // The lineage that is remembered from now on, without the one in force: that one is the key's.
  const auto& after = believed.lineage->bodies();
  const auto remembered = [&](const CertificateBody& body) {
    return std::any_of(after.begin(), after.end() - 1, [&](const auto& b) { return name_of(b) == name_of(body); });
  };
  for (std::size_t k = 0; k < before.size(); ++k) {
    if (!remembered(bodies[k]))
      batch.erase_meta(lineage_name(bodies[k]));
    else if (k + 1 == before.size())
      batch.put_meta(lineage_name(bodies[k]), encode(before[k]));
  }
  for (std::size_t k = 0; k + 1 < chain.size(); ++k)
    if (remembered(chain[k].certificate.body))
      batch.put_meta(lineage_name(chain[k].certificate.body), encode(links[k]));

  storage::Succession s;
  s.key = key.id;
  s.replaces = key.certificate;
  s.number = next.body.number;
  s.digest = next.body.digest();
  s.certificate = plain(encode(next));
  KeyRecord record = key_record_in(key);
  record.digest = s.digest;
  record.latest_asked = {links.back().request, links.back().original};
  s.record = plain(encode(record));
  s.with_share = completion.plan.with_share;
  for (const CertificateName& name : completion.plan.obsolete) s.obsolete.push_back(name.number);
  // A new member can read more of what others have told of their ledgers than before: it asks again for all.
  if (s.with_share && world.known_keys->of(key)->certificate.body.committee.find(world.me.id) == nullptr)
    learn_ledgers_anew(batch);
  batch.succeed(std::move(s));
  return {Taking::taken, {}, next, links.back().request};
}

}  // namespace quorate::node
