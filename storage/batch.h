// A list of changes that happen all together or not at all, and what became of it.
#pragma once
#include <string>
#include <variant>
#include <vector>

#include "storage/audit.h"
#include "storage/ledger.h"
#include "storage/rows.h"

namespace quorate::storage {

// Which precondition of a batch did not hold; the whole batch then had no effect.
enum class Conflict : std::uint8_t {
  none = 0,
  exists,             // insert_request: the id is there; insert_share: another share of that number is there
  not_found,          // the row to be changed is not there
  wrong_state,        // the row is in another state than expected
  name_taken,         // reserve_name, put_key: held by another request or key
  stale_number,       // the key has this or a higher number already
  claimed,            // claim: somebody was first
  meta_differs,       // expect_meta
  other_certificate,  // the key's certificate in force is not the one that was looked at
  limit,              // reserve: a window would be exceeded; the text is the rule's id alone
  out_of_bounds,      // an empty id, a state that is unset, a record of more than limits::kMaxRecord bytes
};
std::string_view to_text(Conflict conflict);

enum class CommitStatus : std::uint8_t {
  unset = 0,
  ok,          // durable
  conflict,    // no effect; see `conflict`
  overloaded,  // not queued, no effect: limits::kMaxWriteQueue batches wait
  broken,  // the disk failed: whether the batch will be found after the next open is not known; healthy() is false from
           // now on
};

struct CommitResult {
  CommitStatus status = CommitStatus::unset;
  Conflict conflict = Conflict::none;
  std::string text;      // for the log: which row, or what the disk said
  AuditHead audit_head;  // ok: the head after this batch
  bool ok() const { return status == CommitStatus::ok; }
  static CommitResult conflicting(Conflict conflict, std::string text);
  static CommitResult breaking(std::string text);
};

// A complete certificate that follows another one of the same key, as it was decided on over what was read before
// (docs/reshare.md, Numbers).
struct Succession {
  std::string key;
  Bytes replaces;                       // the certificate in force then
  std::uint64_t number = 0;             // of the new one
  Digest digest{};                      // of its body
  Bytes certificate;                    // complete
  Bytes record;                         // the key's, from now on
  bool with_share = false;              // this node has prepared the share of that number, and is a member
  std::vector<std::uint64_t> obsolete;  // numbers of this node's shares that it ends
};

namespace op {  // the operations of a Batch; built by its member functions only

struct InsertRequest {
  RequestRow row;
};
struct PutRequest {
  RequestRow row;
};
struct UpdateRequest {
  RequestRow row;
  std::vector<RequestState> expected;
};
struct ForgetBefore {
  std::int64_t time;
};
struct ReserveName {
  std::string name, request;
};
struct ReleaseName {
  std::string name, request;
};
struct PutKey {
  KeyRow row;
};
struct SetKeyState {
  std::string key;
  KeyState expected, state;
};
struct InsertShare {
  ShareRow row;
};
struct InsertSuccessor {
  ShareRow row;
  Bytes base;
};
struct DropPrepared {
  std::string key;
  std::uint64_t number;
};
struct Activate {
  std::string key;
  std::uint64_t number;
  Bytes certificate;
};
struct Succeed {
  Succession it;
};
struct PutQuarantine {
  QuarantineRow row;
};
struct AddStrike {
  std::string key;
  std::uint64_t number;
  Digest certificate;
  std::string node;
};
struct Claim {
  std::string kind, id;
  std::int64_t forget_after;
};
struct AppendAudit {
  AuditEntry entry;
};
struct PutMeta {
  std::string name;
  SecretBytes bytes;
  std::int64_t forget_after;
};
struct EraseMeta {
  std::string name;
};
struct ExpectMeta {
  std::string name;
  std::optional<SecretBytes> bytes;
};

struct Reserve {
  LedgerReserve it;
};
struct Spend {
  std::string request;
  std::int64_t time;
};
struct Settle {
  LedgerSettle it;
};
struct Unreserve {
  std::string request;
};
struct Hear {
  LedgerHeard it;
};
struct Unhear {
  std::string request, node;
};
struct PruneLedger {
  std::int64_t now;
};

using Any = std::variant<InsertRequest, PutRequest, UpdateRequest, ForgetBefore, ReserveName, ReleaseName, PutKey,
                         SetKeyState, InsertShare, InsertSuccessor, DropPrepared, Activate, Succeed, PutQuarantine,
                         AddStrike, Claim, AppendAudit, PutMeta, EraseMeta, ExpectMeta, Reserve, Spend, Settle,
                         Unreserve, Hear, Unhear, PruneLedger>;

}  // namespace op

// Ids are not empty, records not too long, states are set: what out_of_bounds means.
bool within_bounds(const op::Any& operation);

// Operations are applied in the order in which they were added; each sees the effect of those before it.
class Batch {
 public:
  // ---- requests
  Batch& insert_request(RequestRow row);  // conflict `exists`
  Batch& put_request(RequestRow row);     // inserts or replaces
  // Replaces a row that is in one of these states; conflicts `not_found`, `wrong_state`.
  Batch& update_request(RequestRow row, std::vector<RequestState> expected);
  // Deletes final requests, claims and metas whose forget_after is set and lies before `time` (unix seconds); at most
  // limits::kMaxForgotten of each. Requests that this node has a part in stay while a window can see them.
  Batch& forget_before(std::int64_t time);

  // ---- keys and shares
  // Conflict `name_taken` when another request holds the name or a key has it. Again by the same request: no effect.
  Batch& reserve_name(std::string name, std::string request);
  Batch& release_name(std::string name, std::string request);  // no effect unless this request holds it
  // Inserts or replaces. Conflicts: `name_taken` (another key has it), `stale_number` (the stored row has a higher
  // number).
  Batch& put_key(KeyRow row);
  Batch& set_key_state(std::string key, KeyState expected, KeyState state);  // conflicts `not_found`, `wrong_state`
  // A new share, prepared: conflict `exists` for the same (key, number), `stale_number` when the key row's number is
  // not smaller.
  Batch& insert_share(ShareRow row);
  // Deletes a prepared share (one that this node has signed no certificate for). No effect if there is none;
  // `wrong_state` if it is active.
  Batch& drop_prepared(std::string key, std::uint64_t number);
  // A prepared share of a certificate whose base is in force here, given as its bytes. Only a number greater than all
  // that this node has prepared or has in force. Conflicts: `not_found` (key), `other_certificate`, `stale_number`.
  Batch& insert_successor(ShareRow row, Bytes base);
  // The first complete certificate of a prepared key: the key becomes active with it, this node's share of that number
  // likewise. Conflicts: `not_found` (key or share), `stale_number` (the key has a certificate).
  Batch& activate(std::string key, std::uint64_t number, Bytes certificate);
  // The certificate, number and record of the key change, its state does not (archived stays archived); the share of
  // that number becomes active, the obsolete ones are deleted, as are all quarantines and strikes of lesser
  // certificates. Greater prepared shares stay. Conflicts: `not_found` (key or share), `other_certificate`,
  // `stale_number` (not greater), `wrong_state` (prepared key; a share that would be neither active nor greater).
  Batch& succeed(Succession succession);

  // ---- quarantines, of one certificate of a key: they go when a later one is activated
  // Stays as it was if the same (key, certificate, by, node) is there. Conflicts: `not_found` (key), `stale_number`
  // (the key has a higher number).
  Batch& put_quarantine(QuarantineRow row);
  // One more; conflicts as above.
  Batch& add_strike(std::string key, std::uint64_t number, const Digest& certificate, std::string node);

  // ---- the ledger of windows
  // This node takes part from now on. Conflict `limit` unless every limit holds with it. Again by the same request: it
  // counts once, from now on, and every limit is looked at again.
  Batch& reserve(LedgerReserve reservation);
  // Before this node's last word. Conflict `not_found` unless this node has reserved its part.
  Batch& spend(std::string request, std::int64_t time);
  // It has happened, whoever took part, and counts for ever.
  Batch& settle(LedgerSettle settlement);
  Batch& unreserve(std::string request);  // this node's own part, while it is not spent; else no effect
  Batch& hear(LedgerHeard heard);         // another node takes part
  Batch& unhear(std::string request, std::string node);
  // Deletes what no window can see any more; at most limits::kMaxForgotten entries.
  Batch& prune_ledger(std::int64_t now);

  // ---- the rest
  // A thing that may be used once: the write is the claim. Conflict `claimed`. forget_after 0: kept for ever.
  Batch& claim(std::string kind, std::string id, std::int64_t forget_after = 0);
  Batch& append_audit(AuditEntry entry);
  // forget_after 0: kept for ever.
  Batch& put_meta(std::string name, SecretBytes bytes, std::int64_t forget_after = 0);
  Batch& erase_meta(std::string name);
  // Conflict `meta_differs` unless the meta holds exactly this (nullopt: unless there is none).
  Batch& expect_meta(std::string name, std::optional<SecretBytes> bytes);

  bool empty() const { return operations_.empty(); }
  const std::vector<op::Any>& operations() const { return operations_; }

 private:
  Batch& add(op::Any operation);
  std::vector<op::Any> operations_;
};

}  // namespace quorate::storage
