// Distributed key generation among all n members of a committee: nobody ever knows the key, any t of them can use it.
#pragma once
#include "keygen/dkg_rounds.h"
#include "session/session.h"

namespace quorate {

template <class C, class Setup = NoSetup>
using DkgMessages = Messages<DkgRound1<Setup>, DkgRound2<C, Setup>, DkgRound3<C>, DkgRound4>;

// What was stored, and what makes it usable.
template <class C, class Setup = NoSetup>
struct DkgResult : Setup::template Prepared<C> {
  KeyCertificate certificate;  // complete
};

// FROST keys: dkg<C>; ECDSA keys: dkg<Secp256k1, EcdsaSetup>. The session's parties are the committee's; its id binds
// committee, algorithm and request. `identity` is my node key; it outlives the session.
//
// The host is asked for one durable step, DurableStep::prepared_share with an encoded PreparedShare<C> (ECDSA:
// PreparedEcdsaShare). From then on my signature of the certificate is, or may be, in the others' hands: the record
// stays whatever happens to this session, and a CertificateCollector completes the certificate later.
template <class C, class Setup = NoSetup>
Task<DkgResult<C, Setup>> dkg(Party self, DkgParameters parameters, const Ed25519SecretKey& identity);

extern template Task<DkgResult<Secp256k1>> dkg<Secp256k1>(Party, DkgParameters, const Ed25519SecretKey&);
extern template Task<DkgResult<Ed25519>> dkg<Ed25519>(Party, DkgParameters, const Ed25519SecretKey&);
extern template Task<DkgResult<Secp256k1, EcdsaSetup>> dkg<Secp256k1, EcdsaSetup>(Party, DkgParameters,
                                                                                  const Ed25519SecretKey&);

}  // namespace quorate
