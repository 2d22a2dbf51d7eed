#include "signing/ecdsa.h"

#include <algorithm>

namespace quorate {
namespace {

using namespace ecdsa;

// Somebody misbehaved: the peer, if there is only one, and otherwise nobody can be named.
void require_together(Party self, bool ok, Reason reason) {
  if (self.peers().size() == 1) self.require_each([&](PartyId) { return ok; }, reason);
  self.require(ok, reason);
}

PartySet members_of(const Pairwise& pairs) {
  PartySet members;
  for (const PairSecrets& pair : pairs) members.insert(pair.peer);
  return members;
}

bool belong_to(const Point<Secp256k1>& Y, const Keys& keys) {
  return std::all_of(keys.begin(), keys.end(), [&](const EffectiveKey& key) {
    return key.Q == (key.tau.is_zero() ? Y : Y + Point<Secp256k1>::base(key.tau));
  });
}

}  // namespace

Task<Signatures> ecdsa_sign(Party self, const KeyShare<Secp256k1>& share, const Pairwise& pairs, Keys keys,
                            Digests digests) {
  const PartySet T = self.parties();
  const Signing signing{self.sid(), T, self.me(), std::move(keys), std::move(digests)};
  QUORATE_ASSERT(share.algorithm == Algorithm::ecdsa_secp256k1 && share.me == self.me());
  QUORATE_ASSERT(share.committee.parties().includes(T) && T.size() >= share.threshold());
  QUORATE_ASSERT(members_of(pairs).includes(self.peers()));
  QUORATE_ASSERT(signing.m() >= 1 && signing.m() <= limits::kMaxDigests && signing.keys.size() == signing.m());
  QUORATE_ASSERT(belong_to(share.Y, signing.keys));

  // R1: commit to the nonces, extend the OTs as B
  Begun begun = begin(signing, pairs, self.rng());
  for (const PartyId j : self.peers()) self.send(j, begun.messages[j]);
  const PerPeer<Round1> first = co_await self.receive<Round1>();
  self.require_each([&](PartyId j) { return has_length(signing, first[j]); }, Reason::bad_length);
  PerPeer<ot::Columns> q(self.peers());
  for (const PartyId j : self.peers()) {
    std::optional<ot::Columns> q_j = check_extension(signing, pairs, j, first[j]);
    if (q_j)
      q[j] = std::move(*q_j);
    else
      self.quarantine(j);
  }
  if (!self.quarantined().empty()) {
    const QuarantineStep failed{self.quarantined()};
    SecretBytes record = encode(failed);
    co_await self.durable(DurableStep::quarantine, std::move(record));
    self.require_each([&](PartyId j) { return !self.quarantined().contains(j); }, Reason::extension_check);
  }

  // R2: multiply as A with (r_i, sk_i)
  Multiplied state = key_parts(signing, std::move(begun.nonces), share.x_i, pairs, begun.messages, first);
  for (const PartyId j : self.peers()) self.send(j, multiply(signing, state, pairs, j, std::move(q[j]), self.rng()));
  const PerPeer<Round2> second = co_await self.receive<Round2>();

  // R3: every check of every instance, then the shares
  self.require_each([&](PartyId j) { return has_length(signing, second[j]); }, Reason::bad_length);
  for (const PartyId j : self.peers()) self.require(second[j].echo == state.echo, Reason::echo_mismatch);
  self.require_each([&](PartyId j) { return opens(signing, j, first[j].commit, second[j]); }, Reason::bad_opening);
  const PerPeer<PerInstance<ot::OleShares>> d(
      self.peers(), [&](PartyId j) { return receive_products(signing, state, j, second[j]); });
  self.require_each([&](PartyId j) { return !d[j].empty(); }, Reason::bad_vector_ole);
  self.require_each([&](PartyId j) { return fits_points(state, j, second[j], d[j]); }, Reason::bad_point_relation);
  require_together(self, key_sums_hold(signing, state, second), Reason::bad_key_sum);
  const std::optional<Totals> sums = totals(signing, state, second);
  require_together(self, sums.has_value(), Reason::identity_point);

  // Spent on disk before the shares leave
  const EcdsaSpent spent{self.sid(), share.key_id, share.number, T};
  SecretBytes record = encode(spent);
  co_await self.durable(DurableStep::spent, std::move(record));
  const Round3 mine = ecdsa::share(signing, std::move(state), *sums, second, d);
  self.send_all(mine);
  const PerPeer<Round3> theirs = co_await self.receive<Round3>();
  self.require_each([&](PartyId j) { return has_length(signing, theirs[j]); }, Reason::bad_length);

  // Nothing leaves unverified. // attack 37
  const std::optional<Signatures> signatures = combine(signing, *sums, mine, theirs);
  require_together(self, signatures.has_value(), Reason::bad_signature);
  co_return *signatures;
}

}  // namespace quorate
