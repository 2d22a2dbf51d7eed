// One running protocol seen from outside: bytes in, bytes out; no I/O, clock or thread.
//
// The host's loop, after every change:
//   session.deliver(from, tag, body);            // any number
//   session.resume();                            // runs until it waits or has ended
//   session.quarantined()                        // before anything else: close the gates to these peers
//   for (auto& message : session.take_outbox()) …   // also after the end: a complaint may be the last word
//   if (auto record = session.pending_durable()) … store, then durable_done() and resume()
// To cancel: destroy it, at any point. One thread at a time.
#pragma once
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "session/party.h"
#include "session/task.h"

namespace quorate {

struct SessionConfig {
  SessionId sid{};
  PartySet parties;  // with me
  PartyId me;
  Rng& rng;  // outlives the session
};

class AnySession {
 public:
  virtual ~AnySession() = default;
  AnySession(const AnySession&) = delete;
  AnySession& operator=(const AnySession&) = delete;

  // `from` is the authenticated peer. What comes from outside the session's parties, or after its end, is ignored. An
  // unknown or oversized message, or a second different one, ends the session naming `from`.
  void deliver(PartyId from, std::string_view tag, ByteView body) noexcept;
  void resume() noexcept;
  // Messages in the order of sending. A host that wants nothing else sends them at once: what waits for a durable step
  // comes after it.
  std::vector<Outgoing> take_outbox() noexcept { return std::exchange(state_.outbox, {}); }

  // Hands out the record that the session waits for, once. A host that cannot store it destroys the session.
  std::optional<PendingDurable> pending_durable() noexcept { return std::exchange(state_.durable, std::nullopt); }
  void durable_done() noexcept { state_.durable_waiting = false; }

  // Peers that may have learned something of a secret which outlives the session: nothing may go to them any more.
  // Grows during resume() and stays, however the session ends; DurableStep::quarantine then stores it.
  PartySet quarantined() const noexcept { return state_.quarantined; }

  PartySet waiting_for() const noexcept;  // peers whose message has not come; empty when it waits for nobody
  void time_out() noexcept;               // ends the session as silent, naming waiting_for(); nothing if that is empty
  std::string_view round() const noexcept { return state_.round; }  // tag of the latest message waited for

  bool done() const noexcept { return done_; }  // has a result, an abort or our own exception
  const Abort* aborted() const noexcept { return aborted_ ? &*aborted_ : nullptr; }
  std::exception_ptr broken() const noexcept { return broken_; }  // our own failure, nobody else's

  const SessionId& sid() const noexcept { return state_.sid; }
  PartySet parties() const noexcept { return state_.parties; }
  PartyId me() const noexcept { return state_.me; }

 protected:
  AnySession(const SessionConfig& config, std::span<const TagInfo> tags);
  SessionState state_;  // destroyed after the coroutine, which refers to it
  std::optional<Abort> aborted_;
  std::exception_ptr broken_;

 private:
  virtual void start() noexcept = 0;
  virtual bool finished() const noexcept = 0;
  virtual void collect() noexcept = 0;  // result, abort or exception; frees the coroutine
  bool started_ = false, done_ = false;
};

template <class T>
class Session final : public AnySession {
 public:
  // protocol(Party, args…) is called here and runs from the first resume(). What it takes by reference must be an
  // lvalue here and outlive the session.
  template <class MessageList, class... Params, class... Args>
  Session(const SessionConfig& config, MessageList, Task<T> (*protocol)(Party, Params...), Args&&... args)
      : AnySession(config, MessageList::tags), task_(protocol(Party(state_), std::forward<Args>(args)...)) {
    static_assert(sizeof...(Params) == sizeof...(Args));
    static_assert(((!std::is_reference_v<Params> || std::is_lvalue_reference_v<Args>)&&...), "it would dangle");
  }

  bool has_result() const noexcept { return result_.has_value(); }
  T take_result() {  // once, when has_result()
    QUORATE_ASSERT(result_);
    T result = std::move(*result_);
    result_.reset();
    return result;
  }

 private:
  void start() noexcept override { task_.start(); }
  bool finished() const noexcept override { return task_.done(); }
  void collect() noexcept override {
    try {
      result_.emplace(task_.take());
    } catch (const Abort& abort) {
      aborted_.emplace(abort);
    } catch (...) {
      broken_ = std::current_exception();
    }
    task_ = Task<T>();
  }

  Task<T> task_;
  std::optional<T> result_;
};

}  // namespace quorate
