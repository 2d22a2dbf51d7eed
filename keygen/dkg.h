// Distributed key generation among all n members of a committee: nobody ever knows the key, any t of them can use it.
#pragma once
#include "keygen/dkg_rounds.h"
#include "session/session.h"

namespace quorate {

template <class C>
using DkgMessages = Messages<DkgRound1, DkgRound2<C>, DkgRound3<C>, DkgRound4>;

template <class C>
struct DkgResult {
  KeyShare<C> share;
  KeyCertificate certificate;  // complete
};

// The session's parties are the committee's; its id binds committee, algorithm and request. `identity` is my node key;
// it outlives the session.
//
// The host is asked for one durable step, DurableStep::prepared_share with an encoded PreparedShare<C>. From then on my
// signature of the certificate is, or may be, in the others' hands: the record stays whatever happens to this session,
// and a CertificateCollector completes the certificate later.
template <class C>
Task<DkgResult<C>> dkg(Party self, DkgParameters parameters, const Ed25519SecretKey& identity);

extern template Task<DkgResult<Secp256k1>> dkg(Party, DkgParameters, const Ed25519SecretKey&);
extern template Task<DkgResult<Ed25519>> dkg(Party, DkgParameters, const Ed25519SecretKey&);

}  // namespace quorate
