// How a request ends: proven by what it produced, written in one transaction, told to the other nodes.
#pragma once
#include <optional>

#include "node/examine.h"
#include "node/messages.h"
#include "node/protocols.h"
#include "node/requests.h"

namespace quorate::node {

// Adds to the batch all that a success changes here (record, key, audit) and completes the record. `result` must prove
// it: false, and nothing is added, if it does not.
bool succeed(storage::Batch& batch, RequestRecord& record, const Examined& x, ByteView result, PartySet signers,
             const Requests& requests, const World& world);

// The message that tells others how a final request ended; nullopt while it is open, or when its proof is not here.
std::optional<Outcome> outcome_of(const RequestRecord& record, const World& world);

// The same for a record that may have ended because of what people have signed, which proves itself.
std::optional<Envelope> word_of_end(const RequestRecord& record, const World& world);

// What a failed attempt showed this node: first-person blame, and who was silent.
void add_blame(RequestRecord& record, const Committee& committee, const Report& report);

// An outcome that another node tells. A success counts because of its proof; any other end only from the request's
// coordinator.
void take_outcome(const std::string& from, const Outcome& outcome, Requests& requests, const World& world,
                  const std::function<void(const RequestRecord&)>& final, int retries = 2);

// Whether this node may be told how the request ended: it is one of the key's.
bool may_know(const RequestRecord& record, const std::string& node, const World& world);

}  // namespace quorate::node
