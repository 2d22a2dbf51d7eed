#include "keygen/certificate.h"

#include "base/check.h"
#include "crypto/polynomial.h"
#include "crypto/transcript.h"
#include "session/per_party.h"

namespace quorate {

namespace {

template <class C>
bool points_fit(const CertificateBody& body) {
  const auto Y = Point<C>::parse(body.Y);
  if (!Y) return false;
  PerParty<Point<C>> X(body.committee.parties());
  for (const PartyId j : X.parties()) {
    const auto X_j = Point<C>::parse(body.X[X.parties().position(j)]);
    if (!X_j) return false;
    X[j] = *X_j;
  }
  return on_one_polynomial<C>(X.parties(), body.committee.threshold(), *Y, [&](PartyId j) { return X[j]; });
}

Digest signed_digest(const CertificateBody& body) {
  return Transcript("quorate/certificate/signature/1").absorb(body.digest()).digest();
}
Digest dealing_digest(const CertificateBody& body) {
  return Transcript("quorate/certificate/dealing/1").absorb(body.digest()).digest();
}

}  // namespace

void CertificateBody::validate_decoded() const {
  if (version != kVersion) throw Malformed("a certificate of another version");
}

Digest CertificateBody::digest() const { return Transcript("quorate/certificate/body/1").absorb(*this).digest(); }

CertificateName name_of(const CertificateBody& body) { return {body.number, body.digest()}; }

Digest chain_code_digest(const Secret<Bytes32>& chain_code) {
  return Transcript("quorate/certificate/chain-code/1").absorb(chain_code.expose()).digest();
}

bool verify_certificate_body(const CertificateBody& body) {
  if (body.X.size() != body.committee.size()) return false;
  if (body.base_number >= body.number) return false;  // so the number is not 0
  if ((body.base_number == 0) != (body.base_digest == Digest{})) return false;
  if (is_on<Secp256k1>(body.algorithm)) return points_fit<Secp256k1>(body);
  if (is_on<Ed25519>(body.algorithm)) return points_fit<Ed25519>(body);
  return false;
}

bool verify_certificate(const KeyCertificate& certificate) {
  const Committee& committee = certificate.body.committee;
  const bool dealt = certificate.body.base_number != 0;  // then at least two dealers' come after the members'
  const std::size_t least = committee.size() + (dealt ? limits::kMinThreshold : 0);
  if (dealt ? certificate.signatures.size() < least : certificate.signatures.size() != least) return false;
  // Signatures first: the body's arithmetic costs a hundred times more, and a stranger could ask for it.
  for (std::size_t k = 0; k < committee.size(); ++k)
    if (!verify_certificate_signature(certificate.body, committee.members()[k].id, certificate.signatures[k]))
      return false;
  return verify_certificate_body(certificate.body);
}

std::optional<PartySet> dealers_of(const CertificateBody& base, const KeyCertificate& next) {
  if (next.body.base_number != base.number || next.body.base_digest != base.digest()) return std::nullopt;
  const std::size_t n = next.body.committee.size();
  if (next.signatures.size() != n + base.committee.threshold()) return std::nullopt;
  // In the committee's order, with gaps: a signature is the next member's that it verifies for.
  const Digest message = dealing_digest(next.body);
  auto signature = next.signatures.begin() + static_cast<std::ptrdiff_t>(n);
  PartySet dealers;
  for (const Member& m : base.committee.members()) {
    if (signature == next.signatures.end()) break;
    if (!m.identity.verify(message, *signature)) continue;
    dealers.insert(m.id);
    ++signature;
  }
  if (signature != next.signatures.end()) return std::nullopt;
  return dealers;
}

Signature64 sign_certificate(const CertificateBody& body, const Ed25519SecretKey& identity) {
  return identity.sign(signed_digest(body));
}

bool verify_certificate_signature(const CertificateBody& body, PartyId member, const Signature64& signature) {
  const Member* m = body.committee.find(member);
  return m != nullptr && m->identity.verify(signed_digest(body), signature);
}

Signature64 sign_dealing(const CertificateBody& body, const Ed25519SecretKey& identity) {
  return identity.sign(dealing_digest(body));
}

bool verify_dealing_signature(const CertificateBody& body, const Ed25519PublicKey& dealer,
                              const Signature64& signature) {
  return dealer.verify(dealing_digest(body), signature);
}

bool CertificateCollector::add(PartyId member, const Signature64& signature) {
  if (!verify_certificate_signature(body_, member, signature)) return false;
  signatures_[member] = signature;
  return true;
}

void CertificateCollector::add_own(PartyId me, const Signature64& signature) { signatures_[me] = signature; }

PartySet CertificateCollector::missing() const {
  PartySet missing = body_.committee.parties();
  for (const auto& [member, signature] : signatures_) missing.erase(member);
  return missing;
}

std::optional<KeyCertificate> CertificateCollector::complete() const {
  if (!missing().empty()) return std::nullopt;
  KeyCertificate certificate;
  certificate.body = body_;
  for (const auto& [member, signature] : signatures_)
    certificate.signatures.push_back(signature);  // ascending, as the committee
  certificate.signatures.insert(certificate.signatures.end(), dealers_.begin(), dealers_.end());
  return certificate;
}

}  // namespace quorate
