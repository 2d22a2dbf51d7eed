// The key certificate: what all n members of a committee have agreed on and signed with their node identity keys. A key
// is usable, and its address may be shown, only with a complete one.
#pragma once
#include <map>
#include <optional>

#include "base/ed25519.h"
#include "keygen/algorithm.h"
#include "session/committee.h"
#include "session/envelope.h"

namespace quorate {

using KeyId = Bytes32;
using EncodedPoint = BoundedBytes<33>;  // compressed, as long as the curve's points are

struct CertificateBody {
  std::uint16_t version = kVersion;
  Bytes32 cluster_id{};
  KeyId key_id{};
  BoundedText<limits::kMaxName> name;
  AlgorithmField algorithm;
  EncodedPoint Y;
  Digest chain_code_hash{};       // chain_code_digest(chain code)
  std::uint64_t number = 0;       // from 1; a later certificate of the key has a greater one
  std::uint64_t base_number = 0;  // of the certificate that this one was dealt from; 0: none
  Digest base_digest{};           // its digest; zero: none
  Digest policy_digest{};
  Digest request_digest{};
  std::uint64_t config_version = 0;
  Committee committee;                           // with t
  Bounded<EncodedPoint, limits::kMaxParties> X;  // X_j in the committee's order
  SessionId sid{};

  static auto fields(auto& m) {
    return std::tie(m.version, m.cluster_id, m.key_id, m.name, m.algorithm, m.Y, m.chain_code_hash, m.number,
                    m.base_number, m.base_digest, m.policy_digest, m.request_digest, m.config_version, m.committee, m.X,
                    m.sid);
  }
  void validate_decoded() const;  // the version; what needs curve arithmetic is in verify_certificate_body
  Digest digest() const;          // names the certificate; the signatures do not enter it

  static constexpr std::uint16_t kVersion = 1;
};

struct KeyCertificate {
  CertificateBody body;
  // One per member, in the committee's order; after a reshare then one per dealer, in the order of the committee that
  // they dealt from.
  Bounded<Signature64, 2 * limits::kMaxParties> signatures;
  static auto fields(auto& m) { return std::tie(m.body, m.signatures); }
};
using DealerSignatures = Bounded<Signature64, limits::kMaxParties>;

// Names a certificate of a key, and says which of two is in force: the greater one. Two of one number exist if
// different committees completed them, and are in order all the same.
struct CertificateName {
  std::uint64_t number = 0;
  Digest digest{};
  friend auto operator<=>(const CertificateName&, const CertificateName&) = default;
};
CertificateName name_of(const CertificateBody& body);

Digest chain_code_digest(const Secret<Bytes32>& chain_code);

// The fields fit together: points of the algorithm's curve, all X_j on one polynomial of degree t−1 with value Y at 0,
// a number, a base only together with its number. Costs n·t point multiplications.
bool verify_certificate_body(const CertificateBody& body);
// Body and every member's signature. It proves that the nodes which it names agree; what shows a node that they were
// asked, and that the key was dealt to them, is in keygen/lineage.h.
bool verify_certificate(const KeyCertificate& certificate);
// The members of `base` who have signed as dealers of `next`. nullopt: it does not name `base` as what it was dealt
// from, or not exactly t of them have.
std::optional<PartySet> dealers_of(const CertificateBody& base, const KeyCertificate& next);

Signature64 sign_certificate(const CertificateBody& body, const Ed25519SecretKey& identity);
// False as well when `member` is not in the committee.
bool verify_certificate_signature(const CertificateBody& body, PartyId member, const Signature64& signature);
// A dealer's, which is no member's: whoever deals and stays signs both.
Signature64 sign_dealing(const CertificateBody& body, const Ed25519SecretKey& identity);
bool verify_dealing_signature(const CertificateBody& body, const Ed25519PublicKey& dealer,
                              const Signature64& signature);

// Takes members' signatures of one certificate one by one, in any order and from any source, until it is complete.
class CertificateCollector {
 public:
  // dealers: all dealers' signatures, verified, in the order of the base's committee.
  explicit CertificateCollector(CertificateBody body, DealerSignatures dealers = {})
      : body_(std::move(body)), dealers_(std::move(dealers)) {}

  // False: not this member's signature of this body, nothing is kept. Taking one twice is fine.
  bool add(PartyId member, const Signature64& signature);
  void add_own(PartyId me, const Signature64& signature);  // made a moment ago with this node's key: not verified again
  const CertificateBody& body() const { return body_; }
  PartySet missing() const;
  std::optional<KeyCertificate> complete() const;  // nullopt while one is missing

 private:
  CertificateBody body_;
  DealerSignatures dealers_;
  std::map<PartyId, Signature64> signatures_;
};

}  // namespace quorate
