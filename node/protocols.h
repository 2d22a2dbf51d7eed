// From an examined request to a running protocol, and from its end to bytes that prove the outcome to any node.
#pragma once
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "node/examine.h"
#include "node/messages.h"
#include "session/session.h"

namespace quorate::node {

// What a proposal adds to the request.
struct Terms {
  PartySet signers;          // of a new key: all; of a reshare: its dealers
  Bytes32 random{};          // the coordinator's
  std::uint64_t number = 0;  // reshare: of the new certificate
};
Terms terms_of(const Propose& propose);
// Who takes part: the signers; in a reshare the new members as well.
PartySet parties_of(const Examined& x, PartySet signers);

// Every field of what it binds is this node's own but `random` and, of a reshare, number and dealers. nullopt: those do
// not fit the request and what is in force here. Costs a reshare the check of a certificate.
std::optional<SessionId> session_id_of(const Examined& x, const Terms& terms, const World& world);

struct MadeSession {
  std::shared_ptr<const void> share;  // the session refers to it: kept as long
  std::unique_ptr<AnySession> session;
};
// The protocol that this request asks for; the terms fit it. Throws storage::StorageCorrupt when this node's share is
// not what the key needs.
MadeSession make_session(const Examined& x, const Terms& terms, PartyId me, const World& world);

// What a session that has succeeded gives: sign: 64 bytes per signature, which it has verified and `seen` hears of;
// create_key: the complete certificate. nullopt: it has not.
std::optional<SecretBytes> result_of(AnySession& session, const Examined& x, SeenSignatures& seen);

// Of a signing: the messages that wait for nobody else's.
bool is_first_round(std::string_view round);

// What a result proves, checked by whoever is told of it.
struct Proven {
  Json result;  // of the request, as clients see it
  std::string key_id;
  std::optional<KeyCertificate> certificate;  // create_key
};
// Of a reshare see node/succession.h.
std::optional<Proven> prove(const Examined& x, ByteView result, PartySet signers, const World& world);

Millis round_timeout_of(const Examined& x);

}  // namespace quorate::node
