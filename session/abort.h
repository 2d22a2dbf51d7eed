// How a protocol ends when it does not succeed. Carries public data only: who, why and where.
#pragma once
#include <cstdint>
#include <exception>
#include <string_view>

#include "crypto/party_id.h"

namespace quorate {

enum class Reason : std::uint8_t {
  unset = 0,
  // the engine's own
  malformed,     // does not decode
  oversized,     // longer than its message can be
  unknown_tag,   // not a message of this protocol
  equivocation,  // a second, different message for one round
  silent,        // did not come in time
  // agreement
  echo_mismatch,  // the parties saw different broadcasts; names nobody
  // key generation, reshare
  bad_length,                 // a list of another length than the protocol's
  bad_opening,                // does not open the sender's commitment
  bad_proof,                  // a proof of knowledge does not verify
  bad_share,                  // a share does not lie on its dealer's committed polynomial
  bad_share_signature,        // a share is not signed by its dealer
  bad_constant_term,          // a dealer shares another value than its own share
  bad_chain_code,             // a dealer hands on another chain code than the certified one
  false_complaint,            // accuses a dealer without evidence
  identity_point,             // a sum is the identity, which no honest run gives
  bad_certificate_signature,  // a member signed another certificate, or none
  bad_base_ot,                // a base-OT request that no honest party sends
  // signing
  bad_commitment_list,  // a list of nonce commitments is not the signer set's
  bad_signature_share,  // a signature share does not verify
  extension_check,      // the OT extension's check: quarantines its sender
  bad_vector_ole,       // μ does not match
  bad_point_relation,   // χ·R − Γ ≠ d·G, for the nonce or the key share
  bad_key_sum,          // Σ pk is not the key
  bad_signature,        // the aggregate does not verify although every share does, or nobody can be named
};
std::string_view name_of(Reason reason);

enum class AbortKind : std::uint8_t {
  unset = 0,
  cheated,       // the culprits sent what no honest party sends: seen first-hand
  silent,        // the culprits were waited for; no proof of anything
  unattributed,  // somebody misbehaved and nobody can be named
};
std::string_view name_of(AbortKind kind);

struct Abort : std::exception {
  AbortKind kind;
  PartySet culprits;  // never contains me; empty when unattributed
  Reason reason;
  std::string_view round;  // tag of the last message that was waited for; a literal, empty before the first

  Abort(AbortKind kind_, PartySet culprits_, Reason reason_, std::string_view round_) noexcept
      : kind(kind_), culprits(culprits_), reason(reason_), round(round_) {}
  const char* what() const noexcept override { return name_of(reason).data(); }
};

}  // namespace quorate
