#include "session/context.h"

#include "crypto/transcript.h"

namespace quorate {

SessionId session_id(const SessionContext& context, const Bytes32& random) {
  const Digest bound = Transcript("quorate/context/1").absorb(context).digest();
  return Transcript("quorate/sid/1").absorb(bound).absorb(random).digest();
}

Digest committee_hash(const Committee& committee) {
  return Transcript("quorate/certificate/committee/1").absorb(committee).digest();
}

}  // namespace quorate
