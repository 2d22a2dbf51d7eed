// The two groups, each as the primitive operations that Scalar<C> and Point<C> are made of. Nothing else calls these.
// q is the group order, G the generator. A ScalarRep is always < q, a PointRep always the identity or a point of order
// q.
#pragma once
#include <secp256k1.h>

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/limits.h"

namespace quorate {

// Scalars: our own constant-time 4×64-bit arithmetic (zero is a value). Points: libsecp256k1 only.
struct Secp256k1 {
  static constexpr std::string_view name = "secp256k1";
  static constexpr std::size_t point_size = 33;  // SEC1 compressed
  static constexpr bool big_endian = true;       // wire form of scalars

  using ScalarRep = std::array<std::uint64_t, 4>;                    // least significant first
  static bool scalar_parse(ScalarRep& r, const std::uint8_t* in32);  // false: not < q
  static void scalar_bytes(std::uint8_t* out32, const ScalarRep& a);
  static void scalar_reduce(ScalarRep& r, const ByteArray<64>& in);
  static void scalar_set(ScalarRep& r, std::uint64_t v) { r = {v, 0, 0, 0}; }
  static void scalar_add(ScalarRep& r, const ScalarRep& a, const ScalarRep& b);
  static void scalar_sub(ScalarRep& r, const ScalarRep& a, const ScalarRep& b);
  static void scalar_mul(ScalarRep& r, const ScalarRep& a, const ScalarRep& b);
  static void scalar_invert(ScalarRep& r, const ScalarRep& a);  // 0 for 0
  static bool scalar_equal(const ScalarRep& a, const ScalarRep& b);

  struct PointRep {
    secp256k1_pubkey key{};
    bool identity = true;
  };
  // Whether k·P + Q is cheaper by adding than by point_multiply_public.
  static constexpr bool worth_adding(unsigned k) { return k <= limits::kMaxParties; }
  static bool point_parse(PointRep& r, const std::uint8_t* in33);
  static void point_bytes(std::uint8_t* out33, const PointRep& P);  // not for the identity
  static bool point_is_identity(const PointRep& P) { return P.identity; }
  static bool point_equal(const PointRep& P, const PointRep& Q);
  static void point_negate(PointRep& r, const PointRep& P);
  static void point_base(PointRep& r, const ScalarRep& k);                         // constant-time
  static void point_multiply(PointRep& r, const ScalarRep& k, const PointRep& P);  // constant-time in k
  static void point_swap_if(std::uint64_t bit, PointRep& P, PointRep& Q);          // bit: 0 or 1; constant-time in it
  static void point_from_uniform(PointRep& r, const ByteArray<64>& in);  // ElligatorSwift's decoding (BIP-324)
  // Variable-time: public data only.
  static void point_add(PointRep& r, const PointRep& P, const PointRep& Q);
  static void point_sum(PointRep& r, std::span<const PointRep* const> Ps);
  static void point_add_times(PointRep& r, const PointRep& Q, unsigned k, const PointRep& P);  // k·P + Q, worth adding
  static void point_multiply_public(PointRep& r, const ScalarRep& k, const PointRep& P);
  // k·P of an encoding; false: point_parse refuses it, or k is zero.
  static bool point_parse_and_multiply_public(PointRep& r, const ScalarRep& k, const std::uint8_t* in33);
  static void point_base_and_public(PointRep& r, const ScalarRep& s, const ScalarRep& c, const PointRep& P);
  // P and s·G + c·P of an encoding; false: point_parse refuses it, or c is zero.
  static bool point_parse_and_base_and_public(PointRep& P, PointRep& r, const ScalarRep& s, const ScalarRep& c,
                                              const std::uint8_t* in33);
};

// Scalars and points: libsodium.
struct Ed25519 {
  static constexpr std::string_view name = "ed25519";
  static constexpr std::size_t point_size = 32;  // RFC 8032 §5.1.2
  static constexpr bool big_endian = false;

  using ScalarRep = ByteArray<32>;  // little-endian
  static bool scalar_parse(ScalarRep& r, const std::uint8_t* in32);
  static void scalar_bytes(std::uint8_t* out32, const ScalarRep& a);
  static void scalar_reduce(ScalarRep& r, const ByteArray<64>& in);
  static void scalar_set(ScalarRep& r, std::uint64_t v);
  static void scalar_add(ScalarRep& r, const ScalarRep& a, const ScalarRep& b);
  static void scalar_sub(ScalarRep& r, const ScalarRep& a, const ScalarRep& b);
  static void scalar_mul(ScalarRep& r, const ScalarRep& a, const ScalarRep& b);
  static void scalar_invert(ScalarRep& r, const ScalarRep& a);
  static bool scalar_equal(const ScalarRep& a, const ScalarRep& b);

  struct PointRep {
    ByteArray<32> bytes{1};  // (0, 1), the identity
  };
  static constexpr bool worth_adding(unsigned k) {
    return k == 0 || static_cast<unsigned>(std::bit_width(k)) + static_cast<unsigned>(std::popcount(k)) <= 8;
  }
  static bool point_parse(PointRep& r, const std::uint8_t* in32);
  static void point_bytes(std::uint8_t* out32, const PointRep& P);
  static bool point_is_identity(const PointRep& P);
  static bool point_equal(const PointRep& P, const PointRep& Q);
  static void point_negate(PointRep& r, const PointRep& P);
  static void point_base(PointRep& r, const ScalarRep& k);
  static void point_multiply(PointRep& r, const ScalarRep& k, const PointRep& P);
  static void point_add(PointRep& r, const PointRep& P, const PointRep& Q);
  static void point_sum(PointRep& r, std::span<const PointRep* const> Ps);
  static void point_add_times(PointRep& r, const PointRep& Q, unsigned k, const PointRep& P);
  static void point_multiply_public(PointRep& r, const ScalarRep& k, const PointRep& P);
  static bool point_parse_and_multiply_public(PointRep& r, const ScalarRep& k, const std::uint8_t* in32);
  static void point_base_and_public(PointRep& r, const ScalarRep& s, const ScalarRep& c, const PointRep& P);
  static bool point_parse_and_base_and_public(PointRep& P, PointRep& r, const ScalarRep& s, const ScalarRep& c,
                                              const std::uint8_t* in32);
};

}  // namespace quorate
