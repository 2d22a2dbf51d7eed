// What nodes say to each other about requests. Protocol messages travel under their session; these under the zero
// session id.
#pragma once
#include "base/limits.h"
#include "crypto/party_id.h"
#include "keygen/lineage.h"
#include "node/record.h"
#include "session/committee.h"
#include "session/envelope.h"

namespace quorate::node {

inline constexpr std::size_t kMaxCertificate = 32 * 1024;  // bytes of one complete key certificate
using PartyList = Bounded<PartyId, limits::kMaxParties>;

inline PartyList list_of(PartySet parties) { return {parties.begin(), parties.end()}; }
inline PartySet set_of(const PartyList& parties) {
  PartySet set;
  for (const PartyId id : parties) set.insert(id);
  return set;
}

// "A client has asked me for this": to the nodes that are not part of the first attempt, and to all that should know
// what people have said to it.
struct Replicate {
  static constexpr std::string_view tag = "node/replicate/2";
  ClientRequest original;
  static auto fields(auto& m) { return std::tie(m.original); }
};

// "On my disk is this": the answer to a Replicate of a request about which people are asked, or which was withdrawn.
struct Held {
  static constexpr std::string_view tag = "node/held/1";
  BoundedText<40> request;
  Digest digest{};  // of the request as it is there, with all that people have said (digest_of)
  static auto fields(auto& m) { return std::tie(m.request, m.digest); }
};

// "Let us do this": every field of the session's context, to be compared with what the receiver computes by itself.
struct Propose {
  static constexpr std::string_view tag = "node/propose/3";
  Bytes32 random{};  // the coordinator's contribution to the session id
  std::uint32_t attempt = 0;
  Digest cluster_digest{};
  std::uint64_t policy_version = 0;
  Digest policy_digest{};
  Digest request_digest{};  // SHA-256 of the intent
  BoundedText<64> key_id;   // hex; empty for create_key
  Digest certificate{};     // hash of the active one; zero for create_key
  Digest committee{};       // hash; of a reshare: the new one's, as is the threshold
  std::uint16_t threshold = 0;
  PartyList signers;         // of a reshare: its dealers
  std::uint64_t number = 0;  // of a reshare: its certificate's
  ClientRequest original;
  static auto fields(auto& m) {
    return std::tie(m.random, m.attempt, m.cluster_digest, m.policy_version, m.policy_digest, m.request_digest,
                    m.key_id, m.certificate, m.committee, m.threshold, m.signers, m.number, m.original);
  }
};

struct Accept {
  static constexpr std::string_view tag = "node/accept/1";
  BoundedText<40> request;
  Bytes32 random{};  // of the proposal: which attempt this answers
  static auto fields(auto& m) { return std::tie(m.request, m.random); }
};

struct Refuse {
  static constexpr std::string_view tag = "node/refuse/2";
  BoundedText<40> request;
  Bytes32 random{};
  std::uint16_t status = 0;  // as the API would answer
  BoundedText<64> code;
  BoundedText<1024> detail;
  std::uint64_t number = 0;  // number_used: the greatest that this node has signed or seen
  static auto fields(auto& m) { return std::tie(m.request, m.random, m.status, m.code, m.detail, m.number); }
};

// All have accepted: begin.
struct Begin {
  static constexpr std::string_view tag = "node/begin/1";
  SessionId sid{};
  static auto fields(auto& m) { return std::tie(m.sid); }
};

// The attempt has ended before it was finished.
struct Stop {
  static constexpr std::string_view tag = "node/stop/1";
  BoundedText<40> request;
  SessionId sid{};
  static auto fields(auto& m) { return std::tie(m.request, m.sid); }
};

// A member's end of a session, to its coordinator.
struct Report {
  static constexpr std::string_view tag = "node/report/1";
  BoundedText<40> request;
  SessionId sid{};
  bool succeeded = false;
  bool released = false;                       // the member has sent its last-round message
  BoundedSecretBytes<kMaxCertificate> result;  // sign: 64 bytes per signature; create_key: the complete certificate
  BoundedText<16> abort_kind;
  BoundedText<64> check;
  BoundedText<limits::kMaxTag> round;
  PartyList culprits;
  static auto fields(auto& m) {
    return std::tie(m.request, m.sid, m.succeeded, m.released, m.result, m.abort_kind, m.check, m.round, m.culprits);
  }
};

// How a request ended, from its coordinator to all nodes of the key. A success carries what proves it.
struct Outcome {
  static constexpr std::string_view tag = "node/outcome/3";
  BoundedText<40> request;
  ClientRequest original;
  std::uint8_t state = 0;
  BoundedText<64> code;
  BoundedText<2048> reason;
  BoundedSecretBytes<kMaxCertificate> result;  // as in Report
  PartyList signers;
  static auto fields(auto& m) {
    return std::tie(m.request, m.original, m.state, m.code, m.reason, m.result, m.signers);
  }
};

// "How did it end?": answered with an Outcome, or not at all.
struct OutcomeQuery {
  static constexpr std::string_view tag = "node/outcome_query/1";
  BoundedText<40> request;
  static auto fields(auto& m) { return std::tie(m.request); }
};

// Healing: "I lack this certificate." Answered with the sender's signature of it, or with what is in force there.
struct CertificateQuery {
  static constexpr std::string_view tag = "node/certificate_query/2";
  BoundedText<64> key_id;
  std::uint64_t number = 0;
  Digest digest{};                     // zero: of number 1, or of any of this number
  Bounded<Digest, kMaxLineage> known;  // of the certificates that the asker has had in force, oldest first
  static auto fields(auto& m) { return std::tie(m.key_id, m.number, m.digest, m.known); }
};
struct CertificateSignature {
  static constexpr std::string_view tag = "node/certificate_signature/1";
  BoundedText<64> key_id;
  std::uint64_t number = 0;
  Signature64 signature{};
  static auto fields(auto& m) { return std::tie(m.key_id, m.number, m.signature); }
};
struct CertificateComplete {
  static constexpr std::string_view tag = "node/certificate/2";
  BoundedBytes<kMaxCertificate> certificate;
  BoundedText<40> request;  // that asked for the key, …
  ClientRequest original;   // … as its client signed it
  static auto fields(auto& m) { return std::tie(m.certificate, m.request, m.original); }
};

// A complete certificate, and the request that asked for it.
struct CertificateLink {
  BoundedBytes<kMaxCertificate> certificate;
  BoundedText<40> request;
  ClientRequest original;
  static auto fields(auto& m) { return std::tie(m.certificate, m.request, m.original); }
};
// Of one key, each dealt from the one before.
inline constexpr std::size_t kMaxLinks = 16;  // in one message
struct CertificateChain {
  static constexpr std::string_view tag = "node/certificates/2";
  BoundedText<64> key_id;
  Bounded<CertificateLink, kMaxLinks> links;
  static auto fields(auto& m) { return std::tie(m.key_id, m.links); }
};

// A key is archived, or no longer. Answered, by whom it or a newer one is in force.
struct KeyStateChange {
  static constexpr std::string_view tag = "node/key_state/2";
  BoundedText<40> request;
  ClientRequest original;
  static auto fields(auto& m) { return std::tie(m.request, m.original); }
};
struct KeyStateTaken {
  static constexpr std::string_view tag = "node/key_state_taken/1";
  BoundedText<40> request;
  static auto fields(auto& m) { return std::tie(m.request); }
};

// The keys that the sender has active or archived: the receiver asks for what it lacks. Long lists come in several.
struct KeyEntry {
  BoundedText<64> key_id;
  std::uint64_t number = 0;
  Digest digest{};          // zero of number 1
  std::uint64_t stamp = 0;  // KeyStateRecord's
  static auto fields(auto& m) { return std::tie(m.key_id, m.number, m.digest, m.stamp); }
};
inline constexpr std::size_t kMaxKeyList = 1024;
struct KeyList {
  static constexpr std::string_view tag = "node/keys/3";
  Bounded<KeyEntry, kMaxKeyList> keys;
  static auto fields(auto& m) { return std::tie(m.keys); }
};

// One request in the sender's ledger of windows. `counts`: the sender takes part in it, or has; else it does not, and
// will not unless it says so again.
struct LedgerRow {
  BoundedText<40> request;
  bool counts = false;
  std::uint64_t time = 0;              // of the reservation, Unix seconds
  std::uint64_t telling = 0;           // another one whenever the sender tells of it anew; the answer names it
  Bounded<ClientRequest, 1> original;  // if it counts
  static auto fields(auto& m) { return std::tie(m.request, m.counts, m.time, m.telling, m.original); }
};
inline constexpr std::size_t kMaxLedgerRows = 256;  // in one message
// A row when it changes; or a page of what was asked for, and then the number in the sender's ledger that it comes to.
struct LedgerNews {
  static constexpr std::string_view tag = "node/ledger/1";
  Bounded<LedgerRow, kMaxLedgerRows> rows;
  bool page = false, last = false;
  std::uint64_t seq = 0, after = 0;  // of a page; `after` as it was asked
  static auto fields(auto& m) { return std::tie(m.rows, m.page, m.last, m.seq, m.after); }
};
// "I have this in mine": the answer to a row that counts.
struct NotedRow {
  BoundedText<40> request;
  std::uint64_t telling = 0;
  static auto fields(auto& m) { return std::tie(m.request, m.telling); }
};
struct LedgerNoted {
  static constexpr std::string_view tag = "node/ledger_noted/1";
  Bounded<NotedRow, kMaxLedgerRows> rows;
  static auto fields(auto& m) { return std::tie(m.rows); }
};
// "What has changed in yours after this number?"
struct LedgerQuery {
  static constexpr std::string_view tag = "node/ledger_query/1";
  std::uint64_t after = 0;
  static auto fields(auto& m) { return std::tie(m.after); }
};
// "You have been told all up to this number", or, `missed`: "something could not be sent to you, ask for it."
struct LedgerMark {
  static constexpr std::string_view tag = "node/ledger_mark/1";
  std::uint64_t seq = 0;
  bool missed = false;
  static auto fields(auto& m) { return std::tie(m.seq, m.missed); }
};

// One envelope of a node message.
template <class M>
Envelope envelope_of(const M& message) {
  Envelope e;
  e.tag = std::string(M::tag);
  e.body = encode(message);
  return e;
}

}  // namespace quorate::node
