#include "keygen/reshare_parameters.h"

#include <algorithm>

#include "crypto/transcript.h"

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
  return ReshareParameters(std::move(terms));
}

ReshareParameters::ReshareParameters(ReshareTerms terms) : terms_(std::move(terms)), base_digest_(base().digest()) {
  Transcript t("quorate/reshare/terms/1");
  t.absorb(base_digest_).absorb(base().committee).absorb(terms_.dealers).absorb(terms_.committee);
  t.absorb(terms_.number).absorb(terms_.request_digest).absorb(terms_.policy_digest).absorb(terms_.config_version);
  digest_ = t.digest();
}

std::optional<PartyId> ReshareParameters::party_of(const Ed25519PublicKey& identity) const {
  for (const Member& m : terms_.committee.members())
    if (m.identity == identity) return m.id;
  for (const Member& m : base().committee.members())
    if (m.identity == identity && dealers().contains(m.id)) return m.id;
  return std::nullopt;
}

SessionId ReshareParameters::session_id(const Bytes32& random) const {
  return Transcript("quorate/sid/1").absorb(digest_).absorb(random).digest();
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
