#include "storage/rows.h"

#include "base/check.h"

namespace quorate::storage {

std::string_view to_text(RequestState state) {
  switch (state) {
    case RequestState::unset:
      return "unset";
    case RequestState::pending_approval:
      return "pending_approval";
    case RequestState::queued:
      return "queued";
    case RequestState::running:
      return "running";
    case RequestState::scheduled:
      return "scheduled";
    case RequestState::succeeded:
      return "succeeded";
    case RequestState::denied:
      return "denied";
    case RequestState::rejected:
      return "rejected";
    case RequestState::expired:
      return "expired";
    case RequestState::cancelled:
      return "cancelled";
    case RequestState::failed:
      return "failed";
  }
  QUORATE_ASSERT(false && "a request state outside its enum");
}

std::optional<RequestState> parse_request_state(std::string_view text) {
  for (auto s = RequestState::pending_approval; s <= RequestState::failed;
       s = static_cast<RequestState>(static_cast<int>(s) + 1))
    if (to_text(s) == text) return s;
  return std::nullopt;
}

bool is_open(RequestState state) { return state >= RequestState::pending_approval && state <= RequestState::scheduled; }

std::string_view to_text(KeyState state) {
  switch (state) {
    case KeyState::unset:
      return "unset";
    case KeyState::prepared:
      return "prepared";
    case KeyState::active:
      return "active";
    case KeyState::archived:
      return "archived";
  }
  QUORATE_ASSERT(false && "a key state outside its enum");
}

// Hex of the 8-byte time and the id.
std::string Cursor::to_text() const {
  Bytes b;
  for (int shift = 56; shift >= 0; shift -= 8)
    b.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(time) >> shift));
  b.insert(b.end(), id.begin(), id.end());
  return to_hex(b);
}

std::optional<Cursor> Cursor::parse(std::string_view text) {
  if (text.size() > 2 * (8 + limits::kMaxStoredName)) return std::nullopt;
  const auto b = from_hex(text);
  if (!b || b->size() < 8) return std::nullopt;
  std::uint64_t t = 0;
  for (std::size_t i = 0; i < 8; ++i) t = (t << 8) | (*b)[i];
  const Cursor cursor{static_cast<std::int64_t>(t), std::string(b->begin() + 8, b->end())};
  if (!is_valid_utf8(cursor.id) || cursor.id.find('\0') != std::string::npos) return std::nullopt;
  return cursor;
}

}  // namespace quorate::storage
