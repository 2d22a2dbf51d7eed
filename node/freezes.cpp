#include "node/freezes.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/participant.h"

namespace quorate::node {
namespace {

using storage::RequestState;

constexpr auto kLookAtOpen = Millis(500);
constexpr auto kTellVotesEvery = Seconds(5);
constexpr auto kTellListEvery = Seconds(60);
constexpr std::size_t kFreezePage = 200;
const std::string kFreezeMeta = "freeze/on/", kLiftMeta = "freeze/off/";  // meta: the newest of each, by scope

std::string lift_text(const std::string& node, const Digest& intent, const std::string& cluster) {
  return "quorate/unfreeze-vote/v1\n" + to_jcs(Json{{"cluster", cluster}, {"node", node}, {"intent", to_hex(intent)}});
}

Frozen::Freeze freeze_seen(const Examined& x) { return {x.who.user, x.id, x.who.created}; }

}  // namespace

LiftVote sign_lift(const std::string& node, const Digest& intent, const std::string& cluster,
                   const Ed25519SecretKey& identity) {
  LiftVote vote;
  vote.node = node;
  vote.signature = identity.sign(view_of(lift_text(node, intent, cluster)));
  return vote;
}

bool verify_lift(const LiftVote& vote, const Digest& intent, const policy::ClusterDocument& cluster) {
  const policy::NodeCard* card = cluster.find(vote.node.text);
  return card != nullptr &&
         card->identity_key.verify(view_of(lift_text(vote.node, intent, cluster.id())), vote.signature);
}

Json frozen_view(const Frozen& frozen) {
  Json view = Json::array();
  for (const auto& [scope, freeze] : frozen.scopes())
    view.push_back({{"scope", scope},
                    {"by", freeze.by},
                    {"at", to_rfc3339(from_unix_seconds(freeze.at))},
                    {"request", freeze.request}});
  return view;
}

Freezes::Freezes(const World& world, Requests& requests, const PeerView& peers, Hooks hooks)
    : world_(world), requests_(requests), peers_(peers), hooks_(std::move(hooks)) {
  load();
}

template <class Proof>
std::optional<Proof> Freezes::on_disk(const std::string& name) const {
  const auto bytes = world_.store.meta(name);
  if (!bytes) return std::nullopt;
  try {
    return decode<Proof>(*bytes);
  } catch (const Malformed& e) {
    throw storage::StorageCorrupt(name + ": " + e.what());
  }
}

void Freezes::load() {
  const auto each = [&](const std::string& prefix, auto&& take) {
    std::string after;
    for (;;) {
      const auto page = world_.store.metas(prefix, after, kFreezePage);
      if (page.empty()) return;
      for (const storage::MetaRow& row : page) take(row.name, row.name.substr(prefix.size()));
      after = page.back().name;
    }
  };
  std::map<std::string, Frozen::Freeze> newest;
  each(kFreezeMeta, [&](const std::string& name, const std::string& scope) {
    const auto freeze = on_disk<Freeze>(name);
    const auto x = examined(freeze->original, freeze->policy, true, true);
    if (!x || x->freeze()->scope != scope) throw storage::StorageCorrupt(name + ": it is no freeze");
    scopes_[scope].frozen = static_cast<std::uint64_t>(x->who.created);
    newest[scope] = freeze_seen(*x);
  });
  each(kLiftMeta, [&](const std::string& name, const std::string& scope) {
    const auto lift = on_disk<Lift>(name);
    const auto x = examined(lift->original, lift->policy, false, true);
    if (!x || x->freeze()->scope != scope) throw storage::StorageCorrupt(name + ": it lifts no freeze");
    scopes_[scope].lifted = static_cast<std::uint64_t>(x->who.created);
  });
  for (const auto& [scope, state] : scopes_) {
    if (state.is_frozen()) world_.frozen->freeze(scope, newest.at(scope));
    // A write that failed may have left another marker than what was decided.
    if (world_.store.meta(Frozen::marker(scope)).has_value() == state.is_frozen()) continue;
    storage::Batch batch;
    if (state.is_frozen())
      batch.put_meta(Frozen::marker(scope), secret_bytes(view_of(newest.at(scope).request)));
    else
      batch.erase_meta(Frozen::marker(scope));
    requests_.commit(std::move(batch), [](const storage::CommitResult&) {});
  }
}

SharedExamined Freezes::examined(const ClientRequest& original, const Digest& policy, bool freezes, bool judged) const {
  const auto version = world_.policy.find(policy);
  if (!version) return nullptr;
  auto read = examine(original, world_, *version->policy);
  const auto* x = seen_in(read);
  if (x == nullptr || x->freeze() == nullptr || x->freeze()->freezes != freezes || !x->allowed()) return nullptr;
  // Whoever was an admin once could name an old version for ever.
  if ((!judged && x->who.created > version->until) || x->who.created <= 0) return nullptr;
  return std::get<SharedExamined>(std::move(read));
}

RequestRecord Freezes::succeeded(const Examined& x, const ClientRequest& original, const std::string& from,
                                 Json result) const {
  const auto known = requests_.load(x.id);
  RequestRecord record = known ? *known : new_record(x, original, from);
  record.set_state(RequestState::succeeded);
  record.code = "";
  record.reason = "";
  record.retryable = false;
  record.result = result.dump();
  return record;
}

// ---- freezes

void Freezes::submit(const Examined& x, const ClientRequest& original, std::uint64_t ticket,
                     const std::function<void(const std::string&, bool)>& stored,
                     const std::function<void(const Answer&)>& answer) {
  freeze(world_.me.id, x, original, [this, id = x.id, ticket, stored, answer](const Answer& here) {
    const auto* record = std::get_if<RequestRecord>(&here);
    if (record == nullptr) return answer(here);
    requests_.wait(id, ticket, answer);
    telling_[id] = {*record, {world_.me.id}, world_.clock.steady() + limits::kProposalTimeout};
    stored(id, false);
    settle(id, false);
  });
}

void Freezes::on_freeze(const std::string& from, const FreezeTold& message) {
  const ClientRequest original(as_signed(message.freeze.original));
  // Of a version that this node does not know yet, or that could not decide any more: its own decides.
  auto x = examined(original, message.freeze.policy, true);
  if (!x) x = examined(original, world_.policy->digest(), true);
  if (message.freeze.version != 1 || !x)
    return world_.log(LogLevel::warn, from + " shows a freeze that does not count here");
  freeze(from, *x, original, [this, from, id = x->id](const Answer& here) {
    if (!std::holds_alternative<RequestRecord>(here)) return;
    FreezeTaken taken;
    taken.request = id;
    world_.mesh.send(from, envelope_of(taken));
  });
}

// In memory first: from here on no share leaves. `then` once it is on the disk, or with why it does not count.
void Freezes::freeze(const std::string& from, const Examined& x, const ClientRequest& original,
                     const std::function<void(const Answer&)>& then) {
  const std::string& scope = x.freeze()->scope;
  const auto created = static_cast<std::uint64_t>(x.who.created);
  if (from_unix_seconds(x.who.created) > world_.clock.wall() + limits::kClockAhead)
    return then(Refusal{401, "clock_skew", "it comes from the future", std::nullopt});
  Scope& state = scopes_[scope];
  if (created < state.lifted) {
    if (const auto lift = on_disk<Lift>(kLiftMeta + scope); lift && from != world_.me.id) {
      LiftTold told;
      told.lift = *lift;
      world_.mesh.send(from, envelope_of(told));
    }
    return then(Refusal{409, "superseded", "the admins have lifted this freeze", std::nullopt});
  }
  RequestRecord record =
      succeeded(x, original, from, Json{{"scope", scope}, {"applied_on", Json::array({world_.me.id})}});
  const bool news = created > state.frozen, first = !state.is_frozen();
  const std::uint64_t before = state.frozen;
  if (!news && requests_.load(x.id)) return then(record);
  storage::Batch batch;
  if (news) {
    state.frozen = created;
    world_.frozen->freeze(scope, freeze_seen(x));
    hooks_.frozen();
    if (first)
      world_.log(LogLevel::warn, x.who.user + " has frozen " + (scope == kAllKeys ? "all keys" : x.intent.key_name) +
                                     ": nothing is signed until the admins lift it");
    Freeze proof;
    proof.policy = x.intent.policy_digest;
    proof.original = original;
    batch.put_meta(kFreezeMeta + scope, encode(proof));
    batch.put_meta(Frozen::marker(scope), secret_bytes(view_of(x.id)));
    batch.append_audit(requests_.audit("frozen", record, Json{{"scope", scope}, {"from", from}}));
  }
  batch.put_request(row_of(record));
  requests_.add_nonce(batch, x.who.user, x.who.nonce, record);
  requests_.commit(std::move(batch), [this, from, news, record, then, policy = x.intent.policy_digest, original, scope,
                                      created, before](const storage::CommitResult& result) {
    if (!result.ok()) {
      // In memory it stays; what comes again is written again.
      if (std::uint64_t& frozen = scopes_[scope].frozen; news && frozen == created) frozen = before;
      world_.log(LogLevel::error, "a freeze could not be stored: " + result.text);
      return then(Refusal{503, "storage", "it counts until this node ends, which cannot store it", std::nullopt});
    }
    if (news || from == world_.me.id) {
      FreezeTold told;
      told.freeze.policy = policy;
      told.freeze.original = original;
      tell_all(envelope_of(told), from);
    }
    then(record);
  });
}

void Freezes::on_taken(const std::string& from, const FreezeTaken& taken) {
  const auto it = telling_.find(taken.request);
  if (it == telling_.end()) return;
  it->second.applied.insert(from);
  settle(taken.request, false);
}

void Freezes::settle(const std::string& id, bool late) {
  const auto it = telling_.find(id);
  if (it == telling_.end()) return;
  const auto& applied = it->second.applied;
  const auto& up = peers_.all();
  if (!late && !std::all_of(up.begin(), up.end(), [&](const auto& peer) { return applied.contains(peer.first); }))
    return;
  RequestRecord record = it->second.record;
  Json result = Json::parse(record.result.text), missing = Json::array();
  for (const policy::NodeCard& card : world_.cluster->nodes())
    if (!applied.contains(card.id)) missing.push_back(card.id);
  result["applied_on"] = applied;
  result["not_yet"] = std::move(missing);
  record.result = result.dump();
  telling_.erase(it);
  storage::Batch batch;
  batch.put_request(row_of(record));
  requests_.commit(std::move(batch), [this, record](const storage::CommitResult&) { requests_.tell(record); });
}

// ---- what lifts them

void Freezes::on_unfreeze(const RequestRecord& record) {
  if (open_.try_emplace(record.id).second) next_look_ = SteadyTime{};
}

void Freezes::look(const std::string& id) {
  const auto record = requests_.load(id);
  if (!record || !record->open()) {
    open_.erase(id);
    return;
  }
  if (record->request_state() == RequestState::pending_approval) return;
  // Another policy has come into force: Approvals asks anew.
  if (record->policy_version != static_cast<std::uint64_t>(world_.policy->version())) return;
  const auto read = examine(record->original, world_);
  const auto* x = seen_in(read);
  if (x == nullptr || x->freeze() == nullptr || !x->allowed() || !record->lives(world_.clock.wall())) return;
  const Scope& scope = scopes_[x->freeze()->scope];
  if (scope.frozen >= record->created) return supersede(*record, "an admin has frozen it again");
  if (scope.lifted >= record->created) return supersede(*record, "another request has lifted it");
  open_[id].intent = x->request_digest;
  if (record->request_state() != RequestState::scheduled || record->result.text.empty()) return schedule(*record);
  const auto effective = from_rfc3339(Json::parse(record->result.text).at("effective_at").get<std::string>());
  if (!effective || world_.clock.wall() < *effective) return;
  // What this node may have forgotten is that it was withdrawn.
  if (hooks_.resting() || hooks_.noticed() > record->created) return;
  vote(*record);
}

// From when this node has seen all approvals, as a change of the policy.
void Freezes::schedule(const RequestRecord& record) {
  requests_.schedule(record, std::chrono::hours(world_.policy->admins().delay_hours), Json::object(),
                     [this] { next_look_ = SteadyTime{}; });
}

void Freezes::supersede(const RequestRecord& record, const std::string& why) {
  requests_.supersede(record, why, Requests::kSuperseded, [this](const RequestRecord& ended) { hooks_.final(ended); });
}

// There are no rivals: what is lifted twice is lifted.
void Freezes::vote(const RequestRecord& record) {
  Unfreeze& open = open_.at(record.id);
  if (open.votes.contains(world_.me.id)) return;
  const auto cast = [this, id = record.id.text, intent = open.intent] {
    const auto it = open_.find(id);
    if (it == open_.end()) return;
    it->second.votes[world_.me.id] = sign_lift(world_.me.id, intent, world_.cluster->id(), world_.identity);
    for (const auto& [node, same] : peers_.all()) tell_votes(id, node);
    certify(id);
  };
  storage::Batch batch;
  world_.policy.expect(batch, world_.policy->digest());
  // From here on it may be lifted elsewhere: nobody takes it back.
  batch.update_request(row_of(record), {RequestState::scheduled});
  Requests::add_released(batch, record);
  batch.append_audit(requests_.audit("unfreeze_vote", record, Json{{"intent", to_hex(open.intent)}}));
  requests_.commit(std::move(batch), [cast](const storage::CommitResult& result) {
    if (result.ok()) cast();
  });
}

void Freezes::tell_votes(const std::string& id, const std::string& to) {
  LiftVotes message;
  message.request = id;
  for (const auto& [node, vote] : open_.at(id).votes) message.votes.push_back(vote);
  if (!message.votes.empty()) world_.mesh.send(to, envelope_of(message));
}

void Freezes::on_votes(const std::string&, const LiftVotes& message) {
  const auto it = open_.find(message.request);
  if (it == open_.end() || it->second.intent == Digest{}) return;
  for (const LiftVote& vote : message.votes)
    if (!it->second.votes.contains(vote.node.text) && verify_lift(vote, it->second.intent, *world_.cluster))
      it->second.votes.emplace(vote.node.text, vote);
  certify(message.request);
}

void Freezes::certify(const std::string& id) {
  const Unfreeze& open = open_.at(id);
  const auto record = requests_.load(id);
  if (open.votes.size() < majority_of(*world_.cluster) || !record) return;
  Lift proof;
  proof.policy = world_.policy->digest();
  proof.original = record->original;
  proof.original.cancellation = {};
  for (const auto& [node, vote] : open.votes) proof.votes.push_back(vote);
  lift(world_.me.id, proof);
}

void Freezes::on_lift(const std::string& from, const LiftTold& message) { lift(from, message.lift); }

void Freezes::lift(const std::string& from, const Lift& proof) {
  const auto x = examined(proof.original, proof.policy, false);
  if (proof.version != 1 || !x) return world_.log(LogLevel::warn, from + " shows an unfreeze that does not count here");
  const std::string& scope = x->freeze()->scope;
  const auto created = static_cast<std::uint64_t>(x->who.created);
  Scope& state = scopes_[scope];
  if (created <= state.lifted) return;
  std::set<std::string> nodes;
  for (const LiftVote& vote : proof.votes)
    if (verify_lift(vote, x->request_digest, *world_.cluster)) nodes.insert(vote.node.text);
  if (nodes.size() < majority_of(*world_.cluster))
    return world_.log(LogLevel::warn, from + " shows an unfreeze that too few nodes have signed");
  const std::uint64_t before = std::exchange(state.lifted, created);
  RequestRecord record =
      succeeded(*x, proof.original, from, Json{{"scope", scope}, {"frozen", state.is_frozen()}, {"applied_on", nodes}});
  storage::Batch batch;
  batch.put_meta(kLiftMeta + scope, encode(proof));
  if (!state.is_frozen()) batch.erase_meta(Frozen::marker(scope));
  batch.put_request(row_of(record));
  batch.append_audit(requests_.audit("unfrozen", record, Json{{"scope", scope}, {"from", from}}));
  requests_.commit(std::move(batch), [this, from, scope, before, proof, record](const storage::CommitResult& result) {
    Scope& now = scopes_[scope];
    if (!result.ok()) {
      now.lifted = before;  // it comes again
      return world_.log(LogLevel::error, "an unfreeze could not be stored: " + result.text);
    }
    if (!now.is_frozen()) {
      world_.frozen->lift(scope);
      world_.log(LogLevel::warn, (scope == kAllKeys ? "the freeze of all keys" : "the freeze of a key") +
                                     std::string(" is lifted: ") + scope);
    }
    LiftTold told;
    told.lift = proof;
    tell_all(envelope_of(told), from);
    requests_.tell(record);
    hooks_.final(record);
  });
}

// ---- who knows

void Freezes::tell_all(const Envelope& envelope, const std::string& but) {
  for (const auto& [node, same] : peers_.all())
    if (node != but) world_.mesh.send(node, envelope);
}

void Freezes::tell_list(const std::string& to) {
  FreezeList list;
  for (const auto& [scope, state] : scopes_) {
    list.entries.push_back({scope, state.frozen, state.lifted});
    if (list.entries.size() < kMaxFreezeList) continue;
    world_.mesh.send(to, envelope_of(list));
    list.entries.clear();
  }
  if (!list.entries.empty()) world_.mesh.send(to, envelope_of(list));
}

void Freezes::on_list(const std::string& from, const FreezeList& list) {
  // Each scope once: every one may cost a proof in answer.
  const auto unordered = [](const FreezeEntry& a, const FreezeEntry& b) { return a.scope.text >= b.scope.text; };
  if (std::adjacent_find(list.entries.begin(), list.entries.end(), unordered) != list.entries.end()) return;
  FreezeList older;  // here: it shows what it knows
  for (const FreezeEntry& theirs : list.entries) {
    const auto it = scopes_.find(theirs.scope);
    const Scope mine = it == scopes_.end() ? Scope{} : it->second;
    const bool lacks_freeze = theirs.frozen > mine.frozen && theirs.frozen >= mine.lifted;
    if (theirs.lifted > mine.lifted || lacks_freeze) older.entries.push_back({theirs.scope, mine.frozen, mine.lifted});
    if (mine.lifted > theirs.lifted)
      if (auto lift = on_disk<Lift>(kLiftMeta + theirs.scope.text)) {
        LiftTold told;
        told.lift = std::move(*lift);
        world_.mesh.send(from, envelope_of(told));
      }
    if (mine.frozen > theirs.frozen && mine.frozen >= theirs.lifted)
      if (auto freeze = on_disk<Freeze>(kFreezeMeta + theirs.scope.text)) {
        FreezeTold told;
        told.freeze = std::move(*freeze);
        world_.mesh.send(from, envelope_of(told));
      }
  }
  if (!older.entries.empty()) world_.mesh.send(from, envelope_of(older));
}

void Freezes::on_peer_up(const std::string& node) {
  tell_list(node);
  for (const auto& [id, open] : open_) tell_votes(id, node);
}

void Freezes::on_peer_down() {
  std::vector<std::string> waiting;
  for (const auto& [id, telling] : telling_) waiting.push_back(id);
  for (const std::string& id : waiting) settle(id, false);
}

// What was shown under a version that this node had not heard of counts now.
void Freezes::on_policy_changed() {
  for (auto& [id, open] : open_) open = {};
  next_look_ = next_list_ = SteadyTime{};
}

void Freezes::tick() {
  const SteadyTime now = world_.clock.steady();
  std::vector<std::string> late;
  for (const auto& [id, telling] : telling_)
    if (telling.deadline <= now) late.push_back(id);
  for (const std::string& id : late) settle(id, true);
  if (now >= next_look_) {
    next_look_ = now + kLookAtOpen;
    std::vector<std::string> ids;
    for (const auto& [id, open] : open_) ids.push_back(id);
    for (const std::string& id : ids) look(id);
  }
  if (now >= next_tell_) {
    next_tell_ = now + kTellVotesEvery;
    for (const auto& [id, open] : open_)
      for (const auto& [node, same] : peers_.all()) tell_votes(id, node);
  }
  if (now < next_list_) return;
  next_list_ = now + kTellListEvery;
  for (const auto& [node, same] : peers_.all()) tell_list(node);
}

}  // namespace quorate::node
