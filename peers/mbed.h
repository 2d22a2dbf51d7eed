// mbedTLS's structures as C++ values.
#pragma once
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>

#include <string>

#include "base/bytes.h"
#include "base/secret.h"

namespace quorate::peers {

// Made by its init function, released by its free function, stays where it is.
template <class T, void (*init)(T*), void (*release)(T*)>
class Mbed {
 public:
  Mbed() { init(&value_); }
  ~Mbed() { release(&value_); }
  Mbed(const Mbed&) = delete;
  Mbed& operator=(const Mbed&) = delete;
  T* get() { return &value_; }
  const T* get() const { return &value_; }
  T* operator->() { return &value_; }
  const T* operator->() const { return &value_; }

 private:
  T value_;
};

using MbedKey = Mbed<mbedtls_pk_context, mbedtls_pk_init, mbedtls_pk_free>;
using MbedCertificate = Mbed<mbedtls_x509_crt, mbedtls_x509_crt_init, mbedtls_x509_crt_free>;
using MbedSsl = Mbed<mbedtls_ssl_context, mbedtls_ssl_init, mbedtls_ssl_free>;
using MbedSslConfig = Mbed<mbedtls_ssl_config, mbedtls_ssl_config_init, mbedtls_ssl_config_free>;

// Before anything of TLS 1.3; cheap to call again. Throws CertificateError.
void start_psa();

// mbedTLS's own generator, seeded by the operating system, in the form that its functions ask for; after start_psa.
int psa_random(void*, unsigned char* out, std::size_t n);

// A P-256 private key from PEM, ready to sign. Throws CertificateError.
void read_key(MbedKey& out, ByteView pem);
// One or more certificates from PEM; the first has a P-256 key. Throws CertificateError.
void read_certificates(MbedCertificate& out, std::string_view pem);
// DER SubjectPublicKeyInfo. Empty: not a P-256 key.
Bytes spki_of(const mbedtls_pk_context& key);

// mbedTLS's words for a code.
std::string mbed_error(int code);

}  // namespace quorate::peers
