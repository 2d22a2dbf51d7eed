#include "session/abort.h"

namespace quorate {

std::string_view name_of(Reason reason) {
  switch (reason) {
    case Reason::unset:
      return "unset";
    case Reason::malformed:
      return "malformed message";
    case Reason::oversized:
      return "oversized message";
    case Reason::unknown_tag:
      return "unknown message";
    case Reason::equivocation:
      return "two different messages for one round";
    case Reason::silent:
      return "silent";
    case Reason::echo_mismatch:
      return "parties saw different broadcasts";
    case Reason::bad_length:
      return "list of a wrong length";
    case Reason::bad_opening:
      return "opening does not match its commitment";
    case Reason::bad_proof:
      return "proof does not verify";
    case Reason::bad_share:
      return "share is not on its dealer's polynomial";
    case Reason::bad_share_signature:
      return "share is not signed by its dealer";
    case Reason::bad_constant_term:
      return "dealer shares another value than its own";
    case Reason::bad_chain_code:
      return "dealer hands on another chain code than the certified one";
    case Reason::false_complaint:
      return "complaint without evidence";
    case Reason::identity_point:
      return "sum is the identity";
    case Reason::bad_certificate_signature:
      return "certificate signature does not verify";
    case Reason::bad_base_ot:
      return "base-OT request is not well-formed";
    case Reason::bad_commitment_list:
      return "commitment list is not the signer set's";
    case Reason::bad_signature_share:
      return "signature share does not verify";
    case Reason::extension_check:
      return "OT-extension check failed";
    case Reason::bad_vector_ole:
      return "vector-OLE check failed";
    case Reason::bad_point_relation:
      return "shares of the products do not fit their points";
    case Reason::bad_key_sum:
      return "key shares do not sum to the key";
    case Reason::bad_signature:
      return "signature does not verify";
  }
  return "unknown";
}

std::string_view name_of(AbortKind kind) {
  switch (kind) {
    case AbortKind::unset:
      return "unset";
    case AbortKind::cheated:
      return "cheated";
    case AbortKind::silent:
      return "silent";
    case AbortKind::unattributed:
      return "unattributed";
  }
  return "unknown";
}

}  // namespace quorate
