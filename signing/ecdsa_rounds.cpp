#include "signing/ecdsa_rounds.h"

#include "base/declassify.h"
#include "crypto/commitment.h"
#include "crypto/polynomial.h"
#include "crypto/transcript.h"

namespace quorate::ecdsa {
namespace {

const PairSecrets& pair_with(const Pairwise& pairs, PartyId j) {
  for (const PairSecrets& pair : pairs)
    if (pair.peer == j) return pair;
  impossible("the pairs are the committee's");
}

ot::Direction from_A_to_B(const Signing& signing, PartyId A, PartyId B) { return {signing.sid, A, B}; }

Digest commitment(const Signing& signing, PartyId k, const Bytes32& blind, const PerInstance<Point<K>>& R) {
  return quorate::commit("quorate/ecdsa/commit/1", signing.sid, k, blind, R);
}

Digest echo_of(const Signing& signing, const Digest& mine, const PerPeer<Round1>& theirs) {
  Transcript t("quorate/ecdsa/echo/2");
  PerInstance<Point<K>> Q;
  for (const EffectiveKey& key : signing.keys) Q.push_back(key.Q);
  t.absorb(signing.sid).absorb(Q).absorb(signing.digests).absorb(signing.T);
  for (const PartyId j : signing.T) t.absorb(j).absorb(j == signing.i ? mine : theirs[j].commit);
  return t.digest();
}

// Nothing of third parties: one that equivocates would make two honest parties fail each other.
Digest pair_digest(const Signing& signing, PartyId j, const Round1& mine, const Round1& theirs) {
  const SecretBytes out = encode(mine), in = encode(theirs);
  const bool i_first = signing.i < j;
  return Transcript("quorate/ecdsa/pair/1")
      .absorb(signing.sid)
      .absorb(i_first ? signing.i : j)
      .absorb(i_first ? j : signing.i)
      .absorb_hashed(i_first ? out : in)
      .absorb_hashed(i_first ? in : out)
      .digest();
}

// ζ_i = Σ_{j>i} z_ij − Σ_{j<i} z_ij: shares of zero, over T.
Scalar<K> zero_share(const Signing& signing, const Pairwise& pairs, std::size_t l) {
  Scalar<K> zeta;
  for (const PartyId j : signing.peers()) {
    const auto z = Transcript("quorate/ecdsa/zero/1")
                       .absorb(pair_with(pairs, j).seed.expose())
                       .absorb(signing.sid)
                       .absorb(static_cast<std::uint8_t>(l))
                       .scalar<K>();
    if (signing.i < j)
      zeta += z;
    else
      zeta -= z;
  }
  return zeta;
}

}  // namespace

std::optional<EffectiveKey> effective_key(const Point<K>& Y, const Scalar<K>& tau) {
  const EffectiveKey key{tau.is_zero() ? Y : Y + Point<K>::base(tau), tau};
  if (key.Q.is_identity()) return std::nullopt;
  return key;
}

// ---- round 1

Begun begin(const Signing& signing, const Pairwise& pairs, Rng& rng) {
  const PartyId i = signing.i;
  Begun begun;
  Nonces& own = begun.nonces;
  const std::size_t m = signing.m();
  own.r.reserve(m), own.phi.reserve(m), own.R.reserve(m);
  for (std::size_t l = 0; l < m; ++l) {
    own.r.push_back(Scalar<K>::random(rng));
    own.phi.push_back(Scalar<K>::random(rng));
    own.R.push_back(Point<K>::base(own.r[l]));  // R_i = r_i·G
  }
  own.blind = rng.bytes<32>();
  const Digest commit_i = commitment(signing, i, own.blind, own.R);
  declassify(commit_i);
  own.chosen = PerPeer<ot::Chosen>(signing.peers());
  begun.messages = PerPeer<Round1>(signing.peers());
  for (const PartyId j : signing.peers()) {
    ot::Extended extended = ot::extend(from_A_to_B(signing, j, i), pair_with(pairs, j).as_B, m, rng);
    own.chosen[j] = std::move(extended.chosen);
    begun.messages[j] = {commit_i, std::move(extended.message)};
  }
  return begun;
}

// ---- round 2

bool has_length(const Signing& signing, const Round1& message) {
  return ot::has_length(message.extension, signing.m());
}

std::optional<ot::Columns> check_extension(const Signing& signing, const Pairwise& pairs, PartyId j,
                                           const Round1& message) {
  return ot::receive_extension(from_A_to_B(signing, signing.i, j), pair_with(pairs, j).as_A, signing.m(),
                               message.extension);
}

Multiplied key_parts(const Signing& signing, Nonces&& nonces, const Scalar<K>& x_i, const Pairwise& pairs,
                     const PerPeer<Round1>& mine, const PerPeer<Round1>& theirs) {
  QUORATE_ASSERT(nonces.live);
  const std::size_t m = signing.m();
  const Scalar<K> lambda_i = lagrange<K>(signing.T, signing.i);
  Multiplied state;
  state.nonces = std::move(nonces);
  state.sk.reserve(m), state.pk.reserve(m);
  for (std::size_t l = 0; l < m; ++l) {
    state.sk.push_back(lambda_i * (x_i + signing.keys[l].tau) + zero_share(signing, pairs, l));
    state.pk.push_back(Point<K>::base(state.sk[l]));
  }
  const PartyId any = *signing.peers().begin();
  state.echo = echo_of(signing, mine[any].commit, theirs);
  state.pair = PerPeer<Digest>(signing.peers(), [&](PartyId j) { return pair_digest(signing, j, mine[j], theirs[j]); });
  state.c = PerPeer<PerInstance<ot::OleShares>>(signing.peers());
  state.chi = PerPeer<PerInstance<Scalar<K>>>(signing.peers());
  for (const PartyId j : signing.peers()) {
    state.c[j].reserve(m), state.chi[j].reserve(m);
    for (std::size_t l = 0; l < m; ++l) state.chi[j].push_back(ot::ole_value(state.nonces.chosen[j], l));
  }
  return state;
}

Round2 multiply(const Signing& signing, Multiplied& state, const Pairwise& pairs, PartyId j, ot::Columns q, Rng& rng) {
  QUORATE_ASSERT(state.live && state.c[j].empty());
  const Nonces& own = state.nonces;
  const ot::OleContext context{state.pair[j], signing.i, j};
  const ot::ReceiverKeys& keys = pair_with(pairs, j).as_A;
  Round2 message;
  message.echo = state.echo;
  message.R = own.R;
  message.blind = own.blind;
  message.pk = state.pk;
  message.products.resize(signing.m());
  for (std::size_t l = 0; l < signing.m(); ++l) {
    Product& product = message.products[l];
    ot::OleSent sent = ot::ole_send(context, keys, q, l, own.r[l], state.sk[l], rng);
    product.ole = sent.message;
    product.gamma_u = Point<K>::base(sent.c.first);   // Γ^u = c^u·G
    product.gamma_v = Point<K>::base(sent.c.second);  // Γ^v = c^v·G
    product.psi = own.phi[l] - state.chi[j][l];       // ψ_ij = φ_i − χ_ij
    state.c[j].push_back(std::move(sent.c));
  }
  return message;
}

// ---- round 3

bool has_length(const Signing& signing, const Round2& message) {
  const std::size_t m = signing.m();
  return message.R.size() == m && message.pk.size() == m && message.products.size() == m;
}

bool opens(const Signing& signing, PartyId j, const Digest& commit_j, const Round2& message) {
  return commitment(signing, j, message.blind, message.R) == commit_j;
}

PerInstance<ot::OleShares> receive_products(const Signing& signing, const Multiplied& state, PartyId j,
                                            const Round2& message) {
  const ot::OleContext context{state.pair[j], j, signing.i};
  PerInstance<ot::OleShares> d;
  d.reserve(signing.m());
  for (std::size_t l = 0; l < signing.m(); ++l) {
    auto d_l = ot::ole_receive(context, state.nonces.chosen[j], l, message.products[l].ole);
    if (!d_l) return {};
    d.push_back(std::move(*d_l));
  }
  return d;
}

bool fits_points(const Multiplied& state, PartyId j, const Round2& message, const PerInstance<ot::OleShares>& d_j) {
  for (std::size_t l = 0; l < d_j.size(); ++l) {
    const Scalar<K>& chi = state.chi[j][l];
    const Product& product = message.products[l];
    // The products are multiples that do not tell χ; adding and comparing them runs in variable time.
    const Point<K> chi_R = chi * message.R[l], chi_pk = chi * message.pk[l];
    declassify(chi_R);
    declassify(chi_pk);
    if (chi_R - product.gamma_u != Point<K>::base(d_j[l].first)) return false;
    if (chi_pk - product.gamma_v != Point<K>::base(d_j[l].second)) return false;
  }
  return true;
}

bool key_sums_hold(const Signing& signing, const Multiplied& state, const PerPeer<Round2>& theirs) {
  for (std::size_t l = 0; l < signing.m(); ++l) {
    std::vector<Point<K>> pk{state.pk[l]};
    for (const PartyId j : signing.peers()) pk.push_back(theirs[j].pk[l]);
    if (Point<K>::sum(pk) != signing.keys[l].Q) return false;
  }
  return true;
}

std::optional<Totals> totals(const Signing& signing, const Multiplied& state, const PerPeer<Round2>& theirs) {
  Totals sums;
  for (std::size_t l = 0; l < signing.m(); ++l) {
    std::vector<Point<K>> R_k{state.nonces.R[l]};
    for (const PartyId j : signing.peers()) R_k.push_back(theirs[j].R[l]);
    const Point<K> R = Point<K>::sum(R_k);
    if (R.is_identity()) return std::nullopt;
    sums.R.push_back(R);
    sums.r_x.push_back(x_mod_q(R));
    if (sums.r_x[l].is_zero()) return std::nullopt;
  }
  return sums;
}

Round3 share(const Signing& signing, Multiplied&& taken, const Totals& sums, const PerPeer<Round2>& theirs,
             const PerPeer<PerInstance<ot::OleShares>>& d) {
  QUORATE_ASSERT(taken.live);
  const Multiplied state = std::move(taken);
  Round3 message;
  for (std::size_t l = 0; l < signing.m(); ++l) {
    const Scalar<K>&r_i = state.nonces.r[l], &phi_i = state.nonces.phi[l], &sk_i = state.sk[l];
    Scalar<K> phi_sum = phi_i, u_i, v_i;
    for (const PartyId j : signing.peers()) {
      phi_sum += theirs[j].products[l].psi;        // φ_i + Σ ψ_ji
      u_i += state.c[j][l].first + d[j][l].first;  // Σ (c^u_ij + d^u_ij)
      v_i += state.c[j][l].second + d[j][l].second;
    }
    u_i += r_i * phi_sum;
    v_i += sk_i * phi_sum;
    message.shares.push_back({u_i, digest_scalar(signing.digests[l]) * phi_i + sums.r_x[l] * v_i});  // w_i
    declassify(message.shares[l]);
  }
  return message;
}

// ---- the signatures

bool has_length(const Signing& signing, const Round3& message) { return message.shares.size() == signing.m(); }

std::optional<Signatures> combine(const Signing& signing, const Totals& sums, const Round3& mine,
                                  const PerPeer<Round3>& theirs) {
  Signatures signatures;
  for (std::size_t l = 0; l < signing.m(); ++l) {
    Scalar<K> u = mine.shares[l].u, w = mine.shares[l].w;
    for (const PartyId j : signing.peers()) {
      u += theirs[j].shares[l].u;
      w += theirs[j].shares[l].w;
    }
    auto signature = finish(signing.keys[l].Q, signing.digests[l], sums.R[l], u, w);
    if (!signature) return std::nullopt;
    signatures.push_back(*signature);
  }
  return signatures;
}

}  // namespace quorate::ecdsa
