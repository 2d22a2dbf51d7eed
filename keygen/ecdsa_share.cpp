#include "keygen/ecdsa_share.h"

namespace quorate {

bool is_complete(const Pairwise& pairwise, PartySet members, PartyId me) {
  const PartySet others = members.without(me);
  if (pairwise.size() != others.size()) return false;
  for (const PartyId j : others)
    if (pairwise[others.position(j)].peer != j) return false;
  return true;
}

void PreparedEcdsaShare::validate_decoded() const {
  if (pairwise_version != kPairwiseVersion) throw Malformed("pairwise secrets of another version");
  if (share.algorithm != Algorithm::ecdsa_secp256k1) throw Malformed("pairwise secrets of a key that needs none");
  if (!is_complete(pairwise, share.committee.parties(), share.me)) throw Malformed("not a pair for every other member");
}

std::optional<EcdsaShare> stored_ecdsa_share(ByteView stored, const CertificateBody& body,
                                             const KeyPoints<Secp256k1>& points, PartyId member) {
  if (body.algorithm != Algorithm::ecdsa_secp256k1) return std::nullopt;
  if (body.committee.find(member) == nullptr) return std::nullopt;  // mutate: is_complete and stored_share say it too
  const std::size_t head =
      sizeof(std::uint16_t) + sizeof(std::uint32_t) + (body.committee.size() - 1) * wire::max_size<PairSecrets>;
  if (stored.size() < head) return std::nullopt;

  std::optional<EcdsaShare> kept(std::in_place);
  std::uint16_t version = 0;
  try {
    wire::Reader reader(stored.first(head));
    reader.get(version);
    reader.get(kept->pairwise);
    reader.expect_end();
  } catch (const Malformed&) {
    return std::nullopt;
  }
  if (version != PreparedEcdsaShare::kPairwiseVersion || !is_complete(kept->pairwise, body.committee.parties(), member))
    return std::nullopt;
  auto share = stored_share<Secp256k1>(stored.subspan(head), body, points, member);
  if (!share) return std::nullopt;
  kept->share = std::move(*share);
  return kept;
}

}  // namespace quorate
