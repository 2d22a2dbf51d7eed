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
  if (certificate.signatures.size() != committee.size()) return false;
  // Signatures first: the body's arithmetic costs a hundred times more, and a stranger could ask for it.
  for (std::size_t k = 0; k < committee.size(); ++k)
    if (!verify_certificate_signature(certificate.body, committee.members()[k].id, certificate.signatures[k]))
      return false;
  return verify_certificate_body(certificate.body);
}

bool verify_successor(const CertificateBody& known, const KeyCertificate& next) {
  const CertificateBody& body = next.body;
  if (body.base_number == 0 || name_of(body) <= name_of(known)) return false;
  if (body.cluster_id != known.cluster_id || body.key_id != known.key_id || body.name != known.name) return false;
  if (body.algorithm != known.algorithm || body.Y != known.Y) return false;
  if (body.chain_code_hash != known.chain_code_hash) return false;
  return verify_certificate(next);
}

Signature64 sign_certificate(const CertificateBody& body, const Ed25519SecretKey& identity) {
  return identity.sign(signed_digest(body));
}

bool verify_certificate_signature(const CertificateBody& body, PartyId member, const Signature64& signature) {
  const Member* m = body.committee.find(member);
  return m != nullptr && m->identity.verify(signed_digest(body), signature);
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
  return certificate;
}

}  // namespace quorate
