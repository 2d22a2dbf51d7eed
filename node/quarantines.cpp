#include "node/quarantines.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/keys.h"
#include "node/strikes.h"

namespace quorate::node {
namespace {

constexpr std::size_t kPage = 1000;
constexpr std::size_t kMaxWasted = 64;  // refused records of one peer, until it connects again
constexpr std::string_view kPrefix = "quorate/quarantine/1\n";

SecretBytes signed_bytes(const Quarantine& body) {
  SecretBytes bytes = secret_bytes(view_of(kPrefix));
  const SecretBytes encoded = encode(body);
  bytes.insert(bytes.end(), encoded.begin(), encoded.end());
  return bytes;
}

Quarantine body_of(const storage::QuarantineRow& row, const std::string& cluster) {
  Quarantine q;
  q.cluster = cluster;
  q.key_id = row.key;
  q.number = row.number;
  q.certificate = row.certificate;
  q.by = row.by;
  q.node = row.node;
  q.since = static_cast<std::uint64_t>(row.since);
  q.reason = row.reason;
  return q;
}

storage::QuarantineRow row_of(const SignedQuarantine& item) {
  storage::QuarantineRow row;
  row.key = item.body.key_id;
  row.number = item.body.number;
  row.certificate = item.body.certificate;
  row.by = item.body.by;
  row.node = item.body.node;
  row.since = static_cast<std::int64_t>(item.body.since);
  row.reason = item.body.reason;
  row.signature = item.signature;
  return row;
}

storage::AuditEntry audit_of(const storage::QuarantineRow& row, std::int64_t now) {
  storage::AuditEntry entry;
  entry.time = now;
  entry.kind = "quarantined";
  entry.text = to_jcs(Json{{"key", row.key},
                           {"certificate", to_hex(row.certificate)},
                           {"by", row.by},
                           {"node", row.node},
                           {"since", row.since},
                           {"reason", row.reason}});
  return entry;
}

}  // namespace

Signature64 sign_quarantine(const Quarantine& body, const Ed25519SecretKey& identity) {
  return identity.sign(signed_bytes(body));
}
bool verify_quarantine(const SignedQuarantine& q, const Ed25519PublicKey& by) {
  return by.verify(signed_bytes(q.body), q.signature);
}

Quarantines::Quarantines(const World& world, const PeerView& peers) : world_(world), peers_(peers) {}

void Quarantines::keep(const storage::QuarantineRow& row) {
  known_[{row.key, row.certificate}].try_emplace({row.by, row.node}, row);
}

void Quarantines::load() {
  started_ = world_.clock.steady();
  std::string after;
  for (;;) {
    const auto keys = world_.store.quarantined_keys(after, kPage);
    for (const std::string& key : keys)
      for (const storage::QuarantineRow& row : world_.store.quarantines(key)) {
        keep(row);
        // Whatever its signature is worth: a closed gate is the safe side.
        if (row.by == world_.me.id) world_.gates->settle({row.key, row.certificate}, row.node);
      }
    if (keys.size() < kPage) break;
    after = keys.back();
  }
  storage::Batch batch;
  const std::int64_t now = unix_seconds(world_.clock.wall());
  const auto struck = count_strikes(batch, world_);
  if (batch.empty()) return;
  for (const Struck& s : struck) {
    world_.log(LogLevel::warn, "key " + s.key.key + ": this node ended amid signings with " + s.node + ", strike " +
                                   std::to_string(s.count));
    if (s.count < limits::kMaxStrikes) continue;
    storage::QuarantineRow row;
    row.key = s.key.key;
    row.number = s.number;
    row.certificate = s.key.certificate;
    row.by = world_.me.id;
    row.node = s.node;
    row.since = now;
    row.reason = kStrikes;
    row.signature = sign_quarantine(body_of(row, world_.cluster->id()), world_.identity);
    if (known_[s.key].contains({row.by, row.node})) continue;
    batch.put_quarantine(row).append_audit(audit_of(row, now));
    apply_own(row);
  }
  std::set<std::string> keys;
  for (const Struck& s : struck) keys.insert(s.key.key);
  world_.store.commit(std::move(batch),
                      [gates = world_.gates, log = world_.log, keys](const storage::CommitResult& result) {
                        if (result.ok()) return;
                        log(LogLevel::error, "strikes could not be stored: " + result.text);
                        for (const std::string& key : keys) gates->stop(key);
                      });
}

void Quarantines::apply_own(const storage::QuarantineRow& row) {
  world_.gates->settle({row.key, row.certificate}, row.node);
  keep(row);
  world_.log(LogLevel::error, "key " + row.key + ": this node has quarantined " + row.node + " (" + row.reason +
                                  "); a refresh of the key cures it");
}

storage::Batch Quarantines::record(const GatedKey& key, std::uint64_t number,
                                   const std::vector<std::string>& nodes) const {
  storage::Batch batch;
  const std::int64_t now = unix_seconds(world_.clock.wall());
  for (const std::string& node : nodes) {
    storage::QuarantineRow row;
    row.key = key.key;
    row.number = number;
    row.certificate = key.certificate;
    row.by = world_.me.id;
    row.node = node;
    row.since = now;
    row.reason = kExtensionCheck;
    row.signature = sign_quarantine(body_of(row, world_.cluster->id()), world_.identity);
    batch.put_quarantine(row).append_audit(audit_of(row, now));
  }
  return batch;
}

void Quarantines::recorded(const GatedKey& key, const std::vector<std::string>& nodes, bool stored) {
  if (!stored) {
    world_.log(LogLevel::error,
               "key " + key.key + " has stopped on this node: the quarantine of a node could not be stored");
    return;
  }
  for (const storage::QuarantineRow& row : world_.store.quarantines(key.key))
    if (row.certificate == key.certificate && row.by == world_.me.id &&
        std::find(nodes.begin(), nodes.end(), row.node) != nodes.end())
      apply_own(row);
  for (const auto& [node, same] : peers_.all()) tell(node, key.key);
}

// ---- what nodes tell each other

std::vector<SignedQuarantine> Quarantines::for_node(const std::string& node) const {
  std::vector<SignedQuarantine> items;
  for (const auto& [key, places] : known_)
    for (const auto& [place, row] : places)
      if (place.by == world_.me.id || place.by == node)
        items.push_back({body_of(row, world_.cluster->id()), row.signature});
  return items;
}

void Quarantines::send(const std::string& node, const std::vector<SignedQuarantine>& items) const {
  QuarantineList list;
  for (const SignedQuarantine& item : items) {
    if (list.items.size() == limits::kMaxQuarantineList) {
      world_.mesh.send(node, envelope_of(list));
      list.items.clear();
    }
    list.items.push_back(item);
  }
  list.last = true;
  world_.mesh.send(node, envelope_of(list));
}

void Quarantines::on_peer_up(const std::string& node) {
  wasted_[node] = 0;
  send(node, for_node(node));
}

void Quarantines::tell_all() const {
  for (const auto& [node, same] : peers_.all())
    if (const auto items = for_node(node); !items.empty()) send(node, items);
}

void Quarantines::tell(const std::string& node, const std::string& key) const {
  std::vector<SignedQuarantine> items;
  for (auto it = known_.lower_bound({key, Digest{}}); it != known_.end() && it->first.key == key; ++it)
    for (const auto& [place, row] : it->second)
      if (place.by == world_.me.id) items.push_back({body_of(row, world_.cluster->id()), row.signature});
  if (!items.empty()) send(node, items);
}

void Quarantines::on_list(const std::string& from, const QuarantineList& list) {
  std::size_t& wasted = wasted_[from];
  for (const SignedQuarantine& item : list.items) {
    if (wasted >= kMaxWasted) break;
    if (take(from, item)) continue;
    ++wasted;
    ++refused_;
  }
  if (list.last) heard_.insert(from);
}

// The certificate that it names is one that this node knows: the active one, or one that it has prepared a share for.
bool Quarantines::is_here(const Quarantine& body, Committee& committee) const {
  const auto key = world_.store.key_by_id(body.key_id);
  if (!key) return false;
  if (key->state != storage::KeyState::prepared) {
    const auto known = world_.known_keys->of(*key);
    if (known->digest == body.certificate && known->certificate.body.number == body.number) {
      committee = known->certificate.body.committee;
      return true;
    }
  }
  const auto prepared = prepared_body(world_.store, body.key_id, body.number);
  if (!prepared || prepared->digest() != body.certificate) return false;
  committee = prepared->committee;
  return true;
}

// False: it does not hold, or is none of the sender's business.
bool Quarantines::take(const std::string& from, const SignedQuarantine& item) {
  const Quarantine& body = item.body;
  const bool mine = body.by.text == world_.me.id;
  if ((!mine && body.by.text != from) || body.cluster.text != world_.cluster->id() || body.by == body.node)
    return false;
  if (body.since > INT64_MAX || body.reason.text.empty()) return false;
  const auto known = known_.find({body.key_id.text, body.certificate});
  if (known != known_.end() && known->second.contains({body.by, body.node})) return true;
  Committee committee;
  // Of a certificate that this node does not know: it may learn of it later, and is then told again.
  if (!array_from_hex<32>(body.key_id.text) || !is_here(body, committee)) return true;
  const Member* by = committee.find(body.by.text);
  if (by == nullptr || committee.find(body.node.text) == nullptr || !verify_quarantine(item, by->identity)) {
    world_.log(LogLevel::warn, from + " told a quarantine that does not verify");
    return false;
  }
  const storage::QuarantineRow row = row_of(item);
  if (mine) {
    world_.log(LogLevel::error,
               from + " knows a quarantine of this node that its database does not hold: is it an older copy?");
    apply_own(row);
  } else {
    keep(row);
    world_.log(LogLevel::warn, "key " + row.key + ": " + row.by + " has quarantined " + row.node);
  }
  storage::Batch batch;
  batch.put_quarantine(row).append_audit(audit_of(row, unix_seconds(world_.clock.wall())));
  world_.store.commit(std::move(batch),
                      [gates = world_.gates, log = world_.log, row, mine](const storage::CommitResult& result) {
                        if (result.ok() || result.conflict == storage::Conflict::stale_number) return;
                        log(LogLevel::error, "a quarantine could not be stored: " + result.text);
                        if (mine) gates->stop(row.key);
                      });
  return true;
}

// ---- what follows from it

Quarantines::Edges Quarantines::edges(const GatedKey& key, const Committee& committee) const {
  Edges edges;
  const auto it = known_.find(key);
  if (it == known_.end()) return edges;
  for (const auto& [place, row] : it->second) {
    const Member *by = committee.find(place.by), *node = committee.find(place.node);
    if (by != nullptr && node != nullptr) edges.insert({std::min(by->id, node->id), std::max(by->id, node->id)});
  }
  return edges;
}

std::string Quarantines::text(const GatedKey& key) const {
  std::string text;
  const auto it = known_.find(key);
  if (it == known_.end()) return text;
  for (const auto& [place, row] : it->second)
    text += (text.empty() ? "" : ", ") + place.by + " has quarantined " + place.node;
  return text;
}

// A node whose database is an older copy learns of its own quarantines from the others, so it hears them first; who
// does not answer is not waited for long.
bool Quarantines::listening(const Committee& committee) const {
  if (world_.clock.steady() >= started_ + limits::kProposalTimeout) return false;
  for (const Member& m : committee.members())
    if (m.node.text != world_.me.id && !heard_.contains(m.node)) return true;
  return false;
}

std::optional<Refusal> Quarantines::check(const GatedKey& key, const Committee& committee, PartySet signers) const {
  if (world_.gates->stopped(key.key))
    return Refusal{503, "storage", "the key has stopped on this node: a quarantine could not be stored", std::nullopt};
  const Member* me = committee.find(world_.me.id);
  if (me == nullptr || !signers.contains(me->id)) return std::nullopt;
  if (listening(committee)) return Refusal{409, "busy", "this node has just started", std::nullopt};
  std::vector<std::string> closed;
  for (const PartyId j : signers.without(me->id))
    if (world_.gates->state(key, {committee.node_of(j)}) != Gates::State::open) closed.push_back(committee.node_of(j));
  if (closed.empty()) return std::nullopt;
  std::string names;
  for (const std::string& node : closed) names += (names.empty() ? "" : ", ") + node;
  return Refusal{409, "quarantined", "this node has quarantined " + names + " for this key; a refresh cures it",
                 std::nullopt};
}

}  // namespace quorate::node
