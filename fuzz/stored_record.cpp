// Every stored record with a layout of our own, and the cursor that clients send back. A record that decodes must
// encode to the same bytes.
#include "storage/stored_record.h"

#include "base/check.h"
#include "storage/database_key.h"

using namespace quorate;
using namespace quorate::storage;

namespace {

template <class Record>
void round_trip(ByteView bytes) {
  try {
    const SecretBytes again = encode(decode<Record>(bytes));
    QUORATE_ASSERT(equal_constant_time(again, bytes));
  } catch (const Malformed&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView bytes(data + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      round_trip<StoredShare>(bytes);
      break;
    case 1:
      round_trip<KdfRecord>(bytes);
      round_trip<LedgerRecord>(bytes);
      break;
    case 2:
      try {
        open_share({"c", "n"}, {"k", 1, 1, ShareState::active}, bytes);
      } catch (const StorageCorrupt&) {
      }
      try {
        LedgerEntry entry;
        open_ledger_record(entry, bytes);
      } catch (const StorageCorrupt&) {
      }
      try {
        parse_kdf(bytes);
      } catch (const Malformed&) {
      }
      break;
    case 3:
      if (const auto cursor = Cursor::parse(text_of(bytes))) QUORATE_ASSERT(Cursor::parse(cursor->to_text()) == cursor);
      break;
    case 4:
      try {
        parse_database_key(bytes, "input");
      } catch (const StorageError&) {
      }
      break;
  }
  return 0;
}
