#include "keygen/key_share.h"

#include "base/check.h"

namespace quorate {

template <class C>
bool KeyShare<C>::is_valid() const {
  if (version != kVersion || number == 0 || !is_on<C>(algorithm)) return false;
  const PartySet parties = committee.parties();
  if (!parties.contains(me) || X.size() != parties.size()) return false;
  if (Point<C>::base(x_i) != X_of(me)) return false;
  return on_one_polynomial<C>(parties, threshold(), Y, [&](PartyId j) { return X_of(j); });
}

template <class C>
bool KeyShare<C>::belongs_to(const CertificateBody& body, PartyId member) const {
  return certificate == body.digest() && me == member && key_id == body.key_id && number == body.number &&
         algorithm == body.algorithm && committee == body.committee && Y == Point<C>::parse(body.Y) &&
         std::equal(X.begin(), X.end(), body.X.begin(), body.X.end(),
                    [](const auto& P, const auto& encoded) { return P == Point<C>::parse(encoded); }) &&
         chain_code_digest(chain_code) == body.chain_code_hash;
}

template struct KeyShare<Secp256k1>;
template struct KeyShare<Ed25519>;

}  // namespace quorate
