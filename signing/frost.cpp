#include "signing/frost.h"

#include "signing/frost_suite.h"

namespace quorate {

template <class C>
Task<Signature64> frost_sign(Party self, KeyShare<C> share, SecretBytes message) {
  using S = typename FrostSuite<C>::Suite;
  const PartyId me = self.me();
  QUORATE_ASSERT(share.me == me && self.parties().size() == share.threshold());
  QUORATE_ASSERT(share.committee.parties().includes(self.parties()));
  const std::optional<frost::EffectiveKey<C>> key = FrostSuite<C>::root_key(share.Y);
  QUORATE_ASSERT(key.has_value());

  // R1: commit (RFC 9591 §5.1)
  frost::NoncePair<C> nonces = frost::commit<S>(share.x_i, self.rng());
  const FrostRound1<C> first{nonces.commitment()};
  self.send_all(first);
  const PerPeer<FrostRound1<C>> commitments = co_await self.receive<FrostRound1<C>>();
  const frost::CommitmentList<C> list = frost_list(me, first, commitments);
  const auto prepared = frost::prepare<S>(*key, self.parties(), list, message, me, &nonces);
  if (const auto* refused = std::get_if<frost::Refused>(&prepared)) {
    self.require_each([&](PartyId j) { return !refused->culprits.contains(j); }, refused->reason);
    self.require(false, refused->reason);
  }
  const frost::Round<S>& round = std::get<frost::Round<S>>(prepared);

  // R2: share (§5.2), the nonces spent on disk before it leaves
  SecretBytes record;
  co_await self.durable(DurableStep::spent, std::move(record));
  FrostRound2<C> second;
  second.list = frost_list_digest(self.sid(), list);
  second.z = frost::sign_share<S>(std::move(nonces), round, *key, me, share.x_i);
  self.send_all(second);
  const PerPeer<FrostRound2<C>> shares = co_await self.receive<FrostRound2<C>>();
  for (const PartyId j : self.peers()) self.require(shares[j].list == second.list, Reason::echo_mismatch);

  // Aggregate (§5.3): verified first, shares only if it fails (§5.4)
  std::vector<Scalar<C>> z;
  for (const PartyId i : self.parties()) z.push_back(i == me ? second.z : shares[i].z);
  const Signature64 signature = frost::aggregate<S>(round, z);
  if (FrostSuite<C>::verify(*key, message, signature)) co_return signature;
  self.require_each([&](PartyId j) { return frost::verify_share<S>(round, *key, j, share.X_of(j), shares[j].z); },
                    Reason::bad_signature_share);
  self.require(false, Reason::bad_signature);
  co_return signature;
}

template Task<Signature64> frost_sign(Party, KeyShare<Secp256k1>, SecretBytes);
template Task<Signature64> frost_sign(Party, KeyShare<Ed25519>, SecretBytes);

}  // namespace quorate
