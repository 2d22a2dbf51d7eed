#include "node/desk.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>


namespace quorate::node {
namespace {

using storage::RequestState;
constexpr auto kExpireEvery = Seconds(2);
constexpr auto kSweepEvery = Seconds(60);
constexpr auto kFarewell = Seconds(10);
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
