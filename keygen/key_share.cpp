#include "keygen/key_share.h"

#include "base/check.h"

namespace quorate {
namespace {

// The end of a KeyShare's fields: what its certificate does not fix.
template <class C>
struct ShareSecrets {
  Scalar<C> x_i;
  Secret<Bytes32> chain_code;
  static auto fields(auto& m) { return std::tie(m.x_i, m.chain_code); }
};

}  // namespace

template <class C>
bool KeyShare<C>::is_valid() const {
  if (version != kVersion || number == 0 || !is_on<C>(algorithm)) return false;
  const PartySet parties = committee.parties();
  if (!parties.contains(me) || X.size() != parties.size()) return false;
  if (Point<C>::base(x_i) != X_of(me)) return false;
  return on_one_polynomial<C>(parties, threshold(), Y, [&](PartyId j) { return X_of(j); });
}

template <class C>
bool KeyShare<C>::belongs_to(const CertificateBody& body, PartyId member) const {
  return certificate == body.digest() && me == member && key_id == body.key_id && number == body.number &&
         algorithm == body.algorithm && committee == body.committee && Y == Point<C>::parse(body.Y) &&
         std::equal(X.begin(), X.end(), body.X.begin(), body.X.end(),
                    [](const auto& P, const auto& encoded) { return P == Point<C>::parse(encoded); }) &&
         chain_code_digest(chain_code) == body.chain_code_hash;
}

template <class C>
std::optional<KeyPoints<C>> KeyPoints<C>::of(const CertificateBody& body) {
  if (!is_on<C>(body.algorithm) || !verify_certificate_body(body)) return std::nullopt;
  KeyPoints points;
  points.Y = *Point<C>::parse(body.Y);
  for (const EncodedPoint& X_j : body.X) points.X.push_back(*Point<C>::parse(X_j));
  return points;
}

template <class C>
KeyShare<C> share_without_secrets(const CertificateBody& body, const KeyPoints<C>& points, PartyId member) {
  KeyShare<C> share;
  share.key_id = body.key_id;
  share.number = body.number;
  share.certificate = body.digest();
  share.me = member;
  share.algorithm = body.algorithm;
  share.committee = body.committee;
  share.Y = points.Y;
  share.X = points.X;
  return share;
}

template <class C>
std::optional<KeyShare<C>> stored_share(ByteView stored, const CertificateBody& body, const KeyPoints<C>& points,
                                        PartyId member) {
  if (body.committee.find(member) == nullptr) return std::nullopt;
  std::optional<KeyShare<C>> share = share_without_secrets(body, points, member);
  SecretBytes head = encode(*share);  // ends with the secrets, here still zero
  head.resize(head.size() - encode(ShareSecrets<C>{}).size());
  const SecretBytes tail = encode(body);
  if (stored.size() < head.size() + tail.size() || !std::equal(head.begin(), head.end(), stored.begin()) ||
      !std::equal(tail.rbegin(), tail.rend(), stored.rbegin()))
    return std::nullopt;
  try {
    auto secrets = decode<ShareSecrets<C>>(stored.subspan(head.size(), stored.size() - head.size() - tail.size()));
    if (secrets.x_i.is_zero() || chain_code_digest(secrets.chain_code) != body.chain_code_hash) return std::nullopt;
    share->x_i = secrets.x_i;
    share->chain_code = std::move(secrets.chain_code);
    return share;
  } catch (const Malformed&) {
    return std::nullopt;
  }
}

template struct KeyShare<Secp256k1>;
template struct KeyShare<Ed25519>;
template struct KeyPoints<Secp256k1>;
template struct KeyPoints<Ed25519>;
template KeyShare<Secp256k1> share_without_secrets(const CertificateBody&, const KeyPoints<Secp256k1>&, PartyId);
template KeyShare<Ed25519> share_without_secrets(const CertificateBody&, const KeyPoints<Ed25519>&, PartyId);
template std::optional<KeyShare<Secp256k1>> stored_share(ByteView, const CertificateBody&, const KeyPoints<Secp256k1>&,
                                                         PartyId);
template std::optional<KeyShare<Ed25519>> stored_share(ByteView, const CertificateBody&, const KeyPoints<Ed25519>&,
                                                       PartyId);

}  // namespace quorate
