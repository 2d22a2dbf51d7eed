// Shamir's polynomials, Feldman's commitments to them, Lagrange's coefficients.
#pragma once
#include <utility>
#include <vector>

#include "crypto/party_id.h"
#include "crypto/point.h"

namespace quorate {

// F_k = a_k·G, exactly t of them.
template <class C>
using PolynomialCommitment = Bounded<Point<C>, limits::kMaxParties>;

template <class C>
Scalar<C> scalar_of(PartyId j) {
  return Scalar<C>::from_u64(j.index());
}

// f(x) = Σ a_k·x^k with t coefficients.
template <class C>
class Polynomial {
 public:
  // Random but for the constant term; the top coefficient is not zero.
  static Polynomial random(std::size_t t, Rng& rng, const Scalar<C>& constant_term) {
    QUORATE_ASSERT(t >= limits::kMinThreshold && t <= limits::kMaxParties);
    Polynomial f;
    f.a_.reserve(t);
    f.a_.push_back(constant_term);
    while (f.a_.size() < t) f.a_.push_back(Scalar<C>::random(rng));
    return f;
  }

  std::size_t size() const { return a_.size(); }
  const Scalar<C>& coefficient(std::size_t k) const { return a_.at(k); }
  Scalar<C> at(PartyId j) const {
    const Scalar<C> x = scalar_of<C>(j);
    Scalar<C> y;
    for (std::size_t k = a_.size(); k-- > 0;) y = y * x + a_[k];
    return y;
  }
  PolynomialCommitment<C> commit() const {
    PolynomialCommitment<C> F;
    F.reserve(a_.size());
    for (const Scalar<C>& a : a_) F.push_back(Point<C>::base(a));
    return F;
  }

 private:
  std::vector<Scalar<C>> a_;  // wiped: Scalar wipes itself
};

// Σ j^k·F_k. Public data.
template <class C>
Point<C> evaluate_commitment(std::span<const Point<C>> F, PartyId j) {
  const Scalar<C> x = scalar_of<C>(j);
  Point<C> y;
  for (std::size_t k = F.size(); k-- > 0;) y = Point<C>::multiply_public_and_add(x, y, F[k]);
  return y;
}
template <class C>
Point<C> evaluate_commitment(const PolynomialCommitment<C>& F, PartyId j) {
  return evaluate_commitment<C>(std::span<const Point<C>>(F), j);
}

// 1/(i − j) for two different parties, from a table that each curve computes once.
template <class C>
Scalar<C> inverse_difference(PartyId i, PartyId j) {
  static const std::vector<Scalar<C>> inverse = [] {
    std::vector<Scalar<C>> table(1);
    for (std::uint64_t k = 1; k < limits::kMaxParties; ++k) table.push_back(Scalar<C>::from_u64(k).inverse());
    return table;
  }();
  return i > j ? inverse.at(std::size_t{i.index()} - j.index()) : -inverse.at(std::size_t{j.index()} - i.index());
}

// λ_i with f(x) = Σ_{i ∈ set} λ_i·f(i) for every f of degree < |set|: λ_i = Π_{j≠i} (x − j)/(i − j).
template <class C>
Scalar<C> lagrange_at(const Scalar<C>& x, PartySet set, PartyId i) {
  QUORATE_ASSERT(set.contains(i));
  Scalar<C> lambda = Scalar<C>::one();
  for (const PartyId j : set.without(i)) lambda *= (x - scalar_of<C>(j)) * inverse_difference<C>(i, j);
  return lambda;
}
// At zero.
template <class C>
Scalar<C> lagrange(PartySet set, PartyId i) {
  return lagrange_at(Scalar<C>::zero(), set, i);
}

// Whether the points X_j = f(j)·G, with Y = f(0)·G, belong to one f of degree < t. `at(j)` gives X_j. Public data.
template <class C, class At>
bool on_one_polynomial(PartySet parties, std::size_t t, const Point<C>& Y, At&& at) {
  if (t < 1 || parties.size() < t) return false;
  PartySet basis;  // t points determine f
  for (const PartyId j : parties)
    if (basis.size() < t) basis.insert(j);
  const auto interpolate = [&](const Scalar<C>& x) {
    Point<C> sum;
    for (const PartyId i : basis) sum = sum + Point<C>::multiply_public(lagrange_at(x, basis, i), at(i));
    return sum;
  };
  if (interpolate(Scalar<C>::zero()) != Y) return false;
  for (const PartyId j : parties - basis)
    if (interpolate(scalar_of<C>(j)) != at(j)) return false;
  return true;
}

}  // namespace quorate
