// What a member of an ECDSA key keeps: its share, and what it shares with each other member.
#pragma once
#include "keygen/key_share.h"
#include "keygen/pairwise.h"

namespace quorate {

struct EcdsaShare {
  KeyShare<Secp256k1> share;
  Pairwise pairwise;
};

// One pair for every other member, in ascending order, none missing.
bool is_complete(const Pairwise& pairwise, PartySet members, PartyId me);

// What is stored before the certificate of an ECDSA key is signed. The pairs come first: their length follows from n.
struct PreparedEcdsaShare : PreparedShare<Secp256k1> {
  std::uint16_t pairwise_version = kPairwiseVersion;
  Pairwise pairwise;
  static auto fields(auto& m) { return std::tie(m.pairwise_version, m.pairwise, m.share, m.body); }
  void validate_decoded() const;  // throws Malformed: version, algorithm, a pair too few or too many

  static constexpr std::uint16_t kPairwiseVersion = 1;
};

// As stored_share, from an encoded PreparedEcdsaShare.
std::optional<EcdsaShare> stored_ecdsa_share(ByteView stored, const CertificateBody& body,
                                             const KeyPoints<Secp256k1>& points, PartyId member);

}  // namespace quorate
