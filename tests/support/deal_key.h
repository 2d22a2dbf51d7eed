// A key with its complete certificate, as a key generation leaves it, made at once by a dealer.
#pragma once
#include <map>

#include "keygen/dealing.h"

namespace quorate::test {

template <class C>
struct DealtBase {
  std::map<PartyId, Ed25519SecretKey> identities;  // of the old and of all later members
  std::map<PartyId, KeyShare<C>> shares;
  KeyCertificate certificate;

  DealtBase(PartySet members, unsigned t, Algorithm algorithm, std::uint64_t seed = 1) {
    SeededRng rng(seed);
    for (const PartyId i : PartySet::first(limits::kMaxParties)) identities.emplace(i, Ed25519SecretKey::generate(rng));
    const auto f = Polynomial<C>::random(t, rng, Scalar<C>::random(rng));
    Secret<Bytes32> chain_code = rng.secret<32>();
    CertificateBody& body = certificate.body;
    body.cluster_id = rng.bytes<32>();
    body.key_id = rng.bytes<32>();
    body.name = "treasury";
    body.algorithm = algorithm;
    body.chain_code_hash = chain_code_digest(chain_code);
    body.number = 1;
    body.committee = committee(members, t);
    KeyPoints<C> points{Point<C>::base(f.coefficient(0)), {}};
    for (const PartyId j : members) points.X.push_back(Point<C>::base(f.at(j)));
    certify_points(body, points);
    certify();
    for (const PartyId i : members) {
      KeyShare<C>& share = shares[i];
      share = share_without_secrets(body, points, i);
      share.x_i = f.at(i);
      share.chain_code = chain_code.copy();
    }
  }
  Committee committee(PartySet members, unsigned t) const {
    Members list;
    for (const PartyId j : members)
      list.push_back({j, "node-" + std::to_string(j.index()), identities.at(j).public_key()});
    return Committee::make(static_cast<std::uint8_t>(t), std::move(list)).value();
  }
  // All members sign what the body says now.
  void certify() { certificate = certified(certificate.body); }
  KeyCertificate certified(const CertificateBody& body, PartySet dealers = {}) const {
    DealerSignatures dealt_by;
    for (const PartyId i : dealers) dealt_by.push_back(sign_dealing(body, identities.at(i)));
    CertificateCollector collector(body, std::move(dealt_by));
    for (const PartyId j : body.committee.parties()) collector.add_own(j, sign_certificate(body, identities.at(j)));
    return collector.complete().value();
  }
  Bytes Y() const { return {certificate.body.Y.begin(), certificate.body.Y.end()}; }
};

}  // namespace quorate::test
