#include "peers/tls_stream.h"

#include <mbedtls/net_sockets.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "peers/certificates.h"

namespace quorate::peers {
namespace {

constexpr std::size_t kReadAhead = 16 * 1024;  // bytes of ciphertext per system call

constexpr std::array<int, 2> kCiphers{MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256, 0};
constexpr std::array<std::uint16_t, 3> kGroups{MBEDTLS_SSL_IANA_TLS_GROUP_X25519, MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
                                               0};
constexpr std::array<std::uint16_t, 2> kSignatures{MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256, MBEDTLS_TLS1_3_SIG_NONE};
const char* const kProtocols[] = {"quorate-peers",
                                  nullptr};  // so that no other service with the same key can be confused with the mesh

constexpr const char* kUnknownKey = "handshake: the peer's key is not the one in the cluster document";
constexpr const char* kRefused =
    "refused by the peer in the handshake (its cluster document may hold another key for us)";

}  // namespace

TlsContext::TlsContext(ByteView key_pem, std::string_view certificate_pem) {
  read_key(key_, key_pem);
  MbedCertificate chain;
  read_certificates(chain, certificate_pem);
  const Bytes spki = spki_of(*key_.get());
  if (spki != spki_of(chain->pk)) throw CertificateError("the TLS key is not that of the certificate");
  if (mbedtls_x509_crt_parse_der(certificate_.get(), chain->raw.p, chain->raw.len) != 0) throw std::bad_alloc();
  pin_ = pin_of_spki(spki);
}

void TlsContext::configure(MbedSslConfig& config, TlsRole role) const {
  mbedtls_ssl_config* c = config.get();
  const int endpoint = role == TlsRole::dial ? MBEDTLS_SSL_IS_CLIENT : MBEDTLS_SSL_IS_SERVER;
  if (mbedtls_ssl_config_defaults(c, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT) != 0)
    throw std::bad_alloc();
  mbedtls_ssl_conf_min_tls_version(c, MBEDTLS_SSL_VERSION_TLS1_3);
  mbedtls_ssl_conf_max_tls_version(c, MBEDTLS_SSL_VERSION_TLS1_3);
  mbedtls_ssl_conf_tls13_key_exchange_modes(c, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL);
  mbedtls_ssl_conf_ciphersuites(c, kCiphers.data());
  mbedtls_ssl_conf_groups(c, kGroups.data());
  mbedtls_ssl_conf_sig_algs(c, kSignatures.data());
  mbedtls_ssl_conf_rng(c, psa_random, nullptr);
  mbedtls_ssl_conf_authmode(c, MBEDTLS_SSL_VERIFY_REQUIRED);
  if (mbedtls_ssl_conf_own_cert(c, certificate_.get(), key_.get()) != 0 ||
      mbedtls_ssl_conf_alpn_protocols(c, const_cast<const char**>(kProtocols)) != 0)
    throw std::bad_alloc();
}

TlsStream::TlsStream(const TlsContext& context, TlsRole role, int fd, const std::string& server_name, Trusts trusts)
    : fd_(fd), trusts_(std::move(trusts)) {
  context.configure(config_, role);
  mbedtls_ssl_conf_ca_cb(config_.get(), admit, this);
  if (mbedtls_ssl_setup(ssl_.get(), config_.get()) != 0) throw std::bad_alloc();
  if (role == TlsRole::dial && mbedtls_ssl_set_hostname(ssl_.get(), server_name.c_str()) != 0) throw std::bad_alloc();
  mbedtls_ssl_set_verify(ssl_.get(), verify, this);
  mbedtls_ssl_set_bio(ssl_.get(), this, send_some, receive_some, nullptr);
}

// mbedTLS asks for the leaf's authorities before it checks a signature. Without authorities and further certificates it
// finds none to check: what is left is the one by which the peer proves its key.
int TlsStream::admit(void* self, const mbedtls_x509_crt* chain, mbedtls_x509_crt** authorities) {
  auto& stream = *static_cast<TlsStream*>(self);
  *authorities = nullptr;
  if (chain->next != nullptr) {
    stream.error_ = "handshake: the peer has sent more than one certificate";
    return MBEDTLS_ERR_X509_FATAL_ERROR;
  }
  const Bytes spki = spki_of(chain->pk);
  stream.admitted_ = !spki.empty() && stream.trusts_(pin_of_spki(spki));
  if (!stream.admitted_) stream.error_ = kUnknownKey;
  return stream.admitted_ ? 0 : MBEDTLS_ERR_X509_FATAL_ERROR;
}

// Then it tells what it found (issuer, name, dates): none of it counts.
int TlsStream::verify(void* self, mbedtls_x509_crt*, int, std::uint32_t* flags) {
  *flags = static_cast<TlsStream*>(self)->admitted_ ? 0 : MBEDTLS_X509_BADCERT_NOT_TRUSTED;
  return 0;
}

TlsResult TlsStream::handshake() {
  const int code = mbedtls_ssl_handshake(ssl_.get());
  if (code != 0) return result_of(code, "handshake");
  // mTLS is asserted here for each connection, whatever the configuration says.
  const mbedtls_x509_crt* certificate = mbedtls_ssl_get_peer_cert(ssl_.get());
  const bool proven = admitted_ && certificate != nullptr && mbedtls_ssl_get_verify_result(ssl_.get()) == 0 &&
                      mbedtls_ssl_get_version_number(ssl_.get()) == MBEDTLS_SSL_VERSION_TLS1_3;
  const char* protocol = mbedtls_ssl_get_alpn_protocol(ssl_.get());
  if (!proven || protocol == nullptr) {
    error_ = proven ? "handshake: not the peers' protocol" : "handshake: the peer has proven no identity";
    return TlsResult::failed;
  }
  const SpkiPin pin = pin_of_spki(spki_of(certificate->pk));
  if (!trusts_(pin)) {  // the cluster may have changed since the certificate came
    error_ = kUnknownKey;
    return TlsResult::failed;
  }
  peer_pin_ = pin;
  return TlsResult::done;
}

TlsResult TlsStream::read(std::span<std::uint8_t> out, std::size_t& n) {
  QUORATE_ASSERT(peer_pin_.has_value());
  n = 0;
  const int code = mbedtls_ssl_read(ssl_.get(), out.data(), out.size());
  if (code <= 0) return result_of(code, "reading");
  n = static_cast<std::size_t>(code);
  has_read_ = true;
  return TlsResult::done;
}

TlsResult TlsStream::write(ByteView bytes, std::size_t& n) {
  QUORATE_ASSERT(peer_pin_.has_value() && !bytes.empty());
  n = 0;
  const int code = mbedtls_ssl_write(ssl_.get(), bytes.data(), bytes.size());
  if (code <= 0) return result_of(code, "writing");
  n = static_cast<std::size_t>(code);
  return TlsResult::done;
}

void TlsStream::close_notify() { mbedtls_ssl_close_notify(ssl_.get()); }

TlsResult TlsStream::result_of(int code, const char* doing) {
  switch (code) {
    case MBEDTLS_ERR_SSL_WANT_READ:
      drained_ = false;
      return TlsResult::want_read;
    case MBEDTLS_ERR_SSL_WANT_WRITE:
      return TlsResult::want_write;
    case 0:
    case MBEDTLS_ERR_SSL_CONN_EOF:
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
      error_ = "closed by the peer";
      return TlsResult::closed;
    case MBEDTLS_ERR_NET_CONN_RESET:
      error_ = "connection reset";
      return TlsResult::closed;
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
      error_ = kRefused;
      return TlsResult::failed;
    case MBEDTLS_ERR_SSL_INVALID_MAC:
      // mbedTLS's server protects the alert about a client's certificate with the handshake's key, when the client
      // already expects the next one.
      error_ = has_read_ ? std::string(doing) + ": " + mbed_error(code) : kRefused;
      return TlsResult::failed;
    case MBEDTLS_ERR_X509_FATAL_ERROR:
      return TlsResult::failed;  // `admit` has said why
    case MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE:
      error_ = "handshake: no client certificate";
      return TlsResult::failed;
    case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
      error_ = "handshake: not TLS 1.3";
      return TlsResult::failed;
  }
  error_ = std::string(doing) + ": " + mbed_error(code);
  return TlsResult::failed;
}

int TlsStream::send_some(void* self, const unsigned char* bytes, std::size_t n) {
  auto& stream = *static_cast<TlsStream*>(self);
  const ssize_t sent = ::send(stream.fd_, bytes, n, MSG_NOSIGNAL);
  if (sent >= 0) {
    stream.bytes_out_ += static_cast<std::uint64_t>(sent);
    return static_cast<int>(sent);
  }
  return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_NET_CONN_RESET;
}

int TlsStream::receive_some(void* self, unsigned char* out, std::size_t n) {
  auto& stream = *static_cast<TlsStream*>(self);
  if (stream.received_at_ == stream.received_.size()) {
    if (stream.drained_) return MBEDTLS_ERR_SSL_WANT_READ;
    stream.received_.resize(kReadAhead);
    stream.received_at_ = 0;
    const ssize_t got = ::recv(stream.fd_, stream.received_.data(), stream.received_.size(), 0);
    stream.received_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    if (got == 0) return 0;
    if (got < 0) return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_NET_CONN_RESET;
    stream.bytes_in_ += static_cast<std::uint64_t>(got);
    stream.drained_ = stream.received_.size() < kReadAhead;
  }
  const std::size_t take = std::min(n, stream.received_.size() - stream.received_at_);
  std::memcpy(out, stream.received_.data() + stream.received_at_, take);
  stream.received_at_ += take;
  return static_cast<int>(take);
}

}  // namespace quorate::peers
