// Refresh and reshare among t_old members of a key and its whole new committee: the same key, the same chain code, new
// shares, new pairwise secrets.
#pragma once
#include "keygen/reshare_rounds.h"
#include "keygen/trial.h"
#include "session/session.h"

namespace quorate {

template <class C, class Setup>
struct ReshareMessageList {
  using Type = Messages<ReshareRound1, ReshareRound2<C>, ReshareShare<C>, ReshareRound3<C>, ReshareRound4,
                        ReshareTrial1<Setup>, ReshareTrial2<Setup>, ReshareRound5>;
};
template <class C>
struct ReshareMessageList<C, EcdsaSetup> {
  using Type = Messages<ReshareRound1, ReshareSetup1, ReshareRound2<C>, ReshareShare<C>, ReshareSetup2,
                        ReshareRound3<C>, ReshareRound4, ReshareTrial1<EcdsaSetup>, ReshareTrial2<EcdsaSetup>,
                        ReshareTrial3<EcdsaSetup>, ReshareRound5>;
};
template <class C, class Setup = NoSetup>
using ReshareMessages = typename ReshareMessageList<C, Setup>::Type;

template <class C, class Setup = NoSetup>
struct ReshareResult {
  std::optional<PreparedReshare<typename Setup::template Prepared<C>>> prepared;  // a new member's, as it was stored
  KeyCertificate certificate;                                                     // complete
};

// FROST keys: reshare<C>; ECDSA keys: reshare<Secp256k1, EcdsaSetup>. The session's parties are parameters.parties(),
// I am parameters.party_of(identity), its id is parameters.session_id(random). old: my share of the base if I deal,
// else nullptr. Share and identity outlive the session. start_trial: of signing/trial.h.
//
// A new member's host is asked for one durable step, DurableStep::prepared_share with an encoded PreparedReshare of
// PreparedShare<C> (ECDSA: of PreparedEcdsaShare). It may grant it only after KeyHistory::may_sign
// (keygen/key_history.h) of the record's certificate, in the same transaction; else it destroys the session. From then
// on my signature is, or may be, in the others' hands: the record stays whatever happens to this session, until a
// greater certificate is complete.
// A dealer that leaves stores nothing, and keeps its share until it holds the complete certificate.
template <class C, class Setup = NoSetup>
Task<ReshareResult<C, Setup>> reshare(Party self, ReshareParameters parameters, const KeyShare<C>* old,
                                      const Ed25519SecretKey& identity,
                                      StartTrial<typename Setup::template Prepared<C>> start_trial);

extern template Task<ReshareResult<Secp256k1>> reshare<Secp256k1>(Party, ReshareParameters, const KeyShare<Secp256k1>*,
                                                                  const Ed25519SecretKey&,
                                                                  StartTrial<PreparedShare<Secp256k1>>);
extern template Task<ReshareResult<Ed25519>> reshare<Ed25519>(Party, ReshareParameters, const KeyShare<Ed25519>*,
                                                              const Ed25519SecretKey&,
                                                              StartTrial<PreparedShare<Ed25519>>);
extern template Task<ReshareResult<Secp256k1, EcdsaSetup>> reshare<Secp256k1, EcdsaSetup>(
    Party, ReshareParameters, const KeyShare<Secp256k1>*, const Ed25519SecretKey&, StartTrial<PreparedEcdsaShare>);

}  // namespace quorate
