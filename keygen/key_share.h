// One party's part of one key under one certificate.
#pragma once
#include "crypto/polynomial.h"
#include "keygen/certificate.h"

namespace quorate {

template <class C>
struct KeyShare {
  std::uint16_t version = kVersion;
  // What the share belongs to. Whoever loads a record compares these with what it asked for, so that a swapped row is
  // refused.
  KeyId key_id{};
  std::uint64_t number = 0;  // the certificate's
  Digest certificate{};      // CertificateBody::digest()
  PartyId me;
  AlgorithmField algorithm;
  Committee committee;                       // with t
  Point<C> Y;                                // group key
  Bounded<Point<C>, limits::kMaxParties> X;  // X_j = x_j·G in the committee's order
  Scalar<C> x_i;                             // secret: Shamir share of log Y
  Secret<Bytes32> chain_code;                // known to members only

  const Point<C>& X_of(PartyId j) const { return X.at(committee.parties().position(j)); }
  std::size_t threshold() const { return committee.threshold(); }

  static auto fields(auto& m) {
    return std::tie(m.version, m.key_id, m.number, m.certificate, m.me, m.algorithm, m.committee, m.Y, m.X, m.x_i,
                    m.chain_code);
  }
  // Version, algorithm and lengths; me is a member, x_i·G == X_i, the X_j lie on one polynomial of degree t−1 with
  // value Y at 0.
  bool is_valid() const;
  void validate_decoded() const {
    if (!is_valid()) throw Malformed("a share that does not fit its key");
  }
  // Whether the share is this member's of this certificate, with the same points and chain code.
  bool belongs_to(const CertificateBody& body, PartyId member) const;

  static constexpr std::uint16_t kVersion = 1;
};

extern template struct KeyShare<Secp256k1>;
extern template struct KeyShare<Ed25519>;

// What is stored before the certificate is signed, and never dropped after that.
template <class C>
struct PreparedShare {
  KeyShare<C> share;
  CertificateBody body;
  static auto fields(auto& m) { return std::tie(m.share, m.body); }
};

}  // namespace quorate
