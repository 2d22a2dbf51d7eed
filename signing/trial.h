// What a new committee signs to see that it can (keygen/trial.h).
#pragma once
#include "keygen/trial.h"

namespace quorate {

// One signature of the root key, over a hash that stands for nothing else. A StartTrial.
template <class C, class Setup>
std::unique_ptr<AnySession> trial_signature(const SessionConfig& config,
                                            const typename Setup::template Prepared<C>& prepared);

extern template std::unique_ptr<AnySession> trial_signature<Secp256k1, NoSetup>(const SessionConfig&,
                                                                                const PreparedShare<Secp256k1>&);
extern template std::unique_ptr<AnySession> trial_signature<Ed25519, NoSetup>(const SessionConfig&,
                                                                              const PreparedShare<Ed25519>&);
extern template std::unique_ptr<AnySession> trial_signature<Secp256k1, EcdsaSetup>(const SessionConfig&,
                                                                                   const PreparedEcdsaShare&);

}  // namespace quorate
