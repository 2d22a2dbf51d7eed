#include "node/desk.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "node/outcome.h"

namespace quorate::node {
namespace {

using storage::RequestState;
constexpr auto kExpireEvery = Seconds(2);
constexpr auto kSweepEvery = Seconds(60);
constexpr auto kFarewell = Seconds(10);
constexpr auto kUntold = Seconds(10);            // between two lines about what a node sends and does not decode
constexpr auto kExpireGrace = Seconds(10);       // after a request's end, for an outcome on its way
constexpr std::size_t kMaxOutcomeQueries = 256;  // to one peer at once

}  // namespace

Desk::Desk(const World& world, SessionHost& host)
    : world_(world),
      host_(host),
      requests_(world),
      quarantines_(world, peers_),
      windows_(world, requests_, peers_,
               [this](const std::string& id) { return coordinator_.attempts(id) || participant_.takes_part(id); }),
      freshness_(world, requests_, peers_),
      turns_(world.desk),
      participant_(world, requests_, host, peers_, quarantines_, windows_,
                   {[this](const Report& report) { coordinator_.on_report(world_.me.id, report); },
                    [this](const std::string& request, const std::string& from) {
                      return coordinator_.stand_back(request, from);
                    },
                    [this](const std::string& request) { return coordinator_.coordinates(request); },
                    [this](const std::string& request) { return healer_.ask_for(request); },
                    [this](const std::string& request, const std::string& other) {
                      return coordinator_.give_way(request, other);
                    },
                    [this](const std::string& node, const std::string& key) { healer_.exchange(node, key); },
                    [this] { return freshness_.resting(); }, [this] { return freshness_.noticed(); },
                    [this](const Examined& x, const RequestRecord& record) { approvals_.follow(x, record); },
                    [this](const std::string& node) { inflow_.useless(node, world_.clock.steady()); }}),
      coordinator_(
          world, requests_, host, participant_, peers_, quarantines_, windows_,
          [this](const std::string& request) { return healer_.ask_for(request); },
          [this](const ClientRequest& original, std::function<void(const Answer&)> told) {
            approvals_.ask(original, std::move(told));
          },
          [this](const Examined& x, const ClientRequest& original, std::uint64_t ticket,
                 const Coordinator::Stored& stored, const std::function<void(const Answer&)>& answer) {
            freezes_.submit(x, original, ticket, stored, answer);
          }),
      approvals_(world, requests_, peers_,
                 {[this](const RequestRecord& record) { coordinator_.resume(record); },
                  [this](const std::string& id) { return coordinator_.coordinates(id) || participant_.takes_part(id); },
                  [this](const RequestRecord& record) { on_final(record); },
                  [this](const RequestRecord& record) {
                    const bool lifts = record.kind.text == policy::name_of(policy::Kind::unfreeze);
                    lifts ? freezes_.on_unfreeze(record) : governance_.on_change(record);
                  }}),
      governance_(
          world, requests_, peers_,
          {[this] { documents_changed(); }, [this](const RequestRecord& record) { on_final(record); },
           [this] { return freshness_.resting(); }, [this] { return freshness_.noticed(); },
           [this] { return recoveries_.known(); }, [this](const std::string& id) { recoveries_.on_voted(id); }}),
      freezes_(world, requests_, peers_,
               {[this] {
                  coordinator_.on_frozen();
                  participant_.leave_frozen();
                },
                [this](const RequestRecord& record) { on_final(record); }, [this] { return freshness_.resting(); },
                [this] { return freshness_.noticed(); }}),
      recoveries_(world, requests_, peers_,
                  {[this] { return freshness_.resting(); }, [this] { return freshness_.noticed(); }}),
      cards_(world, peers_, [this] { update_mesh(); }),
      healer_(
          world, requests_, [this](const RequestRecord& record) { on_final(record); },
          [this] { windows_.hear_again(); }),
      scheduled_refresh_(world, peers_, coordinator_) {}

void Desk::on_final(const RequestRecord& record) {
  participant_.on_final(record.id);
  coordinator_.on_final(record);
  approvals_.on_final(record);
  if (record.kind.text == name_of(policy::Kind::create_key)) windows_.hear_again();
}

void Desk::recover() {
  freshness_.load();
  quarantines_.load();
  governance_.recover();
  mesh_peers_ = cards_.peers();
  approvals_.recover();
  windows_.recover();
  for (const storage::RequestRow& row : world_.store.open_requests()) {
    try {
      const RequestRecord record = record_of(row);
      if (record.coordinator.text == world_.me.id && record.request_state() != RequestState::pending_approval)
        coordinator_.resume(record);
    } catch (const storage::StorageCorrupt& e) {
      world_.log(LogLevel::error, e.what());
    }
  }
}

void Desk::tick() {
  turns_.again();
  host_.tick();
  participant_.tick();
  coordinator_.tick();
  approvals_.tick();
  governance_.tick();
  for (const auto& [node, same] : peers_.all())
    if (inflow_.take_lost(node)) on_lost(node);
  windows_.tick();
  freezes_.tick();
  recoveries_.tick();
  cards_.tick();
  freshness_.tick();
  scheduled_refresh_.tick();
  const SteadyTime now = world_.clock.steady();
  if (std::erase_if(leaving_, [&](const auto& l) { return now >= l.second.second; }) != 0) update_mesh();
  if (now >= next_expiry_) {
    next_expiry_ = now + kExpireEvery;
    expire();
  }
  if (now < next_sweep_) return;
  next_sweep_ = now + kSweepEvery;
  healer_.ask_all();
  quarantines_.tell_all();
  storage::Batch batch;
  batch.forget_before(unix_seconds(world_.clock.wall()));
  requests_.commit(std::move(batch), [](const storage::CommitResult&) {});
}

// What another node coordinated and never ended: asked for when its time is over, given up a little later.
void Desk::expire() {
  const std::int64_t now = unix_seconds(world_.clock.wall());
  std::size_t asked = 0;
  for (const storage::RequestRow& row : world_.store.overdue_requests(now)) {
    if (coordinator_.coordinates(row.id) || participant_.takes_part(row.id)) continue;
    const bool pending = row.state == RequestState::pending_approval;
    if (row.expires + kExpireGrace.count() >= now) {
      OutcomeQuery query;
      query.request = row.id;
      if (asked++ < kMaxOutcomeQueries)
        for (const auto& [node, same] : peers_.all()) world_.mesh.send(node, envelope_of(query));
      continue;
    }
    try {
      RequestRecord record = record_of(row);
      const bool people = record.decision.text == policy::name_of(policy::Effect::approve);
      record.set_state(people ? RequestState::expired : RequestState::failed);
      record.code = people ? "expired" : "no_outcome";
      record.reason = pending  ? "not enough people approved the request in its time"
                      : people ? "the request was approved, and could not be done in its time"
                               : "the coordinating node told no outcome in time";
      record.released = requests_.released(record.id);
      record.retryable = false;  // its time is over
      storage::Batch batch;
      batch.update_request(row_of(record), {row.state});
      if (record.kind.text == policy::name_of(policy::Kind::create_key)) batch.release_name(record.key_name, record.id);
      batch.append_audit(requests_.audit(people ? "expired" : "failed", record, Json{{"code", record.code.text}}));
      requests_.commit(std::move(batch), record, [](const storage::CommitResult&) {});
    } catch (const storage::StorageCorrupt& e) {
      world_.log(LogLevel::error, e.what());
    }
  }
}

// More came from it than could be taken.
void Desk::on_lost(const std::string& node) {
  coordinator_.doubt(node);
  windows_.on_lost(node);
}

// It speaks of all that was sent before it, also of what was dropped here.
void Desk::take_mark(const std::string& from, const LedgerMark& mark) {
  if (inflow_.take_lost(from)) return on_lost(from);
  windows_.on_mark(from, mark);
}

// For what ends something, which must not get lost.
bool Desk::post(const std::string& node, std::function<void()> work) noexcept {
  try {
    if (turns_.post(node, std::move(work))) return true;
  } catch (const std::exception&) {
  }
  ++dropped_;
  return false;
}

bool Desk::has_same_documents(const peers::Hello& hello) const {
  return hello.policy_digest == world_.policy->digest() && hello.cluster_document == world_.cluster->digest();
}

// What waits is judged by the policy in force now, and the nodes that sign together are those that have it, too.
void Desk::documents_changed() {
  if (cards_.chain().version() != world_.cluster->version()) cards_.document_changed();
  for (const auto& [node, hello] : hellos_) peers_.set(node, has_same_documents(hello));
  coordinator_.on_policy_changed();
  approvals_.recover();
  freezes_.on_policy_changed();
  recoveries_.on_documents_changed();
  windows_.hear_again();
  healer_.ask_all();  // certificates may have been made under it
}

// A node that has left hears of it before its connection is closed.
void Desk::update_mesh() {
  const std::vector<peers::PeerConfig> wanted = cards_.peers();
  const auto is_wanted = [&](const std::string& node) {
    return std::any_of(wanted.begin(), wanted.end(), [&](const auto& peer) { return peer.node == node; });
  };
  for (const peers::PeerConfig& peer : mesh_peers_)
    if (!is_wanted(peer.node)) leaving_.emplace(peer.node, std::pair(peer, world_.clock.steady() + kFarewell));
  std::erase_if(leaving_, [&](const auto& l) { return is_wanted(l.first); });
  mesh_peers_ = wanted;
  std::vector<peers::PeerConfig> all = wanted;
  for (const auto& [node, peer] : leaving_) all.push_back(peer.first);
  try {
    world_.mesh.update_peers(std::move(all));
    return;
  } catch (const std::invalid_argument&) {  // one that comes has a key of one that leaves, or there are too many
    leaving_.clear();
  }
  try {
    world_.mesh.update_peers(wanted);
  } catch (const std::invalid_argument& e) {
    world_.log(LogLevel::error, std::string("the mesh cannot connect with the nodes of the cluster: ") + e.what());
  }
}

void Desk::peer_hello(const std::string& node, const peers::Hello& hello) noexcept try {
  post(node, [this, node, hello] {
    const bool same = has_same_documents(hello);
    hellos_[node] = hello;
    if (!same)
      world_.log(LogLevel::warn,
                 node + " has another policy or cluster document: it does not sign together with this node");
    const bool came_up = !peers_.is_up(node);
    peers_.set(node, same);
    governance_.on_hello(node, hello);
    if (came_up) cards_.on_peer_up(node);
    if (came_up) freezes_.on_peer_up(node);
    if (came_up) recoveries_.on_peer_up(node);
    if (came_up) freshness_.on_peer_up(node);
    if (came_up) approvals_.on_peer_up(node);
    if (came_up) quarantines_.on_peer_up(node);
    if (came_up) windows_.on_peer_up(node);
    coordinator_.on_peer_up(node);
    if (!came_up) return;
    healer_.on_peer_up(node);
    ask_outcomes(node);
  });
} catch (const std::exception&) {
  ++dropped_;
}

void Desk::on_peer_up(const std::string& node, const peers::Hello& hello) noexcept { peer_hello(node, hello); }
void Desk::on_peer_hello(const std::string& node, const peers::Hello& hello) noexcept { peer_hello(node, hello); }

void Desk::on_peer_down(const std::string& node) noexcept try {
  try {
    host_.peer_lost(node);
  } catch (const std::exception&) {
    ++dropped_;
  }
  post(node, [this, node] {
    peers_.erase(node);
    hellos_.erase(node);
    governance_.on_peer_down(node);
    windows_.on_peer_down(node);
    freezes_.on_peer_down();
    coordinator_.on_peer_down(node);
  });
} catch (const std::exception&) {
  ++dropped_;
}

void Desk::on_envelope(const std::string& from, Envelope envelope) noexcept {
  const std::size_t bytes = envelope.body.size();
  bool admitted = false;
  try {
    if (!envelope.tag.starts_with("node/")) return host_.deliver(from, std::move(envelope));
    admitted = inflow_.admit(from, bytes);
    std::function<void()> work = [this, from, bytes, envelope = std::move(envelope)] {
      inflow_.done(from, bytes);
      try {
        dispatch(from, envelope);
      } catch (const Malformed& e) {
        on_malformed(from, e.what());
      }
    };
    if (admitted && turns_.post(from, std::move(work))) return;
  } catch (const std::exception&) {
  }
  ++dropped_;
  try {
    if (admitted) inflow_.done(from, bytes);
    inflow_.lose(from);
  } catch (const std::exception&) {  // there is no place of this peer yet, nor memory for one
  }
}

bool Desk::wants_more(const std::string& from) noexcept {
  try {
    return inflow_.wants_more(from, world_.clock.steady()) && host_.wants_more(from);
  } catch (const std::exception&) {  // no memory to count with
    return true;
  }
}

// Their number must not become a number of lines.
void Desk::on_malformed(const std::string& from, const std::string& why) {
  ++malformed_;
  inflow_.useless(from, world_.clock.steady());
  coordinator_.doubt(from);
  const SteadyTime now = world_.clock.steady();
  Untold& untold = untold_[from];
  if (now < untold.next) {
    ++untold.n;
    return;
  }
  std::string text = from + " sent a message that does not decode: " + why;
  if (untold.n > 0) text += " (and " + std::to_string(untold.n) + " before)";
  untold = {now + kUntold, 0};
  world_.log(LogLevel::warn, text);
}

void Desk::propose(const std::string& from, const Propose& propose) {
  if (!draining_) return participant_.on_propose(from, propose);
  Refuse message;
  message.random = propose.random;
  message.status = 503;
  message.code = "stopping";
  message.detail = "this node is about to stop";
  world_.mesh.send(from, envelope_of(message));
}

void Desk::dispatch(const std::string& from, const Envelope& e) {
  if (e.tag == Propose::tag)
    propose(from, decode<Propose>(e.body));
  else if (e.tag == Begin::tag)
    participant_.on_begin(from, decode<Begin>(e.body));
  else if (e.tag == Stop::tag)
    participant_.on_stop(from, decode<Stop>(e.body));
  else if (e.tag == Accept::tag)
    coordinator_.on_accept(from, decode<Accept>(e.body));
  else if (e.tag == Refuse::tag)
    coordinator_.on_refuse(from, decode<Refuse>(e.body));
  else if (e.tag == Report::tag)
    coordinator_.on_report(from, decode<Report>(e.body));
  else if (e.tag == Replicate::tag)
    approvals_.on_replicate(from, decode<Replicate>(e.body));
  else if (e.tag == Held::tag)
    approvals_.on_held(from, decode<Held>(e.body));
  else if (e.tag == Outcome::tag)
    take(from, decode<Outcome>(e.body));
  else if (e.tag == OutcomeQuery::tag)
    tell_outcome(from, decode<OutcomeQuery>(e.body));
  else if (e.tag == CertificateQuery::tag)
    healer_.on_query(from, decode<CertificateQuery>(e.body));
  else if (e.tag == CertificateSignature::tag)
    healer_.on_signature(from, decode<CertificateSignature>(e.body));
  else if (e.tag == CertificateComplete::tag)
    healer_.on_certificate(from, decode<CertificateComplete>(e.body));
  else if (e.tag == CertificateChain::tag)
    healer_.on_chain(from, decode<CertificateChain>(e.body));
  else if (e.tag == KeyList::tag)
    healer_.on_keys(from, decode<KeyList>(e.body));
  else if (e.tag == MyProgress::tag)
    freshness_.on_mine(from, decode<MyProgress>(e.body).progress);
  else if (e.tag == YourProgress::tag)
    freshness_.on_yours(from, decode<YourProgress>(e.body).progress);
  else if (e.tag == KeyStateChange::tag)
    healer_.on_key_state(from, decode<KeyStateChange>(e.body));
  else if (e.tag == KeyStateTaken::tag)
    coordinator_.on_key_state_taken(from, decode<KeyStateTaken>(e.body));
  else if (e.tag == PolicyVotes::tag)
    governance_.on_votes(from, decode<PolicyVotes>(e.body));
  else if (e.tag == PolicyQuery::tag)
    governance_.on_query(from, decode<PolicyQuery>(e.body));
  else if (e.tag == PolicyStep::tag)
    governance_.on_step(from, decode<PolicyStep>(e.body));
  else if (e.tag == LedgerNews::tag)
    windows_.on_news(from, decode<LedgerNews>(e.body));
  else if (e.tag == LedgerNoted::tag)
    windows_.on_noted(from, decode<LedgerNoted>(e.body));
  else if (e.tag == LedgerQuery::tag)
    windows_.on_query(from, decode<LedgerQuery>(e.body));
  else if (e.tag == LedgerMark::tag)
    take_mark(from, decode<LedgerMark>(e.body));
  else if (e.tag == FreezeTold::tag)
    freezes_.on_freeze(from, decode<FreezeTold>(e.body));
  else if (e.tag == FreezeTaken::tag)
    freezes_.on_taken(from, decode<FreezeTaken>(e.body));
  else if (e.tag == LiftVotes::tag)
    freezes_.on_votes(from, decode<LiftVotes>(e.body));
  else if (e.tag == LiftTold::tag)
    freezes_.on_lift(from, decode<LiftTold>(e.body));
  else if (e.tag == FreezeList::tag)
    freezes_.on_list(from, decode<FreezeList>(e.body));
  else if (e.tag == RecoveryTold::tag)
    recoveries_.on_told(from, decode<RecoveryTold>(e.body));
  else if (e.tag == CardList::tag)
    cards_.on_cards(from, decode<CardList>(e.body));
  else if (e.tag == QuarantineList::tag)
    quarantines_.on_list(from, decode<QuarantineList>(e.body));
  else {
    ++malformed_;
    inflow_.useless(from, world_.clock.steady());
  }
}

void Desk::take(const std::string& from, const Outcome& outcome) {
  // Who made a key or its next certificate waits a moment for its members to have it, however they came by it.
  const auto acknowledge = [this, from, result = outcome.result](const RequestRecord& record) {
    if (record.request_state() != RequestState::succeeded || record.kind.text == policy::name_of(policy::Kind::sign))
      return;
    Report report;
    report.request = record.id;
    report.succeeded = true;
    report.result = result;
    world_.mesh.send(from, envelope_of(report));
  };
  if (const auto known = requests_.load(outcome.request)) acknowledge(*known);
  take_outcome(from, outcome, requests_, world_, [this, acknowledge](const RequestRecord& record) {
    on_final(record);
    acknowledge(record);
  });
}

void Desk::tell_outcome(const std::string& to, const OutcomeQuery& query) {
  const auto record = requests_.load(query.request);
  if (!record || record->open() || !may_know(*record, to, world_)) return;
  if (const auto word = word_of_end(*record, world_)) world_.mesh.send(to, *word);
}

// A node that was away: what it coordinated may have ended.
void Desk::ask_outcomes(const std::string& node) {
  std::size_t asked = 0;
  for (const storage::RequestRow& row : world_.store.open_requests()) {
    if (asked == kMaxOutcomeQueries) return;
    if (coordinator_.coordinates(row.id) || participant_.takes_part(row.id)) continue;
    if (row.state == RequestState::pending_approval) continue;  // Approvals tells of it, and hears the end
    OutcomeQuery query;
    query.request = row.id;
    world_.mesh.send(node, envelope_of(query));
    ++asked;
  }
}

}  // namespace quorate::node
