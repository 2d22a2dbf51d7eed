// TLS 1.3 on a non-blocking socket, both sides authenticated by pinned keys. One thread.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "peers/mbed.h"
#include "peers/mesh.h"

namespace quorate::peers {

enum class TlsRole { dial, accept };

// Our side of every connection: key and certificate. Outlives its streams.
//
// ChaCha20-Poly1305 is the only cipher: connections live for months, mbedTLS has no key update, and AES-GCM must stop
// after 2^24.5 records (RFC 8446 §5.5). No tickets, no resumption, no early data: ephemeral key exchange only, X25519
// or P-256, ECDSA on P-256.
class TlsContext {
 public:
  // PEM, of which the first certificate counts. Throws CertificateError: unreadable, or the key is not the
  // certificate's.
  TlsContext(ByteView key_pem, std::string_view certificate_pem);
  // Throws std::bad_alloc.
  void configure(MbedSslConfig& config, TlsRole role) const;
  const SpkiPin& pin() const { return pin_; }

 private:
  // mbedTLS takes them without const.
  mutable MbedKey key_;
  mutable MbedCertificate certificate_;
  SpkiPin pin_{};
};

enum class TlsResult { done, want_read, want_write, closed, failed };

class TlsStream {
 public:
  using Trusts = std::function<bool(const SpkiPin&)>;

  // `fd` stays the caller's. `server_name`: the node that is dialled. `trusts` is asked for the peer's key during the
  // handshake, before any signature is checked: a stranger must not choose what we compute. There is one certificate,
  // on P-256; who signed it, its names and dates mean nothing here.
  TlsStream(const TlsContext& context, TlsRole role, int fd, const std::string& server_name, Trusts trusts);
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // done: TLS 1.3 is up and the peer has proven a key that `trusts` accepts.
  TlsResult handshake();
  // The proven key; only after handshake() was done.
  const SpkiPin& peer_pin() const { return *peer_pin_; }

  // done: n > 0 bytes. want_read: nothing more now, the socket will say when there is.
  TlsResult read(std::span<std::uint8_t> out, std::size_t& n);
  // After want_*, call again with the same bytes.
  TlsResult write(ByteView bytes, std::size_t& n);
  // One attempt; for courtesy only.
  void close_notify();

  const std::string& error() const { return error_; }
  std::uint64_t bytes_in() const { return bytes_in_; }
  std::uint64_t bytes_out() const { return bytes_out_; }

 private:
  static int send_some(void* self, const unsigned char* bytes, std::size_t n);
  static int receive_some(void* self, unsigned char* out, std::size_t n);
  static int admit(void* self, const mbedtls_x509_crt* chain, mbedtls_x509_crt** authorities);
  static int verify(void* self, mbedtls_x509_crt* certificate, int depth, std::uint32_t* flags);
  TlsResult result_of(int code, const char* doing);

  int fd_;
  Trusts trusts_;
  MbedSslConfig config_;
  MbedSsl ssl_;
  std::vector<std::uint8_t> received_;  // ciphertext read ahead: one system call for many small records
  std::size_t received_at_ = 0;
  bool drained_ = false;   // the socket had less than was asked for: it will wake us
  bool has_read_ = false;  // decrypted anything but the handshake
  bool admitted_ = false;  // the certificate callback ran and accepted the key
  std::optional<SpkiPin> peer_pin_;
  std::string error_;
  std::uint64_t bytes_in_ = 0, bytes_out_ = 0;
};

}  // namespace quorate::peers
