// Threshold ECDSA among a signer set T, step by step: pure functions (DKLs23 Protocol 3.6; docs/ecdsa.md, Signing).
// Symbols are the paper's; everything with ℓ is a list over the instances, one per digest. i is this party, j a peer.
#pragma once
#include <utility>

#include "crypto/ot/vector_ole.h"
#include "keygen/key_share.h"
#include "keygen/pairwise.h"
#include "session/per_party.h"
#include "signing/ecdsa_signature.h"

namespace quorate::ecdsa {

using K = Secp256k1;
template <class T>
using PerInstance = Bounded<T, limits::kMaxDigests, WipingAllocator<T>>;
using Digests = Bounded<Digest, limits::kMaxDigests>;

// What is signed with: Q = Y + τ·G.
struct EffectiveKey {
  Point<K> Q;
  Scalar<K> tau;
};
std::optional<EffectiveKey> effective_key(const Point<K>& Y, const Scalar<K>& tau);  // nullopt: Q is the identity
using Keys = Bounded<EffectiveKey, limits::kMaxDigests>;                             // one per digest

// ---- messages, i → j

struct Round1 {
  static constexpr std::string_view tag = "ecdsa/commitment/1";
  Digest commit{};                 // the same for all
  ot::ExtensionMessage extension;  // i as B
  static auto fields(auto& m) { return std::tie(m.commit, m.extension); }
};

struct Product {  // of one instance; i as A
  ot::OleMessage ole;
  Point<K> gamma_u, gamma_v;  // Γ^u, Γ^v
  Scalar<K> psi;              // ψ_ij = φ_i − χ_ij
  static auto fields(auto& m) { return std::tie(m.ole, m.gamma_u, m.gamma_v, m.psi); }
};

struct Round2 {
  static constexpr std::string_view tag = "ecdsa/product/1";
  Digest echo{};            // of all commitments, and of what is signed
  PerInstance<Point<K>> R;  // the same for all
  Bytes32 blind{};
  PerInstance<Point<K>> pk;
  PerInstance<Product> products;
  static auto fields(auto& m) { return std::tie(m.echo, m.R, m.blind, m.pk, m.products); }
};

struct SignatureShare {
  Scalar<K> u, w;
  static auto fields(auto& m) { return std::tie(m.u, m.w); }
};
struct Round3 {
  static constexpr std::string_view tag = "ecdsa/share/1";
  PerInstance<SignatureShare> shares;
  static auto fields(auto& m) { return std::tie(m.shares); }
};

using Signatures = Bounded<Signature, limits::kMaxDigests>;

// ---- state. What is secret lives here and is moved into the one call that uses it up.

// False once its owner was moved from: a state is used once.
class Live {
 public:
  Live() = default;
  Live(Live&& other) noexcept : live_(std::exchange(other.live_, false)) {}
  Live& operator=(Live&& other) noexcept {
    live_ = std::exchange(other.live_, false);
    return *this;
  }
  explicit operator bool() const { return live_; }

 private:
  bool live_ = true;
};

// What all of T agree on before the first round, and who i is among them.
struct Signing {
  SessionId sid{};
  PartySet T;
  PartyId i;
  Keys keys;
  Digests digests;

  std::size_t m() const { return digests.size(); }
  PartySet peers() const { return T.without(i); }
};

// i's nonces.
struct Nonces {
  PerInstance<Scalar<K>> r, phi;  // r_i, φ_i
  PerInstance<Point<K>> R;        // R_i = r_i·G
  Bytes32 blind{};                // opens the commitment
  PerPeer<ot::Chosen> chosen;     // i as B
  Live live;
};
struct Begun {
  Nonces nonces;
  PerPeer<Round1> messages;
};

// i between its products and its share.
struct Multiplied {
  Nonces nonces;
  PerInstance<Scalar<K>> sk;  // sk_i
  PerInstance<Point<K>> pk;   // pk_i = sk_i·G
  Digest echo{};
  PerPeer<Digest> pair;                   // what the vector OLEs of a pair are bound to
  PerPeer<PerInstance<ot::OleShares>> c;  // (c^u_ij, c^v_ij): i as A
  PerPeer<PerInstance<Scalar<K>>> chi;    // χ_ij: i as B
  Live live;
};

// Sums over T, per instance.
struct Totals {
  PerInstance<Point<K>> R;
  PerInstance<Scalar<K>> r_x;  // x(R) mod q
};

// ---- round 1

// Nonces, the commitment to them, and i's choices as B.
Begun begin(const Signing& signing, const Pairwise& pairs, Rng& rng);

// ---- round 2

bool has_length(const Signing& signing, const Round1& message);
// i as A towards j. nullopt: the check failed, and j may have learned bits of i's Δ: it is to be quarantined before
// anything else happens.
std::optional<ot::Columns> check_extension(const Signing& signing, const Pairwise& pairs, PartyId j,
                                           const Round1& message);

// sk_i = λ_i(T)·(x_i + τ) + ζ_i and its point, the echo, what the pairs are bound to, χ_ij.
Multiplied key_parts(const Signing& signing, Nonces&& nonces, const Scalar<K>& x_i, const Pairwise& pairs,
                     const PerPeer<Round1>& mine, const PerPeer<Round1>& theirs);
// As A towards j with inputs (r_i, sk_i), over the columns of its extension. Keeps c_ij in `state`.
Round2 multiply(const Signing& signing, Multiplied& state, const Pairwise& pairs, PartyId j, ot::Columns q, Rng& rng);

// ---- round 3. The checks in their order: lengths, echoes, openings, μ, the two relations, the sums.

bool has_length(const Signing& signing, const Round2& message);
bool opens(const Signing& signing, PartyId j, const Digest& commit_j, const Round2& message);
// i as B towards j: (d^u_ij, d^v_ij). Empty: some μ does not match.
PerInstance<ot::OleShares> receive_products(const Signing& signing, const Multiplied& state, PartyId j,
                                            const Round2& message);
// χ_ij·R_j − Γ^u_ji = d^u_ij·G and χ_ij·pk_j − Γ^v_ji = d^v_ij·G
bool fits_points(const Multiplied& state, PartyId j, const Round2& message, const PerInstance<ot::OleShares>& d_j);
// Σ pk_k = Y + τ·G, with every instance's own τ.
bool key_sums_hold(const Signing& signing, const Multiplied& state, const PerPeer<Round2>& theirs);
// nullopt: some R is the identity, or its r_x is zero.
std::optional<Totals> totals(const Signing& signing, const Multiplied& state, const PerPeer<Round2>& theirs);
// u_i, v_i, w_i. The state is gone afterwards.
Round3 share(const Signing& signing, Multiplied&& state, const Totals& totals, const PerPeer<Round2>& theirs,
             const PerPeer<PerInstance<ot::OleShares>>& d);

// ---- the signatures

bool has_length(const Signing& signing, const Round3& message);
// s = Σ w / Σ u, low, verified and recovered from. nullopt: some share is wrong.
std::optional<Signatures> combine(const Signing& signing, const Totals& totals, const Round3& mine,
                                  const PerPeer<Round3>& theirs);

}  // namespace quorate::ecdsa
