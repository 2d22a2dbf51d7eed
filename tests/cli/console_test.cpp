#include "cli/console.h"

#include <gtest/gtest.h>

#include <sstream>

namespace quorate::cli {
namespace {

TEST(Console, ATerminalIsNeverCommandedFromOutside) {
  EXPECT_EQ(one_line("a\x1b[2Jb\r\nc\x07"), "a?[2Jb  c?");
  EXPECT_EQ(one_line("\xc2\x9b"
                     "2J"),
            "??2J");  // CSI as one C1 control
  EXPECT_EQ(one_line("\xff\xfe"), "??");
  EXPECT_EQ(one_line("ü €"), "ü €");
  EXPECT_EQ(printable("a\nb\x1b"), "a\nb?");
}

TEST(Console, OneLineIsBounded) {
  std::string text;
  for (int i = 0; i < 1'000; ++i) text += "€";
  const std::string line = one_line(text);
  EXPECT_LE(line.size(), 1'010u);
  EXPECT_EQ(printable(line), line);  // still UTF-8
}

TEST(Console, AFailureIsOneLineAndWithJsonAnObject) {
  std::ostringstream out, err;
  Console console(out, err, true);
  const Failure failure{Exit::denied, "denied", "no\nrule", Json{{"code", "denied"}, {"status", 403}}};
  console.fail(failure);
  EXPECT_EQ(err.str(), "quorate: no rule\n");
  EXPECT_EQ(out.str(), "");
  console.use_json(true);
  console.fail(failure);
  const Json json = parse_json(out.str());
  EXPECT_EQ(json["error"]["code"], "denied");
  EXPECT_EQ(json["error"]["status"], 403);
  EXPECT_EQ(json["error"]["detail"], "no rule");
}

TEST(Console, ProgressIsOnlyForTerminals) {
  std::ostringstream out, err;
  {
    Console console(out, err, false);
    const Progress progress(console, "working");
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
  }
  EXPECT_EQ(err.str(), "");
  {
    Console console(out, err, true);
    Progress progress(console, "working");
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    progress.now("resting");
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
  }
  EXPECT_NE(err.str().find("working … 0.1 s"), std::string::npos);
  EXPECT_NE(err.str().find("resting … "), std::string::npos) << err.str();
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace quorate::cli
