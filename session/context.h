// What a session is about. Every party computes it from its own database and the request that it has accepted itself.
#pragma once
#include <string_view>

#include "session/committee.h"
#include "session/envelope.h"

namespace quorate {

struct SessionContext {
  BoundedText<limits::kMaxTag> protocol;  // "dkg/ed25519/1", "frost/bip340/1", …
  Digest cluster{};                       // id
  BoundedText<64> key_id;                 // hex; empty while there is none
  Digest certificate{};                   // hash of the active one; zero while there is none
  Committee committee;
  PartySet signers;  // who takes part
  Digest request{};  // SHA-256 of the intent
  static auto fields(auto& m) {
    return std::tie(m.protocol, m.cluster, m.key_id, m.certificate, m.committee, m.signers, m.request);
  }
};

// sid = H_sid(context, the coordinator's random bytes)
SessionId session_id(const SessionContext& context, const Bytes32& random);
Digest committee_hash(const Committee& committee);

}  // namespace quorate
