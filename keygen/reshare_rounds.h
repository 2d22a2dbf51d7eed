// Refresh and reshare, step by step: pure functions. Old members deal their shares of the key to a new committee, as
// the dealers of a key generation deal random ones. Symbols: i ∈ T_old deals to j; f_i of degree t_new−1 with
// f_i(0) = λ_i(T_old)·x_i; X_i, Y from the base certificate; x'_j, X'_j of the new one.
#pragma once
#include "keygen/dealing.h"
#include "keygen/dkg_setup.h"
#include "keygen/reshare_parameters.h"

namespace quorate {

// ---- messages

struct ReshareRound1 {  // dealers to all
  static constexpr std::string_view tag = "reshare/commitment/1";
  Digest C{};
  static auto fields(auto& m) { return std::tie(m.C); }
};

template <class C>
struct ReshareRound2 : ProvedPolynomial<C> {  // dealers to all: the opening of C_i
  static constexpr std::string_view tag = "reshare/opening/1";
  Secret<Bytes32> chain_code;  // old and new members only
  Bytes32 blind{};
  static auto fields(auto& m) { return std::tie(m.F, m.proofs, m.chain_code, m.blind); }
};

template <class C>
struct ReshareShare {  // dealers to new members
  static constexpr std::string_view tag = "reshare/share/1";
  Scalar<C> share;                // f_i(j)
  Signature64 share_signature{};  // i's node key over share_message
  static auto fields(auto& m) { return std::tie(m.share, m.share_signature); }
};

template <class C>
struct ReshareRound3 : EchoAndComplaints<C> {  // all to all
  static constexpr std::string_view tag = "reshare/echo/1";
};

struct ReshareRound4 {  // dealers to all
  static constexpr std::string_view tag = "reshare/dealing/1";
  Signature64 signature{};  // sign_dealing
  static auto fields(auto& m) { return std::tie(m.signature); }
};

struct ReshareRound5 {  // new members to all
  static constexpr std::string_view tag = "reshare/certificate/1";
  Signature64 signature{};  // sign_certificate
  static auto fields(auto& m) { return std::tie(m.signature); }
};

// ECDSA: among the new members, beside R1 and R2.
struct ReshareSetup1 {
  static constexpr std::string_view tag = "reshare/base-ot/1";
  SetupRound1 setup;
  static auto fields(auto& m) { return std::tie(m.setup); }
};
struct ReshareSetup2 {
  static constexpr std::string_view tag = "reshare/base-ot-reply/1";
  SetupRound2 setup;
  static auto fields(auto& m) { return std::tie(m.setup); }
};

// ---- R1, R2: dealing

template <class C>
struct ReshareDealing : Dealing<C, ReshareRound2<C>> {
  ReshareRound2<C> open() const;
  ReshareShare<C> deal_to(const SessionId& sid, PartyId i, PartyId j, const Ed25519SecretKey& identity) const;
};
// old: my share of the base, one of its dealers'. Throws std::runtime_error if x_i is not what the base certifies: the
// others would take its holder for a cheat.
template <class C>
ReshareDealing<C> reshare_deal(const SessionId& sid, const ReshareParameters& parameters, const KeyShare<C>& old,
                               Rng& rng);

// ---- checks of what i dealt

// C_i == H_commit(sid, i, F_i, proofs, chain code, blind_i)
template <class C>
bool opens(const SessionId& sid, PartyId i, const Digest& commitment, const ReshareRound2<C>& opening);
// F_{i,0} == λ_i(T_old)·X_i
template <class C>
bool deals_its_share(const ReshareParameters& parameters, PartyId i, const PolynomialCommitment<C>& F);

// ---- R3: echo

// What the dealers have dealt. Points into the messages.
template <class C>
struct ReshareDealt : Dealt<C> {
  PerParty<const ReshareRound2<C>*> opening;
  ReshareDealt(PartySet dealers, bool receives) : Dealt<C>(dealers, receives), opening(dealers) {}
};
// mine: nullptr unless I deal. F: of the peers. shares: of nobody unless I am a new member.
template <class C>
ReshareDealt<C> reshare_dealt(PartyId me, const ReshareParameters& parameters, const ReshareDealing<C>* mine,
                              const PerPeer<ReshareRound1>& commitments, const PerPeer<ReshareRound2<C>>& openings,
                              const PerPeer<ReshareShare<C>>& shares, const PerPeer<PolynomialCommitment<C>>& F);

// H(sid, terms, index-ordered (i, opening_i)), own included; and a complaint against each
// misdealer.
template <class C>
ReshareRound3<C> reshare_echo(const SessionId& sid, const ReshareParameters& parameters, const ReshareDealt<C>& dealt,
                              PartySet misdealers);

// ---- Finish

template <class C>
struct NextKey {
  CertificateBody body;
  KeyPoints<C> points;
};
// After a clean R3. `points`: sum_of_dealings of what was dealt, to the new committee.
template <class C>
NextKey<C> reshare_combine(const SessionId& sid, const ReshareParameters& parameters, KeyPoints<C> points);
// What a new member stores before it signs, P being what a key generation of the algorithm stores: with the dealers'
// signatures, so that the members alone can make the certificate complete.
template <class P>
struct PreparedReshare : P {
  DealerSignatures dealers;  // in the order of the base's committee
  static auto fields(auto& m) { return std::tuple_cat(P::fields(m), std::tie(m.dealers)); }
};
// A new member's: x'_me = Σ f_i(me), and the chain code that the dealers handed on.
template <class C>
PreparedShare<C> reshared(const NextKey<C>& key, PartyId me, const ReshareDealt<C>& dealt);

}  // namespace quorate
