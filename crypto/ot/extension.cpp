#include "crypto/ot/extension.h"

#include <algorithm>

#include "base/check.h"
#include "base/declassify.h"
#include "crypto/ot/aes.h"
#include "crypto/ot/gf128.h"
#include "crypto/ot/transpose.h"
#include "crypto/transcript.h"

namespace quorate::ot {
namespace {

Digest tag_of(const Direction& direction, const Bytes32& nonce) {
  Transcript t("quorate/ot/extension/1");
  t.absorb(direction.sid).absorb(direction.A).absorb(direction.B).absorb(nonce);
  return t.digest();
}

RowGenerator generator(const Digest& tag) {
  Block first_counter;
  std::copy_n(tag.begin(), first_counter.size(), first_counter.begin());
  return RowGenerator(first_counter);
}

// e_0 … e_{L−1}
std::vector<Block> challenges(const Digest& tag, ByteView u, std::size_t L) {
  Transcript t("quorate/ot/chi/1");
  t.absorb(tag).absorb_hashed(u);
  std::vector<Block> e(L);
  for (std::size_t l = 0; l < L; ++l) {
    Transcript mine = t;
    const Digest digest = mine.absorb(static_cast<std::uint8_t>(l)).digest();
    std::copy_n(digest.begin(), e[l].size(), e[l].begin());
  }
  return e;
}

// T̃ over the κ hashes of rows, which are secret.
Digest check_digest(const Digest& tag, const Columns& hashes) {
  Transcript t("quorate/ot/check/1");
  t.absorb(tag).absorb(ByteView(hashes.data()->data(), sizeof(Block) * hashes.size()));
  return t.digest();
}

// mask: all ones or all zeros
void add_masked(std::uint8_t* to, const std::uint8_t* from, std::size_t size, std::uint8_t mask) {
  for (std::size_t n = 0; n < size; ++n) to[n] ^= static_cast<std::uint8_t>(from[n] & mask);
}

Columns columns_of(const SecretBytes& rows, std::size_t m) {
  Columns columns(kXi * m);
  transpose(rows.data(), row_bytes(m), columns);
  return columns;
}

}  // namespace

bool has_length(const ExtensionMessage& message, std::size_t m) { return message.u.size() == kKappa * row_bytes(m); }

Extended extend(const Direction& direction, const SenderKeys& keys, std::size_t m, Rng& rng) {
  QUORATE_ASSERT(m >= 1 && m <= limits::kMaxDigests);
  const std::size_t size = row_bytes(m);
  Extended out;
  ExtensionMessage& message = out.message;
  message.nonce = rng.bytes<32>();
  declassify(message.nonce);
  SecretBytes x(size);
  rng.fill(x);

  const Digest tag = tag_of(direction, message.nonce);
  RowGenerator prg = generator(tag);
  SecretBytes t0(kKappa * size), t1(size);
  message.u.resize(kKappa * size);
  for (std::size_t i = 0; i < kKappa; ++i) {
    std::uint8_t *t0_i = t0.data() + i * size, *u_i = message.u.data() + i * size;
    prg.generate(keys.k[i][0].expose(), {t0_i, size});
    prg.generate(keys.k[i][1].expose(), t1);
    for (std::size_t n = 0; n < size; ++n) u_i[n] = t0_i[n] ^ t1[n] ^ x[n];
  }

  const std::vector<Block> e = challenges(tag, message.u, choice_blocks(m));
  hash_rows(e, x.data(), 1, &message.x_check);
  Columns hashes(kKappa);
  hash_rows(e, t0.data(), kKappa, hashes.data());
  message.t_check = check_digest(tag, hashes);

  out.chosen.t = columns_of(t0, m);
  out.chosen.beta.assign(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(kXi / 8 * m));
  return out;
}

std::optional<Columns> receive_extension(const Direction& direction, const ReceiverKeys& keys, std::size_t m,
                                         const ExtensionMessage& message) {
  QUORATE_ASSERT(m >= 1 && m <= limits::kMaxDigests && has_length(message, m));
  const std::size_t size = row_bytes(m);
  const Digest tag = tag_of(direction, message.nonce);
  RowGenerator prg = generator(tag);
  Secret<ByteArray<kKappa>> Delta;  // Δ_i as a mask
  for (std::size_t i = 0; i < kKappa; ++i) {
    const unsigned bit = (keys.delta.expose()[i / 8] >> (i % 8)) & 1u;
    Delta.expose()[i] = static_cast<std::uint8_t>(0u - bit);
  }

  SecretBytes q(kKappa * size);
  for (std::size_t i = 0; i < kKappa; ++i) {
    std::uint8_t* q_i = q.data() + i * size;
    prg.generate(keys.k[i].expose(), {q_i, size});
    add_masked(q_i, message.u.data() + i * size, size, Delta.expose()[i]);
  }

  Columns hashes(kKappa);
  hash_rows(challenges(tag, message.u, choice_blocks(m)), q.data(), kKappa, hashes.data());
  for (std::size_t i = 0; i < kKappa; ++i)
    add_masked(hashes[i].data(), message.x_check.data(), sizeof(Block), Delta.expose()[i]);
  if (!declassified(equal_constant_time(check_digest(tag, hashes), message.t_check))) return std::nullopt;
  return columns_of(q, m);
}

}  // namespace quorate::ot
