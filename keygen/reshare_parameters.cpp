#include "keygen/reshare_parameters.h"

#include <algorithm>

namespace quorate {

namespace {

// An index or identity means one node in both committees; the name, too, unless its old holder takes no part: a node
// that has lost its share comes back under its name with another identity.
bool same_nodes_or_others(const Committee& old, PartySet dealers, const Committee& next) {
  return std::all_of(next.members().begin(), next.members().end(), [&](const Member& m) {
    return std::all_of(old.members().begin(), old.members().end(), [&](const Member& o) {
      const bool alike = m.id == o.id || m.identity == o.identity || (m.node == o.node && dealers.contains(o.id));
      return !alike || m == o;
    });
  });
}

}  // namespace

std::optional<ReshareParameters> ReshareParameters::make(ReshareTerms terms) {
  const CertificateBody& base = terms.base.body;
  if (terms.number <= base.number) return std::nullopt;
  if (terms.dealers.size() != base.committee.threshold()) return std::nullopt;
  if (!base.committee.parties().includes(terms.dealers)) return std::nullopt;
  if (terms.committee.size() == 0) return std::nullopt;  // unset
  if (!same_nodes_or_others(base.committee, terms.dealers, terms.committee)) return std::nullopt;
  if (!verify_certificate(terms.base)) return std::nullopt;
  const Digest digest = base.digest();
  return ReshareParameters(std::move(terms), digest);
}

std::optional<Committee> next_committee(const Committee& old, std::uint8_t threshold,
                                        const std::vector<NewMember>& nodes) {
  PartySet used = old.parties();
  Members members;
  for (const NewMember& node : nodes) {
    const Member* before = old.find(node.node.text);
    if (before != nullptr && before->identity == node.identity) {
      members.push_back(*before);
      continue;
    }
    unsigned index = 1;
    while (index <= limits::kMaxParties && used.contains(PartyId(index))) ++index;
    if (index > limits::kMaxParties) return std::nullopt;
    used.insert(PartyId(index));
    members.push_back({PartyId(index), node.node, node.identity});
  }
  std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) { return a.id < b.id; });
  return Committee::make(threshold, std::move(members));
}

}  // namespace quorate
