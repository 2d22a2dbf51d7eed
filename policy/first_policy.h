// The policy that `quorate init` writes.
#pragma once
#include <string>

#include "base/ed25519.h"
#include "base/json.h"

namespace quorate::policy {

struct FirstUser {
  std::string id;
  Ed25519PublicKey key;
};

// Version 1: the one admin may create keys, sign every payload but a raw digest, derive, refresh, reshare, archive and
// unarchive; all else is denied. The approver has no rule yet. `cluster_id_hex` does not change the document's anchor:
// pass "" to get the document whose anchor make_genesis wants, then call again with the id.
Json first_policy(const std::string& cluster_id_hex, const FirstUser& admin, const FirstUser& approver);

}  // namespace quorate::policy
