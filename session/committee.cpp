#include "session/committee.h"

#include "base/check.h"

namespace quorate {

std::optional<Committee> Committee::make(std::uint8_t threshold, Members members) {
  Committee committee;
  committee.threshold_ = threshold;
  committee.members_ = std::move(members);
  if (!committee.is_valid()) return std::nullopt;
  return committee;
}

bool Committee::is_valid() const {
  if (threshold_ < limits::kMinThreshold || threshold_ > members_.size()) return false;
  if (members_.size() > limits::kMaxParties) return false;  // mutate: ascending indices end there
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (!members_[i].id.is_set()) return false;
    if (members_[i].node.text.empty() || members_[i].node.text.size() > limits::kMaxName) return false;
    if (members_[i].identity == Ed25519PublicKey()) return false;
    if (i > 0 && !(members_[i - 1].id < members_[i].id)) return false;
    for (std::size_t k = 0; k < i; ++k)
      if (members_[k].node == members_[i].node || members_[k].identity == members_[i].identity) return false;
  }
  return true;
}

void Committee::validate_decoded() const {
  if (!is_valid()) throw Malformed("not a valid committee");
}

PartySet Committee::parties() const {
  PartySet parties;
  for (const Member& m : members_) parties.insert(m.id);
  return parties;
}

const Member* Committee::find(std::string_view node) const {
  for (const Member& m : members_)
    if (m.node.text == node) return &m;
  return nullptr;
}
const Member* Committee::find(PartyId id) const {
  for (const Member& m : members_)
    if (m.id == id) return &m;
  return nullptr;
}

const std::string& Committee::node_of(PartyId id) const {
  const Member* m = find(id);
  QUORATE_ASSERT(m != nullptr);
  return m->node.text;
}
const Ed25519PublicKey& Committee::identity_of(PartyId id) const {
  const Member* m = find(id);
  QUORATE_ASSERT(m != nullptr);
  return m->identity;
}

}  // namespace quorate
