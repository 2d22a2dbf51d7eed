#include "transactions/rlp.h"

namespace quorate::transactions {
namespace {

constexpr std::size_t kMostShort = 55;  // bytes of a payload whose length is part of the first byte

[[noreturn]] void refuse(std::string_view field, const char* what) {
  throw Malformed(std::string(field) + ": " + what);
}

void put_header(Bytes& out, std::size_t size, std::uint8_t offset) {
  if (size <= kMostShort) {
    out.push_back(static_cast<std::uint8_t>(offset + size));
    return;
  }
  const Bytes length = to_shortest_big_endian(size);
  out.push_back(static_cast<std::uint8_t>(offset + kMostShort + length.size()));
  out.insert(out.end(), length.begin(), length.end());
}

}  // namespace

ByteView RlpReader::item(std::string_view field, bool list) {
  if (rest_.empty()) refuse(field, "is missing");
  const std::uint8_t first = rest_[0];
  if ((first >= 0xc0) != list) refuse(field, list ? "must be a list" : "must not be a list");
  if (first < 0x80) {
    const ByteView single = rest_.first(1);
    rest_ = rest_.subspan(1);
    return single;
  }
  std::size_t size = first - (list ? 0xc0u : 0x80u);
  ByteView rest = rest_.subspan(1);
  if (size > kMostShort) {
    const std::size_t width = size - kMostShort;
    if (rest.size() < width) refuse(field, "is cut short");
    if (rest[0] == 0) refuse(field, "its length has a leading zero");
    if (width > 4) refuse(field, "is cut short");
    size = 0;
    for (std::size_t i = 0; i < width; ++i) size = size << 8 | rest[i];
    if (size <= kMostShort) refuse(field, "its length is not in the shortest form");
    rest = rest.subspan(width);
  }
  if (rest.size() < size) refuse(field, "is cut short");
  const ByteView payload = rest.first(size);
  if (!list && size == 1 && payload[0] < 0x80) refuse(field, "a single byte is not in the shortest form");
  rest_ = rest.subspan(size);
  return payload;
}

ByteView RlpReader::text(std::string_view field) { return item(field, false); }

ByteView RlpReader::text(std::string_view field, std::size_t exact_size) {
  const ByteView bytes = item(field, false);
  if (bytes.size() != exact_size) refuse(field, "has the wrong length");
  return bytes;
}

U256 RlpReader::integer(std::string_view field, unsigned most_bits) {
  const ByteView bytes = item(field, false);
  if (!bytes.empty() && bytes[0] == 0) refuse(field, "has a leading zero");
  if (bytes.size() * 8 > most_bits) refuse(field, "is too large");
  return from_big_endian(bytes);
}

RlpReader RlpReader::list(std::string_view field) { return RlpReader(item(field, true)); }

void RlpReader::expect_end(std::string_view field) const {
  if (!rest_.empty()) refuse(field, "something follows its end");
}

Bytes rlp_text(ByteView text) {
  Bytes out;
  if (text.size() != 1 || text[0] >= 0x80) put_header(out, text.size(), 0x80);
  out.insert(out.end(), text.begin(), text.end());
  return out;
}

Bytes rlp_integer(const U256& value) { return rlp_text(to_shortest_big_endian(value)); }

Bytes rlp_list(std::span<const Bytes> encoded_items) {
  std::size_t size = 0;
  for (const Bytes& item : encoded_items) size += item.size();
  Bytes out;
  put_header(out, size, 0xc0);
  for (const Bytes& item : encoded_items) out.insert(out.end(), item.begin(), item.end());
  return out;
}

}  // namespace quorate::transactions
