#include "node/healer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "node/examine.h"
#include "node/key_state.h"
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

KeyEntry entry_of(const storage::KeyRow& row, const storage::Store& store) {
  KeyEntry entry;
  entry.key_id = row.id;
  entry.number = row.number;
  entry.digest = key_record_in(row).digest;
  entry.stamp = key_state_stamp(row.id, store);
  return entry;
}

// What is in force has happened, whatever this node thought of the request.
bool may_have_succeeded(const RequestRecord& record) {
  return record.request_state() != storage::RequestState::succeeded &&
         record.request_state() != storage::RequestState::denied;
}

// Made under a version of the cluster that this node does not have.
bool is_ahead(const CertificateLink& link, const World& world) {
  try {
    return !world.cluster.at(decode<KeyCertificate>(link.certificate).body.config_version);
  } catch (const Malformed&) {
    return false;
  }
}

constexpr std::size_t kMostLater = 4096;
constexpr std::size_t kMaxChainBytes = 384 * 1024;  // below limits::kMaxFrame, with what is around it

}  // namespace

Healer::Healer(const World& world, Requests& requests, std::function<void(const RequestRecord&)> final,
               std::function<void()> learned)
    : world_(world), requests_(requests), final_(std::move(final)), learned_(std::move(learned)) {}

void Healer::ask(const std::string& node, const std::string& key_id, const CertificateName& name) {
  CertificateQuery query;
  query.key_id = key_id;
  query.number = name.number;
  query.digest = name.digest;
  const auto row = world_.store.key_by_id(key_id);
  if (row && row->state != storage::KeyState::prepared)
    for (const CertificateLink& link : links_of(*row, world_))
      if (query.known.size() < kMaxLineage)
        query.known.push_back(decode<KeyCertificate>(link.certificate).body.digest());
  world_.mesh.send(node, envelope_of(query));
}

void Healer::ask_members(const storage::ShareInfo& share) {
  const auto body = prepared_body(world_.store, share.key, share.number);
  if (!body) return;
  for (const Member& m : body->committee.members())
    if (m.node.text != world_.me.id) ask(m.node, share.key, name_of(*body));
}

bool Healer::ask_for(const std::string& request) {
  bool any = false;
  for (const storage::ShareInfo& share : world_.store.prepared_shares()) {
    const auto successor = prepared_record(share.key, share.record);
    const auto key = world_.store.key_by_id(share.key);
    if (!key || (!successor && key->record.empty())) continue;
    if ((successor ? successor->request : key_record_in(*key).request).text != request) continue;
    ask_members(share);
    any = true;
  }
  return any;
}

void Healer::forget_found() {
  std::erase_if(lost_, [&](const auto& lost) {
    const auto row = world_.store.key_by_id(lost.first);
    return !row || CertificateName{row->number, key_record_in(*row).digest} >= lost.second;
  });
  lost_shares_ = lost_.size();
}

void Healer::ask_all() {
  forget_found();
  for (const storage::ShareInfo& share : world_.store.prepared_shares()) ask_members(share);
  for (const auto& [key_id, node] : std::exchange(later_, {})) {
    const auto row = world_.store.key_by_id(key_id);
    if (row && row->state != storage::KeyState::prepared)
      exchange(node, key_id);
    else
      ask(node, key_id, {1, {}});
  }
}

void Healer::look_later(const std::string& key_id, const std::string& node) {
  if (later_.contains(key_id) || later_.size() < kMostLater) later_[key_id] = node;
}

void Healer::on_peer_up(const std::string& node) {
  listed_[node] = 0;
  for (const storage::ShareInfo& share : world_.store.prepared_shares()) {
    const auto body = prepared_body(world_.store, share.key, share.number);
    if (body && body->committee.find(node) != nullptr) ask(node, share.key, name_of(*body));
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
      list.keys.push_back(entry_of(row, world_.store));
      if (list.keys.size() == kMaxKeyList) flush();
    }
    after = page.next;
  } while (after);
  flush();
}

void Healer::on_keys(const std::string& from, const KeyList& list) {
  if ((listed_[from] += list.keys.size()) > limits::kMaxKeys) return;  // more than there can be
  KeyList newer;
  for (const KeyEntry& entry : list.keys) {
    if (!array_from_hex<32>(entry.key_id.text)) return;
    const auto row = world_.store.key_by_id(entry.key_id);
    const CertificateName theirs{entry.number, entry.digest};
    if (row && row->state != storage::KeyState::prepared) {
      KeyEntry entry_here = entry_of(*row, world_.store);
      const CertificateName mine{entry_here.number, entry_here.digest};
      if (entry_here.stamp > entry.stamp)
        if (const auto change = key_state_change(row->id, world_)) world_.mesh.send(from, envelope_of(*change));
      // It has just learned of an older certificate, or has a newer state to tell.
      if (mine > theirs || entry_here.stamp < entry.stamp) newer.keys.push_back(std::move(entry_here));
      if (mine >= theirs) continue;
    }
    ask(from, entry.key_id, theirs);
  }
  if (!newer.keys.empty()) world_.mesh.send(from, envelope_of(newer));
}

void Healer::exchange(const std::string& node, const std::string& key_id) {
  const auto row = world_.store.key_by_id(key_id);
  if (!row || row->state == storage::KeyState::prepared) return;
  KeyList list;
  list.keys.push_back(entry_of(*row, world_.store));
  world_.mesh.send(node, envelope_of(list));
  const KeyEntry& mine = list.keys.front();
  ask(node, key_id, {mine.number + 1, {}});
}

// To all who can hear: who was not part of it learns of it in no other way until it connects again.
void Healer::announce(const std::string& key_id) {
  const auto row = world_.store.key_by_id(key_id);
  if (!row || row->state == storage::KeyState::prepared) return;
  KeyList list;
  list.keys.push_back(entry_of(*row, world_.store));
  for (const peers::PeerStatus& peer : world_.mesh.peers()) world_.mesh.send(peer.node, envelope_of(list));
}

void Healer::on_query(const std::string& from, const CertificateQuery& query) {
  const auto row = world_.store.key_by_id(query.key_id);
  if (!row) return;
  if (row->state != storage::KeyState::prepared && row->number >= query.number) return answer_chain(from, *row, query);
  // What this node has prepared it has agreed to: its signature is anybody's for the asking.
  const auto body = prepared_body(world_.store, query.key_id, query.number);
  if (!body || body->digest() != query.digest || body->committee.find(from) == nullptr) return;
  CertificateSignature answer;
  answer.key_id = query.key_id;
  answer.number = query.number;
  answer.signature = sign_certificate(*body, world_.identity);
  world_.mesh.send(from, envelope_of(answer));
}

// What lies between what the asker knows and what is in force here, as much as fits.
void Healer::answer_chain(const std::string& to, const storage::KeyRow& row, const CertificateQuery& query) {
  const std::vector<CertificateLink> links = links_of(row, world_);
  std::size_t from = 0;
  for (std::size_t k = 0; k < links.size(); ++k) {
    const Digest digest = decode<KeyCertificate>(links[k].certificate).body.digest();
    if (std::find(query.known.begin(), query.known.end(), digest) != query.known.end()) from = k + 1;
  }
  if (from == 0) {  // the asker has nothing of this key: its first certificate
    CertificateComplete complete;
    complete.certificate = links.front().certificate;
    complete.request = links.front().request;
    complete.original = links.front().original;
    world_.mesh.send(to, envelope_of(complete));
    from = 1;
  }
  CertificateChain chain;
  chain.key_id = row.id;
  std::size_t bytes = 0;
  for (std::size_t k = from; k < links.size() && chain.links.size() < kMaxLinks; ++k) {
    bytes += encode(links[k]).size();
    if (!chain.links.empty() && bytes > kMaxChainBytes) break;
    chain.links.push_back(links[k]);
  }
  if (!chain.links.empty()) world_.mesh.send(to, envelope_of(chain));
}

void Healer::on_key_state(const std::string& from, const KeyStateChange& change) {
  take_key_state(from, change, requests_, world_, [this, from, request = change.request] {
    KeyStateTaken taken;
    taken.request = request;
    world_.mesh.send(from, envelope_of(taken));
  });
}

void Healer::on_chain(const std::string& from, const CertificateChain& chain) {
  if (!array_from_hex<32>(chain.key_id.text) || chain.links.empty()) return;
  follow(from, chain.key_id, {chain.links.begin(), chain.links.end()}, kRetries);
}

void Healer::on_signature(const std::string& from, const CertificateSignature& message) {
  const auto at = std::make_pair(message.key_id.text, message.number);
  auto it = collecting_.find(at);
  if (it == collecting_.end()) {
    const auto share = world_.store.share(message.key_id, message.number);
    if (!share || share->state != storage::ShareState::prepared) return;
    auto body = prepared_body(world_.store, message.key_id, message.number);
    if (!body) return;
    const Member* mine = body->committee.find(world_.me.id);
    if (mine == nullptr) return;
    const PartyId me = mine->id;
    const Signature64 own = sign_certificate(*body, world_.identity);
    auto successor = prepared_record(share->key, share->record);
    CertificateCollector collector(std::move(*body), successor ? successor->dealers : DealerSignatures{});
    collector.add(me, own);
    it = collecting_.try_emplace(at, Collecting{std::move(collector), std::move(successor)}).first;
  }
  CertificateCollector& collector = it->second.collector;
  const Member* member = collector.body().committee.find(from);
  if (member == nullptr || !collector.add(member->id, message.signature)) {
    world_.log(LogLevel::warn, from + " sent a signature of a key certificate that does not verify");
    return;
  }
  const auto complete = collector.complete();
  if (!complete) return;
  const auto successor = std::move(it->second.successor);
  collecting_.erase(it);
  if (!successor) return activate(*complete, nullptr, kRetries);
  CertificateLink link;
  const SecretBytes bytes = encode(*complete);
  link.certificate.assign(bytes.begin(), bytes.end());
  link.request = successor->request;
  link.original = successor->original;
  follow(world_.me.id, message.key_id, {std::move(link)}, kRetries);
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
  const auto then = world_.cluster.at(body.config_version);
  if (!then) {
    look_later(to_hex(body.key_id), from);
    return world_.log(LogLevel::info, from + " sent a key certificate of version " +
                                          std::to_string(body.config_version) +
                                          " of the cluster, which is not known here yet");
  }
  if (to_hex(body.cluster_id) != world_.cluster->id() || !members_are_known(body.committee, **then) ||
      !verify_certificate(certificate)) {
    world_.log(LogLevel::warn, from + " sent a key certificate that does not verify");
    return;
  }
  // What this node has prepared it recognises. Of any other key the client's own request must show that somebody asked
  // for it.
  const bool prepared = prepared_body(world_.store, to_hex(body.key_id), body.number).has_value();
  const auto asked = prepared ? nullptr : asked_for(message);
  // Under a policy that is not here yet, perhaps.
  if (!prepared && !asked) look_later(to_hex(body.key_id), from);
  activate(certificate, asked.get(), kRetries);
}

std::shared_ptr<const KeyRecord> Healer::asked_for(const CertificateComplete& message) const {
  const auto policy = policy_of(message.certificate, world_);
  const auto examined = examine(message.original, world_of(message.certificate, world_), *policy);
  const auto* x = seen_in(examined);
  if (x == nullptr || x->id != message.request.text || x->create() == nullptr || !x->allowed() ||
      !prove(*x, message.certificate, x->committee().parties(), world_))
    return nullptr;
  auto record = std::make_shared<KeyRecord>();
  record->request = message.request;
  record->created = static_cast<std::uint64_t>(unix_seconds(world_.clock.wall()));
  record->original = message.original;
  return record;
}

void Healer::follow(const std::string& from, const std::string& key_id, std::vector<CertificateLink> links,
                    int retries) {
  const auto row = world_.store.key_by_id(key_id);
  if (!row || row->state == storage::KeyState::prepared) return;
  storage::Batch batch;
  const Taken taken = take_links(batch, *row, links, world_);
  const std::string what = "key " + row->name + " (" + key_id + "): the certificate from " + from;
  switch (taken.how) {
    case Taking::taken:
      break;
    case Taking::nothing_new:
      return;
    case Taking::refused:
      if (!is_ahead(links.back(), world_)) return world_.log(LogLevel::warn, what + " is not taken: it " + taken.why);
      [[fallthrough]];
    case Taking::later:
      look_later(key_id, from);
      [[fallthrough]];
    case Taking::unknown_base:
      return world_.log(LogLevel::warn, what + " is not taken: it " + taken.why);
    case Taking::lost_share:
      lost_[key_id] = std::max(lost_[key_id], name_of(decode<KeyCertificate>(links.back().certificate).body));
      lost_shares_ = lost_.size();
      return world_.log(LogLevel::error, what + " is in force elsewhere, and " + taken.why +
                                             ": its database is an old copy; reshare the key without this node");
    case Taking::unset:
      impossible("an end is set");
  }
  collecting_.erase({key_id, taken.in_force->body.number});
  std::optional<RequestRecord> record = requests_.load(taken.request);
  if (record && may_have_succeeded(*record)) {
    add_success(batch, *record, with_certificate(*row, *taken.in_force));
  } else
    record.reset();
  requests_.commit(std::move(batch), [this, record, from, key_id, links = std::move(links), what,
                                      retries](const storage::CommitResult& result) {
    if (result.status == storage::CommitStatus::conflict && retries > 0)
      return follow(from, key_id, links, retries - 1);
    if (!result.ok()) return world_.log(LogLevel::error, what + " could not be put in force: " + result.text);
    forget_found();
    world_.log(LogLevel::info, what + " is in force");
    announce(key_id);
    if (record) {
      requests_.tell(*record);
      final_(*record);
    }
  });
}

// A request that was open, or seemed to have failed, has led to this key or its certificate.
void Healer::add_success(storage::Batch& batch, RequestRecord& record, const storage::KeyRow& key) const {
  const storage::RequestState before = record.request_state();
  record.set_state(storage::RequestState::succeeded);
  record.code = "";
  record.reason = "";
  record.retryable = false;
  record.silent.clear();
  record.key_id = key.id;
  record.result = Json{{"key", key_view(key)}}.dump();
  batch.update_request(row_of(record), {before});
  batch.append_audit(requests_.audit("succeeded", record, Json{{"healed", true}}));
}

void Healer::activate(const KeyCertificate& certificate, const KeyRecord* asked, int retries) {
  const std::string id = to_hex(certificate.body.key_id);
  const auto present = world_.store.key_by_id(id);
  std::string request;
  if (present && !present->record.empty()) request = key_record_in(*present).request;
  storage::Batch batch;
  if (!activate_key(batch, certificate, asked, world_)) return;
  collecting_.erase({id, certificate.body.number});
  std::optional<RequestRecord> record;
  if (!request.empty()) record = requests_.load(request);
  if (record && may_have_succeeded(*record)) {
    add_success(batch, *record, row_of_new_key(certificate));
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
                     if (result.ok()) announce(id);
                     if (result.ok()) learned_();
                     if (result.ok() && record) {
                       requests_.tell(*record);
                       final_(*record);
                     }
                   });
}

}  // namespace quorate::node
