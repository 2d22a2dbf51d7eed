#include "peers/certificates.h"

#include <arpa/inet.h>
#include <mbedtls/asn1write.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/oid.h>

#include <algorithm>
#include <array>
#include <list>

#include "base/hash.h"
#include "peers/mbed.h"

namespace quorate::peers {
namespace {

using MbedCertificateWriter = Mbed<mbedtls_x509write_cert, mbedtls_x509write_crt_init, mbedtls_x509write_crt_free>;
constexpr std::size_t kPemRoom = 8 * 1024;  // bytes of one certificate in PEM

int random_of(void* rng, unsigned char* out, std::size_t n) {
  try {
    static_cast<Rng*>(rng)->fill({out, n});
    return 0;
  } catch (const std::exception&) {  // C has no place for it: what mbedTLS holds would leak
    return MBEDTLS_ERR_ENTROPY_SOURCE_FAILED;
  }
}

void check(int code, const char* what) {
  if (code != 0) throw CertificateError(std::string(what) + ": " + mbed_error(code));
}

// mbedTLS takes PEM with its closing zero byte counted.
SecretBytes with_zero(ByteView pem) {
  SecretBytes out;
  out.reserve(pem.size() + 1);
  out.assign(pem.begin(), pem.end());
  out.push_back(0);
  return out;
}

// "20260131235959", as in X.509's GeneralizedTime without its Z.
std::string x509_time(WallTime t) {
  std::string text = to_rfc3339(t);
  std::erase_if(text, [](char c) { return c < '0' || c > '9'; });
  return text;
}

WallTime wall_time(const mbedtls_x509_time& t) {
  using namespace std::chrono;
  const sys_days day =
      year(t.year) / month(static_cast<unsigned>(t.mon)) / std::chrono::day(static_cast<unsigned>(t.day));
  return WallTime(duration_cast<Millis>(day.time_since_epoch() + hours(t.hour) + minutes(t.min) + seconds(t.sec)));
}

// A name that may stand in a distinguished name as it is: no escapes, no commas, nothing to parse twice.
void require_plain_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == ' ' || c == ':';
  };
  if (name.empty() || name.size() > limits::kMaxName || name.front() == ' ' || name.back() == ' ' ||
      !std::all_of(name.begin(), name.end(), plain))
    throw CertificateError(
        "a certificate's name has 1 to 63 letters, digits, spaces, dots, colons, dashes, underscores");
}

void require_dns_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == '*';
  };
  if (name.empty() || name.size() > 253 || !std::all_of(name.begin(), name.end(), plain))
    throw CertificateError("not a DNS name");
}

// What is the same for authorities and leaves; `writer` refers to the keys until it has written.
void describe(MbedCertificateWriter& writer, std::string_view subject, std::string_view issuer, int days,
              const Clock& clock, Rng& rng) {
  mbedtls_x509write_crt_set_version(writer.get(), MBEDTLS_X509_CRT_VERSION_3);
  mbedtls_x509write_crt_set_md_alg(writer.get(), MBEDTLS_MD_SHA256);
  check(mbedtls_x509write_crt_set_subject_name(writer.get(), ("CN=" + std::string(subject)).c_str()), "subject");
  check(mbedtls_x509write_crt_set_issuer_name(writer.get(), ("CN=" + std::string(issuer)).c_str()), "issuer");
  auto serial = rng.bytes<16>();  // RFC 5280 §4.1.2.2: positive, at most 20 bytes
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x3F) | 0x40);
  check(mbedtls_x509write_crt_set_serial_raw(writer.get(), serial.data(), serial.size()), "serial number");
  const WallTime begin = clock.wall() - std::chrono::hours(1);  // for clients whose clock is behind
  const WallTime end = begin + std::chrono::hours(24) * days - Seconds(1);
  check(mbedtls_x509write_crt_set_validity(writer.get(), x509_time(begin).c_str(), x509_time(end).c_str()), "validity");
  check(mbedtls_x509write_crt_set_subject_key_identifier(writer.get()), "subject key identifier");
  check(mbedtls_x509write_crt_set_authority_key_identifier(writer.get()), "authority key identifier");
}

std::string written(MbedCertificateWriter& writer, Rng& rng) {
  std::array<unsigned char, kPemRoom> pem{};
  check(mbedtls_x509write_crt_pem(writer.get(), pem.data(), pem.size(), random_of, &rng), "writing a certificate");
  return reinterpret_cast<const char*>(pem.data());
}

void allow_servers_and_clients(MbedCertificateWriter& writer) {
  std::array<mbedtls_asn1_sequence, 2> uses{};
  const auto oid = [](mbedtls_asn1_sequence& use, const char* bytes, std::size_t n) {
    use.buf.tag = MBEDTLS_ASN1_OID;
    use.buf.p = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes));
    use.buf.len = n;
  };
  oid(uses[0], MBEDTLS_OID_SERVER_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH));
  oid(uses[1], MBEDTLS_OID_CLIENT_AUTH, MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH));
  uses[0].next = &uses[1];
  check(mbedtls_x509write_crt_set_ext_key_usage(writer.get(), uses.data()), "extended key usage");
}

void set_alternative_names(MbedCertificateWriter& writer, const LeafRequest& request) {
  std::vector<std::string> dns{request.node, "localhost"};
  dns.insert(dns.end(), request.dns.begin(), request.dns.end());
  std::vector<std::string> ips{"127.0.0.1"};
  ips.insert(ips.end(), request.ips.begin(), request.ips.end());

  std::list<std::string> values;  // stay in place while mbedTLS reads them
  std::list<mbedtls_x509_san_list> names;
  const auto add = [&](int type, std::string value) {
    const auto same = [&](const mbedtls_x509_san_list& n) {
      return n.node.type == type &&
             text_of({n.node.san.unstructured_name.p, n.node.san.unstructured_name.len}) == value;
    };
    if (std::any_of(names.begin(), names.end(), same)) return;
    std::string& kept = values.emplace_back(std::move(value));
    mbedtls_x509_san_list entry{};
    entry.node.type = type;
    entry.node.san.unstructured_name.tag = type;
    entry.node.san.unstructured_name.p = reinterpret_cast<unsigned char*>(kept.data());
    entry.node.san.unstructured_name.len = kept.size();
    entry.next = names.empty() ? nullptr : &names.front();
    names.push_front(entry);  // mbedTLS writes the list from its end
  };
  for (const std::string& name : dns) {
    require_dns_name(name);
    add(MBEDTLS_X509_SAN_DNS_NAME, name);
  }
  for (const std::string& ip : ips) {
    std::array<char, 16> raw{};
    std::size_t size = 0;
    if (inet_pton(AF_INET, ip.c_str(), raw.data()) == 1)
      size = 4;
    else if (inet_pton(AF_INET6, ip.c_str(), raw.data()) == 1)
      size = 16;
    else
      throw CertificateError("not a numeric IP address");
    add(MBEDTLS_X509_SAN_IP_ADDRESS, std::string(raw.data(), size));
  }
  check(mbedtls_x509write_crt_set_subject_alternative_name(writer.get(), &names.front()), "alternative names");
}

std::string common_name(const mbedtls_x509_name& name) {
  for (const mbedtls_x509_name* part = &name; part != nullptr; part = part->next)
    if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &part->oid) == 0) return std::string(text_of({part->val.p, part->val.len}));
  return {};
}

}  // namespace

void start_psa() {
  if (psa_crypto_init() != PSA_SUCCESS) throw CertificateError("mbedTLS's cryptography does not start");
}

int psa_random(void*, unsigned char* out, std::size_t n) {
  return psa_generate_random(out, n) == PSA_SUCCESS ? 0 : MBEDTLS_ERR_ECP_RANDOM_FAILED;
}

std::string mbed_error(int code) {
  std::array<char, 160> text{};
  mbedtls_strerror(code, text.data(), text.size());
  return text.data();
}

Bytes spki_of(const mbedtls_pk_context& key) {
  const bool p256 = mbedtls_pk_get_type(&key) == MBEDTLS_PK_ECKEY &&
                    mbedtls_ecp_keypair_get_group_id(mbedtls_pk_ec(key)) == MBEDTLS_ECP_DP_SECP256R1;
  if (!p256) return {};
  std::array<unsigned char, 256> der{};  // written at its end
  const int size = mbedtls_pk_write_pubkey_der(&key, der.data(), der.size());
  if (size <= 0) return {};
  return {der.end() - size, der.end()};
}

void read_key(MbedKey& out, ByteView pem) {
  start_psa();
  const SecretBytes text = with_zero(pem);
  check(mbedtls_pk_parse_key(out.get(), text.data(), text.size(), nullptr, 0, psa_random, nullptr), "a TLS key");
  if (spki_of(*out.get()).empty()) throw CertificateError("a TLS key is on P-256");
}

void read_certificates(MbedCertificate& out, std::string_view pem) {
  start_psa();
  const SecretBytes text = with_zero(view_of(pem));
  const int code = mbedtls_x509_crt_parse(out.get(), text.data(), text.size());
  if (code > 0) throw CertificateError("a certificate: one of several cannot be read");
  check(code, "a certificate");
  if (spki_of(out->pk).empty()) throw CertificateError("a certificate's key is on P-256");
}

SecretBytes make_tls_key(Rng& rng) {
  start_psa();
  MbedKey key;
  check(mbedtls_pk_setup(key.get(), mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)), "a TLS key");
  check(mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key.get()), random_of, &rng), "a TLS key");
  SecretBytes pem(1024);
  check(mbedtls_pk_write_key_pem(key.get(), pem.data(), pem.size()), "a TLS key");
  pem.resize(static_cast<std::size_t>(std::find(pem.begin(), pem.end(), 0) - pem.begin()));
  return pem;
}

Authority make_ca(std::string_view name, const Clock& clock, Rng& rng) {
  require_plain_name(name);
  Authority out;
  out.key_pem = make_tls_key(rng);
  MbedKey key;
  read_key(key, out.key_pem);
  MbedCertificateWriter writer;
  mbedtls_x509write_crt_set_subject_key(writer.get(), key.get());
  mbedtls_x509write_crt_set_issuer_key(writer.get(), key.get());
  describe(writer, name, name, kAuthorityDays, clock, rng);
  check(mbedtls_x509write_crt_set_basic_constraints(writer.get(), 1, 0), "basic constraints");
  check(mbedtls_x509write_crt_set_key_usage(writer.get(), MBEDTLS_X509_KU_KEY_CERT_SIGN | MBEDTLS_X509_KU_CRL_SIGN),
        "key usage");
  out.certificate_pem = written(writer, rng);
  return out;
}

std::string issue_leaf(const Authority& authority, ByteView key_pem, const LeafRequest& request, const Clock& clock,
                       Rng& rng) {
  require_plain_name(request.node);
  MbedKey leaf_key, authority_key;
  read_key(leaf_key, key_pem);
  read_key(authority_key, authority.key_pem);
  const auto issuer = parse_certificate(authority.certificate_pem);
  if (!issuer || !issuer->authority) throw CertificateError("the authority's certificate is none");
  if (spki_of(*authority_key.get()) != issuer->spki)
    throw CertificateError("the authority's key is not that of its certificate");
  MbedCertificateWriter writer;
  mbedtls_x509write_crt_set_subject_key(writer.get(), leaf_key.get());
  mbedtls_x509write_crt_set_issuer_key(writer.get(), authority_key.get());
  describe(writer, request.node, issuer->subject, kLeafDays, clock, rng);
  check(mbedtls_x509write_crt_set_basic_constraints(writer.get(), 0, -1), "basic constraints");
  check(mbedtls_x509write_crt_set_key_usage(writer.get(), MBEDTLS_X509_KU_DIGITAL_SIGNATURE), "key usage");
  allow_servers_and_clients(writer);
  set_alternative_names(writer, request);
  return written(writer, rng);
}

std::optional<CertificateInfo> parse_certificate(std::string_view pem) {
  MbedCertificate certificate;
  try {
    read_certificates(certificate, pem);
  } catch (const CertificateError&) {
    return std::nullopt;
  }
  CertificateInfo info;
  info.subject = common_name(certificate->subject);
  info.issuer = common_name(certificate->issuer);
  info.not_before = wall_time(certificate->valid_from);
  info.not_after = wall_time(certificate->valid_to);
  info.authority = mbedtls_x509_crt_get_ca_istrue(certificate.get()) == 1;
  info.spki = spki_of(certificate->pk);
  if (mbedtls_x509_crt_has_ext_type(certificate.get(), MBEDTLS_X509_EXT_SUBJECT_ALT_NAME) == 0) return info;
  for (const mbedtls_x509_sequence* entry = &certificate->subject_alt_names; entry != nullptr; entry = entry->next) {
    mbedtls_x509_subject_alternative_name name{};
    if (mbedtls_x509_parse_subject_alt_name(&entry->buf, &name) != 0) continue;
    const ByteView raw(name.san.unstructured_name.p, name.san.unstructured_name.len);
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (name.type == MBEDTLS_X509_SAN_DNS_NAME)
      info.dns.emplace_back(text_of(raw));
    else if (name.type == MBEDTLS_X509_SAN_IP_ADDRESS && (raw.size() == 4 || raw.size() == 16) &&
             inet_ntop(raw.size() == 4 ? AF_INET : AF_INET6, raw.data(), text.data(), text.size()) != nullptr)
      info.ips.emplace_back(text.data());
    mbedtls_x509_free_subject_alt_name(&name);
  }
  return info;
}

bool issued_by(std::string_view certificate_pem, std::string_view authority_pem) {
  MbedCertificate certificate, authority;
  try {
    read_certificates(certificate, certificate_pem);
    read_certificates(authority, authority_pem);
  } catch (const CertificateError&) {
    return false;
  }
  std::uint32_t flags = 0;
  mbedtls_x509_crt_verify(certificate.get(), authority.get(), nullptr, nullptr, &flags, nullptr, nullptr);
  return (flags & ~static_cast<std::uint32_t>(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE)) == 0;
}

Bytes spki_of_key(ByteView key_pem) {
  MbedKey key;
  read_key(key, key_pem);
  return spki_of(*key.get());
}

Bytes spki_of_certificate(std::string_view pem) {
  MbedCertificate certificate;
  read_certificates(certificate, pem);
  return spki_of(certificate->pk);
}

SpkiPin pin_of_spki(ByteView spki_der) { return sha256(spki_der); }

bool is_p256_spki(ByteView spki_der) {
  start_psa();
  MbedKey key;
  if (mbedtls_pk_parse_public_key(key.get(), spki_der.data(), spki_der.size()) != 0) return false;
  const Bytes canonical = spki_of(*key.get());
  return !canonical.empty() && std::equal(canonical.begin(), canonical.end(), spki_der.begin(), spki_der.end());
}

}  // namespace quorate::peers
