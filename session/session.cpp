#include "session/session.h"

namespace quorate {

AnySession::AnySession(const SessionConfig& config, std::span<const TagInfo> tags)
    : state_{config.sid, config.parties, config.me, config.rng, Mailbox(tags, PartySet{}), {}} {
  QUORATE_ASSERT(config.parties.contains(config.me) && config.parties.size() >= 2);
  state_.mailbox = Mailbox(tags, state_.peers());
  state_.sent.resize(tags.size());
}

void AnySession::deliver(PartyId from, std::string_view tag, ByteView body) noexcept {
  if (done_ || !state_.peers().contains(from)) return;
  try {
    const auto reason = state_.mailbox.put(from, tag, body);
    if (!reason) return;
    if (!state_.fault) state_.fault.emplace(AbortKind::cheated, PartySet{}, *reason, state_.round);
    state_.fault->culprits.insert(from);
  } catch (...) {
    state_.broken = std::current_exception();
  }
}

void AnySession::resume() noexcept {
  if (done_) return;
  if (!started_) {
    started_ = true;
    start();
  }
  while (!finished() && state_.ready()) std::exchange(state_.waiting, {}).resume();
  if (!finished()) return;
  collect();
  done_ = true;
  state_.durable.reset();
  state_.mailbox = Mailbox({}, {});  // nothing that arrived outlives the protocol
}

PartySet AnySession::waiting_for() const noexcept { return done_ ? PartySet{} : state_.missing(); }

void AnySession::time_out() noexcept {
  const PartySet silent = waiting_for();
  if (silent.empty() || state_.fault || state_.broken) return;
  state_.fault.emplace(AbortKind::silent, silent, Reason::silent, state_.round);
  resume();
}

}  // namespace quorate
