#include "node/governance.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "http/router.h"
#include "node/participant.h"

namespace quorate::node {
namespace {

using storage::RequestState;

constexpr auto kLookEvery = Millis(500);
constexpr auto kTellChangesEvery = Seconds(5);
constexpr auto kBelieve = Seconds(30);  // a peer that says it knows more, and shows nothing
constexpr const char* kOwnVotes = "policy/votes";
std::string link_meta(std::int64_t number) { return "policy/link/" + std::to_string(number); }

// Whatever this node has thought of the request: what is proven has happened.
const std::vector<RequestState> kAny{RequestState::pending_approval, RequestState::queued,   RequestState::running,
                                     RequestState::scheduled,        RequestState::rejected, RequestState::cancelled,
                                     RequestState::expired,          RequestState::failed,   RequestState::denied};

// Of the cluster's document that a change_cluster would bring into force.
std::int64_t version_asked(const RequestRecord& record) {
  const Json version = http::parse_body(record.original.body).value("version", Json());
  return version.is_number_integer() ? version.get<std::int64_t>() : 0;
}

}  // namespace

InForce in_force(const World& world) { return {world.policy.now(), world.cluster.chain()}; }

peers::Hello hello_of(const World& world) {
  const auto policy = world.policy.now();
  const storage::AuditHead head = world.store.audit_head();
  peers::Hello hello;
  hello.software = "quorated 0.1.0";
  hello.node = world.me.id;
  hello.cluster_document = world.cluster->digest();
  hello.cluster_version = static_cast<std::uint64_t>(world.cluster->version());
  hello.policy_version = static_cast<std::uint64_t>(policy->version());
  hello.policy_digest = policy->digest();
  hello.state_seq = head.seq;
  hello.audit_head = head.hash;
  return hello;
}

Governance::Governance(const World& world, Requests& requests, const PeerView& peers, Hooks hooks)
    : world_(world), requests_(requests), peers_(peers), hooks_(std::move(hooks)) {
  load();
}

bool Governance::member() const {
  const policy::NodeCard* card = world_.cluster->find(world_.me.id);
  return card != nullptr && card->identity_key == world_.me.identity_key;
}

void Governance::set(const InForce& next, const PolicyLink& link) {
  const auto policy = world_.policy.now();
  if (next.policy != policy) world_.policy.set(next.policy, end_of(*policy, link, *world_.cluster));
  if (next.cluster != world_.cluster.chain()) world_.cluster.set(next.cluster);
}

void Governance::expect(storage::Batch& batch, const InForce& now) const {
  world_.policy.expect(batch, now.policy->digest());
  world_.cluster.expect(batch, now.cluster->document());
}

void Governance::load() {
  for (;;) {
    const InForce before = now();
    const auto bytes = world_.store.meta(link_meta(before.number() + 1));
    if (!bytes) break;
    const std::string name = "step " + std::to_string(before.number() + 1) + " of policy and cluster";
    try {
      const auto link = decode<PolicyLink>(*bytes);
      const auto next = follow(before, link);
      if (const auto* why = std::get_if<std::string>(&next)) throw storage::StorageCorrupt(name + ": " + *why);
      previous_ = before;
      set(std::get<InForce>(next), link);
    } catch (const Malformed& e) {
      throw storage::StorageCorrupt(name + ": " + e.what());
    }
  }
  if (world_.store.meta(PolicyInForce::kHead) != world_.policy.head_of(world_.policy->digest()))
    throw storage::StorageCorrupt("the policy in force is not the last of its chain");
  if (world_.store.meta(ClusterInForce::kHead) != world_.cluster.head_of(*world_.cluster))
    throw storage::StorageCorrupt("the cluster's document in force is not the last of its chain");
  const auto own = world_.store.meta(kOwnVotes);
  if (!own) return;
  try {
    own_ = decode<OwnVotes>(*own);
  } catch (const Malformed& e) {
    throw storage::StorageCorrupt(std::string("the votes on the policy: ") + e.what());
  }
  if (own_.previous != now().digest())
    throw storage::StorageCorrupt("the votes on the policy are not on its next version");
  for (const PolicyVote& vote : own_.votes) votes_[vote.round][world_.me.id] = vote;
}

void Governance::recover() {
  if (previous_) world_.mesh.set_hello(hello_of(world_));  // not what the mesh was made with, perhaps
}

void Governance::on_change(const RequestRecord& record) {
  if (open_.insert(record.id).second) next_look_ = SteadyTime{};
}

// ---- requests

void Governance::tick() {
  const SteadyTime now = world_.clock.steady();
  if (now >= next_look_) {
    next_look_ = now + kLookEvery;
    due_.clear();
    for (const std::string& id : std::set(open_)) look(id);
    for (KnownRecovery& recovery : hooks_.recoveries()) {
      const std::string id = recovery.id;
      const Digest next = recovery.next;
      if (recovery.due) due_[id] = {std::move(recovery), next};
    }
    vote();
    certify();
    look_behind();
  }
  if (now < next_tell_) return;
  next_tell_ = now + kTellChangesEvery;
  for (const auto& [node, same] : peers_.all()) {
    tell_votes(node);
    ask(node);
  }
}

// What has become of it, and whether it may come into force now.
void Governance::look(const std::string& id) {
  const auto record = requests_.load(id);
  if (!record || !record->open()) {
    open_.erase(id);
    return;
  }
  const auto policy = world_.policy.now();
  if (record->policy_version != static_cast<std::uint64_t>(policy->version()))
    return supersede(*record, "version " + std::to_string(policy->version()));
  if (record->kind.text == policy::name_of(policy::Kind::change_cluster) &&
      version_asked(*record) != world_.cluster->version() + 1)
    return supersede(*record, "version " + std::to_string(world_.cluster->version()) + " of the cluster");
  if (record->request_state() == RequestState::pending_approval) return;
  const bool timed = record->request_state() == RequestState::scheduled && !record->result.text.empty();
  if (timed) {  // looked at before the document is read again
    const auto effective = from_rfc3339(Json::parse(record->result.text).at("effective_at").get<std::string>());
    if (!effective || world_.clock.wall() < *effective) return;
  }
  const auto examined = examine(record->original, world_);
  if (const auto* refused = std::get_if<Refusal>(&examined)) return supersede(*record, refused->detail);
  const Examined& x = *std::get<SharedExamined>(examined);
  if (x.outdated()) return supersede(*record, x.outdated()->detail, x.outdated()->code);
  if (!x.allowed() || !record->lives(world_.clock.wall())) return;
  if (!timed) return schedule(*record, !x.change()->loosens.empty());
  // What this node may have forgotten is a vote for another one.
  if (hooks_.resting() || hooks_.noticed() > record->created) return;
  due_[id] = {*record, x.change()->digest};
}

// From when this node has seen all approvals: nobody can have them collected in secret, and use them at once.
void Governance::schedule(const RequestRecord& record, bool loosens) {
  const auto delay = loosens ? std::chrono::hours(world_.policy->admins().delay_hours) : std::chrono::hours(0);
  requests_.schedule(record, delay, Json{{"loosens", loosens}}, [this] { next_look_ = SteadyTime{}; });
}

void Governance::supersede(const RequestRecord& record, const std::string& why, const std::string& code) {
  const bool overtaken = code == Requests::kSuperseded;
  requests_.supersede(record, (overtaken ? "another change has come into force: " : "") + why, code,
                      [this](const RequestRecord& ended) { hooks_.final(ended); });
}

// ---- votes

std::optional<std::uint32_t> Governance::round() const {
  for (std::uint32_t r = 0; r < kMaxRounds; ++r) {
    const auto it = votes_.find(r);
    std::vector<Digest> said;
    if (it != votes_.end())
      for (const auto& [node, vote] : it->second) said.push_back(vote.next);
    if (!is_dead(said, world_.cluster->nodes().size())) return r;
  }
  return std::nullopt;
}

// Once in each round, for what most have voted for; of several the least.
void Governance::vote() {
  const auto r = round();
  if (writing_ || !r || due_.empty() || !member()) return;
  auto& cast = votes_[*r];
  if (cast.contains(world_.me.id)) return;
  const auto rank = [&](const Candidate& c) {
    const auto said = std::count_if(cast.begin(), cast.end(), [&](const auto& v) { return v.second.next == c.next; });
    return std::pair(-said, c.next);
  };
  const Candidate chosen = std::min_element(due_.begin(), due_.end(), [&](const auto& a, const auto& b) {
                             return rank(a.second) < rank(b.second);
                           })->second;
  const InForce before = now();
  const Digest previous = before.digest();
  const PolicyVote vote = sign_vote(world_.me.id, *r, chosen.next, previous, world_.cluster->id(), world_.identity);
  OwnVotes own = own_;
  if (own.previous != previous) own = {previous, {}};
  own.votes.push_back(vote);
  storage::Batch batch;
  expect(batch, before);
  batch.expect_meta(kOwnVotes, world_.store.meta(kOwnVotes)).put_meta(kOwnVotes, encode(own));
  // From here on it may be in force elsewhere: nobody takes it back.
  Json said{{"round", *r}, {"next", to_hex(vote.next)}, {"signature", to_hex(vote.signature)}};
  std::string recovery;
  if (const auto* record = std::get_if<RequestRecord>(&chosen.what)) {
    batch.update_request(row_of(*record), {RequestState::scheduled});
    Requests::add_released(batch, *record);
    batch.append_audit(requests_.audit("policy_vote", *record, std::move(said)));
  } else {
    const auto& known = std::get<KnownRecovery>(chosen.what);
    recovery = known.id;
    said["recovery"] = recovery;
    batch.expect_meta(known.meta, known.row).put_meta(known.meta, known.voted_row);  // no veto has come meanwhile
    batch.append_audit({unix_seconds(world_.clock.wall()), "policy_vote", "", to_jcs(said)});
  }
  writing_ = true;
  requests_.commit(std::move(batch), [this, vote, own, previous, recovery](const storage::CommitResult& result) {
    writing_ = false;
    if (!result.ok() || now().digest() != previous) return;
    if (!recovery.empty()) hooks_.recovery_voted(recovery);
    own_ = own;
    votes_[vote.round].emplace(vote.node.text, vote);
    for (const auto& [node, same] : peers_.all()) tell_votes(node);
    certify();
  });
}

void Governance::tell_votes(const std::string& to) {
  PolicyVotes message;
  message.previous = now().digest();
  for (const auto& [r, cast] : votes_)
    for (const auto& [node, vote] : cast) message.votes.push_back(vote);
  if (!message.votes.empty()) world_.mesh.send(to, envelope_of(message));
}

void Governance::on_votes(const std::string& from, const PolicyVotes& message) {
  const Digest previous = now().digest();
  if (message.previous != previous) return;
  bool learned = false;
  for (const PolicyVote& vote : message.votes) {
    if (vote.round >= kMaxRounds) continue;
    auto& cast = votes_[vote.round];
    const auto known = cast.find(vote.node.text);
    if (known != cast.end() && known->second.next == vote.next) continue;
    if (!verify_vote(vote, previous, *world_.cluster)) continue;
    if (known != cast.end()) {
      world_.log(LogLevel::error, vote.node.text + " has signed two changes in one round, as " + from + " shows");
      continue;
    }
    // Also this node's own, which an old copy of its database has forgotten.
    cast.emplace(vote.node.text, vote);
    learned = true;
  }
  if (!learned) return;
  next_look_ = SteadyTime{};
  certify();
}

// What this node knows of it, with these votes.
bool Governance::take_known(const Digest& next, std::uint32_t round, const std::vector<PolicyVote>& votes) {
  PolicyLink link;
  link.round = round;
  link.votes.assign(votes.begin(), votes.end());
  for (const std::string& id : open_) {
    const auto record = requests_.load(id);
    if (!record) continue;
    const auto examined = examine(record->original, world_);
    const auto* x = seen_in(examined);
    // Whether a node that leaves has shares, those that have voted have looked at.
    if (x == nullptr || x->change() == nullptr || x->change()->digest != next) continue;
    link.original = record->original;
    link.original.cancellation = {};
    if (take(world_.me.id, link)) return true;
  }
  for (const KnownRecovery& recovery : hooks_.recoveries()) {
    if (recovery.next != next) continue;
    link.original = recovery.original;
    if (take(world_.me.id, link)) return true;
  }
  return false;
}

// A majority has signed one of those that are known here: it is in force.
void Governance::certify() {
  if (writing_) return;
  for (const auto& [r, cast] : votes_) {
    std::map<Digest, std::vector<PolicyVote>> by_document;
    for (const auto& [node, vote] : cast) by_document[vote.next].push_back(vote);
    for (const auto& [next, votes] : by_document) {
      if (votes.size() < majority_of(*world_.cluster)) continue;
      if (take_known(next, r, votes)) return;
      // Who has voted for it has it.
      PolicyQuery query;
      query.after = static_cast<std::uint64_t>(now().number());
      for (const PolicyVote& vote : votes)
        if (peers_.is_up(vote.node)) world_.mesh.send(vote.node, envelope_of(query));
      return;
    }
  }
}

// ---- steps

bool Governance::take(const std::string& from, const PolicyLink& link) {
  if (writing_) return false;
  const InForce before = now();
  auto followed = follow(before, link);
  if (const auto* why = std::get_if<std::string>(&followed)) {
    world_.log(LogLevel::warn, from + " shows a change that does not count here: " + *why);
    return false;
  }
  const InForce next = std::get<InForce>(std::move(followed));
  Json nodes = Json::array();
  for (const PolicyVote& vote : link.votes) nodes.push_back(vote.node.text);
  const bool of_policy = next.policy != before.policy;
  const Json what{{"version", of_policy ? next.policy->version() : next.cluster->version()},
                  {"digest", to_hex(of_policy ? next.policy->digest() : next.cluster->digest())},
                  {"applied_on", nodes}};
  storage::Batch batch;
  expect(batch, before);
  if (of_policy)
    batch.put_meta(PolicyInForce::kHead, secret_bytes(next.policy->digest()));
  else
    batch.put_meta(ClusterInForce::kHead, secret_bytes(next.cluster->digest()));
  batch.put_meta(link_meta(next.number()), encode(link));
  batch.erase_meta(kOwnVotes);
  // follow() has verified the signature, so this only reads it.
  const auto examined = examine(link.original, world_);
  const auto* x = seen_in(examined);
  auto record = x == nullptr ? std::nullopt : requests_.load(x->id);
  if (x != nullptr) {
    const bool known = record.has_value();
    if (!known) record = new_record(*x, link.original, from);
    record->set_state(RequestState::succeeded);
    record->code = "";
    record->reason = "";
    record->retryable = false;
    record->result = what.dump();
    if (known)
      batch.update_request(row_of(*record), kAny);
    else
      batch.insert_request(row_of(*record));
    batch.append_audit(requests_.audit(of_policy ? "policy_changed" : "cluster_changed", *record, what));
  } else if (const auto recovery = recovery_in(link.original)) {
    Json recovered = what;
    recovered["recovery"] = recovery->id();
    batch.append_audit({unix_seconds(world_.clock.wall()), "policy_changed", "", to_jcs(recovered)});
    world_.log(LogLevel::warn, "the recovery of the admins " + recovery->id() + " comes into force");
  }
  writing_ = true;
  requests_.commit(std::move(batch), [this, next, link, record](const storage::CommitResult& result) {
    writing_ = false;
    if (!result.ok()) return world_.log(LogLevel::error, "a change could not be stored: " + result.text);
    taken(next, link);
    if (!record) return;
    requests_.tell(*record);
    hooks_.final(*record);
  });
  return true;
}

void Governance::taken(const InForce& next, const PolicyLink& link) {
  const InForce before = now();
  previous_ = before;
  set(next, link);
  votes_.clear();
  own_ = {};
  due_.clear();
  if (next.policy != before.policy)
    world_.log(LogLevel::info, "version " + std::to_string(next.policy->version()) +
                                   " of the policy is in force: " + to_hex(next.policy->digest()));
  else
    world_.log(LogLevel::info, "version " + std::to_string(next.cluster->version()) + " of the cluster is in force: " +
                                   to_hex(next.cluster->digest()) + (member() ? "" : "; this node is not in it"));
  world_.mesh.set_hello(hello_of(world_));
  PolicyStep step;
  step.version = static_cast<std::uint64_t>(next.number());
  step.link = link;
  for (const auto& [node, same] : peers_.all())
    if (const auto claim = claims_.find(node); claim == claims_.end() || claim->second.number < step.version)
      world_.mesh.send(node, envelope_of(step));
  next_look_ = SteadyTime{};
  hooks_.changed();
  for (const auto& [node, claim] : claims_) ask(node);
  look_behind();
}

void Governance::on_step(const std::string& from, const PolicyStep& step) {
  const InForce here = now();
  const auto mine = static_cast<std::uint64_t>(here.number());
  if (step.version == mine + 1) {
    take(from, step.link);
  } else if (step.version == mine && previous_) {
    const auto followed = follow(*previous_, step.link);
    const auto* other = std::get_if<InForce>(&followed);
    if (other == nullptr || other->digest() == here.digest() || fork_.exchange(true)) return;
    world_.log(LogLevel::error,
               "policy_fork: " + from + " shows another step " + std::to_string(mine) +
                   " of policy and cluster, as well proven as this node's: " + to_hex(other->digest()));
  }
}

void Governance::on_query(const std::string& from, const PolicyQuery& query) {
  if (query.after >= static_cast<std::uint64_t>(now().number())) return;
  const auto bytes = world_.store.meta(link_meta(static_cast<std::int64_t>(query.after) + 1));
  if (!bytes) return;
  PolicyStep step;
  step.version = query.after + 1;
  step.link = decode<PolicyLink>(*bytes);
  world_.mesh.send(from, envelope_of(step));
}

void Governance::on_hello(const std::string& node, const peers::Hello& hello) {
  const auto version_of = [](std::uint64_t said) {
    return static_cast<std::int64_t>(std::min(said, std::uint64_t{1} << 52));
  };
  const auto cluster_version = version_of(hello.cluster_version);
  const auto number = static_cast<std::uint64_t>(
      policy::state_number(version_of(hello.policy_version), std::max<std::int64_t>(cluster_version, 1)));
  const Digest digest = policy::state_digest(hello.policy_digest, cluster_version, hello.cluster_document);
  Claim& claim = claims_[node];
  const bool news = claim.number != number || claim.digest != digest;
  if (news) claim = {number, digest, world_.clock.steady()};
  ask(node);
  look_behind();
  tell_votes(node);
}

// It has come further, or has gone another way.
void Governance::ask(const std::string& node) {
  const auto claim = claims_.find(node);
  if (claim == claims_.end() || !peers_.is_up(node)) return;
  const InForce here = now();
  const auto mine = static_cast<std::uint64_t>(here.number());
  PolicyQuery query;
  query.after = mine;
  if (claim->second.number == mine && claim->second.digest != here.digest() && !fork_) query.after = mine - 1;
  if (claim->second.number > mine || query.after != mine) world_.mesh.send(node, envelope_of(query));
}

void Governance::look_behind() {
  const auto mine = static_cast<std::uint64_t>(now().number());
  behind_ = std::any_of(claims_.begin(), claims_.end(), [&](const auto& c) {
    return c.second.number > mine && world_.clock.steady() < c.second.since + kBelieve;
  });
}

}  // namespace quorate::node
