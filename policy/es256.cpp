#include "policy/es256.h"

#include <mbedtls/ecdsa.h>
#include <mbedtls/ecp.h>

#include <algorithm>
#include <new>

#include "base/check.h"
#include "base/hash.h"

namespace quorate::policy {
namespace {

constexpr std::size_t kScalar = 32;

// Only a lack of memory is no answer.
bool done(int code) {
  if (code == MBEDTLS_ERR_MPI_ALLOC_FAILED) throw std::bad_alloc();
  return code == 0;
}

struct Number {
  mbedtls_mpi n;
  Number() { mbedtls_mpi_init(&n); }
  ~Number() { mbedtls_mpi_free(&n); }
  Number(const Number&) = delete;
};

struct Curve {
  mbedtls_ecp_group group;
  Curve() {
    mbedtls_ecp_group_init(&group);
    QUORATE_ASSERT(done(mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1)));
  }
  ~Curve() { mbedtls_ecp_group_free(&group); }
  Curve(const Curve&) = delete;
};

struct Point {
  mbedtls_ecp_point point;
  Point() { mbedtls_ecp_point_init(&point); }
  ~Point() { mbedtls_ecp_point_free(&point); }
  Point(const Point&) = delete;
};

bool read_point(const Curve& curve, Point& Q, ByteView bytes) {
  return done(mbedtls_ecp_point_read_binary(&curve.group, &Q.point, bytes.data(), bytes.size())) &&
         done(mbedtls_ecp_check_pubkey(&curve.group, &Q.point));
}

// Takes a DER INTEGER (X.690 §8.3) that is not negative from the front, without its leading zero. The library would
// take several encodings of one number.
std::optional<ByteView> take_integer(ByteView& in) {
  if (in.size() < 2 || in[0] != 0x02) return std::nullopt;
  const std::size_t length = in[1];
  if (length == 0 || length > kScalar + 1 || in.size() - 2 < length) return std::nullopt;
  ByteView n = in.subspan(2, length);
  in = in.subspan(2 + length);
  if ((n[0] & 0x80u) != 0) return std::nullopt;
  if (n[0] == 0 && n.size() > 1) {
    n = n.subspan(1);
    if ((n[0] & 0x80u) == 0) return std::nullopt;
  }
  return n;
}

}  // namespace

std::optional<Es256PublicKey> Es256PublicKey::parse(ByteView bytes) {
  const bool whole = bytes.size() == kSize && bytes[0] == 0x04;
  const bool compressed = bytes.size() == kCompressedSize && (bytes[0] == 0x02 || bytes[0] == 0x03);
  if (!whole && !compressed) return std::nullopt;
  const Curve curve;
  Point Q;
  if (!read_point(curve, Q, bytes)) return std::nullopt;
  Es256PublicKey key;
  std::size_t length = 0;
  QUORATE_ASSERT(done(mbedtls_ecp_point_write_binary(&curve.group, &Q.point, MBEDTLS_ECP_PF_UNCOMPRESSED, &length,
                                                     key.bytes_.data(), key.bytes_.size())) &&
                 length == kSize);
  return key;
}

std::optional<Es256PublicKey> Es256PublicKey::parse_hex(std::string_view text) {
  const auto bytes = from_hex(text);
  return bytes ? parse(*bytes) : std::nullopt;
}

bool Es256PublicKey::verify(ByteView message, ByteView der) const {
  if (der.size() < 2 || der[0] != 0x30 || der[1] != der.size() - 2) return false;  // never long enough for more
  ByteView rest = der.subspan(2);
  const auto r_bytes = take_integer(rest);
  if (!r_bytes) return false;
  const auto s_bytes = take_integer(rest);
  if (!s_bytes || !rest.empty()) return false;
  Curve curve;
  Point Q;
  QUORATE_ASSERT(read_point(curve, Q, bytes_));
  Number r, s;
  if (!done(mbedtls_mpi_read_binary(&r.n, r_bytes->data(), r_bytes->size())) ||
      !done(mbedtls_mpi_read_binary(&s.n, s_bytes->data(), s_bytes->size())))
    return false;
  const Digest z = sha256(message);
  return done(mbedtls_ecdsa_verify(&curve.group, z.data(), z.size(), &Q.point, &r.n, &s.n));
}

}  // namespace quorate::policy
