#include "node/healer.h"

#include <nlohmann/json.hpp>

#include "node/examine.h"
#include "node/keys.h"
#include "node/protocols.h"

namespace quorate::node {
namespace {

constexpr std::size_t kPage = 200;
constexpr int kRetries = 2;  // of an activation that lost a race with another change

// Whether every member is the node of this cluster that it says, so that the signatures mean something here.
bool members_are_known(const Committee& committee, const policy::ClusterDocument& cluster) {
  for (const Member& m : committee.members()) {
    const policy::NodeCard* card = cluster.find(m.node.text);
    if (card == nullptr || card->identity_key != m.identity) return false;
  }
  return true;
}

}  // namespace

Healer::Healer(const World& world, Requests& requests, std::function<void(const RequestRecord&)> final)
    : world_(world), requests_(requests), final_(std::move(final)) {}

void Healer::ask(const std::string& node, const std::string& key_id, std::uint64_t number) {
  CertificateQuery query;
  query.key_id = key_id;
  query.number = number;
  world_.mesh.send(node, envelope_of(query));
}

void Healer::ask_members(const storage::ShareInfo& share) {
  const auto body = prepared_body(world_.store, share.key, share.number);
  if (!body) return;
  for (const Member& m : body->committee.members())
    if (m.node.text != world_.me.id) ask(m.node, share.key, share.number);
}

bool Healer::ask_for(const std::string& request) {
  bool any = false;
  for (const storage::ShareInfo& share : world_.store.prepared_shares()) {
    const auto key = world_.store.key_by_id(share.key);
    if (!key || key->record.empty() || decode<KeyRecord>(key->record).request.text != request) continue;
    ask_members(share);
    any = true;
  }
  return any;
}

void Healer::ask_all() {
  for (const storage::ShareInfo& share : world_.store.prepared_shares()) ask_members(share);
}

void Healer::on_peer_up(const std::string& node) {
  listed_[node] = 0;
  for (const storage::ShareInfo& share : world_.store.prepared_shares()) {
    const auto body = prepared_body(world_.store, share.key, share.number);
    if (body && body->committee.find(node) != nullptr) ask(node, share.key, share.number);
  }
  std::optional<storage::Cursor> after;
  KeyList list;
  const auto flush = [&] {
    if (!list.keys.empty()) world_.mesh.send(node, envelope_of(list));
    list.keys.clear();
  };
  do {
    auto page = world_.store.keys(kPage, after);
    for (const storage::KeyRow& row : page.items) {
      if (row.state == storage::KeyState::prepared) continue;
      KeyEntry entry;
      entry.key_id = row.id;
      entry.number = row.number;
      list.keys.push_back(std::move(entry));
      if (list.keys.size() == kMaxKeyList) flush();
    }
    after = page.next;
  } while (after);
  flush();
}

void Healer::on_keys(const std::string& from, const KeyList& list) {
  if ((listed_[from] += list.keys.size()) > limits::kMaxKeys) return;  // more than there can be
  for (const KeyEntry& entry : list.keys) {
    if (!array_from_hex<32>(entry.key_id.text)) return;
    const auto row = world_.store.key_by_id(entry.key_id);
    if (!row || (row->state == storage::KeyState::prepared) || row->number < entry.number)
      ask(from, entry.key_id, entry.number);
  }
}

void Healer::on_query(const std::string& from, const CertificateQuery& query) {
  const auto row = world_.store.key_by_id(query.key_id);
  if (!row) return;
  if (row->state != storage::KeyState::prepared && row->number >= query.number) {
    const auto record = decode<KeyRecord>(row->record);
    CertificateComplete complete;
    complete.certificate.assign(row->certificate.begin(), row->certificate.end());
    complete.request = record.request;
    complete.original = record.original;
    world_.mesh.send(from, envelope_of(complete));
    return;
  }
  // What this node has prepared it has agreed to: its signature is anybody's for the asking.
  const auto body = prepared_body(world_.store, query.key_id, query.number);
  if (!body || body->committee.find(from) == nullptr) return;
  CertificateSignature answer;
  answer.key_id = query.key_id;
  answer.number = query.number;
  answer.signature = sign_certificate(*body, world_.identity);
  world_.mesh.send(from, envelope_of(answer));
}

void Healer::on_signature(const std::string& from, const CertificateSignature& message) {
  const auto at = std::make_pair(message.key_id.text, message.number);
  auto it = collecting_.find(at);
  if (it == collecting_.end()) {
    const auto key = world_.store.key_by_id(message.key_id);
    if (!key || key->number >= message.number) return;
    auto body = prepared_body(world_.store, message.key_id, message.number);
    if (!body) return;
    const Member* mine = body->committee.find(world_.me.id);
    if (mine == nullptr) return;
    const PartyId me = mine->id;
    const Signature64 own = sign_certificate(*body, world_.identity);
    it = collecting_.try_emplace(at, std::move(*body)).first;
    it->second.add(me, own);
  }
  const Member* member = it->second.body().committee.find(from);
  if (member == nullptr || !it->second.add(member->id, message.signature)) {
    world_.log(LogLevel::warn, from + " sent a signature of a key certificate that does not verify");
    return;
  }
  if (const auto complete = it->second.complete()) {
    collecting_.erase(it);
    activate(*complete, nullptr, kRetries);
  }
}

void Healer::on_certificate(const std::string& from, const CertificateComplete& message) {
  KeyCertificate certificate;
  try {
    certificate = decode<KeyCertificate>(message.certificate);
  } catch (const Malformed& e) {
    world_.log(LogLevel::warn, from + " sent a key certificate that does not decode: " + e.what());
    return;
  }
  const CertificateBody& body = certificate.body;
  if (to_hex(body.cluster_id) != world_.cluster.id() || !members_are_known(body.committee, world_.cluster) ||
      !verify_certificate(certificate)) {
    world_.log(LogLevel::warn, from + " sent a key certificate that does not verify");
    return;
  }
  // What this node has prepared it recognises. Of any other key the client's own request must show that somebody asked
  // for it.
  const auto asked = prepared_body(world_.store, to_hex(body.key_id), body.number) ? nullptr : asked_for(message);
  activate(certificate, asked.get(), kRetries);
}

std::shared_ptr<const KeyRecord> Healer::asked_for(const CertificateComplete& message) const {
  const auto examined = examine(message.original, world_);
  const auto* x = std::get_if<Examined>(&examined);
  if (x == nullptr || x->id != message.request.text || x->create() == nullptr || !x->decision.allowed() ||
      !prove(*x, message.certificate, x->committee().parties(), world_))
    return nullptr;
  auto record = std::make_shared<KeyRecord>();
  record->request = message.request;
  record->created = static_cast<std::uint64_t>(unix_seconds(world_.clock.wall()));
  record->original = message.original;
  return record;
}

void Healer::activate(const KeyCertificate& certificate, const KeyRecord* asked, int retries) {
  const std::string id = to_hex(certificate.body.key_id);
  const auto present = world_.store.key_by_id(id);
  std::string request;
  if (present && !present->record.empty()) request = decode<KeyRecord>(present->record).request;
  storage::Batch batch;
  if (!activate_key(batch, certificate, asked, world_)) return;
  collecting_.erase({id, certificate.body.number});
  std::optional<RequestRecord> record;
  if (!request.empty()) record = requests_.load(request);
  if (record && (record->open() || record->request_state() == storage::RequestState::failed)) {
    storage::KeyRow row;
    row.id = id;
    row.name = certificate.body.name;
    row.algorithm = std::string(name_of(certificate.body.algorithm));
    row.state = storage::KeyState::active;
    row.number = certificate.body.number;
    const SecretBytes encoded = encode(certificate);
    row.certificate.assign(encoded.begin(), encoded.end());
    const storage::RequestState before = record->request_state();
    record->set_state(storage::RequestState::succeeded);
    record->code = "";
    record->reason = "";
    record->retryable = false;
    record->silent.clear();
    record->key_id = id;
    record->result = Json{{"key", key_view(row)}}.dump();
    batch.update_request(row_of(*record), {before});
    batch.append_audit(requests_.audit("succeeded", *record, Json{{"healed", true}}));
  } else
    record.reset();
  world_.log(LogLevel::info,
             "key " + certificate.body.name.text + " (" + id + ") is active: its certificate is complete");
  const std::shared_ptr<const KeyRecord> kept = asked == nullptr ? nullptr : std::make_shared<KeyRecord>(*asked);
  requests_.commit(std::move(batch),
                   [this, record, id, certificate, kept, retries](const storage::CommitResult& result) {
                     // Its name was taken, or its request changed, on the way: looked at again, now with what is there.
                     if (result.status == storage::CommitStatus::conflict && retries > 0)
                       return activate(certificate, kept.get(), retries - 1);
                     if (!result.ok() && result.conflict != storage::Conflict::stale_number)
                       world_.log(LogLevel::error, "key " + id + " could not be activated: " + result.text);
                     if (result.ok() && record) {
                       requests_.tell(*record);
                       final_(*record);
                     }
                   });
}

}  // namespace quorate::node
