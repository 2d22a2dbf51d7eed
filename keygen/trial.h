// Test signatures of a new committee, before its members sign its certificate: what pairwise secrets are worth shows
// only when they are used. Enough signer sets that every member has signed once; each set signs in a session of its
// own, inside the reshare's.
//
// Every member sends every round to all parties, also to those with whom it signs nothing and to dealers that leave:
// all see at the same time who is late, so that nobody takes one that waits for a third for the silent one.
#pragma once
#include <memory>
#include <vector>

#include "keygen/dkg_setup.h"
#include "session/session.h"

namespace quorate {

// A session that makes one signature with what I have prepared, which outlives it. It has a result only if the
// signature verifies, and sends one message in each of its rounds, two (FROST) or three (ECDSA), to each of its peers.
template <class P>
using StartTrial = std::unique_ptr<AnySession> (*)(const SessionConfig& config, const P& prepared);

// Sets of t consecutive members, the last one filled up from the first. Two members are together in at most two.
std::vector<PartySet> trial_sets(PartySet members, std::size_t t);
// The id of the session in which T signs, within a reshare's.
SessionId trial_id(const SessionId& sid, const CertificateBody& body, PartySet T);

inline constexpr std::size_t kMaxTrialsTogether = 2;
// Bytes of one message for one digest: ECDSA's longest has 41 KB, FROST's 70 bytes.
template <class Setup>
inline constexpr std::size_t kMaxTrialPart = Setup::kPairwise ? 64 * 1024 : 128;

// ---- messages, new members to all: of the sessions that have both, in the order of the sets

template <class Setup>
struct TrialMessage {
  Bounded<BoundedSecretBytes<kMaxTrialPart<Setup>>, kMaxTrialsTogether> parts;
  static auto fields(auto& m) { return std::tie(m.parts); }
};
template <class Setup>
struct ReshareTrial1 : TrialMessage<Setup> {
  static constexpr std::string_view tag = "reshare/trial-1/1";
};
template <class Setup>
struct ReshareTrial2 : TrialMessage<Setup> {
  static constexpr std::string_view tag = "reshare/trial-2/1";
};
template <class Setup>
struct ReshareTrial3 : TrialMessage<Setup> {  // ECDSA
  static constexpr std::string_view tag = "reshare/trial-3/1";
};

// A part of reshare(): returns once all sets that have me have signed, and aborts as a session that signs does. Who is
// no member has nothing prepared (nullptr), and only watches. The signatures are dropped. Nothing is stored: whoever
// stops here has no share. prepared outlives the task.
template <class C, class Setup>
Task<void> try_out(Party self, PartySet members, std::size_t t, StartTrial<typename Setup::template Prepared<C>> start,
                   const typename Setup::template Prepared<C>* prepared);

extern template Task<void> try_out<Secp256k1, NoSetup>(Party, PartySet, std::size_t,
                                                       StartTrial<PreparedShare<Secp256k1>>,
                                                       const PreparedShare<Secp256k1>*);
extern template Task<void> try_out<Ed25519, NoSetup>(Party, PartySet, std::size_t, StartTrial<PreparedShare<Ed25519>>,
                                                     const PreparedShare<Ed25519>*);
extern template Task<void> try_out<Secp256k1, EcdsaSetup>(Party, PartySet, std::size_t, StartTrial<PreparedEcdsaShare>,
                                                          const PreparedEcdsaShare*);

}  // namespace quorate
