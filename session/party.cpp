#include "session/party.h"

namespace quorate {

PartySet SessionState::missing() const noexcept { return wanted ? mailbox.missing(*wanted) & awaited : PartySet{}; }

bool SessionState::ready() const noexcept {
  if (fault || broken) return true;
  if (wanted) return missing().empty();
  return !durable_waiting;
}

void SessionState::throw_if_ended() const {
  if (broken) std::rethrow_exception(broken);
  if (fault) throw Abort(*fault);
}

std::size_t SessionState::tag_index(std::string_view tag) const {
  const auto index = mailbox.find(tag);
  QUORATE_ASSERT(index && "the message is in the protocol's list");
  return *index;
}

void Party::put_out(PartyId to, std::string_view tag, SecretBytes body) const {
  PartySet& sent = state_->sent[state_->tag_index(tag)];
  QUORATE_ASSERT(peers().contains(to) && !sent.contains(to));
  state_->outbox.push_back(Outgoing{to, tag, std::move(body)});
  sent.insert(to);
}

}  // namespace quorate
