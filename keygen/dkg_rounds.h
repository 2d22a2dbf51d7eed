// Distributed key generation, step by step: pure functions, Pedersen's DKG with commit–reveal, proofs of knowledge and
// signed shares. Symbols: i deals to j; f_i of degree t−1 with F_i = (a_0·G … a_{t−1}·G); ρ_i and cc_i feed the key id
// and the chain code. What an ECDSA key needs besides travels in the same messages (keygen/dkg_setup.h).
#pragma once
#include "base/ed25519.h"
#include "crypto/commitment.h"
#include "crypto/polynomial.h"
#include "crypto/schnorr.h"
#include "keygen/dkg_parameters.h"
#include "keygen/dkg_setup.h"
#include "session/per_party.h"

namespace quorate {

// ---- messages

template <class Setup = NoSetup>
struct DkgRound1 {
  static constexpr std::string_view tag = Setup::kRound1Tag;
  Digest C{};
  typename Setup::Round1 setup{};
  static auto fields(auto& m) { return std::tie(m.C, m.setup); }
};

template <class C>
struct DkgOpening {                                      // the same for all
  Bounded<UncheckedPoint<C>, limits::kMaxParties> F;     // the proofs check them
  Bounded<SchnorrProof<C>, limits::kMaxParties> proofs;  // one per coefficient
  Bytes32 rho{};
  Secret<Bytes32> cc;  // members only
  Bytes32 blind{};
  static auto fields(auto& m) { return std::tie(m.F, m.proofs, m.rho, m.cc, m.blind); }
};

template <class C>
struct DkgDeal {
  DkgOpening<C> opening;
  Scalar<C> share;                // f_i(j)
  Signature64 share_signature{};  // i's node key over share_message
};

template <class C, class Setup = NoSetup>
struct DkgRound2 : DkgDeal<C> {
  static constexpr std::string_view tag = Setup::kRound2Tag;
  typename Setup::Round2 setup{};
  static auto fields(auto& m) { return std::tie(m.opening, m.share, m.share_signature, m.setup); }
};

// R3 and R4 are the same for every setup: what they hash and sign names the algorithm.

// j's evidence that dealer i signed a share that is not on the polynomial which i committed to. It publishes the share:
// the attempt is over anyway, and the next one has fresh polynomials.
template <class C>
struct DkgComplaint {
  PartyId dealer;
  Digest commitment{};  // C_i as the accuser has it
  Scalar<C> share;
  Signature64 share_signature{};
  static auto fields(auto& m) { return std::tie(m.dealer, m.commitment, m.share, m.share_signature); }
};

template <class C>
struct DkgRound3 {
  static constexpr std::string_view tag = "dkg/echo/1";
  Digest seen{};  // hash of all openings
  Bounded<DkgComplaint<C>, limits::kMaxParties - 1> complaints;
  static auto fields(auto& m) { return std::tie(m.seen, m.complaints); }
};

struct DkgRound4 {
  static constexpr std::string_view tag = "dkg/certificate/1";
  Signature64 signature{};  // of the certificate
  static auto fields(auto& m) { return std::tie(m.signature); }
};

// ---- R1, R2: dealing

template <class C>
struct DkgDealing {
  Polynomial<C> f;
  PolynomialCommitment<C> F;
  DkgOpening<C> opening;
  Digest commitment{};  // C_i

  // R2 to j.
  DkgDeal<C> deal_to(const SessionId& sid, PartyId i, PartyId j, const Ed25519SecretKey& identity) const;
};
template <class C>
DkgDealing<C> dkg_deal(const SessionId& sid, PartyId i, std::size_t t, Rng& rng);

// ---- checks of what i dealt to j

template <class C>
bool has_length(const DkgOpening<C>& opening, std::size_t t);
// C_i == H_commit(sid, i, F_i, proofs, ρ_i, cc_i, blind_i)
template <class C>
bool opens(const SessionId& sid, PartyId i, const Digest& commitment, const DkgOpening<C>& opening);
// Whether the proofs verify and every F_{i,k} is a point of order q. F receives the points.
template <class C>
bool proofs_verify(const SessionId& sid, PartyId i, const DkgOpening<C>& opening, PolynomialCommitment<C>& F);
// What i signs with its node key: (sid, i, j, f_i(j), C_i). C_i stands for F_i, and for this attempt: a signature from
// another attempt under the same sid convicts nobody.
template <class C>
Digest share_message(const SessionId& sid, PartyId i, PartyId j, const Digest& commitment, const Scalar<C>& share);
// f_i(j)·G == Σ j^k·F_{i,k}
template <class C>
bool share_fits(const PolynomialCommitment<C>& F, PartyId j, const Scalar<C>& share);

// ---- R3: echo and complaints

// What everyone, me included, has dealt to me: opened and checked, but for the share itself. Points into the messages.
template <class C>
struct DkgDealt {
  PerParty<Digest> commitment;
  PerParty<const DkgOpening<C>*> opening;
  PerParty<PolynomialCommitment<C>> F;
  PerParty<Scalar<C>> share;              // f_i(me)
  PerParty<Signature64> share_signature;  // none of mine

  explicit DkgDealt(PartySet parties)
      : commitment(parties), opening(parties), F(parties), share(parties), share_signature(parties) {}
};
// F: of the peers.
template <class C, class Setup>
DkgDealt<C> dkg_dealt(PartyId me, const DkgDealing<C>& mine, const PerPeer<DkgRound1<Setup>>& commitments,
                      const PerPeer<DkgRound2<C, Setup>>& messages, const PerPeer<PolynomialCommitment<C>>& F) {
  PartySet parties = messages.parties();
  parties.insert(me);
  DkgDealt<C> dealt(parties);
  for (const PartyId i : messages.parties()) {
    dealt.commitment[i] = commitments[i].C;
    dealt.opening[i] = &messages[i].opening;
    dealt.F[i] = F[i];
    dealt.share[i] = messages[i].share;
    dealt.share_signature[i] = messages[i].share_signature;
  }
  dealt.commitment[me] = mine.commitment;
  dealt.opening[me] = &mine.opening;
  dealt.F[me] = mine.F;
  dealt.share[me] = mine.f.at(me);
  return dealt;
}

// Peers whose share to me does not fit their F.
template <class C>
PartySet misdealers(PartyId me, const DkgDealt<C>& dealt);
// H(sid, parameters, index-ordered (i, opening_i)), own included; and a complaint against each misdealer.
template <class C>
DkgRound3<C> dkg_echo(const SessionId& sid, const DkgParameters& parameters, const DkgDealt<C>& dealt,
                      PartySet misdealers);

struct DkgVerdicts {
  PartySet convicted;   // dealers who signed a share that does not fit the F that I have too
  PartySet slanderers;  // accusers without evidence: no honest party sends that
};
// A complaint about another commitment than the one that I have convicts neither: somebody equivocated.
template <class C>
DkgVerdicts dkg_judge(const SessionId& sid, const Committee& committee, const DkgDealt<C>& dealt,
                      const PerPeer<DkgRound3<C>>& echoes);

// ---- Finish

// Share and certificate after a clean R3. nullopt: Y or an X_j is the identity.
template <class C>
std::optional<PreparedShare<C>> dkg_combine(const SessionId& sid, const DkgParameters& parameters, PartyId me,
                                            const DkgDealt<C>& dealt);

}  // namespace quorate
