#include "http/structured_fields.h"

#include <algorithm>

#include "base/check.h"

namespace quorate::http {
namespace {

constexpr std::size_t kMaxMembers = 8, kMaxItems = 16, kMaxParameters = 16;

// RFC 9651 §4.2, one step per function; every parse_* is false when the text is not of that form.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {
    while (!text_.empty() && text_.back() == ' ') text_.remove_suffix(1);
    skip(" ");
  }

  // §4.2.2, with one member parser for the values.
  template <class Member>
  bool dictionary(Member member) {
    std::vector<std::string> names;
    for (;;) {
      std::string name;
      if (names.size() == kMaxMembers || !key(name) || contains(names, name) || !take('=') || !member(name))
        return false;
      names.push_back(name);
      skip(" \t");
      if (at_end()) return true;
      if (!take(',')) return false;
      skip(" \t");
    }
  }

  // §4.2.1.2 and §4.2.3.2
  bool inner_list(InnerList& list) {
    const std::size_t start = position_;
    if (!take('(')) return false;
    for (;;) {
      skip(" ");
      if (take(')')) break;
      std::string item;
      if (list.items.size() == kMaxItems || !string(item)) return false;
      if (peek() != ' ' && peek() != ')') return false;
      list.items.push_back(std::move(item));
    }
    while (take(';')) {
      skip(" ");
      std::string name;
      ParameterValue value;
      if (list.parameters.size() == kMaxParameters || !key(name) || !take('=') || !parameter(value)) return false;
      for (const auto& p : list.parameters)
        if (p.first == name) return false;
      list.parameters.emplace_back(std::move(name), std::move(value));
    }
    list.text = text_.substr(start, position_ - start);
    return true;
  }

  // §4.2.7
  bool byte_sequence(Bytes& out) {
    if (!take(':')) return false;
    const std::size_t end = text_.find(':', position_);
    if (end == std::string_view::npos) return false;
    auto bytes = from_base64(text_.substr(position_, end - position_));
    if (!bytes) return false;
    out = std::move(*bytes);
    position_ = end + 1;
    return true;
  }

 private:
  static bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }
  bool at_end() const { return position_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[position_]; }
  bool take(char c) {
    if (at_end() || text_[position_] != c) return false;
    ++position_;
    return true;
  }
  void skip(std::string_view which) {
    while (!at_end() && which.find(text_[position_]) != std::string_view::npos) ++position_;
  }

  // §4.2.3.3
  bool key(std::string& out) {
    const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (!lower(peek()) && peek() != '*') return false;
    while (!at_end() &&
           (lower(peek()) || digit(peek()) || std::string_view("_-.*").find(peek()) != std::string_view::npos))
      out += text_[position_++];
    return true;
  }
  bool parameter(ParameterValue& out) {
    if (peek() == '"') {
      std::string s;
      if (!string(s)) return false;
      out = std::move(s);
      return true;
    }
    std::int64_t n = 0;
    if (!integer(n)) return false;
    out = n;
    return true;
  }
  // §4.2.5
  bool string(std::string& out) {
    if (!take('"')) return false;
    while (!at_end()) {
      const char c = text_[position_++];
      if (c == '"') return true;
      if (c == '\\') {
        if (peek() != '"' && peek() != '\\') return false;
        out += text_[position_++];
      } else if (c < 0x20 || c > 0x7e)
        return false;
      else
        out += c;
    }
    return false;
  }
  // §4.2.4
  bool integer(std::int64_t& out) {
    const bool negative = take('-');
    std::size_t digits = 0;
    while (!at_end() && peek() >= '0' && peek() <= '9') {
      if (++digits > 15) return false;
      out = out * 10 + (text_[position_++] - '0');
    }
    if (digits == 0 || peek() == '.') return false;
    if (negative) out = -out;
    return true;
  }

  std::string_view text_;
  std::size_t position_ = 0;
};

}  // namespace

std::optional<std::vector<InnerList>> parse_inner_lists(std::string_view field) {
  std::vector<InnerList> out;
  Parser parser(field);
  const bool ok = parser.dictionary([&](const std::string& name) {
    out.emplace_back().name = name;
    return parser.inner_list(out.back());
  });
  if (!ok) return std::nullopt;
  return out;
}

std::optional<std::vector<std::pair<std::string, Bytes>>> parse_byte_sequences(std::string_view field) {
  std::vector<std::pair<std::string, Bytes>> out;
  Parser parser(field);
  const bool ok = parser.dictionary([&](const std::string& name) {
    out.emplace_back().first = name;
    return parser.byte_sequence(out.back().second);
  });
  if (!ok) return std::nullopt;
  return out;
}

std::string to_sf_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    QUORATE_ASSERT(c >= 0x20 && c <= 0x7e);
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string to_sf_bytes(ByteView bytes) { return ":" + to_base64(bytes) + ":"; }

}  // namespace quorate::http
