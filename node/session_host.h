// Runs the sessions: a session lives on one worker, which alone touches it; messages go out through the mesh, durable
// steps through the store.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "node/early_mail.h"
#include "node/executor.h"
#include "node/inflow.h"
#include "node/world.h"
#include "session/committee.h"
#include "session/session.h"

namespace quorate::node {

// How a session left the host. Exactly one of: `session` has ended (done()), a peer was lost, the store failed, one of
// its gates has closed, it was never begun.
struct SessionEnd {
  SessionId sid{};
  bool released = false;          // the durable step `spent` was written: this node's last-round message may have left
  AnySession* session = nullptr;  // done(); valid during the call
  std::optional<std::string> lost;  // node whose connection ended
  std::string broken;               // our own failure
  bool gate_closed = false;         // by whatever session, maybe this one: which one is nobody's business
};

// A session of ECDSA: its answers leave only through the open gates of its pairs (node/gates.h).
struct Gated {
  GatedKey key;
  std::string_view tag;  // of the messages that need the gate; a literal
  // What a failed check of these nodes writes. On the worker, which has closed their gates.
  std::function<storage::Batch(const std::vector<std::string>& nodes)> record;
  // That it is durable, or never will be. On any thread.
  std::function<void(const std::vector<std::string>& nodes, bool stored)> recorded;
};

struct HostedSession {
  std::shared_ptr<const void> share;  // what the session refers to
  std::unique_ptr<AnySession> session;
  Committee committee;  // names for the parties
  Millis round_timeout{};
  // Of a signing: it begins when it is opened. Others do when the coordinator, or a peer that speaks, says so: once all
  // have accepted.
  bool eager = false;
  bool held = false;                  // no durable step is written before allow()
  std::optional<WallTime> expires{};  // from then on no durable step is written, and nothing leaves that waited for one
  std::optional<Gated> gated{};
  // What a durable step writes. On the worker.
  std::function<storage::Batch(DurableStep, SecretBytes)> to_batch;
  // Once, on the worker, unless close() came first.
  std::function<void(const SessionEnd&)> ended;
};

class SessionHost {
 public:
  // One of the workers runs each session; they outlive the host's last call.
  SessionHost(const World& world, std::vector<Executor*> workers);

  // All may be called from any thread and return at once; for one session they take effect in the order of the calls.
  bool open(HostedSession session);  // false: limits::kMaxSessions run. A session id is opened once.
  // All have accepted. Of an eager one the first round lasts no longer than its time from now; nothing makes it longer.
  void begin(const SessionId& sid);
  void allow(const SessionId& sid);
  // For a session that is not open here yet: kept for a while, as much of each peer as may wait for a worker. For one
  // that is over, or is not opened in that time: dropped and counted.
  void deliver(const std::string& from, Envelope envelope);
  // Ends it without a word; `then` runs on its worker, after all that the session has committed.
  void close(const SessionId& sid, std::function<void()> then = {});
  void forget(const SessionId& sid);  // it will not be opened here …
  void expect(const SessionId& sid);  // … or may be after all
  bool wants_more(const std::string& from) { return inflow_.wants_more(from, world_.clock.steady()); }
  void peer_lost(const std::string& node);
  void tick();  // deadlines; several times a second

  std::size_t running() const { return running_; }
  std::uint64_t dropped() const { return dropped_; }

 private:
  struct Running {
    HostedSession hosted;
    bool begun = false, released = false;
    DurableStep writing = DurableStep::unset;  // the step that the store is busy with
    PartySet lost;                             // their connections ended: nothing more will come
    bool shut = false;                         // a gate is closing: nothing moves until all its sessions end together
    std::string_view round;
    int rounds = 0;  // that it has come to
    SteadyTime deadline{};
  };
  struct Worker {
    Executor* executor = nullptr;
    std::atomic<bool> ticking{false};                          // a tick waits on the executor
    std::unordered_map<SessionId, Running, SidHash> sessions;  // touched on the executor only, as is
    EarlyMail early;
  };
  Worker& worker_of(const SessionId& sid);
  // False: it is from nobody that takes part, or of another life of who does.
  bool hand(Running& running, const std::string& from, const Envelope& envelope);
  void let_go(const EarlyMail::Letters& letters);
  void drop(const std::string& from);
  bool post_letter(const std::string& from, Envelope envelope);
  void advance(Worker& worker, const SessionId& sid);
  std::vector<std::string> peers_of(const Running& running) const;
  Gates::State send_out(Running& running);
  void quarantine(const Running& running, PartySet cheats);
  void end_gated(const GatedKey& key);  // all its sessions whose gates are closed
  // It may go on only while its gates are open. False: it has ended, or will with the others.
  bool passes(Worker& worker, const SessionId& sid, Gates::State state);
  bool is_over(const Running& running) const;                                 // its `expires`
  std::optional<std::string> take_durable(Worker& worker, Running& running);  // why that cannot be
  bool ended_by_loss(Worker& worker, const SessionId& sid);                   // it waits for a lost peer
  void finish(Worker& worker, const SessionId& sid, SessionEnd end);

  World world_;
  std::vector<Worker> workers_;
  Inflow inflow_;  // what waits for a worker …
  Inflow kept_;    // … and in the workers' early mail, which takes no place of what runs
  std::atomic<std::size_t> running_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace quorate::node
