// 128 base oblivious transfers between A, who chooses with the bits of Δ, and B (endemic OT, ePrint 2019/706;
// docs/ecdsa.md, Setup). The keys live as long as a certificate.
#pragma once
#include <optional>

#include "crypto/ot/parameters.h"
#include "crypto/point.h"

namespace quorate::ot {

using OtKey = Secret<Bytes32>;

// A's: Δ and k_i^{Δ_i}.
struct ReceiverKeys {
  Secret<Block> delta;
  std::array<OtKey, kKappa> k;
  static auto fields(auto& m) { return std::tie(m.delta, m.k); }
};
// B's: (k_i^0, k_i^1).
struct SenderKeys {
  std::array<std::array<OtKey, 2>, kKappa> k;
  static auto fields(auto& m) { return std::tie(m.k); }
};

struct BaseOtRequest {  // A → B
  std::array<std::array<Point<Secp256k1>, 2>, kKappa> R;
  static auto fields(auto& m) { return std::tie(m.R); }
};
struct BaseOtReply {   // B → A
  Point<Secp256k1> Y;  // y·G
  static auto fields(auto& m) { return std::tie(m.Y); }
};

// A between its request and the reply. Constant-time in Δ. Moved into finish(), which uses it up.
class BaseOtReceiver {
 public:
  BaseOtReceiver(const Direction& direction, Rng& rng);
  const BaseOtRequest& request() const { return request_; }
  ReceiverKeys finish(const BaseOtReply& reply) &&;

 private:
  Direction direction_;
  Secret<Block> delta_;
  std::array<Scalar<Secp256k1>, kKappa> a_;
  BaseOtRequest request_;
};

struct BaseOtSent {
  SenderKeys keys;
  BaseOtReply reply;
};
// B. nullopt: some Q_c is the identity, which no honest A's request gives.
std::optional<BaseOtSent> base_ot_send(const Direction& direction, const BaseOtRequest& request, Rng& rng);

}  // namespace quorate::ot
