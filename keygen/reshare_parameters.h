// What every party of one reshare must agree on. Refresh is a reshare to the same committee.
#pragma once
#include "keygen/certificate.h"

namespace quorate {

// The parties are the dealers and the new members together, and an index means one node: whoever is in both committees
// keeps its index, and no other new member has the index of an old one (next_committee). So f_i(j), λ_i(T_old) and the
// session speak of the same indices.
struct ReshareTerms {
  KeyCertificate base;       // complete, the active one
  PartySet dealers;          // T_old, exactly t_old members of the base's committee
  Committee committee;       // the new one, with its t
  std::uint64_t number = 0;  // of the new certificate (keygen/key_history.h)
  Digest policy_digest{};
  Digest request_digest{};
  std::uint64_t config_version = 0;
};

// Terms that fit together, checked once.
class ReshareParameters {
 public:
  // nullopt: the base does not verify; the number is not greater than the base's; not t_old dealers of its committee; a
  // node, an identity or an index that is one thing in the old committee and another in the new one.
  // Costs the base's verify_certificate. That the base is in force here, who may ask, and whether these are the
  // cluster's identity keys, is not known here (keygen/lineage.h).
  static std::optional<ReshareParameters> make(ReshareTerms terms);

  const CertificateBody& base() const { return terms_.base.body; }
  const Digest& base_digest() const { return base_digest_; }
  PartySet dealers() const { return terms_.dealers; }
  const Committee& committee() const { return terms_.committee; }
  PartySet members() const { return terms_.committee.parties(); }
  PartySet parties() const { return dealers() | members(); }
  const ReshareTerms& terms() const { return terms_; }
  // Who takes part with this identity key; nullopt: nobody, or a node that has another one by now.
  std::optional<PartyId> party_of(const Ed25519PublicKey& identity) const;

  // Binds base, both committees, dealers, number, request, policy and the cluster's version.
  const Digest& digest() const { return digest_; }
  // random: the coordinator's. Parties that disagree on any of the terms are not in one session, so that none of them
  // takes another one's honest messages for wrong ones.
  SessionId session_id(const Bytes32& random) const;

 private:
  explicit ReshareParameters(ReshareTerms terms);
  ReshareTerms terms_;
  Digest base_digest_, digest_;
};

// The committee of these nodes after `old`: a node that stays, with its identity, keeps its index; the others get the
// smallest indices that no old member has, in the order given. nullopt: a node or identity twice, a threshold out of
// range, or more than kMaxParties old and new members together.
struct NewMember {
  BoundedText<limits::kMaxName> node;
  Ed25519PublicKey identity;
};
std::optional<Committee> next_committee(const Committee& old, std::uint8_t threshold,
                                        const std::vector<NewMember>& nodes);

}  // namespace quorate
