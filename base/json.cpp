#include "base/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "base/hash.h"

namespace quorate {
namespace {

constexpr std::int64_t kMaxSafe = (std::int64_t{1} << 53) - 1;

// Builds the value while it counts depth, values and keys; stops the parser by an exception of its own.
class StrictReader : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return add(nullptr); }
  bool boolean(bool v) override { return add(v); }
  bool number_integer(number_integer_t v) override {
    if (v < -kMaxSafe || v > kMaxSafe) fail("an integer must lie within 2^53 - 1");
    return add(v);
  }
  bool number_unsigned(number_unsigned_t v) override {
    if (v > static_cast<number_unsigned_t>(kMaxSafe)) fail("an integer must lie within 2^53 - 1");
    return add(static_cast<std::int64_t>(v));
  }
  bool number_float(number_float_t, const string_t&) override { fail("only integers are allowed; write amounts as strings"); }
  bool string(string_t& v) override { return add(std::move(v)); }
  bool binary(binary_t&) override { fail("binary values are not JSON"); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    Frame& top = stack_.back();
    if (!top.keys.insert(name).second) {
      top.name = name;
      fail("duplicate key");
    }
    top.name = std::move(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    throw JsonError(where(), "not valid JSON at byte " + std::to_string(position));
  }
  Json take() { return std::move(root_); }

 private:
  struct Frame {
    Json value;
    std::string name;
    std::set<std::string> keys;
  };
  std::string where() const {
    std::string out;
    for (const Frame& f : stack_) {
      if (f.value.is_object()) {
        if (!f.name.empty()) out += "/" + pointer_escape(f.name);
      } else out += "/" + std::to_string(f.value.size());
    }
    return out;
  }
  [[noreturn]] void fail(const std::string& what) const { throw JsonError(where(), what); }
  void count() {
    if (++values_ > limits::kMaxJsonNodes) fail("too many values");
  }
  bool add(Json v) {
    count();
    place(std::move(v));
    return true;
  }
  bool open(Json v) {
    count();
    if (stack_.size() >= limits::kMaxJsonDepth) fail("nested too deeply");
    stack_.push_back({std::move(v), {}, {}});
    return true;
  }
  bool close() {
    Json v = std::move(stack_.back().value);
    stack_.pop_back();
    place(std::move(v));
    return true;
  }
  void place(Json v) {
    if (stack_.empty()) root_ = std::move(v);
    else if (stack_.back().value.is_object()) stack_.back().value[stack_.back().name] = std::move(v);
    else stack_.back().value.push_back(std::move(v));
  }

  std::vector<Frame> stack_;
  Json root_;
  std::size_t values_ = 0;
};

void write_string(std::string& out, const std::string& s) {
  out += '"';
  for (const char c : s) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          constexpr char digits[] = "0123456789abcdef";
          out += "\\u00";
          out += digits[(c >> 4) & 15];
          out += digits[c & 15];
        } else out += c;
    }
  }
  out += '"';
}

void write(std::string& out, const Json& v) {
  switch (v.type()) {
    case Json::value_t::null: out += "null"; return;
    case Json::value_t::boolean: out += v.get<bool>() ? "true" : "false"; return;
    case Json::value_t::number_integer: out += std::to_string(v.get<std::int64_t>()); return;
    case Json::value_t::number_unsigned: out += std::to_string(v.get<std::uint64_t>()); return;
    case Json::value_t::string: write_string(out, v.get_ref<const std::string&>()); return;
    case Json::value_t::array: {
      out += '[';
      bool first = true;
      for (const Json& e : v) {
        if (!first) out += ',';
        first = false;
        write(out, e);
      }
      out += ']';
      return;
    }
    case Json::value_t::object: {
      out += '{';
      bool first = true;
      // The map is sorted by bytes, which for ASCII keys is RFC 8785's order of UTF-16 units.
      for (const auto& [name, e] : v.items()) {
        if (std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
          throw JsonError("/" + pointer_escape(name), "keys must be ASCII");
        if (!first) out += ',';
        first = false;
        write_string(out, name);
        out += ':';
        write(out, e);
      }
      out += '}';
      return;
    }
    case Json::value_t::number_float:
    case Json::value_t::binary:
    case Json::value_t::discarded: break;
  }
  QUORATE_ASSERT(false && "a JSON value that parse_json never gives");
}

}  // namespace

Json parse_json(std::string_view text) {
  // The library skips a byte-order mark and takes a NUL for the end of the text; neither is JSON, and a raw NUL is allowed nowhere in it.
  if (text.starts_with("\xef\xbb\xbf")) throw JsonError("", "a byte-order mark is not allowed");
  if (const auto nul = text.find('\0'); nul != std::string_view::npos)
    throw JsonError("", "not valid JSON at byte " + std::to_string(nul));
  StrictReader reader;
  Json::sax_parse(text.begin(), text.end(), &reader, Json::input_format_t::json, true);
  return reader.take();
}

std::string to_jcs(const Json& value) {
  std::string out;
  write(out, value);
  return out;
}

Digest jcs_digest(const Json& value) { return sha256(view_of(to_jcs(value))); }

std::string pointer_escape(std::string_view token) {
  std::string out;
  for (const char c : token) {
    if (c == '~') out += "~0";
    else if (c == '/') out += "~1";
    else out += c;
  }
  return out;
}

JsonObject::JsonObject(const Json& value, std::string pointer) : value_(value), pointer_(std::move(pointer)) {
  if (!value_.is_object()) throw JsonError(pointer_, "must be an object");
}

bool JsonObject::has(std::string_view name) const { return value_.contains(std::string(name)); }
std::string JsonObject::pointer(std::string_view name) const { return pointer_ + "/" + pointer_escape(name); }
void JsonObject::fail(std::string_view name, const std::string& what) const { throw JsonError(pointer(name), what); }

const Json& JsonObject::member(std::string_view name) {
  const auto it = value_.find(std::string(name));
  if (it == value_.end()) fail(name, "is missing");
  read_.emplace_back(name);
  return *it;
}

std::string JsonObject::text(std::string_view name, std::size_t least, std::size_t most) {
  const Json& v = member(name);
  if (!v.is_string()) fail(name, "must be a string");
  const auto& s = v.get_ref<const std::string&>();
  if (s.size() < least || s.size() > most)
    fail(name, "must have " + std::to_string(least) + " to " + std::to_string(most) + " bytes");
  return s;
}

std::int64_t JsonObject::integer(std::string_view name, std::int64_t least, std::int64_t most) {
  const Json& v = member(name);
  if (!v.is_number_integer()) fail(name, "must be an integer");
  const auto n = v.get<std::int64_t>();
  if (n < least || n > most) fail(name, "must lie between " + std::to_string(least) + " and " + std::to_string(most));
  return n;
}

bool JsonObject::boolean(std::string_view name) {
  const Json& v = member(name);
  if (!v.is_boolean()) fail(name, "must be true or false");
  return v.get<bool>();
}

const Json& JsonObject::array(std::string_view name, std::size_t most) {
  const Json& v = member(name);
  if (!v.is_array()) fail(name, "must be an array");
  if (v.size() > most) fail(name, "must have at most " + std::to_string(most) + " elements");
  return v;
}

const Json& JsonObject::object(std::string_view name) {
  const Json& v = member(name);
  if (!v.is_object()) fail(name, "must be an object");
  return v;
}

const Json& JsonObject::any(std::string_view name) { return member(name); }

void JsonObject::expect_no_more() const {
  for (const auto& [name, unused] : value_.items())
    if (std::find(read_.begin(), read_.end(), name) == read_.end()) fail(name, "is not a known field");
}

}  // namespace quorate
