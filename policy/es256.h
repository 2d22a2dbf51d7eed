// ES256: ECDSA on P-256 with SHA-256, with which people's authenticators sign (WebAuthn). Public data only.
#pragma once
#include <compare>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace quorate::policy {

// A point of the curve, not infinity. There is no other way to make one.
class Es256PublicKey {
 public:
  static constexpr std::size_t kSize = 65, kCompressedSize = 33;
  // SEC 1 §2.3.4, uncompressed or compressed; nullopt for anything that is no point of the curve.
  static std::optional<Es256PublicKey> parse(ByteView bytes);
  static std::optional<Es256PublicKey> parse_hex(std::string_view text);

  // `der`: ECDSA-Sig-Value (RFC 3279 §2.2.3) in DER, one encoding of each pair. Of the two s that fit both are valid:
  // authenticators make either.
  bool verify(ByteView message, ByteView der) const;
  const ByteArray<kSize>& bytes() const { return bytes_; }  // uncompressed
  auto operator<=>(const Es256PublicKey&) const = default;

 private:
  Es256PublicKey() = default;
  ByteArray<kSize> bytes_{};
};

}  // namespace quorate::policy
