#include "signing/frost.h"

#include <algorithm>

#include "base/declassify.h"

namespace quorate {
namespace {

template <class C>
using Lists = std::vector<frost::CommitmentList<C>>;
template <class S>
using Rounds = std::vector<frost::Round<S>>;
template <class S>
using Nonces = std::vector<frost::NoncePair<typename S::Curve>>;

// Q = a·Y + b·G
template <class C>
bool belong_to(const Point<C>& Y, const FrostItems<C>& items) {
  return std::all_of(items.begin(), items.end(),
                     [&](const FrostItem<C>& item) { return item.key.public_share(Y) == item.key.Q; });
}

template <class S>
Nonces<S> commit_all(Party self, const Scalar<typename S::Curve>& x_i, const FrostItems<typename S::Curve>& items) {
  Nonces<S> nonces;
  nonces.reserve(items.size());
  for (std::size_t l = 0; l < items.size(); ++l)
    nonces.push_back(frost::commit<S>(x_i, frost::instance_id(self.sid(), l), items[l].message, self.rng()));
  return nonces;
}

template <class S>
FrostRound1<typename S::Curve> commitments_of(const Nonces<S>& nonces) {
  FrostRound1<typename S::Curve> message;
  for (const auto& pair : nonces) message.commitments.push_back(pair.commitment());
  return message;
}

template <class C>
Lists<C> lists_of(PartySet T, PartyId me, const FrostRound1<C>& mine, const PerPeer<FrostRound1<C>>& theirs) {
  Lists<C> lists(mine.commitments.size());
  for (std::size_t l = 0; l < lists.size(); ++l)
    for (const PartyId i : T) lists[l].push_back({i, (i == me ? mine : theirs[i]).commitments[l]});
  return lists;
}

template <class S>
frost::Round<S> taken(Party self, std::variant<frost::Round<S>, frost::Refused> prepared) {
  if (const auto* refused = std::get_if<frost::Refused>(&prepared)) {
    self.require_each([&](PartyId j) { return !refused->culprits.contains(j); }, refused->reason);
    self.require(false, refused->reason);  // mutate: an identity R, which nobody can aim at
  }
  return std::get<frost::Round<S>>(std::move(prepared));
}

template <class S>
Rounds<S> prepare_all(Party self, const FrostItems<typename S::Curve>& items, const Lists<typename S::Curve>& lists,
                      const Nonces<S>& nonces) {
  Rounds<S> rounds;
  rounds.reserve(items.size());
  for (std::size_t l = 0; l < items.size(); ++l)
    rounds.push_back(taken<S>(
        self, frost::prepare<S>(items[l].key, self.parties(), lists[l], items[l].message, self.me(), &nonces[l])));
  return rounds;
}

// Every pair is gone afterwards.
template <class S>
FrostRound2<typename S::Curve> shares_of(Party self, const FrostItems<typename S::Curve>& items,
                                         const Lists<typename S::Curve>& lists, const Rounds<S>& rounds,
                                         Nonces<S>& nonces, const Scalar<typename S::Curve>& x_i) {
  FrostRound2<typename S::Curve> message;
  for (std::size_t l = 0; l < items.size(); ++l) {
    const auto& [key, text] = items[l];
    FrostShare<typename S::Curve> share;
    share.list = frost::list_digest(frost::instance_id(self.sid(), l), key, lists[l], text);
    share.z = frost::sign_share<S>(std::move(nonces[l]), rounds[l], key, self.me(), x_i);
    declassify(share.z);
    message.shares.push_back(std::move(share));
  }
  return message;
}

template <class C>
bool same_lists(const FrostRound2<C>& mine, const FrostRound2<C>& theirs) {
  return std::equal(mine.shares.begin(), mine.shares.end(), theirs.shares.begin(), theirs.shares.end(),
                    [](const FrostShare<C>& a, const FrostShare<C>& b) { return a.list == b.list; });
}

// Nothing leaves unverified. // attack 11
template <class S>
FrostSignatures signatures_of(Party self, const KeyShare<typename S::Curve>& share,
                              const FrostItems<typename S::Curve>& items, const Rounds<S>& rounds,
                              const FrostRound2<typename S::Curve>& mine,
                              const PerPeer<FrostRound2<typename S::Curve>>& theirs) {
  FrostSignatures signatures;
  for (std::size_t l = 0; l < items.size(); ++l) {
    std::vector<Scalar<typename S::Curve>> z;
    for (const PartyId i : self.parties()) z.push_back((i == self.me() ? mine : theirs[i]).shares[l].z);
    const Signature64 signature = frost::aggregate<S>(rounds[l], z);
    if (!S::verify(items[l].key.Q, items[l].message, signature)) {
      self.require_each(
          [&](PartyId j) {
            return frost::verify_share<S>(rounds[l], items[l].key, j, share.X_of(j), theirs[j].shares[l].z);
          },
          Reason::bad_signature_share);
      self.require(false, Reason::bad_signature);  // mutate: shares that all verify sum to a signature
    }
    signatures.push_back(signature);
  }
  return signatures;
}

}  // namespace

template <class S>
Task<FrostSignatures> frost_sign(Party self, const KeyShare<typename S::Curve>& share,
                                 FrostItems<typename S::Curve> items) {
  using C = typename S::Curve;
  const PartyId me = self.me();
  const PartySet T = self.parties();
  const std::size_t m = items.size();
  QUORATE_ASSERT(share.algorithm == S::algorithm);
  QUORATE_ASSERT(share.me == me && share.committee.parties().includes(T) && T.size() >= share.threshold());
  QUORATE_ASSERT(m >= 1 && m <= limits::kMaxDigests && belong_to(share.Y, items));

  // R1: commit
  Nonces<S> nonces = commit_all<S>(self, share.x_i, items);
  const FrostRound1<C> first = commitments_of<S>(nonces);
  self.send_all(first);
  const PerPeer<FrostRound1<C>> commitments = co_await self.receive<FrostRound1<C>>();
  self.require_each([&](PartyId j) { return commitments[j].commitments.size() == m; }, Reason::bad_length);
  const Lists<C> lists = lists_of(T, me, first, commitments);
  const Rounds<S> rounds = prepare_all<S>(self, items, lists, nonces);

  // R2: spent on disk before the shares leave
  const FrostSpent spent{self.sid(), share.key_id, share.number, T};
  SecretBytes record = encode(spent);
  co_await self.durable(DurableStep::spent, std::move(record));
  const FrostRound2<C> second = shares_of<S>(self, items, lists, rounds, nonces, share.x_i);
  self.send_all(second);
  const PerPeer<FrostRound2<C>> theirs = co_await self.receive<FrostRound2<C>>();
  self.require_each([&](PartyId j) { return theirs[j].shares.size() == m; }, Reason::bad_length);
  for (const PartyId j : self.peers()) self.require(same_lists(second, theirs[j]), Reason::echo_mismatch);

  co_return signatures_of<S>(self, share, items, rounds, second, theirs);
}

template Task<FrostSignatures> frost_sign<FrostEd25519>(Party, const KeyShare<Ed25519>&, FrostItems<Ed25519>);
template Task<FrostSignatures> frost_sign<FrostBip340>(Party, const KeyShare<Secp256k1>&, FrostItems<Secp256k1>);

}  // namespace quorate
