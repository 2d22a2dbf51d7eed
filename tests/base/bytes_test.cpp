#include "base/bytes.h"

#include <gtest/gtest.h>

#include <set>

#include "base/clock.h"
#include "base/hash.h"
#include "base/rng.h"

namespace quorate {
namespace {

using namespace std::string_literals;

TEST(Hex, RoundTrips) {
  EXPECT_EQ(to_hex(Bytes{0x00, 0x7f, 0xff}), "007fff");
  EXPECT_EQ(to_hex({}), "");
  EXPECT_EQ(from_hex("007FfF"), (Bytes{0x00, 0x7f, 0xff}));
  EXPECT_EQ(from_hex(""), Bytes{});
  EXPECT_EQ(array_from_hex<2>("0102"), (ByteArray<2>{1, 2}));
}

TEST(Hex, IsStrict) {
  for (const auto& bad : {"0"s, "000"s, "0g"s, "0x00"s, " 00"s, "00 "s, "0 0 "s, "00:11"s, "00\n0"s, "\0\0"s})
    EXPECT_FALSE(from_hex(bad)) << bad;
  for (const auto& bad : {""s, "00"s, "000000"s, "zzzz"s}) EXPECT_FALSE(array_from_hex<2>(bad)) << bad;
}

TEST(Base64, IsRfc4648) {  // §10
  const std::pair<const char*, const char*> examples[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : examples) {
    EXPECT_EQ(to_base64(view_of(plain)), coded);
    EXPECT_EQ(from_base64(coded), bytes_of(plain));
  }
  EXPECT_EQ(to_base64(Bytes{0xfb, 0xff}), "+/8=");
}

TEST(Base64, IsStrict) {
  for (const auto& bad : {"Zg"s, "Zg="s, "Zg==="s, "Zh=="s, "Zm9="s, "Zg==Zg=="s, "===="s, "Z==="s, "=Zg="s, "Zm 9"s,
                          "Zm9v\n"s, "Zm9v\nZm9"s, "-_8="s, "Zm9vYg==\n"s, "Zm9\0"s, "A"s, "AA=A"s})
    EXPECT_FALSE(from_base64(bad)) << bad;
}

TEST(Base64, EveryAcceptedTextIsTheOneThatWeWrite) {
  SeededRng rng(1);
  constexpr std::string_view letters = "ABZaz09+/==";
  std::size_t accepted = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string text(4 * (1 + rng.below(2)), '=');
    for (auto& c : text) c = letters[rng.below(letters.size())];
    const auto bytes = from_base64(text);
    if (!bytes) continue;
    ++accepted;
    EXPECT_EQ(to_base64(*bytes), text);
  }
  EXPECT_GT(accepted, 1000u);
}

TEST(Bytes, EqualConstantTime) {
  EXPECT_TRUE(equal_constant_time(Bytes{1, 2}, Bytes{1, 2}));
  EXPECT_TRUE(equal_constant_time({}, {}));
  EXPECT_FALSE(equal_constant_time(Bytes{1, 2}, Bytes{1, 3}));
  EXPECT_FALSE(equal_constant_time(Bytes{1, 2}, Bytes{1}));
}

TEST(Utf8, AcceptsWhatUnicodeAllows) {
  for (const auto& good : {""s, "abc"s, "é"s, "€"s, "😀"s, "\0"s, "\xed\x9f\xbf"s, "\xee\x80\x80"s, "\xf4\x8f\xbf\xbf"s})
    EXPECT_TRUE(is_valid_utf8(good));
}

TEST(Utf8, RefusesTheRest) {
  for (const auto& bad : {"\x80"s, "\xc0\x80"s, "\xc1\xbf"s, "\xc3"s, "\xc3("s, "\xe0\x80\x80"s, "\xe0\x9f\xbf"s,
                          "\xed\xa0\x80"s, "\xed\xbf\xbf"s, "\xe2\x82"s, "\xf0\x8f\xbf\xbf"s, "\xf4\x90\x80\x80"s,
                          "\xf5\x80\x80\x80"s, "\xff"s, "\xf0\x9f\x98"s, "a\xe9z"s})
    EXPECT_FALSE(is_valid_utf8(bad)) << to_hex(view_of(bad));
}

TEST(Hash, Sha256IsFips180) {
  EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256(view_of("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

Digest list(std::initializer_list<std::string_view> texts) {
  std::vector<ByteView> parts;
  for (const auto t : texts) parts.push_back(view_of(t));
  return sha256_list(parts);
}

TEST(Hash, AListIsCountedAndItsPartsHaveTheirLengths) {  // attack 1
  const std::string one = "\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\3abc"s;
  EXPECT_EQ(list({"abc"}), sha256(view_of(one)));
  const std::set<Digest> all{list({}),          list({""}),        list({"", ""}),
                             list({"ab", "c"}), list({"a", "bc"}), list({"abc"}),
                             list({"abc", ""}), list({"", "abc"}), list({"a", "b", "c"})};
  EXPECT_EQ(all.size(), 9u);
}

TEST(Rng, ASeedGivesChaCha20) {  // the key stream of the all-zero key, nonce and counter
  SeededRng rng(Bytes32{});
  EXPECT_EQ(to_hex(rng.bytes<32>()), "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7");
}

TEST(Rng, TheSameSeedGivesTheSameBytesHoweverTheyAreAsked) {
  SeededRng a(7), b(7), c(8);
  Bytes at_once(3000), in_pieces(3000), other(3000);
  a.fill(at_once);
  for (std::size_t i = 0; i < 3000;) {
    const std::size_t n = std::min<std::size_t>(1 + i % 97, 3000 - i);
    b.fill(std::span(in_pieces).subspan(i, n));
    i += n;
  }
  c.fill(other);
  EXPECT_EQ(at_once, in_pieces);
  EXPECT_NE(at_once, other);
}

TEST(Rng, BelowIsInRangeAndReachesAll) {
  SeededRng rng(3);
  for (const std::uint64_t n : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{3}, std::uint64_t{10}}) {
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 500; ++i) seen.insert(rng.below(n));
    EXPECT_EQ(seen.size(), n);
    EXPECT_LT(*seen.rbegin(), n);
  }
  for (int i = 0; i < 100; ++i) EXPECT_LT(rng.below((std::uint64_t{1} << 63) + 1), (std::uint64_t{1} << 63) + 1);
}

// Gives numbers that it was told to give.
class ScriptedRng final : public Rng {
 public:
  std::vector<std::uint64_t> numbers;
  void fill(std::span<std::uint8_t> out) override {
    ASSERT_EQ(out.size(), 8u);
    ASSERT_FALSE(numbers.empty());
    std::memcpy(out.data(), &numbers.front(), 8);
    numbers.erase(numbers.begin());
  }
};

TEST(Rng, BelowRejectsTheUnevenEnd) {
  ScriptedRng rng;
  rng.numbers = {UINT64_MAX, UINT64_MAX - 1, 7};  // 2^64 - 1 = 10·k + 5
  EXPECT_EQ(rng.below(10), (UINT64_MAX - 1) % 10 == 4 ? 7u : 0u);
  EXPECT_TRUE(rng.numbers.empty());
}

TEST(RngDeathTest, BelowZeroIsOurBug) {
  SeededRng rng(1);
  EXPECT_DEATH(rng.below(0), "internal error");
}

TEST(Rng, TheSystemsGeneratorFills) {
  SystemRng rng;
  EXPECT_NE(rng.bytes<32>(), rng.bytes<32>());
  EXPECT_NE(rng.secret<32>().expose(), Bytes32{});
}

TEST(Clock, Rfc3339RoundTrips) {
  EXPECT_EQ(to_rfc3339(from_unix_seconds(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(from_unix_seconds(1709210096)), "2024-02-29T12:34:56Z");
  EXPECT_EQ(to_rfc3339(from_unix_seconds(1709210096) + Millis(999)), "2024-02-29T12:34:56Z");
  for (const std::int64_t t : {INT64_C(0), INT64_C(951782400), INT64_C(1767225599), INT64_C(4102444800)})
    EXPECT_EQ(from_rfc3339(to_rfc3339(from_unix_seconds(t))), from_unix_seconds(t));
}

TEST(Clock, Rfc3339IsStrict) {
  for (const auto& bad :
       {""s, "2024-02-30T00:00:00Z"s, "2023-02-29T00:00:00Z"s, "2024-13-01T00:00:00Z"s, "2024-00-01T00:00:00Z"s,
        "2024-01-00T00:00:00Z"s, "2024-01-01T24:00:00Z"s, "2024-01-01T00:60:00Z"s, "2024-01-01T00:00:60Z"s,
        "2024-01-01 00:00:00Z"s, "2024-01-01t00:00:00z"s, "2024-01-01T00:00:00"s, "2024-01-01T00:00:00.0Z"s,
        "2024-01-01T00:00:00+00:00"s, "2024-1-1T00:00:00Z"s, " 2024-01-01T00:00:00Z"s, "+024-01-01T00:00:00Z"s,
        "2024-01-01T-1:00:00Z"s})
    EXPECT_FALSE(from_rfc3339(bad)) << bad;
}

TEST(Clock, WholeSecondsRoundDown) {
  EXPECT_EQ(unix_seconds(from_unix_seconds(5) + Millis(999)), 5);
  EXPECT_EQ(unix_seconds(WallTime(Millis(-1))), -1);
}

TEST(Clock, TheManualClockMovesWhenTold) {
  ManualClock clock(from_unix_seconds(100));
  const SteadyTime before = clock.steady();
  clock.advance(Millis(1500));
  EXPECT_EQ(unix_seconds(clock.wall()), 101);
  EXPECT_EQ(clock.steady() - before, Millis(1500));
  clock.jump_wall(Seconds(-86400));
  EXPECT_EQ(clock.steady() - before, Millis(1500));
}

}  // namespace
}  // namespace quorate
