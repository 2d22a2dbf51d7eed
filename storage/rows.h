// What a node keeps. Storage knows only what it must look up or enforce; `record`, `blob` and `bytes` are opaque to it.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/secret.h"

namespace quorate::storage {

// The states of api.md, "Mutations are requests". The numbers are stored: never reuse one.
enum class RequestState : std::uint8_t {
  unset = 0,
  pending_approval = 1,
  queued = 2,
  running = 3,
  scheduled = 4,
  succeeded = 5,
  denied = 6,
  rejected = 7,
  expired = 8,
  cancelled = 9,
  failed = 10,
};
std::string_view to_text(RequestState state);
std::optional<RequestState> parse_request_state(std::string_view text);
// Work may still happen for it: pending_approval, queued, running, scheduled.
bool is_open(RequestState state);

struct RequestRow {
  std::string id;    // "req_" + 32 hex digits
  std::string kind;  // api.md: create_key, sign, …
  RequestState state = RequestState::unset;
  std::string user;  // who asked
  std::string key;   // id or name of the key as the request names it, or empty
  Digest content_digest{};
  std::int64_t created = 0;       // unix seconds
  std::int64_t expires = 0;       // unix seconds
  std::int64_t forget_after = 0;  // unix seconds; an open request is never forgotten
  SecretBytes record;             // node's own encoding, at most limits::kMaxRecord bytes
};

// What GET /v1/requests filters by; an absent member matches everything.
struct RequestFilter {
  std::optional<RequestState> state;
  std::optional<std::string> kind, key, user;
};

enum class KeyState : std::uint8_t { unset = 0, prepared = 1, active = 2, archived = 3 };
std::string_view to_text(KeyState state);

struct KeyRow {
  std::string id;         // lower-case hex
  std::string name;       // unique on this node
  std::string algorithm;  // api.md's name
  KeyState state = KeyState::unset;
  std::uint64_t number = 0;  // of the certificate in force (the epoch); 0 while prepared
  Bytes certificate;         // the complete certificate in force, public; empty while prepared
  Bytes record;              // whatever else node keeps about the key, public
};

enum class ShareState : std::uint8_t { unset = 0, prepared = 1, active = 2 };

// One key share of this node. At most one per (key, number) and at most one active per key.
struct ShareRow {
  std::string key;
  std::uint64_t number = 0;  // of the certificate that it belongs to
  std::uint16_t party = 0;   // the index of this node in that committee, 1..32
  ShareState state = ShareState::unset;
  SecretBytes blob;
  Bytes record{};  // whatever else node keeps about the share, public
};

// A share without its secret.
struct ShareInfo {
  std::string key;
  std::uint64_t number = 0;
  std::uint16_t party = 0;
  ShareState state = ShareState::unset;
  Bytes record{};
};

// One node's refusal to put values into ECDSA's OT extension with another one, for the life of a certificate. This
// node's own are those where `by` is its name; the others are what other nodes have announced.
struct QuarantineRow {
  std::string key;
  std::uint64_t number = 0;  // of the certificate
  Digest certificate{};
  std::string by, node;    // who refuses whom
  std::int64_t since = 0;  // unix seconds
  std::string reason;
  ByteArray<64> signature{};  // by's over all of the above; node checks it
};

struct MetaRow {
  std::string name;
  SecretBytes bytes;
};

// Where a list goes on. Its text is opaque to clients.
struct Cursor {
  std::int64_t time = 0;
  std::string id;
  std::string to_text() const;
  static std::optional<Cursor> parse(std::string_view text);
  friend bool operator==(const Cursor&, const Cursor&) = default;
};

// Of the records in one page of requests: a page is shorter than asked for rather than larger than this and one record.
inline constexpr std::size_t kMaxPageBytes = 4 * 1024 * 1024;

template <class Row>
struct Page {
  std::vector<Row> items;
  std::optional<Cursor> next;  // absent: this was the last page
};

}  // namespace quorate::storage
