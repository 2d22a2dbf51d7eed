// JSON from outside, read strictly, and its canonical form (JCS, RFC 8785).
#pragma once
#include <functional>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/limits.h"

namespace quorate {

using Json = nlohmann::json;

// What is wrong with a document, and where: `pointer` is an RFC 6901 JSON pointer ("" is the whole).
struct JsonError : std::runtime_error {
  std::string pointer;
  JsonError(std::string where, const std::string& what) : std::runtime_error(what), pointer(std::move(where)) {}
};

// Refuses with JsonError: syntax errors, anything after the value, depth > kMaxJsonDepth, > kMaxJsonNodes values, duplicate keys, numbers
// that are not integers within ±(2^53−1), invalid UTF-8, unpaired surrogates. Bounded in stack and memory for any input.
Json parse_json(std::string_view text);

// RFC 8785. Keys must be ASCII and numbers integers (parse_json gives no others).
std::string to_jcs(const Json& value);
Digest jcs_digest(const Json& value);  // SHA-256 of to_jcs

// Reads an object's members one by one and refuses what it was not asked for:
//   JsonObject body(json, "");
//   const auto name = body.text("name", 1, 63);
//   const auto threshold = body.integer("threshold", 2, 32);
//   body.expect_no_more();
// Every member function throws JsonError with the pointer of the member that is missing, unknown or wrong.
class JsonObject {
 public:
  JsonObject(const Json& value, std::string pointer);

  bool has(std::string_view name) const;
  std::string text(std::string_view name, std::size_t least, std::size_t most);
  std::int64_t integer(std::string_view name, std::int64_t least, std::int64_t most);
  bool boolean(std::string_view name);
  const Json& array(std::string_view name, std::size_t most);
  const Json& object(std::string_view name);
  const Json& any(std::string_view name);
  std::string pointer(std::string_view name) const;  // of a member
  [[noreturn]] void fail(std::string_view name, const std::string& what) const;
  void expect_no_more() const;

 private:
  const Json& member(std::string_view name);
  const Json& value_;
  std::string pointer_;
  std::vector<std::string> read_;
};

std::string pointer_escape(std::string_view token);  // RFC 6901 §3

}  // namespace quorate
