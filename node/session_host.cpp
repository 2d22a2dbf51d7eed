#include "node/session_host.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace quorate::node {

SessionHost::SessionHost(const World& world, std::vector<Executor*> workers) : world_(world), workers_(workers.size()) {
  QUORATE_ASSERT(!workers.empty());
  for (std::size_t i = 0; i < workers.size(); ++i) workers_[i].executor = workers[i];
}

SessionHost::Worker& SessionHost::worker_of(const SessionId& sid) { return workers_[SidHash{}(sid) % workers_.size()]; }

bool SessionHost::open(HostedSession session) {
  if (running_.fetch_add(1) >= limits::kMaxSessions) {
    --running_;
    return false;
  }
  const SessionId sid = session.session->sid();
  Worker& worker = worker_of(sid);
  // std::function wants copies; the session is handed over once.
  const auto shared = std::make_shared<HostedSession>(std::move(session));
  const bool posted = worker.executor->post([this, &worker, sid, shared] {
    Running running;
    running.hosted = std::move(*shared);
    running.deadline = world_.clock.steady() + limits::kProposalTimeout + running.hosted.round_timeout;
    const auto [it, placed] = worker.sessions.try_emplace(sid, std::move(running));
    if (!placed) {
      --running_;
      return;
    }
    bool begins = it->second.hosted.eager;
    for (const EarlyMail::Letter& letter : worker.early.open(sid)) {
      kept_.done(letter.from, letter.envelope->body.size());
      if (hand(it->second, letter.from, *letter.envelope))
        begins = true;
      else
        drop(letter.from);
    }
    if (begins) advance(worker, sid);
  });
  if (!posted) --running_;
  return posted;
}

void SessionHost::begin(const SessionId& sid) {
  Worker& worker = worker_of(sid);
  worker.executor->post_always([this, &worker, sid] {
    const auto it = worker.sessions.find(sid);
    if (it != worker.sessions.end() && it->second.hosted.eager && it->second.rounds == 1)
      it->second.deadline = std::min(it->second.deadline, world_.clock.steady() + it->second.hosted.round_timeout);
    advance(worker, sid);
  });
}

void SessionHost::allow(const SessionId& sid) {
  Worker& worker = worker_of(sid);
  worker.executor->post_always([this, &worker, sid] {
    const auto it = worker.sessions.find(sid);
    if (it == worker.sessions.end()) return;
    it->second.hosted.held = false;
    advance(worker, sid);
  });
}

bool SessionHost::hand(Running& running, const std::string& from, const Envelope& envelope) {
  const Member* sender = running.hosted.committee.find(from);
  // What a peer says after its connection was lost is of another life: a restarted node that is led into the same
  // session would seem to equivocate.
  if (sender == nullptr || running.lost.contains(sender->id)) return false;
  if (!running.shut) running.hosted.session->deliver(sender->id, envelope.tag, envelope.body);
  return true;
}

void SessionHost::deliver(const std::string& from, Envelope envelope) {
  const std::size_t bytes = envelope.body.size();
  if (!inflow_.admit(from, bytes)) {
    ++dropped_;
    return;
  }
  bool posted = false;
  try {
    posted = post_letter(from, std::move(envelope));
  } catch (...) {
    inflow_.done(from, bytes);
    throw;
  }
  if (!posted) {
    inflow_.done(from, bytes);
    ++dropped_;
  }
}

bool SessionHost::post_letter(const std::string& from, Envelope envelope) {
  const std::size_t bytes = envelope.body.size();
  Worker& worker = worker_of(envelope.sid);
  const auto shared = std::make_shared<Envelope>(std::move(envelope));
  return worker.executor->post([this, &worker, bytes, from, shared] {
    inflow_.done(from, bytes);
    const auto it = worker.sessions.find(shared->sid);
    if (it == worker.sessions.end()) {
      if (kept_.admit(from, bytes)) {
        if (worker.early.keep(from, shared, world_.clock.steady())) return;
        kept_.done(from, bytes);
      }
      drop(from);
      return;
    }
    // A peer that speaks has accepted: of what is not eager it has been told to begin, so everybody has.
    if (!hand(it->second, from, *shared)) {
      drop(from);
      return;
    }
    advance(worker, shared->sid);
  });
}

void SessionHost::close(const SessionId& sid, std::function<void()> then) {
  Worker& worker = worker_of(sid);
  worker.executor->post_always([this, &worker, sid, then = std::move(then)] {
    if (worker.sessions.erase(sid) != 0) --running_;
    let_go(worker.early.close(sid, world_.clock.steady()));
    if (then) then();
  });
}

void SessionHost::forget(const SessionId& sid) {
  Worker& worker = worker_of(sid);
  worker.executor->post_always([this, &worker, sid] {
    if (!worker.sessions.contains(sid)) let_go(worker.early.close(sid, world_.clock.steady()));
  });
}

void SessionHost::expect(const SessionId& sid) {
  Worker& worker = worker_of(sid);
  worker.executor->post_always([&worker, sid] { worker.early.expect(sid); });
}

void SessionHost::let_go(const EarlyMail::Letters& letters) {
  for (const EarlyMail::Letter& letter : letters) kept_.done(letter.from, letter.envelope->body.size());
  dropped_ += letters.size();
}

void SessionHost::drop(const std::string& from) {
  ++dropped_;
  inflow_.useless(from, world_.clock.steady());
}

void SessionHost::peer_lost(const std::string& node) {
  for (Worker& worker : workers_)
    worker.executor->post_always([this, &worker, node] {
      let_go(worker.early.drop_of(node));
      std::vector<SessionId> affected;
      for (auto& [sid, running] : worker.sessions) {
        const Member* member = running.hosted.committee.find(node);
        if (member == nullptr || !running.hosted.session->parties().contains(member->id)) continue;
        running.lost.insert(member->id);
        affected.push_back(sid);
      }
      for (const SessionId& sid : affected) ended_by_loss(worker, sid);
    });
}

void SessionHost::tick() {
  for (Worker& worker : workers_) {
    if (worker.ticking.exchange(true)) continue;
    const bool posted = worker.executor->post_always([this, &worker] {
      worker.ticking = false;
      const SteadyTime now = world_.clock.steady();
      let_go(worker.early.expire(now));
      std::vector<SessionId> late;
      for (const auto& [sid, running] : worker.sessions)
        if (running.deadline <= now) late.push_back(sid);
      for (const SessionId& sid : late) {
        Running& running = worker.sessions.at(sid);
        if (!running.begun) {
          finish(worker, sid, SessionEnd{});
          continue;
        }
        if (running.shut) {
          SessionEnd end;
          end.gate_closed = true;
          finish(worker, sid, std::move(end));
          continue;
        }
        if (running.writing != DurableStep::unset) {
          SessionEnd end;
          end.broken = "a durable step took too long";
          finish(worker, sid, std::move(end));
          continue;
        }
        if (running.hosted.held && running.hosted.session->waiting_for().empty()) {
          SessionEnd end;
          end.broken = "nothing has allowed it to go on";
          finish(worker, sid, std::move(end));
          continue;
        }
        running.hosted.session->time_out();
        advance(worker, sid);
      }
    });
    if (!posted) worker.ticking = false;
  }
}

void SessionHost::advance(Worker& worker, const SessionId& sid) {
  const auto it = worker.sessions.find(sid);
  if (it == worker.sessions.end()) return;
  Running& running = it->second;
  AnySession& session = *running.hosted.session;
  if (!running.begun) {
    running.begun = true;
    // Others of an eager one may still be accepting it: the deadline of its first round is that of its opening.
    if (!running.hosted.eager) running.deadline = world_.clock.steady() + running.hosted.round_timeout;
  }
  if (running.shut) return;
  const auto& gated = running.hosted.gated;
  if (gated && !passes(worker, sid, world_.gates->state(gated->key, peers_of(running)))) return;
  session.resume();
  if (const PartySet cheats = session.quarantined(); !cheats.empty()) {
    // Nothing of this session leaves any more, whatever it says.
    running.shut = true;
    quarantine(running, cheats);
    return;
  }
  if (!passes(worker, sid, send_out(running))) return;
  if (session.done()) {
    SessionEnd end;
    end.session = &session;
    finish(worker, sid, std::move(end));
    return;
  }
  if (running.round != session.round()) {
    running.round = session.round();
    if (++running.rounds > 1 || !running.hosted.eager)
      running.deadline = world_.clock.steady() + running.hosted.round_timeout;
  }
  if (ended_by_loss(worker, sid)) return;
  if (running.hosted.held) return;
  if (auto why = take_durable(worker, running)) {
    SessionEnd end;
    end.broken = std::move(*why);
    finish(worker, sid, std::move(end));
  }
}

bool SessionHost::ended_by_loss(Worker& worker, const SessionId& sid) {
  const Running& running = worker.sessions.at(sid);
  // Before it begins, its coordinator sees the loss and decides.
  const bool moves = running.begun && !running.shut;
  const PartySet silent = moves ? running.hosted.session->waiting_for() & running.lost : PartySet();
  if (silent.empty()) return false;
  SessionEnd end;
  end.lost = running.hosted.committee.node_of(*silent.begin());
  finish(worker, sid, std::move(end));
  return true;
}

std::vector<std::string> SessionHost::peers_of(const Running& running) const {
  std::vector<std::string> peers;
  for (const PartyId j : running.hosted.session->parties().without(running.hosted.session->me()))
    peers.push_back(running.hosted.committee.node_of(j));
  return peers;
}

Gates::State SessionHost::send_out(Running& running) {
  std::vector<Envelope> behind_gate;
  std::vector<std::string> to;
  for (Outgoing& message : running.hosted.session->take_outbox()) {
    const std::string& node = running.hosted.committee.node_of(message.to);
    Envelope envelope;
    envelope.sid = running.hosted.session->sid();
    envelope.tag = std::string(message.tag);
    envelope.body = std::move(message.body);
    if (running.hosted.gated && message.tag == running.hosted.gated->tag) {
      behind_gate.push_back(std::move(envelope));
      to.push_back(node);
    } else {
      // A peer that cannot be reached is silent; its loss or the round's deadline tells.
      world_.mesh.send(node, std::move(envelope));
    }
  }
  if (behind_gate.empty()) return Gates::State::open;
  return world_.gates->release(running.hosted.gated->key, peers_of(running), [&] {
    for (std::size_t k = 0; k < to.size(); ++k) world_.mesh.send(to[k], std::move(behind_gate[k]));
  });
}

bool SessionHost::passes(Worker& worker, const SessionId& sid, Gates::State state) {
  switch (state) {
    case Gates::State::open:
      return true;
    case Gates::State::closing:
      worker.sessions.at(sid).shut = true;
      return false;
    case Gates::State::closed:
      break;
  }
  SessionEnd end;
  end.gate_closed = true;
  finish(worker, sid, std::move(end));
  return false;
}

// In memory first. Then nobody is told anything until the record is durable, or cannot be: all sessions of the pair end
// at one time and in one way, so that none of them says which check has failed.
void SessionHost::quarantine(const Running& running, PartySet cheats) {
  QUORATE_ASSERT(running.hosted.gated);
  const Gated& gated = *running.hosted.gated;
  std::vector<std::string> nodes;
  for (const PartyId j : cheats) {
    const std::string& node = running.hosted.committee.node_of(j);
    if (world_.gates->close(gated.key, node)) nodes.push_back(node);
  }
  if (nodes.empty()) return end_gated(gated.key);  // another session was faster and ends this one, too
  const auto settled = [this, key = gated.key, nodes, recorded = gated.recorded](bool stored) {
    if (!stored) world_.gates->stop(key.key);
    for (const std::string& node : nodes) world_.gates->settle(key, node);
    recorded(nodes, stored);
    end_gated(key);
  };
  storage::Batch batch;
  try {
    batch = gated.record(nodes);
  } catch (const std::exception& e) {
    world_.log(LogLevel::error, std::string("a quarantine could not be recorded: ") + e.what());
    return settled(false);
  }
  world_.store.commit(std::move(batch), [settled](const storage::CommitResult& result) {
    // stale_number: the certificate has just been superseded, and its gates with it.
    settled(result.ok() || result.conflict == storage::Conflict::stale_number);
  });
}

void SessionHost::end_gated(const GatedKey& key) {
  for (Worker& worker : workers_)
    worker.executor->post_always([this, &worker, key] {
      std::vector<SessionId> closed;
      for (const auto& [sid, running] : worker.sessions)
        if (running.hosted.gated && running.hosted.gated->key.key == key.key &&
            world_.gates->state(running.hosted.gated->key, peers_of(running)) == Gates::State::closed)
          closed.push_back(sid);
      for (const SessionId& sid : closed) {
        SessionEnd end;
        end.gate_closed = true;
        finish(worker, sid, std::move(end));
      }
    });
}

bool SessionHost::is_over(const Running& running) const {
  return running.hosted.expires && *running.hosted.expires <= world_.clock.wall();
}

std::optional<std::string> SessionHost::take_durable(Worker& worker, Running& running) {
  auto pending = running.hosted.session->pending_durable();
  if (!pending) return std::nullopt;
  if (is_over(running)) return "its time is over";
  running.writing = pending->step;
  storage::Batch batch;
  try {
    batch = running.hosted.to_batch(pending->step, std::move(pending->record));
  } catch (const std::exception& e) {
    return std::string("a durable step could not be built: ") + e.what();
  }
  const SessionId sid = running.hosted.session->sid();
  world_.store.commit(std::move(batch), [this, &worker, sid](const storage::CommitResult& result) {
    worker.executor->post_always([this, &worker, sid, result] {
      const auto it = worker.sessions.find(sid);
      if (it == worker.sessions.end()) return;
      const DurableStep written = std::exchange(it->second.writing, DurableStep::unset);
      if (it->second.shut) return;
      if (!result.ok()) {
        SessionEnd end;
        end.broken = "a durable step was refused: " + result.text;
        finish(worker, sid, std::move(end));
        return;
      }
      it->second.released |= written == DurableStep::spent;
      if (is_over(it->second)) {
        SessionEnd end;
        end.broken = "its time is over";
        finish(worker, sid, std::move(end));
        return;
      }
      it->second.hosted.session->durable_done();
      it->second.deadline = world_.clock.steady() + it->second.hosted.round_timeout;
      advance(worker, sid);
    });
  });
  return std::nullopt;
}

void SessionHost::finish(Worker& worker, const SessionId& sid, SessionEnd end) {
  auto node = worker.sessions.extract(sid);
  if (node.empty()) return;
  --running_;
  let_go(worker.early.close(sid, world_.clock.steady()));
  Running& running = node.mapped();
  end.sid = sid;
  end.released = running.released;
  running.hosted.ended(end);
}

}  // namespace quorate::node
