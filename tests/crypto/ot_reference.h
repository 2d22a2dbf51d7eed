// docs/ecdsa.md once more, slow and by other means (textbook AES, bit-by-bit GF(2^128), big integers, libsodium's
// SHA-512), with hooks for a party that cheats.
#pragma once
#include <gtest/gtest.h>
#include <sodium.h>

#include <boost/multiprecision/cpp_int.hpp>
#include <map>
#include <set>

#include "crypto/ot/vector_ole.h"

namespace quorate::ot::reference {

using Number = boost::multiprecision::cpp_int;
inline const Number kQ("0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141");

// ---- bytes and hashes

inline Bytes u8(std::uint64_t v) { return {static_cast<std::uint8_t>(v)}; }
inline Bytes u64(std::uint64_t v) {
  Bytes b;
  for (int i = 7; i >= 0; --i) b.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
  return b;
}
inline Bytes bytes(ByteView b) { return {b.begin(), b.end()}; }
inline Bytes join(const Bytes& a, const Bytes& b) {
  Bytes r = a;
  r.insert(r.end(), b.begin(), b.end());
  return r;
}
inline Bytes first(const Bytes& b, std::size_t n) { return {b.begin(), b.begin() + static_cast<std::ptrdiff_t>(n)}; }
inline Bytes sha512(const Bytes& b) {
  Bytes r(64);
  crypto_hash_sha512(r.data(), b.data(), b.size());
  return r;
}
inline Bytes T(std::string_view tag, const std::vector<Bytes>& items) {
  Bytes all;
  const auto item = [&](const Bytes& b) { all = join(join(all, u64(b.size())), b); };
  item(bytes_of("quorate 1"));
  item(bytes_of(tag));
  for (const Bytes& b : items) item(b);
  return sha512(all);
}

inline Number number(const Bytes& big_endian) {
  Number n;
  import_bits(n, big_endian.begin(), big_endian.end());
  return n;
}
inline Bytes bytes32(const Number& n) {
  Bytes b(32);
  for (std::size_t i = 0; i < 32; ++i) b[31 - i] = static_cast<std::uint8_t>((n >> (8 * i)) & 0xff);
  return b;
}
inline Number mod(const Number& n) { return ((n % kQ) + kQ) % kQ; }
inline Number number(const ScalarK& s) { return number(bytes(s.bytes().expose())); }
inline ScalarK scalar(const Number& n) { return *ScalarK::parse(bytes32(mod(n))); }

inline bool bit(ByteView b, std::size_t i) { return ((b[i / 8] >> (i % 8)) & 1) != 0; }
inline void flip(std::span<std::uint8_t> b, std::size_t i) { b[i / 8] ^= static_cast<std::uint8_t>(1u << (i % 8)); }
inline Bytes add(Bytes a, ByteView b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] ^= b[i];
  return a;
}

// ---- AES (FIPS 197)

class Aes {
 public:
  explicit Aes(ByteView key) : rounds_(key.size() / 4 + 6) {
    std::uint8_t p = 1, inverse = 1;
    do {  // 3 generates the field's multiplicative group
      p = static_cast<std::uint8_t>(p ^ twice(p));
      inverse ^= static_cast<std::uint8_t>(inverse << 1);
      inverse ^= static_cast<std::uint8_t>(inverse << 2);
      inverse ^= static_cast<std::uint8_t>(inverse << 4);
      if ((inverse & 0x80) != 0) inverse ^= 0x09;
      box_[p] = static_cast<std::uint8_t>(inverse ^ rotate(inverse, 1) ^ rotate(inverse, 2) ^ rotate(inverse, 3) ^
                                          rotate(inverse, 4) ^ 0x63);
    } while (p != 1);
    box_[0] = 0x63;
    const std::size_t words = key.size() / 4;
    schedule_ = bytes(key);
    std::uint8_t constant = 1;
    for (std::size_t i = words; i < 4 * (rounds_ + 1); ++i) {
      std::array<std::uint8_t, 4> t;
      std::copy_n(schedule_.end() - 4, 4, t.begin());
      if (i % words == 0) {
        t = {static_cast<std::uint8_t>(box_[t[1]] ^ constant), box_[t[2]], box_[t[3]], box_[t[0]]};
        constant = twice(constant);
      } else if (words > 6 && i % words == 4) {
        for (auto& b : t) b = box_[b];
      }
      for (std::size_t k = 0; k < 4; ++k)
        schedule_.push_back(static_cast<std::uint8_t>(schedule_[4 * (i - words) + k] ^ t[k]));
    }
  }
  Block encrypt(Block s) const {
    const auto add_key = [&](std::size_t round) {
      for (std::size_t i = 0; i < 16; ++i) s[i] ^= schedule_[16 * round + i];
    };
    add_key(0);
    for (std::size_t round = 1; round <= rounds_; ++round) {
      Block t;
      for (std::size_t c = 0; c < 4; ++c)
        for (std::size_t r = 0; r < 4; ++r) t[4 * c + r] = box_[s[4 * ((c + r) % 4) + r]];
      s = t;
      if (round != rounds_)
        for (std::size_t c = 0; c < 4; ++c)
          for (std::size_t r = 0; r < 4; ++r) {
            const auto at = [&](std::size_t k) { return t[4 * c + (r + k) % 4]; };
            s[4 * c + r] = static_cast<std::uint8_t>(twice(at(0)) ^ twice(at(1)) ^ at(1) ^ at(2) ^ at(3));
          }
      add_key(round);
    }
    return s;
  }

 private:
  static std::uint8_t twice(std::uint8_t b) { return static_cast<std::uint8_t>((b << 1) ^ ((b >> 7) * 0x1b)); }
  static std::uint8_t rotate(std::uint8_t b, int n) { return static_cast<std::uint8_t>((b << n) | (b >> (8 - n))); }
  std::size_t rounds_;
  Bytes schedule_;
  std::array<std::uint8_t, 256> box_{};
};

inline Bytes prg(const Bytes32& key, const Bytes& tag, std::size_t n) {
  const Aes aes(key);
  Block counter;
  std::copy_n(tag.begin(), 16, counter.begin());
  Bytes out;
  while (out.size() < n) {
    out = join(out, bytes(aes.encrypt(counter)));
    for (std::size_t i = 16; i-- > 0;)
      if (++counter[i] != 0) break;
  }
  return first(out, n);
}

// ---- GF(2^128)

inline Block multiply(const Block& a, Block b) {
  Block r{};
  for (std::size_t i = 0; i < 128; ++i) {
    if (bit(a, i))
      for (std::size_t n = 0; n < 16; ++n) r[n] ^= b[n];
    const bool over = bit(b, 127);
    for (std::size_t n = 16; n-- > 0;) b[n] = static_cast<std::uint8_t>((b[n] << 1) | (n > 0 ? b[n - 1] >> 7 : 0));
    if (over) b[0] ^= 0x87;
  }
  return r;
}
inline Block block(ByteView b, std::size_t i) {
  Block r;
  std::copy_n(b.begin() + static_cast<std::ptrdiff_t>(16 * i), 16, r.begin());
  return r;
}
inline Block h(const std::vector<Block>& e, ByteView y) {
  Block r = block(y, e.size());
  for (std::size_t l = 0; l < e.size(); ++l) {
    const Block p = multiply(e[l], block(y, l));
    for (std::size_t n = 0; n < 16; ++n) r[n] ^= p[n];
  }
  return r;
}

// ---- keys without base OTs

inline SenderKeys sender_keys(Rng& rng) {
  SenderKeys keys;
  for (auto& pair : keys.k)
    for (auto& k : pair) rng.fill(k.expose());
  return keys;
}
inline ReceiverKeys receiver_keys(const SenderKeys& theirs, const Block& delta) {
  ReceiverKeys keys;
  keys.delta = Secret<Block>(delta);
  for (std::size_t i = 0; i < kKappa; ++i) keys.k[i] = theirs.k[i][bit(delta, i)].copy();
  return keys;
}

// ---- extension: B

struct ExtensionB {
  Bytes x;                         // honest choices
  std::map<std::size_t, Bytes> e;  // row i is made with x ⊕ e_i …
  std::set<std::size_t> bets;      // … and T̃ as if Δ_i were 1; for all other rows as if it were 0

  Bytes tag;
  std::vector<Bytes> t0;
  std::vector<Block> challenges;

  ExtensionMessage message(const Direction& d, const SenderKeys& keys, std::size_t m, const Bytes32& nonce) {
    const std::size_t L = (416 * m + 127) / 128, size = 16 * (L + 1);
    EXPECT_EQ(x.size(), size);
    tag = first(T("quorate/ot/extension/1", {bytes(d.sid), u8(d.A.index()), u8(d.B.index()), bytes(nonce)}), 32);
    ExtensionMessage out;
    out.nonce = nonce;
    t0.clear();
    for (std::size_t i = 0; i < 128; ++i) {
      t0.push_back(prg(keys.k[i][0].expose(), tag, size));
      Bytes u_i = add(add(t0[i], prg(keys.k[i][1].expose(), tag, size)), x);
      if (e.contains(i)) u_i = add(u_i, e.at(i));
      out.u.insert(out.u.end(), u_i.begin(), u_i.end());
    }
    const Bytes hashed = sha512(bytes(ByteView(out.u.data(), out.u.size())));
    challenges.clear();
    for (std::size_t l = 0; l < L; ++l) challenges.push_back(block(T("quorate/ot/chi/1", {tag, hashed, u8(l)}), 0));
    out.x_check = h(challenges, x);
    Bytes hashes;
    for (std::size_t i = 0; i < 128; ++i) {
      Bytes h_i = bytes(h(challenges, t0[i]));
      if (bets.contains(i)) h_i = add(h_i, h(challenges, e.at(i)));
      hashes = join(hashes, h_i);
    }
    const Bytes check = T("quorate/ot/check/1", {tag, hashes});
    std::copy_n(check.begin(), 32, out.t_check.begin());
    return out;
  }
  Block column(std::size_t j) const {
    Block t{};
    for (std::size_t i = 0; i < 128; ++i)
      if (bit(t0[i], j)) flip(t, i);
    return t;
  }
};

// ---- vector OLE

inline std::array<Number, 3> pads(const OleContext& context, const Block& w, std::size_t j) {
  const Aes pi(
      first(T("quorate/ot/pad-key/1", {bytes(context.pair), u8(context.A.index()), u8(context.B.index())}), 16));
  const Block inner = pi.encrypt(w);
  std::array<Number, 3> out;
  for (std::size_t i = 0; i < 3; ++i) {
    Bytes number_i;
    for (std::size_t k = 2 * i; k < 2 * i + 2; ++k) {
      Block v{};
      for (std::size_t n = 0; n < 8; ++n) v[n] = static_cast<std::uint8_t>(j >> (8 * n));
      v[8] = static_cast<std::uint8_t>(k);
      for (std::size_t n = 0; n < 16; ++n) v[n] ^= inner[n];
      number_i = join(number_i, add(bytes(pi.encrypt(v)), inner));
    }
    out[i] = mod(number(number_i));
  }
  return out;
}

inline const std::vector<Number>& gadget() {
  static const std::vector<Number> g = [] {
    std::vector<Number> out;
    for (std::size_t j = 0; j < 416; ++j)
      out.push_back(mod(number(T("quorate/ot/gadget/1", {bytes_of("secp256k1"), u64(j)}))));
    return out;
  }();
  return g;
}

struct OleA {
  Number a_1, a_2, a_hat;
  std::map<std::size_t, std::array<Number, 3>> e;  // row j is made with the inputs plus e_j …
  std::set<std::size_t> bets;                      // … and μ as if β_j were 1; for all other rows as if it were 0
  Number eta_error = 0;
  std::array<Number, 2> c;

  OleMessage message(const OleContext& context, const Block& delta, const Columns& q, std::size_t l) {
    const std::array<Number, 3> a{a_1, a_2, a_hat};
    std::vector<std::array<Number, 3>> alpha0;
    Bytes a_tilde;
    for (std::size_t j = 0; j < 416; ++j) {
      const std::size_t column = 416 * l + j;
      Block other = q[column];
      for (std::size_t n = 0; n < 16; ++n) other[n] ^= delta[n];
      alpha0.push_back(pads(context, q[column], column));
      const auto alpha1 = pads(context, other, column);
      for (std::size_t i = 0; i < 3; ++i) {
        Number v = alpha0[j][i] - alpha1[i] + a[i];
        if (e.contains(j)) v += e.at(j)[i];
        a_tilde = join(a_tilde, bytes32(mod(v)));
      }
    }
    const std::vector<Bytes> who{bytes(context.pair), u8(context.A.index()), u8(context.B.index()), u8(l)};
    const auto hash = [&](std::string_view tag, std::vector<Bytes> more) {
      std::vector<Bytes> items = who;
      items.insert(items.end(), more.begin(), more.end());
      return T(tag, items);
    };
    std::array<Number, 2> theta;
    for (std::size_t i = 0; i < 2; ++i)
      theta[i] = mod(number(hash("quorate/ot/theta/1", {sha512(a_tilde), u8(i + 1)})));
    Bytes check;
    c = {0, 0};
    for (std::size_t j = 0; j < 416; ++j) {
      Number v = alpha0[j][2] + theta[0] * alpha0[j][0] + theta[1] * alpha0[j][1];
      if (bets.contains(j)) v += e.at(j)[2] + theta[0] * e.at(j)[0] + theta[1] * e.at(j)[1];
      check = join(check, bytes32(mod(v)));
      for (std::size_t i = 0; i < 2; ++i) c[i] -= gadget()[j] * alpha0[j][i];
    }
    OleMessage out;
    std::copy(a_tilde.begin(), a_tilde.end(), out.a_tilde.begin());
    out.eta = scalar(a_hat + theta[0] * a_1 + theta[1] * a_2 + eta_error);
    const Bytes mu = hash("quorate/ot/mu/1", {sha512(check)});
    std::copy_n(mu.begin(), 32, out.mu.begin());
    return out;
  }
};

}  // namespace quorate::ot::reference
