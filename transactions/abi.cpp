#include "transactions/abi.h"

#include <algorithm>

#include "transactions/typed_data.h"

namespace quorate::transactions {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// What stands at the beginning of `text` is taken from it; false: it is something else.
bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}
std::string_view take_word(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), [](char c) { return is_letter(c) || is_digit(c); });
  const std::string_view word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(word.size());
  return word;
}
bool take_tuple(std::string_view& text);
bool take_type(std::string_view& text) {
  if (text.starts_with('(')) {
    if (!take_tuple(text)) return false;
  } else {
    const std::string_view name = take_word(text);
    if (!is_atomic_type(name) && name != "function") return false;
  }
  while (take(text, '[')) {
    const std::string_view size = take_word(text);
    if (!std::all_of(size.begin(), size.end(), is_digit) || size.starts_with('0') || !take(text, ']')) return false;
  }
  return true;
}
bool take_tuple(std::string_view& text) {
  if (!take(text, '(')) return false;
  if (take(text, ')')) return true;
  do
    if (!take_type(text)) return false;
  while (take(text, ','));
  return take(text, ')');
}

}  // namespace

bool is_function_signature(std::string_view text) {
  return !text.empty() && is_letter(text[0]) && !take_word(text).empty() && take_tuple(text) && text.empty();
}

ByteView AbiReader::word(std::size_t at) {
  static constexpr Bytes32 kZero{};
  if (data_.size() < 32 || at > data_.size() - 32) {
    good_ = false;
    return kZero;
  }
  return data_.subspan(at, 32);
}

U256 AbiReader::number_at(std::size_t at, unsigned bits) {
  const U256 value = from_big_endian(word(at));
  if (bits < 256 && (value >> bits) != 0) good_ = false;
  return value;
}

U256 AbiReader::number(unsigned bits) {
  const U256 value = number_at(head_, bits);
  head_ += 32;
  return value;
}

EthAddress AbiReader::address() {
  const Bytes32 padded = to_big_endian(number(160));
  EthAddress out;
  std::copy(padded.begin() + 12, padded.end(), out.begin());
  return out;
}

std::size_t AbiReader::open_tail(std::size_t unit) {
  if (number() != tail_) good_ = false;
  const U256 count = number_at(tail_, 32);
  tail_ += 32;
  if (!good_ || count * unit > data_.size() - tail_) {
    good_ = false;
    return 0;
  }
  return static_cast<std::size_t>(count);
}

Bytes AbiReader::bytes() {
  const std::size_t size = open_tail(1);
  if (!good_) return {};
  const std::size_t padded = (size + 31) / 32 * 32;
  if (padded > data_.size() - tail_) {
    good_ = false;
    return {};
  }
  const ByteView all = data_.subspan(tail_, padded), padding = all.subspan(size);
  if (std::any_of(padding.begin(), padding.end(), [](std::uint8_t b) { return b != 0; })) good_ = false;
  tail_ += padded;
  return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size)};
}

std::vector<U256> AbiReader::numbers() {
  std::vector<U256> out(open_tail(32));
  for (U256& value : out) {
    value = number_at(tail_, 256);
    tail_ += 32;
  }
  return out;
}

}  // namespace quorate::transactions
