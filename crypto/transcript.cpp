#include "crypto/transcript.h"

namespace quorate {
namespace {

constexpr std::string_view kProtocol = "quorate 1";
constexpr std::uint64_t kListMark = std::uint64_t{1} << 63;  // no length reaches it

}  // namespace

Transcript::Transcript(Tag tag) {
  crypto_hash_sha512_init(&state_);
  absorb(kProtocol);
  absorb(tag.name());
}

Transcript& Transcript::absorb(ByteView bytes) {
  number(bytes.size());
  crypto_hash_sha512_update(&state_, bytes.data(), bytes.size());
  return *this;
}

void Transcript::begin_list(std::uint64_t count) { number(count | kListMark); }

void Transcript::number(std::uint64_t v) {
  ByteArray<8> b;
  for (std::size_t i = 0; i < 8; ++i) b[i] = static_cast<std::uint8_t>(v >> (8 * (7 - i)));
  crypto_hash_sha512_update(&state_, b.data(), b.size());
}

Secret<ByteArray<64>> Transcript::wide() const {
  Transcript copy(*this);
  Secret<ByteArray<64>> out;
  crypto_hash_sha512_final(&copy.state_, out.expose().data());
  return out;
}

Digest Transcript::digest() const {
  const Secret<ByteArray<64>> all = wide();
  Digest out;
  std::copy_n(all.expose().begin(), out.size(), out.begin());
  return out;
}

}  // namespace quorate
