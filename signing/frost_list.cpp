#include "crypto/transcript.h"
#include "signing/frost.h"

namespace quorate {

template <class C>
frost::CommitmentList<C> frost_list(PartyId me, const FrostRound1<C>& mine, const PerPeer<FrostRound1<C>>& theirs) {
  PartySet signers = theirs.parties();
  signers.insert(me);
  frost::CommitmentList<C> list;
  for (const PartyId i : signers) list.push_back({i, i == me ? mine.commitment : theirs[i].commitment});
  return list;
}

template <class C>
Digest frost_list_digest(const SessionId& sid, const frost::CommitmentList<C>& list) {
  return Transcript("quorate/frost/list/1").absorb(sid).absorb_list(list).digest();
}

template frost::CommitmentList<Secp256k1> frost_list(PartyId, const FrostRound1<Secp256k1>&,
                                                     const PerPeer<FrostRound1<Secp256k1>>&);
template frost::CommitmentList<Ed25519> frost_list(PartyId, const FrostRound1<Ed25519>&, const PerPeer<FrostRound1<Ed25519>>&);
template Digest frost_list_digest(const SessionId&, const frost::CommitmentList<Secp256k1>&);
template Digest frost_list_digest(const SessionId&, const frost::CommitmentList<Ed25519>&);

}  // namespace quorate
