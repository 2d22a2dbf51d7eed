// What key generation and reshare have in common, step by step: i deals a polynomial f_i of degree t−1 to j, with
// F_i = (a_0·G … a_{t−1}·G), proofs of knowledge and signed shares; complaints and their verdicts; the key that the
// dealings sum to. Pure functions.
#pragma once
#include "base/ed25519.h"
#include "crypto/commitment.h"
#include "crypto/polynomial.h"
#include "crypto/schnorr.h"
#include "keygen/key_share.h"
#include "session/per_party.h"

namespace quorate {

// ---- parts of messages

// Begins the opening of every dealer's commitment C_i.
template <class C>
struct ProvedPolynomial {
  Bounded<UncheckedPoint<C>, limits::kMaxParties> F;     // the proofs check them
  Bounded<SchnorrProof<C>, limits::kMaxParties> proofs;  // one per coefficient
};

// j's evidence that dealer i signed a share that is not on the polynomial which i committed to. It publishes the share:
// the attempt is over anyway, and the next one has fresh polynomials.
template <class C>
struct Complaint {
  PartyId dealer;
  Digest commitment{};  // C_i as the accuser has it
  Scalar<C> share;
  Signature64 share_signature{};
  static auto fields(auto& m) { return std::tie(m.dealer, m.commitment, m.share, m.share_signature); }
};

template <class C>
struct EchoAndComplaints {
  Digest seen{};  // hash of all openings
  Bounded<Complaint<C>, limits::kMaxParties - 1> complaints;
  static auto fields(auto& m) { return std::tie(m.seen, m.complaints); }
};

// ---- dealing

template <class C, class Opening>
struct Dealing {
  Polynomial<C> f;
  PolynomialCommitment<C> F;
  Opening opening;
  Digest commitment{};  // C_i
};

// What i shows of f, but for its commitment. The proofs draw from rng.
template <class C>
ProvedPolynomial<C> prove_polynomial(const SessionId& sid, PartyId i, const Polynomial<C>& f,
                                     const PolynomialCommitment<C>& F, Rng& rng);

// What i signs with its node key: (sid, i, j, f_i(j), C_i). C_i stands for F_i, and for this attempt: a signature from
// another attempt under the same sid convicts nobody.
template <class C>
Digest share_message(const SessionId& sid, PartyId i, PartyId j, const Digest& commitment, const Scalar<C>& share);

// ---- checks of what i dealt to j

template <class C>
bool has_length(const ProvedPolynomial<C>& opening, std::size_t t);
// Whether the proofs verify and every F_{i,k} is a point of order q. F receives the points.
template <class C>
bool proofs_verify(const SessionId& sid, PartyId i, const ProvedPolynomial<C>& opening, PolynomialCommitment<C>& F);
// f_i(j)·G == Σ j^k·F_{i,k}
template <class C>
bool share_fits(const PolynomialCommitment<C>& F, PartyId j, const Scalar<C>& share);

// ---- echo and complaints

// What the dealers, me included if I am one, have dealt to me: opened and checked, but for the share itself.
template <class C>
struct Dealt {
  PerParty<Digest> commitment;
  PerParty<PolynomialCommitment<C>> F;
  PerParty<Scalar<C>> share;              // f_i(me); of nobody if I get none
  PerParty<Signature64> share_signature;  // none of mine

  explicit Dealt(PartySet dealers, bool receives = true)
      : commitment(dealers),
        F(dealers),
        share(receives ? dealers : PartySet{}),
        share_signature(receives ? dealers : PartySet{}) {}
};

// Peers whose share to me does not fit their F. Only the sum of all shares is ever used: where it fits `X_me`, what
// Σ_i F_i promises, errors that cancel each other out harm nobody and are nobody's. X_me null: not known.
template <class C>
PartySet misdealers(PartyId me, const Dealt<C>& dealt, const Point<C>* X_me);
template <class C>
Complaint<C> complain(PartyId dealer, const Dealt<C>& dealt);

struct Verdicts {
  PartySet convicted;   // dealers who signed a share that does not fit the F that I have too
  PartySet slanderers;  // accusers without evidence: no honest party sends that
};
// `dealing` has the dealers' identities; `receivers` were dealt shares. A complaint about another commitment than the
// one that I have convicts neither: somebody equivocated.
template <class C>
void judge(const SessionId& sid, const Committee& dealing, PartySet receivers, const Dealt<C>& dealt, PartyId accuser,
           const EchoAndComplaints<C>& echo, Verdicts& verdicts);
template <class C, class Round3>
Verdicts judge_all(const SessionId& sid, const Committee& dealing, PartySet receivers, const Dealt<C>& dealt,
                   const PerPeer<Round3>& echoes) {
  Verdicts verdicts;
  for (const PartyId accuser : echoes.parties())
    judge<C>(sid, dealing, receivers, dealt, accuser, echoes[accuser], verdicts);
  return verdicts;
}

// ---- the key that the dealings sum to

// Y = Σ F_{i,0}, X_j = Σ_i Σ_k j^k·F_{i,k}. nullopt: one is the identity.
template <class C>
std::optional<KeyPoints<C>> sum_of_dealings(const PerParty<PolynomialCommitment<C>>& F, const Committee& committee);
// X_j of a member; null for others, and of no points.
template <class C>
const Point<C>* public_share(const std::optional<KeyPoints<C>>& points, const Committee& committee, PartyId j) {
  return points && committee.parties().contains(j) ? &points->X[committee.parties().position(j)] : nullptr;
}
// Writes Y and all X_j into the body.
template <class C>
void certify_points(CertificateBody& body, const KeyPoints<C>& points);
// Σ f_i(me)
template <class C>
Scalar<C> sum_of_shares(const PerParty<Scalar<C>>& share);

}  // namespace quorate
