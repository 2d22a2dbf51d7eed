// Distributed key generation, step by step: pure functions, Pedersen's DKG with commit–reveal, proofs of knowledge and
// signed shares. Symbols: i deals to j; f_i of degree t−1 with F_i = (a_0·G … a_{t−1}·G); ρ_i and cc_i feed the key id
// and the chain code. What an ECDSA key needs besides travels in the same messages (keygen/dkg_setup.h).
#pragma once
#include "keygen/dealing.h"
#include "keygen/dkg_parameters.h"
#include "keygen/dkg_setup.h"

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
struct DkgOpening : ProvedPolynomial<C> {  // the same for all
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

template <class C>
struct DkgRound3 : EchoAndComplaints<C> {
  static constexpr std::string_view tag = "dkg/echo/1";
};

struct DkgRound4 {
  static constexpr std::string_view tag = "dkg/certificate/1";
  Signature64 signature{};  // of the certificate
  static auto fields(auto& m) { return std::tie(m.signature); }
};

// ---- R1, R2: dealing

template <class C>
struct DkgDealing : Dealing<C, DkgOpening<C>> {
  // R2 to j.
  DkgDeal<C> deal_to(const SessionId& sid, PartyId i, PartyId j, const Ed25519SecretKey& identity) const;
};
template <class C>
DkgDealing<C> dkg_deal(const SessionId& sid, PartyId i, std::size_t t, Rng& rng);

// C_i == H_commit(sid, i, F_i, proofs, ρ_i, cc_i, blind_i)
template <class C>
bool opens(const SessionId& sid, PartyId i, const Digest& commitment, const DkgOpening<C>& opening);

// ---- R3: echo and complaints

// Points into the messages.
template <class C>
struct DkgDealt : Dealt<C> {
  PerParty<const DkgOpening<C>*> opening;
  explicit DkgDealt(PartySet parties) : Dealt<C>(parties), opening(parties) {}
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

// H(sid, parameters, index-ordered (i, opening_i)), own included; and a complaint against each misdealer.
template <class C>
DkgRound3<C> dkg_echo(const SessionId& sid, const DkgParameters& parameters, const DkgDealt<C>& dealt,
                      PartySet misdealers);

// ---- Finish

// Share and certificate after a clean R3. `points`: sum_of_dealings of dealt.F.
template <class C>
PreparedShare<C> dkg_combine(const SessionId& sid, const DkgParameters& parameters, PartyId me,
                             const DkgDealt<C>& dealt, const KeyPoints<C>& points);

}  // namespace quorate
