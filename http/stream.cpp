#include "http/stream.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ciphersuites.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "base/hash.h"
#include "base/secret.h"

namespace quorate::http {
namespace {

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

class PlainStream final : public Stream {
 public:
  explicit PlainStream(int fd) : fd_(fd) {}
  Io handshake() override { return Io::done; }
  IoResult read(std::span<std::uint8_t> into) override {
    const ssize_t n = recv(fd_, into.data(), into.size(), 0);
    if (n > 0) return {Io::done, static_cast<std::size_t>(n)};
    if (n == 0) return {Io::closed, 0};
    return {would_block() ? Io::wants_read : Io::failed, 0};
  }
  IoResult write(ByteView from) override {
    const ssize_t n = send(fd_, from.data(), from.size(), MSG_NOSIGNAL);
    if (n > 0) return {Io::done, static_cast<std::size_t>(n)};
    return {would_block() ? Io::wants_write : Io::failed, 0};
  }
  void say_goodbye() noexcept override {}

 private:
  int fd_;
};

int tls_send(void* context, const unsigned char* data, std::size_t size) {
  const ssize_t n = send(*static_cast<int*>(context), data, size, MSG_NOSIGNAL);
  if (n >= 0) return static_cast<int>(n);
  return would_block() ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}
int tls_receive(void* context, unsigned char* data, std::size_t size) {
  const ssize_t n = recv(*static_cast<int*>(context), data, size, 0);
  if (n > 0) return static_cast<int>(n);
  if (n == 0) return MBEDTLS_ERR_SSL_CONN_EOF;
  return would_block() ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

// Forward secrecy and authenticated encryption only.
const int* cipher_suites() {
  static const int suites[] = {MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
                               MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
                               MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
                               MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                               MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                               MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                               MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                               MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
                               MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                               0};
  return suites;
}

// What both ends need. mbedTLS structures hold pointers into each other, so none of this moves.
struct TlsContext {
  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
  mbedtls_ssl_config config;
  mbedtls_x509_crt certificates;  // our own chain, or the CA's
  mbedtls_pk_context key;

  explicit TlsContext(int endpoint) {
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    mbedtls_ssl_config_init(&config);
    mbedtls_x509_crt_init(&certificates);
    mbedtls_pk_init(&key);
    // TLS 1.3 is built on PSA. The call is idempotent.
    if (psa_crypto_init() != PSA_SUCCESS ||
        mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, nullptr, 0) != 0 ||
        mbedtls_ssl_config_defaults(&config, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT) != 0) {
      release();
      throw std::runtime_error("TLS cannot be set up");
    }
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
    mbedtls_ssl_conf_min_tls_version(&config, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_ciphersuites(&config, cipher_suites());
#if defined(MBEDTLS_SSL_SESSION_TICKETS) && defined(MBEDTLS_SSL_CLI_C)
    mbedtls_ssl_conf_session_tickets(&config, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
#endif
  }
  ~TlsContext() { release(); }
  TlsContext(const TlsContext&) = delete;

  // PEM text for mbedTLS ends with a NUL that counts.
  bool parse_certificates(std::string_view pem) {
    const std::string text(pem);
    return mbedtls_x509_crt_parse(&certificates, reinterpret_cast<const unsigned char*>(text.c_str()),
                                  text.size() + 1) == 0;
  }

 private:
  void release() {
    mbedtls_pk_free(&key);
    mbedtls_x509_crt_free(&certificates);
    mbedtls_ssl_config_free(&config);
    mbedtls_ctr_drbg_free(&random);
    mbedtls_entropy_free(&entropy);
  }
};

class TlsStream final : public Stream {
 public:
  // `pins` is empty for servers and for clients that trust a CA.
  TlsStream(int fd, const mbedtls_ssl_config& config, const char* host, std::vector<Digest> pins)
      : fd_(fd), pins_(std::move(pins)) {
    mbedtls_ssl_init(&ssl_);
    if (mbedtls_ssl_setup(&ssl_, &config) != 0 || (host != nullptr && mbedtls_ssl_set_hostname(&ssl_, host) != 0)) {
      mbedtls_ssl_free(&ssl_);
      throw std::runtime_error("a TLS connection cannot be set up");
    }
    mbedtls_ssl_set_bio(&ssl_, &fd_, tls_send, tls_receive, nullptr);
  }
  ~TlsStream() override { mbedtls_ssl_free(&ssl_); }

  Io handshake() override {
    const int code = mbedtls_ssl_handshake(&ssl_);
    if (code != 0) return meaning(code);
    return pins_.empty() || has_pinned_key() ? Io::done : Io::failed;
  }
  IoResult read(std::span<std::uint8_t> into) override {
    for (;;) {
      const int n = mbedtls_ssl_read(&ssl_, into.data(), into.size());
      if (n > 0) return {Io::done, static_cast<std::size_t>(n)};
      // A ticket from a server that has them on: not used.
      if (n != MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) return {n == 0 ? Io::closed : meaning(n), 0};
    }
  }
  IoResult write(ByteView from) override {
    const int n = mbedtls_ssl_write(&ssl_, from.data(), from.size());
    if (n > 0) return {Io::done, static_cast<std::size_t>(n)};
    return {meaning(n), 0};
  }
  void say_goodbye() noexcept override { mbedtls_ssl_close_notify(&ssl_); }

 private:
  static Io meaning(int code) {
    if (code == MBEDTLS_ERR_SSL_WANT_READ) return Io::wants_read;
    if (code == MBEDTLS_ERR_SSL_WANT_WRITE) return Io::wants_write;
    // An end without close_notify is a failure: it could be an attacker's.
    return code == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ? Io::closed : Io::failed;
  }
  // The handshake has proved that the peer holds this certificate's key; whose it is, only the pin says.
  bool has_pinned_key() const {
    const mbedtls_x509_crt* peer = mbedtls_ssl_get_peer_cert(&ssl_);
    if (peer == nullptr || peer->pk_raw.len == 0) return false;
    const Digest spki = sha256(ByteView(peer->pk_raw.p, peer->pk_raw.len));
    return std::find(pins_.begin(), pins_.end(), spki) != pins_.end();
  }

  mbedtls_ssl_context ssl_;
  int fd_;
  std::vector<Digest> pins_;
};

}  // namespace

std::unique_ptr<Stream> plain_stream(int fd) { return std::make_unique<PlainStream>(fd); }

struct TlsServer::State : TlsContext {
  State() : TlsContext(MBEDTLS_SSL_IS_SERVER) {}
};

TlsServer::TlsServer(std::string_view certificate_pem, std::string_view key_pem) : state_(std::make_unique<State>()) {
  if (!state_->parse_certificates(certificate_pem)) throw std::runtime_error("the TLS certificate cannot be read");
  SecretBytes key = secret_bytes(view_of(key_pem));
  key.push_back(0);
  if (mbedtls_pk_parse_key(&state_->key, key.data(), key.size(), nullptr, 0, mbedtls_ctr_drbg_random,
                           &state_->random) != 0)
    throw std::runtime_error("the TLS key cannot be read");
  if (mbedtls_pk_check_pair(&state_->certificates.pk, &state_->key, mbedtls_ctr_drbg_random, &state_->random) != 0)
    throw std::runtime_error("the TLS key is not the certificate's");
  if (mbedtls_ssl_conf_own_cert(&state_->config, &state_->certificates, &state_->key) != 0)
    throw std::runtime_error("TLS cannot be set up");
}
TlsServer::~TlsServer() = default;
std::unique_ptr<Stream> TlsServer::accept(int fd) {
  return std::make_unique<TlsStream>(fd, state_->config, nullptr, std::vector<Digest>());
}

struct TlsClient::State : TlsContext {
  std::vector<Digest> pins;
  State() : TlsContext(MBEDTLS_SSL_IS_CLIENT) {}
};

TlsClient::TlsClient(std::vector<Digest> pins, std::string_view ca_pem) : state_(std::make_unique<State>()) {
  state_->pins = std::move(pins);
  if (!state_->pins.empty()) {
    // The chain says nothing here; has_pinned_key decides. "Optional" still has the peer prove its key.
    mbedtls_ssl_conf_authmode(&state_->config, MBEDTLS_SSL_VERIFY_OPTIONAL);
    return;
  }
  if (!state_->parse_certificates(ca_pem))
    throw std::runtime_error("neither pins nor a CA certificate that can be read");
  mbedtls_ssl_conf_authmode(&state_->config, MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(&state_->config, &state_->certificates, nullptr);
}
TlsClient::~TlsClient() = default;
std::unique_ptr<Stream> TlsClient::connect(int fd, const std::string& host) {
  return std::make_unique<TlsStream>(fd, state_->config, host.c_str(), state_->pins);
}

}  // namespace quorate::http
