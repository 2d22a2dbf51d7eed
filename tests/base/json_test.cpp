#include "base/json.h"

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/hash.h"

namespace quorate {
namespace {

using namespace std::string_literals;

// The pointer of the error, or "no error".
std::string pointer_of(std::string_view text) {
  try {
    parse_json(text);
  } catch (const JsonError& e) {
    return e.pointer;
  }
  return "no error";
}

TEST(Json, ReadsWhatIsJson) {
  EXPECT_EQ(to_jcs(parse_json(R"( {"b" : [1, -2, true, false, null, "x"], "a": {}} )")),
            R"({"a":{},"b":[1,-2,true,false,null,"x"]})");
  EXPECT_EQ(to_jcs(parse_json("9007199254740991")), "9007199254740991");
  EXPECT_EQ(to_jcs(parse_json("-9007199254740991")), "-9007199254740991");
  EXPECT_EQ(to_jcs(parse_json("\"\"")), "\"\"");
}

struct Refused {
  const char* name;
  std::string text;
};
void PrintTo(const Refused& r, std::ostream* os) { *os << r.name; }
class JsonRefuses : public testing::TestWithParam<Refused> {};

TEST_P(JsonRefuses, It) { EXPECT_THROW(parse_json(GetParam().text), JsonError); }

INSTANTIATE_TEST_SUITE_P(  // attack 54
    All, JsonRefuses,
    testing::Values(
        Refused{"nothing", ""}, Refused{"white_space", "  \n"}, Refused{"word", "yes"},
        Refused{"single_quotes", "{'a':1}"}, Refused{"trailing_comma", "[1,]"},
        Refused{"trailing_comma_in_object", R"({"a":1,})"}, Refused{"trailing_garbage", "{} x"},
        Refused{"two_values", "{}{}"}, Refused{"comment", "{} // x"}, Refused{"block_comment", "/* x */ {}"},
        Refused{"byte_order_mark", "\xef\xbb\xbf{}"}, Refused{"utf16_byte_order_mark", "\xff\xfe{}"},
        Refused{"nul_after_the_value", "{}\0"s}, Refused{"garbage_behind_a_nul", "{}\0garbage"s},
        Refused{"nul_before_the_value", "\0{}"s}, Refused{"nul_between_tokens", "[1\0,2]"s},
        Refused{"nul_in_a_string", "\"a\0b\""s}, Refused{"control_character_in_a_string", "\"a\nb\""},
        Refused{"float", "1.5"}, Refused{"float_that_is_whole", "1.0"}, Refused{"exponent", "1e2"},
        Refused{"negative_exponent", "100e-2"}, Refused{"infinite", "1e999"}, Refused{"nan", "NaN"},
        Refused{"infinity", "Infinity"}, Refused{"plus", "+1"}, Refused{"leading_zero", "01"},
        Refused{"bare_minus", "-"}, Refused{"hex_number", "0x10"}, Refused{"two_to_53", "9007199254740992"},
        Refused{"minus_two_to_53", "-9007199254740992"}, Refused{"two_to_63", "9223372036854775808"},
        Refused{"two_to_64", "18446744073709551616"}, Refused{"forty_digits", std::string(40, '9')},
        Refused{"duplicate_key", R"({"a":1,"a":1})"}, Refused{"duplicate_key_deeper", R"([{"b":{"a":1,"c":2,"a":3}}])"},
        Refused{"duplicate_key_by_escape", R"({"a":1,"\u0061":2})"}, Refused{"duplicate_empty_key", R"({"":1,"":2})"},
        Refused{"lone_high_surrogate", R"("\ud800")"}, Refused{"lone_low_surrogate", R"("\udc00")"},
        Refused{"surrogates_the_wrong_way_round", R"("\udc00\ud800")"},
        Refused{"high_surrogate_and_a_letter", R"("\ud800x")"}, Refused{"surrogate_in_utf8", "\"\xed\xa0\x80\""},
        Refused{"overlong_utf8", "\"\xc0\x80\""}, Refused{"truncated_utf8", "\"\xe2\x82\""},
        Refused{"latin_1", "\"\xe9\""}, Refused{"bad_escape", R"("\x41")"}, Refused{"short_escape", R"("\u41")"},
        Refused{"open_string", "\"abc"}, Refused{"open_array", "[1,2"}, Refused{"open_object", R"({"a":1)"},
        Refused{"key_without_a_value", R"({"a"})"}, Refused{"number_as_key", "{1:2}"}),
    [](const auto& instance) { return instance.param.name; });

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(Json, DepthIsSixteen) {
  EXPECT_NO_THROW(parse_json(nested(16)));
  EXPECT_THROW(parse_json(nested(17)), JsonError);
  std::string objects;
  for (int i = 0; i < 17; ++i) objects += R"({"a":)";
  EXPECT_THROW(parse_json(objects + "1" + std::string(17, '}')), JsonError);
}

TEST(Json, AHundredThousandBracketsCostNothing) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) {
    EXPECT_THROW(parse_json(std::string(100'000, '[')), JsonError);
    EXPECT_THROW(parse_json(nested(100'000)), JsonError);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(Json, TheNumberOfValuesIsBounded) {
  std::string text = "[0";
  for (std::size_t i = 2; i < limits::kMaxJsonNodes; ++i) text += ",0";
  EXPECT_NO_THROW(parse_json(text + "]"));  // with the array itself: exactly as many as are allowed
  EXPECT_THROW(parse_json(text + ",0]"), JsonError);
}

TEST(Json, ErrorsPointAtTheValue) {
  EXPECT_EQ(pointer_of(R"({"a":{"b":[1,2.5]}})"), "/a/b/1");
  EXPECT_EQ(pointer_of(R"({"a":{"b":1,"b":2}})"), "/a/b");
  EXPECT_EQ(pointer_of(R"([[],[1,1e1]])"), "/1/1");
  EXPECT_EQ(pointer_of(R"({"x/y":{"~":1.5}})"), "/x~1y/~0");
  EXPECT_EQ(pointer_of("1.5"), "");
  EXPECT_EQ(pointer_escape("a/b~c"), "a~1b~0c");
}

// RFC 8785 §3.2.2, with the keys' order and the escapes that its examples show.
TEST(Jcs, IsRfc8785) {
  EXPECT_EQ(
      to_jcs(parse_json(R"({"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]})")),
      R"({"literals":[null,true,false],"string":"€$\u000f\nA'B\"\\\\\"/"})");
  EXPECT_EQ(to_jcs(parse_json(R"({"peach":"x","\u0031":1,"1 ":2,"10":3,"2":4,"A":5,"a":6,"":7})")),
            R"({"":7,"1":1,"1 ":2,"10":3,"2":4,"A":5,"a":6,"peach":"x"})");
  EXPECT_EQ(to_jcs(parse_json(R"("\u0000\u0001\b\t\n\u000b\f\r\u001f\u007f\ud83d\ude00")")),
            "\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f\x7f\xf0\x9f\x98\x80\"");
  EXPECT_EQ(to_jcs(parse_json("-0")), "0");
  EXPECT_EQ(to_jcs(parse_json("[56,{\"d\":true,\"10\":null,\"1\":[ ]}]")), R"([56,{"1":[],"10":null,"d":true}])");
}

TEST(Jcs, KeysAreAscii) { EXPECT_THROW(to_jcs(parse_json(R"({"é":1})")), JsonError); }

TEST(Jcs, IsAFixedPointAndItsDigestIsSha256) {
  const Json value = parse_json(R"({ "b":[ {"z":"\u00e9"} ], "a":-7 })");
  EXPECT_EQ(to_jcs(parse_json(to_jcs(value))), to_jcs(value));
  EXPECT_EQ(jcs_digest(parse_json("{}")), sha256(view_of("{}")));
  EXPECT_EQ(to_hex(jcs_digest(parse_json(" { } "))),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
}

std::string failure(const std::function<void(JsonObject&)>& read, std::string_view text) {
  const Json json = parse_json(text);
  try {
    JsonObject object(json, "/at");
    read(object);
  } catch (const JsonError& e) {
    return e.pointer;
  }
  return "no error";
}

TEST(JsonObject, ReadsMembersAndNamesTheOneThatIsWrong) {
  const auto text = [](JsonObject& o) { o.text("m", 2, 4); };
  EXPECT_EQ(failure(text, R"({"m":"abcd"})"), "no error");
  for (const char* bad :
       {R"({})", R"({"m":1})", R"({"m":"a"})", R"({"m":"abcde"})", R"({"m":null})", R"({"m":["ab"]})"})
    EXPECT_EQ(failure(text, bad), "/at/m") << bad;
  const auto integer = [](JsonObject& o) { o.integer("m", -1, 5); };
  EXPECT_EQ(failure(integer, R"({"m":-1})"), "no error");
  EXPECT_EQ(failure(integer, R"({"m":5})"), "no error");
  for (const char* bad : {R"({})", R"({"m":"1"})", R"({"m":-2})", R"({"m":6})", R"({"m":true})"})
    EXPECT_EQ(failure(integer, bad), "/at/m") << bad;
  const auto boolean = [](JsonObject& o) { o.boolean("m"); };
  EXPECT_EQ(failure(boolean, R"({"m":false})"), "no error");
  for (const char* bad : {R"({})", R"({"m":0})", R"({"m":"true"})"}) EXPECT_EQ(failure(boolean, bad), "/at/m") << bad;
  const auto array = [](JsonObject& o) { o.array("m", 2); };
  EXPECT_EQ(failure(array, R"({"m":[1,2]})"), "no error");
  for (const char* bad : {R"({})", R"({"m":{}})", R"({"m":[1,2,3]})"}) EXPECT_EQ(failure(array, bad), "/at/m") << bad;
  const auto object = [](JsonObject& o) { o.object("m"); };
  EXPECT_EQ(failure(object, R"({"m":{}})"), "no error");
  for (const char* bad : {R"({})", R"({"m":[]})", R"({"m":"{}"})"}) EXPECT_EQ(failure(object, bad), "/at/m") << bad;
  EXPECT_EQ(failure([](JsonObject& o) { o.any("x/y"); }, "{}"), "/at/x~1y");
}

TEST(JsonObject, RefusesWhatNobodyAskedFor) {
  const auto read = [](JsonObject& o) {
    o.any("a");
    o.expect_no_more();
  };
  EXPECT_EQ(failure(read, R"({"a":1})"), "no error");
  EXPECT_EQ(failure(read, R"({"a":1,"b":2})"), "/at/b");
  EXPECT_EQ(failure([](JsonObject& o) { o.has("a"), o.expect_no_more(); }, R"({"a":1})"), "/at/a")
      << "has() is no reading";
}

TEST(JsonObject, IsAnObject) {
  for (const char* bad : {"[]", "1", "null", R"("x")"}) EXPECT_EQ(failure([](JsonObject&) {}, bad), "/at") << bad;
}

}  // namespace
}  // namespace quorate
