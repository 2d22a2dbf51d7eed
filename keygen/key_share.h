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

// The points of a certificate. Public, the same at every signature: worth keeping.
template <class C>
struct KeyPoints {
  Point<C> Y;
  Bounded<Point<C>, limits::kMaxParties> X;  // in the committee's order

  // nullopt: the body is not one of C, or verify_certificate_body refuses it.
  static std::optional<KeyPoints> of(const CertificateBody& body);
};

extern template struct KeyPoints<Secp256k1>;
extern template struct KeyPoints<Ed25519>;

// `member`'s share of this certificate, but for x_i and the chain code, which are zero. points: the body's.
template <class C>
KeyShare<C> share_without_secrets(const CertificateBody& body, const KeyPoints<C>& points, PartyId member);

// What is stored before the certificate is signed, and never dropped after that.
template <class C>
struct PreparedShare {
  KeyShare<C> share;
  CertificateBody body;
  static auto fields(auto& m) { return std::tie(m.share, m.body); }
};

// `member`'s share of this certificate from an encoded PreparedShare, without a single operation on the curve. Every
// byte but the two secrets must be what body and points say, x_i canonical and not 0, the chain code the one that was
// certified; otherwise nullopt. That x_i·G == X_i was checked when the record was stored (KeyShare::is_valid): the
// caller's storage vouches that it is the same record.
template <class C>
std::optional<KeyShare<C>> stored_share(ByteView stored, const CertificateBody& body, const KeyPoints<C>& points,
                                        PartyId member);

extern template std::optional<KeyShare<Secp256k1>> stored_share(ByteView, const CertificateBody&,
                                                                const KeyPoints<Secp256k1>&, PartyId);
extern template std::optional<KeyShare<Ed25519>> stored_share(ByteView, const CertificateBody&,
                                                              const KeyPoints<Ed25519>&, PartyId);

}  // namespace quorate
