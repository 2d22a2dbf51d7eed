// The TLS keys and certificates of a cluster: P-256, X.509. Nodes trust a peer's pinned key, not dates or issuers; the
// certificate authority serves clients that know nothing else.
#pragma once
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "peers/mesh.h"

namespace quorate::peers {

inline constexpr int kLeafDays = 397;  // the longest that clients accept
inline constexpr int kAuthorityDays = 3650;

// A key or certificate of ours that cannot be read or made; what() names neither contents nor secrets.
struct CertificateError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A new P-256 private key, PEM (RFC 5915, "EC PRIVATE KEY"), with an end of line and without a zero byte.
SecretBytes make_tls_key(Rng& rng);

struct Authority {
  SecretBytes key_pem;
  std::string certificate_pem;
};

// A self-signed certificate for `name` (common name, visible ASCII) that may sign leaves and nothing below them. With
// key usage, path length 0.
Authority make_ca(std::string_view name, const Clock& clock, Rng& rng);

struct LeafRequest {
  std::string node;              // the subject's common name, and its first DNS name
  std::vector<std::string> dns;  // further DNS names; "localhost" is always there
  std::vector<std::string> ips;  // numeric IPv4 or IPv6; 127.0.0.1 is always there
};

// A certificate of 397 days for the public half of `key_pem`, for servers and clients. PEM. Throws CertificateError.
std::string issue_leaf(const Authority& authority, ByteView key_pem, const LeafRequest& request, const Clock& clock,
                       Rng& rng);

struct CertificateInfo {
  std::string subject;  // common name
  std::string issuer;   // common name
  WallTime not_before{}, not_after{};
  std::vector<std::string> dns;
  std::vector<std::string> ips;
  bool authority = false;
  Bytes spki;  // DER SubjectPublicKeyInfo
};

// The first certificate of a PEM text. Strict about the key: P-256 only. nullopt: not such a certificate.
std::optional<CertificateInfo> parse_certificate(std::string_view pem);

// True: `certificate_pem` is signed by the authority's key. Dates are not looked at.
bool issued_by(std::string_view certificate_pem, std::string_view authority_pem);

// DER SubjectPublicKeyInfo (91 bytes) of a private key (PEM: SEC 1 or PKCS #8). Throws CertificateError.
Bytes spki_of_key(ByteView key_pem);
// The same of a certificate. Throws CertificateError.
Bytes spki_of_certificate(std::string_view pem);
SpkiPin pin_of_spki(ByteView spki_der);
// The SPKI is that of a point on P-256, in the one canonical encoding; for node cards.
bool is_p256_spki(ByteView spki_der);

}  // namespace quorate::peers
