// Hash commitments: hiding by 32 random bytes, bound to the session, the opener and what is opened.
#pragma once
#include "crypto/party_id.h"
#include "crypto/transcript.h"

namespace quorate {

// H_tag(sid, opener, values…, blind). `blind` stays secret until the opening, and is drawn afresh for every commitment.
template <class... Values>
Digest commit(Tag tag, const Digest& sid, PartyId opener, const Bytes32& blind, const Values&... values) {
  Transcript t(tag);
  t.absorb(sid).absorb(opener);
  (t.absorb(values), ...);
  t.absorb(blind);
  return t.digest();
}

}  // namespace quorate
