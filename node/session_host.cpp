#include "node/session_host.h"

#include <cstring>
#include <utility>

#include "base/check.h"

namespace quorate::node {

std::size_t SessionHost::SidHash::operator()(const SessionId& sid) const noexcept {
  std::size_t h = 0;  // a session id is the output of a hash
  std::memcpy(&h, sid.data(), sizeof h);
  return h;
}

SessionHost::SessionHost(const World& world, std::vector<Executor*> workers)
    : world_(world), workers_(workers.size()), inflow_(world.cluster) {
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
    if (!worker.sessions.try_emplace(sid, std::move(running)).second) --running_;
  });
  if (!posted) --running_;
  return posted;
}

void SessionHost::begin(const SessionId& sid) {
  Worker& worker = worker_of(sid);
  worker.executor->post_always([this, &worker, sid] { advance(worker, sid); });
}

void SessionHost::deliver(const std::string& from, Envelope envelope) {
  const std::size_t bytes = envelope.body.size();
  if (!inflow_.admit(from, bytes)) {
    ++dropped_;
    return;
  }
  Worker& worker = worker_of(envelope.sid);
  const auto shared = std::make_shared<Envelope>(std::move(envelope));
  const bool posted = worker.executor->post([this, &worker, bytes, from, shared] {
    inflow_.done(from, bytes);
    const auto it = worker.sessions.find(shared->sid);
    const Member* sender = it == worker.sessions.end() ? nullptr : it->second.hosted.committee.find(from);
    // What a peer says after its connection was lost is of another life: a restarted node that is led into the same
    // session would seem to equivocate.
    if (sender == nullptr || it->second.lost.contains(sender->id)) {
      ++dropped_;
      return;
    }
    // A peer that speaks has been told to begin, so everybody has accepted.
    it->second.hosted.session->deliver(sender->id, shared->tag, shared->body);
    advance(worker, shared->sid);
  });
  if (!posted) {
    inflow_.done(from, bytes);
    ++dropped_;
  }
}

void SessionHost::close(const SessionId& sid) {
  Worker& worker = worker_of(sid);
  worker.executor->post_always([this, &worker, sid] {
    if (worker.sessions.erase(sid) != 0) --running_;
  });
}

void SessionHost::peer_lost(const std::string& node) {
  for (Worker& worker : workers_)
    worker.executor->post_always([this, &worker, node] {
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
      std::vector<SessionId> late;
      for (const auto& [sid, running] : worker.sessions)
        if (running.deadline <= now) late.push_back(sid);
      for (const SessionId& sid : late) {
        Running& running = worker.sessions.at(sid);
        if (!running.begun) {
          finish(worker, sid, SessionEnd{});
          continue;
        }
        if (running.writing != DurableStep::unset) {
          SessionEnd end;
          end.broken = "a durable step took too long";
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
    running.deadline = world_.clock.steady() + running.hosted.round_timeout;
  }
  session.resume();
  send_out(running);
  if (session.done()) {
    SessionEnd end;
    end.session = &session;
    finish(worker, sid, std::move(end));
    return;
  }
  if (running.round != session.round()) {
    running.round = session.round();
    running.deadline = world_.clock.steady() + running.hosted.round_timeout;
  }
  if (ended_by_loss(worker, sid)) return;
  if (!take_durable(worker, running)) {
    SessionEnd end;
    end.broken = "a durable step could not be written";
    finish(worker, sid, std::move(end));
  }
}

bool SessionHost::ended_by_loss(Worker& worker, const SessionId& sid) {
  const Running& running = worker.sessions.at(sid);
  // Before it begins, its coordinator sees the loss and decides.
  const PartySet silent = running.begun ? running.hosted.session->waiting_for() & running.lost : PartySet();
  if (silent.empty()) return false;
  SessionEnd end;
  end.lost = running.hosted.committee.node_of(*silent.begin());
  finish(worker, sid, std::move(end));
  return true;
}

void SessionHost::send_out(Running& running) {
  for (Outgoing& message : running.hosted.session->take_outbox()) {
    Envelope envelope;
    envelope.sid = running.hosted.session->sid();
    envelope.tag = std::string(message.tag);
    envelope.body = std::move(message.body);
    // A peer that cannot be reached is silent; its loss or the round's deadline tells.
    world_.mesh.send(running.hosted.committee.node_of(message.to), std::move(envelope));
  }
}

bool SessionHost::take_durable(Worker& worker, Running& running) {
  auto pending = running.hosted.session->pending_durable();
  if (!pending) return true;
  running.writing = pending->step;
  storage::Batch batch;
  try {
    batch = running.hosted.to_batch(pending->step, std::move(pending->record));
  } catch (const std::exception& e) {
    world_.log(LogLevel::error, std::string("a durable step could not be built: ") + e.what());
    return false;
  }
  const SessionId sid = running.hosted.session->sid();
  world_.store.commit(std::move(batch), [this, &worker, sid](const storage::CommitResult& result) {
    worker.executor->post_always([this, &worker, sid, result] {
      const auto it = worker.sessions.find(sid);
      if (it == worker.sessions.end()) return;
      const DurableStep written = std::exchange(it->second.writing, DurableStep::unset);
      if (!result.ok()) {
        SessionEnd end;
        end.broken = "a durable step was refused: " + result.text;
        finish(worker, sid, std::move(end));
        return;
      }
      it->second.released |= written == DurableStep::spent;
      it->second.hosted.session->durable_done();
      it->second.deadline = world_.clock.steady() + it->second.hosted.round_timeout;
      advance(worker, sid);
    });
  });
  return true;
}

void SessionHost::finish(Worker& worker, const SessionId& sid, SessionEnd end) {
  auto node = worker.sessions.extract(sid);
  if (node.empty()) return;
  --running_;
  Running& running = node.mapped();
  end.sid = sid;
  end.released = running.released;
  running.hosted.ended(end);
}

}  // namespace quorate::node
