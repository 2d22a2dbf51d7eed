#include "session/mailbox.h"

#include "base/check.h"
#include "base/hash.h"

namespace quorate {

Mailbox::Mailbox(std::span<const TagInfo> tags, PartySet peers)
    : tags_(tags), peers_(peers), slots_(tags.size() * peers.size()) {}

std::optional<std::size_t> Mailbox::find(std::string_view tag) const noexcept {
  for (std::size_t i = 0; i < tags_.size(); ++i)
    if (tags_[i].tag == tag) return i;
  return std::nullopt;
}

std::optional<Reason> Mailbox::put(PartyId from, std::string_view tag, ByteView body) {
  QUORATE_ASSERT(peers_.contains(from));
  const auto index = find(tag);
  if (!index) return Reason::unknown_tag;
  if (body.size() > tags_[*index].max_size) return Reason::oversized;

  Slot& s = slots_[at(*index, from)];
  const Digest digest = sha256(body);
  if (s.arrived) return s.digest == digest ? std::nullopt : std::optional(Reason::equivocation);
  s.body = secret_bytes(body);
  s.digest = digest;
  s.arrived = true;
  return std::nullopt;
}

PartySet Mailbox::missing(std::size_t tag) const noexcept {
  PartySet missing;
  for (const PartyId j : peers_)
    if (!slots_[at(tag, j)].arrived) missing.insert(j);
  return missing;
}

SecretBytes Mailbox::take(std::size_t tag, PartyId from) {
  Slot& s = slots_[at(tag, from)];
  QUORATE_ASSERT(s.arrived && !s.taken);
  s.taken = true;
  return std::move(s.body);
}

}  // namespace quorate
