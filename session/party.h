// Party: the paper's P_i, as a protocol's coroutine sees the world. It moves messages and names the checks; it holds no
// mathematics.
#pragma once
#include <coroutine>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "base/rng.h"
#include "session/abort.h"
#include "session/envelope.h"
#include "session/mailbox.h"
#include "session/per_party.h"

namespace quorate {

// What a protocol must have on disk before it may go on.
enum class DurableStep : std::uint8_t {
  unset = 0,
  prepared_share,  // key generation, reshare: a share whose certificate is about to be signed
  spent,           // signing: the nonces, and the amount, are used up
  quarantine,  // ECDSA: OT extensions of these peers have failed their check; the record is a QuarantineStep. Before
               // anything else the host closes the pairs' gates; the session need not go on after it
};

// The record of DurableStep::quarantine.
struct QuarantineStep {
  PartySet peers;
  static auto fields(auto& m) { return std::tie(m.peers); }
};

struct PendingDurable {
  DurableStep step = DurableStep::unset;
  SecretBytes record;
};

struct Outgoing {
  PartyId to;
  std::string_view tag;  // the message's literal
  SecretBytes body;
};

// The machine under one session; owned by it, used through Party and AnySession.
struct SessionState {
  SessionId sid{};
  PartySet parties;
  PartyId me;
  Rng& rng;
  Mailbox mailbox;
  std::vector<PartySet> sent;  // per tag: each message is sent to a peer once

  std::vector<Outgoing> outbox{};
  std::coroutine_handle<> waiting{};        // the innermost coroutine, at a receive or a durable step
  std::optional<std::size_t> wanted{};      // tag that it waits for …
  PartySet awaited{};                       // … from these peers
  std::optional<PendingDurable> durable{};  // until the host takes it
  bool durable_waiting = false;             // until the host says that it is done
  std::optional<Abort> fault{};             // found outside the coroutine
  std::exception_ptr broken{};              // our own failure outside the coroutine
  PartySet quarantined{};                   // nothing may go to them any more, whatever ends the session
  std::string_view round{};

  PartySet peers() const noexcept { return parties.without(me); }
  PartySet missing() const noexcept;  // awaited peers whose message has not come
  bool ready() const noexcept;        // whether the waiting coroutine can go on
  void throw_if_ended() const;        // throws the fault, or our own failure
  std::size_t tag_index(std::string_view tag) const;
};

// A handle to pass by value; valid while its Session lives.
class Party {
 public:
  explicit Party(SessionState& state) : state_(&state) {}

  PartyId me() const { return state_->me; }
  PartySet parties() const { return state_->parties; }  // with me
  PartySet peers() const { return state_->peers(); }    // without me
  const SessionId& sid() const { return state_->sid; }
  Rng& rng() const { return state_->rng; }

  template <wire::Message M>
  void send(PartyId to, const M& message) const {
    put_out(to, M::tag, encode(message));
  }
  // make(j) -> message for peer j
  template <class F>
  void send_each(F&& make) const {
    for (const PartyId j : peers()) send(j, make(j));
  }
  template <wire::Message M>
  void send_all(const M& message) const {
    for (const PartyId j : peers()) send(j, message);
  }

  // co_await self.receive<M>() -> PerPeer<M>. Throws Abort: a message that does not decode names its sender.
  template <wire::Message M>
  auto receive() const {
    return receive<M>(peers());
  }
  // From these parties but me, where not all send this message.
  template <wire::Message M>
  auto receive(PartySet from) const;

  // co_await self.durable(step, std::move(record)): goes on once the host has made the record durable.
  auto durable(DurableStep step, SecretBytes record) const;

  // Tells the host at once that nothing more may go to j (AnySession::quarantined). Allocates nothing: from here on no
  // failure of our own hides it.
  void quarantine(PartyId j) const noexcept { state_->quarantined.insert(j); }
  PartySet quarantined() const noexcept { return state_->quarantined; }

  // Everyone for whom ok(j) does not hold is named. Only for what an honest peer's message always fulfils.
  template <class P>
  void require_each(P&& ok, Reason reason) const {
    require_each(peers(), ok, reason);
  }
  // The same for these parties but me.
  template <class P>
  void require_each(PartySet among, P&& ok, Reason reason) const {
    PartySet failed;
    for (const PartyId j : among.without(me()))
      if (!ok(j)) failed.insert(j);
    if (!failed.empty()) throw Abort(AbortKind::cheated, failed, reason, state_->round);
  }
  // Somebody misbehaved; nobody can be named.
  void require(bool ok, Reason reason) const {
    if (!ok) throw Abort(AbortKind::unattributed, {}, reason, state_->round);
  }

 private:
  void put_out(PartyId to, std::string_view tag, SecretBytes body) const;
  SessionState* state_;
};

namespace detail {

// Trivial awaiters: a pointer and a number, nothing that could be destroyed twice.
template <class M>
struct ReceiveAwaiter {
  SessionState* state;
  std::size_t tag;
  PartySet from;

  bool await_ready() const noexcept {
    state->wanted = tag;
    state->awaited = from;
    state->round = M::tag;
    return state->ready();
  }
  void await_suspend(std::coroutine_handle<> h) const noexcept { state->waiting = h; }
  PerPeer<M> await_resume() const {
    state->wanted.reset();
    state->throw_if_ended();
    PerPeer<M> messages(from);
    PartySet malformed;
    for (const PartyId j : from) {
      const SecretBytes body = state->mailbox.take(tag, j);
      try {
        messages[j] = decode<M>(body);
      } catch (const Malformed&) {
        malformed.insert(j);
      }
    }
    if (!malformed.empty()) throw Abort(AbortKind::cheated, malformed, Reason::malformed, state->round);
    return messages;
  }
};

struct DurableAwaiter {
  SessionState* state;
  bool await_ready() const noexcept { return state->ready(); }
  void await_suspend(std::coroutine_handle<> h) const noexcept { state->waiting = h; }
  void await_resume() const { state->throw_if_ended(); }
};

}  // namespace detail

template <wire::Message M>
auto Party::receive(PartySet from) const {
  QUORATE_ASSERT(parties().includes(from));
  return detail::ReceiveAwaiter<M>{state_, state_->tag_index(M::tag), from.without(me())};
}

inline auto Party::durable(DurableStep step, SecretBytes record) const {
  QUORATE_ASSERT(step != DurableStep::unset && !state_->durable_waiting);
  state_->durable.emplace(PendingDurable{step, std::move(record)});
  state_->durable_waiting = true;
  return detail::DurableAwaiter{state_};
}

}  // namespace quorate
