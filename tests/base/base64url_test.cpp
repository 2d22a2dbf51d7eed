#include "base/base64url.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace quorate {
namespace {

using namespace std::string_literals;

TEST(Base64Url, IsRfc4648WithoutPadding) {
  const std::pair<const char*, const char*> examples[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : examples) {
    EXPECT_EQ(to_base64url(view_of(plain)), coded);
    EXPECT_EQ(from_base64url(coded), bytes_of(plain));
  }
  EXPECT_EQ(to_base64url(Bytes{0xfb, 0xff}), "-_8");
  EXPECT_EQ(from_base64url("-_8"), (Bytes{0xfb, 0xff}));
}

TEST(Base64Url, IsStrict) {
  for (const auto& bad :
       {"Zg=="s, "Zg="s, "Zh"s, "Zm9"s, "A"s, "AAAAA"s, "+/8"s, "Zm 9"s, "Zm9v\n"s, "\nZm9v"s, "Zm9\0"s, "="s, "===="s})
    EXPECT_FALSE(from_base64url(bad)) << bad;
}

TEST(Base64Url, EveryAcceptedTextIsTheOneThatWeWrite) {
  SeededRng rng(1);
  constexpr std::string_view letters = "ABQgwZaz09-_=";
  std::size_t accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text(1 + rng.below(8), '=');
    for (auto& c : text) c = letters[rng.below(letters.size())];
    const auto bytes = from_base64url(text);
    if (!bytes) continue;
    ++accepted;
    EXPECT_EQ(to_base64url(*bytes), text);
  }
  EXPECT_GT(accepted, 1000u);
}

}  // namespace
}  // namespace quorate
