#include "signing/frost.h"

#include "base/declassify.h"

namespace quorate {
namespace {

template <class C>
frost::CommitmentList<C> list_of(PartySet T, PartyId me, const FrostRound1<C>& mine,
                                 const PerPeer<FrostRound1<C>>& theirs) {
  frost::CommitmentList<C> list;
  for (const PartyId i : T) list.push_back({i, i == me ? mine.commitment : theirs[i].commitment});
  return list;
}

template <class C>
std::vector<Scalar<C>> shares_of(PartySet T, PartyId me, const FrostRound2<C>& mine,
                                 const PerPeer<FrostRound2<C>>& theirs) {
  std::vector<Scalar<C>> z;
  for (const PartyId i : T) z.push_back(i == me ? mine.z : theirs[i].z);
  return z;
}

template <class S>
frost::Round<S> taken(Party self, std::variant<frost::Round<S>, frost::Refused> prepared) {
  if (const auto* refused = std::get_if<frost::Refused>(&prepared)) {
    self.require_each([&](PartyId j) { return !refused->culprits.contains(j); }, refused->reason);
    self.require(false, refused->reason);  // mutate: an identity R, which nobody can aim at
  }
  return std::get<frost::Round<S>>(std::move(prepared));
}

}  // namespace

template <class S>
Task<Signature64> frost_sign(Party self, const KeyShare<typename S::Curve>& share,
                             frost::EffectiveKey<typename S::Curve> key, SecretBytes message) {
  using C = typename S::Curve;
  const PartyId me = self.me();
  const PartySet T = self.parties();
  QUORATE_ASSERT(share.algorithm == S::algorithm);
  QUORATE_ASSERT(share.me == me && share.committee.parties().includes(T) && T.size() >= share.threshold());
  QUORATE_ASSERT(key.public_share(share.Y) == key.Q);  // Q = a·Y + b·G

  // R1: commit
  frost::NoncePair<C> nonces = frost::commit<S>(share.x_i, self.sid(), message, self.rng());
  const FrostRound1<C> first{nonces.commitment()};
  self.send_all(first);
  const PerPeer<FrostRound1<C>> commitments = co_await self.receive<FrostRound1<C>>();
  const frost::CommitmentList<C> list = list_of(T, me, first, commitments);
  const frost::Round<S> round = taken<S>(self, frost::prepare<S>(key, T, list, message, me, &nonces));

  // R2: spent on disk before the share leaves
  const FrostSpent spent{self.sid(), share.key_id, share.number, T};
  SecretBytes record = encode(spent);
  co_await self.durable(DurableStep::spent, std::move(record));
  FrostRound2<C> second;
  second.list = frost::list_digest(self.sid(), key, list, message);
  second.z = frost::sign_share<S>(std::move(nonces), round, key, me, share.x_i);
  declassify(second.z);
  self.send_all(second);
  const PerPeer<FrostRound2<C>> theirs = co_await self.receive<FrostRound2<C>>();
  for (const PartyId j : self.peers()) self.require(theirs[j].list == second.list, Reason::echo_mismatch);

  // Aggregate; nothing leaves unverified. // attack 11
  const std::vector<Scalar<C>> z = shares_of(T, me, second, theirs);
  const Signature64 signature = frost::aggregate<S>(round, z);
  if (!S::verify(key.Q, message, signature)) {
    self.require_each([&](PartyId j) { return frost::verify_share<S>(round, key, j, share.X_of(j), theirs[j].z); },
                      Reason::bad_signature_share);
    self.require(false, Reason::bad_signature);  // mutate: shares that all verify sum to a signature
  }
  co_return signature;
}

template Task<Signature64> frost_sign<FrostEd25519>(Party, const KeyShare<Ed25519>&, frost::EffectiveKey<Ed25519>,
                                                    SecretBytes);
template Task<Signature64> frost_sign<FrostBip340>(Party, const KeyShare<Secp256k1>&, frost::EffectiveKey<Secp256k1>,
                                                   SecretBytes);

}  // namespace quorate
