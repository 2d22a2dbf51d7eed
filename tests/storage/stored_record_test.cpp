// Records with a layout of our own: every leaf is checked, odd bytes are refused.
#include "storage/stored_record.h"

#include "tests/storage/fixture.h"

namespace quorate::storage {
namespace {

const ShareInfo kOfRecord{"aa", 5, 2, ShareState::prepared};
SecretBytes sealed() {
  return seal_share(test_identity(), {kOfRecord.key, kOfRecord.number, kOfRecord.party, kOfRecord.state,
                                      secret_bytes(view_of("secret"))});
}

TEST(StoredShare, RoundTrip) { EXPECT_EQ(text_of_secret(open_share(test_identity(), kOfRecord, sealed())), "secret"); }

// The layout of version 1 for ever.
TEST(StoredShare, KnownBytes) {
  const SecretBytes b = seal_share({"c0", "n1"}, {"aa", 5, 2, ShareState::prepared, {0xde, 0xad}});
  EXPECT_EQ(to_hex(b),
            "0001"
            "00000002"
            "6330"
            "00000002"
            "6e31"
            "00000002"
            "6161"
            "0000000000000005"
            "0002"
            "00000002"
            "dead");
}

TEST(StoredShare, EveryHeaderByteCounts) {
  const SecretBytes good = sealed();
  const std::size_t header = good.size() - 6;  // the blob itself is SQLCipher's to authenticate
  for (std::size_t i = 0; i < header; ++i) {
    SecretBytes bad = good;
    bad[i] ^= 1;
    EXPECT_THROW(open_share(test_identity(), kOfRecord, bad), StorageCorrupt) << i;
  }
}

TEST(StoredShare, EveryPrefixAndMoreIsRefused) {
  const SecretBytes good = sealed();
  for (std::size_t n = 0; n < good.size(); ++n)
    EXPECT_THROW(open_share(test_identity(), kOfRecord, ByteView(good).first(n)), StorageCorrupt) << n;
  SecretBytes more = good;
  more.push_back(0);
  EXPECT_THROW(open_share(test_identity(), kOfRecord, more), StorageCorrupt);
}

LedgerEntry sample_entry_of_ledger() {
  LedgerEntry entry;
  entry.others = {"n2", "n3"};
  entry.parts = {{"s", {}}, {"t", {}}};
  entry.parts[0].amount[31] = 1;
  entry.parts[1].amount[0] = 2;
  return entry;
}

// The layout of version 1 for ever.
TEST(LedgerRecord, KnownBytes) {
  const Bytes b = seal_ledger_record(sample_entry_of_ledger());
  EXPECT_EQ(to_hex(b),
            "0001"
            "00000002"
            "00000002"
            "6e32"
            "00000002"
            "6e33"
            "00000002"
            "00000001"
            "73"
            "0000000000000000000000000000000000000000000000000000000000000001"
            "00000001"
            "74"
            "0200000000000000000000000000000000000000000000000000000000000000");
  LedgerEntry read;
  open_ledger_record(read, b);
  EXPECT_EQ(read, sample_entry_of_ledger());
}

TEST(LedgerRecord, EveryPrefixAndMoreIsRefused) {
  const Bytes good = seal_ledger_record(sample_entry_of_ledger());
  LedgerEntry entry;
  for (std::size_t n = 0; n < good.size(); ++n)
    EXPECT_THROW(open_ledger_record(entry, ByteView(good).first(n)), StorageCorrupt) << n;
  Bytes more = good;
  more.push_back(0);
  EXPECT_THROW(open_ledger_record(entry, more), StorageCorrupt);
}

TEST(Kdf, Bounds) {
  KdfRecord r;
  r.passes = 3;
  r.memory_bytes = 64 << 20;
  EXPECT_EQ(parse_kdf(encode(r)).memory_bytes, r.memory_bytes);
  const auto refused = [&](auto change) {
    KdfRecord bad = r;
    change(bad);
    EXPECT_THROW(parse_kdf(encode(bad)), Malformed);
  };
  refused([](KdfRecord& b) { b.magic = 1; });
  refused([](KdfRecord& b) { b.version = 2; });
  refused([](KdfRecord& b) { b.passes = 0; });
  refused([](KdfRecord& b) { b.passes = 17; });
  refused([](KdfRecord& b) { b.memory_bytes = 1 << 20; });
  refused([](KdfRecord& b) { b.memory_bytes = std::uint64_t{2} << 30; });
  EXPECT_THROW(parse_kdf({}), Malformed);
}

TEST(CursorText, StrictAndInvertible) {
  for (const Cursor& c : {Cursor{0, ""}, Cursor{-5, "x"}, Cursor{INT64_MAX, "req_" + std::string(32, 'f')}})
    EXPECT_EQ(Cursor::parse(c.to_text()), c);
  for (const char* bad : {"", "00", "zz00000000000000", "000000000000000", "000000000000000000", "0000000000000000ff"})
    EXPECT_FALSE(Cursor::parse(bad)) << bad;
  EXPECT_FALSE(Cursor::parse(std::string(2 * (9 + limits::kMaxStoredName), '6')));
}

TEST(StateText, AllStatesBothWays) {
  for (int i = 1; i <= 10; ++i) {
    const auto s = static_cast<RequestState>(i);
    EXPECT_EQ(parse_request_state(to_text(s)), s);
  }
  EXPECT_FALSE(parse_request_state("unset"));
  EXPECT_FALSE(parse_request_state("Failed"));
}

}  // namespace
}  // namespace quorate::storage
