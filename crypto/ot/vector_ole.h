// Random vector OLE with two inputs: c_i + d_i = a_i·b for A's a_1, a_2 and B's random b (DKLs23 Protocol 5.2;
// docs/ecdsa.md, Vector OLE). One message, A → B, per instance.
#pragma once
#include <optional>
#include <span>

#include "crypto/ot/extension.h"

namespace quorate::ot {

using ScalarK = Scalar<Secp256k1>;

struct OleMessage {                          // A → B
  ByteArray<kXi * kOutputs * 32> a_tilde{};  // ã_{j,i}, j outer; each below q
  ScalarK eta;                               // η
  Digest mu{};                               // μ
  static auto fields(auto& m) { return std::tie(m.a_tilde, m.eta, m.mu); }
  void validate_decoded() const;  // every ã is below q
};

// What the messages of one session and ordered pair are bound to.
struct OleContext {
  Digest pair{};
  PartyId A, B;
};

struct OleShares {  // A: (c_1, c_2); B: (d_1, d_2)
  ScalarK first, second;
};
struct OleSent {
  OleMessage message;
  OleShares c;
};

// A with inputs (a_1, a_2) for instance ℓ; `q` are the columns of all instances.
OleSent ole_send(const OleContext& context, const ReceiverKeys& keys, const Columns& q, std::size_t instance,
                 const ScalarK& a_1, const ScalarK& a_2, Rng& rng);
// B: b = Σ g_j·β_j of instance ℓ.
ScalarK ole_value(const Chosen& chosen, std::size_t instance);
// B. nullopt: μ does not match, A cheated. Branch-free in β.
std::optional<OleShares> ole_receive(const OleContext& context, const Chosen& chosen, std::size_t instance,
                                     const OleMessage& message);

}  // namespace quorate::ot
