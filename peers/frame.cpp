#include "peers/frame.h"

#include <algorithm>

#include "base/check.h"

namespace quorate::peers {
namespace {

constexpr std::size_t kFirstReserve = 4 * 1024;  // bytes of a payload before any of them has arrived
constexpr std::size_t kEnvelopeHead = 32 + 1;    // session id, tag length

bool is_tag(std::string_view tag) {
  return !tag.empty() && tag.size() <= limits::kMaxTag &&
         std::all_of(tag.begin(), tag.end(), [](char c) { return c > ' ' && c <= '~'; });
}

void put_u32(SecretBytes& out, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

std::uint16_t u16_at(ByteView bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

std::string versions(std::uint16_t least, std::uint16_t most) {
  return least == most ? std::to_string(least) : std::to_string(least) + " to " + std::to_string(most);
}

}  // namespace

void FrameReader::begin() {
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < 4; ++i) length = length << 8 | header_[i];
  if (length == 0) throw Malformed("a frame without a type");
  const std::size_t bound = max_payload(header_[4]);
  if (bound == 0) throw Malformed("a frame of an unknown type");
  if (length - 1 > bound) throw Malformed("a frame longer than its type allows");
  wanted_ = length - 1;
  payload_.reserve(std::min(wanted_, kFirstReserve));
}

std::optional<Frame> FrameReader::take(ByteView& bytes) {
  while (header_size_ < kFrameHeader) {
    if (bytes.empty()) return std::nullopt;
    header_[header_size_++] = bytes.front();
    bytes = bytes.subspan(1);
    if (header_size_ == kFrameHeader) begin();
  }
  const std::size_t n = std::min(wanted_ - payload_.size(), bytes.size());
  if (payload_.capacity() < payload_.size() + n)
    payload_.reserve(std::min(wanted_, std::max(payload_.size() + n, 2 * payload_.capacity())));
  append(payload_, bytes.first(n));
  bytes = bytes.subspan(n);
  if (payload_.size() < wanted_) return std::nullopt;
  Frame frame{static_cast<FrameType>(header_[4]), std::move(payload_)};
  payload_ = {};
  header_size_ = 0;
  return frame;
}

SecretBytes frame_of(FrameType type, ByteView payload) {
  QUORATE_ASSERT(payload.size() <= max_payload(static_cast<std::uint8_t>(type)));
  SecretBytes out;
  out.reserve(kFrameHeader + payload.size());
  put_u32(out, 1 + payload.size());
  out.push_back(static_cast<std::uint8_t>(type));
  append(out, payload);
  return out;
}

SecretBytes greeting_frame(const Hello& hello, std::uint64_t serial) {
  return frame_of(FrameType::hello, encode(Greeting{hello.wire_min, hello.wire_max, serial, hello}));
}

SecretBytes refusal_frame(std::string_view text) {
  return frame_of(FrameType::refuse, view_of(text.substr(0, kMaxRefusal)));
}

SecretBytes ping_frame(FrameType ping_or_pong, std::uint64_t token) { return frame_of(ping_or_pong, encode(token)); }

std::optional<SecretBytes> envelope_frame(const Envelope& envelope) {
  if (!is_tag(envelope.tag) || envelope.body.size() > kMaxBodyBytes) return std::nullopt;
  const std::size_t payload = kEnvelopeHead + envelope.tag.size() + envelope.body.size();
  SecretBytes out;
  out.reserve(kFrameHeader + payload);
  put_u32(out, 1 + payload);
  out.push_back(static_cast<std::uint8_t>(FrameType::envelope));
  append(out, envelope.sid);
  out.push_back(static_cast<std::uint8_t>(envelope.tag.size()));
  append(out, view_of(envelope.tag));
  append(out, envelope.body);
  return out;
}

Envelope read_envelope(Frame frame) {
  const ByteView in(frame.payload);
  if (in.size() < kEnvelopeHead || in.size() < kEnvelopeHead + in[32]) throw Malformed("truncated envelope");
  const std::string_view tag = text_of(in.subspan(kEnvelopeHead, in[32]));
  if (!is_tag(tag)) throw Malformed("an envelope's tag");
  const ByteView body = in.subspan(kEnvelopeHead + tag.size());
  if (body.size() > kMaxBodyBytes) throw Malformed("an envelope's body is too long");
  Envelope out;
  std::copy_n(in.begin(), out.sid.size(), out.sid.begin());
  out.tag = tag;
  out.body = secret_bytes(body);
  return out;
}

std::uint64_t read_ping(const Frame& frame) { return decode<std::uint64_t>(frame.payload); }

std::string read_refusal(const Frame& frame) { return printable(text_of(frame.payload)); }

GreetingResult read_greeting(const Frame& frame, const Hello& mine, std::string_view from) {
  const ByteView in(frame.payload);
  if (in.size() < 4) throw Malformed("truncated greeting");
  const std::uint16_t least = u16_at(in, 0), most = u16_at(in, 2);
  if (least > most) throw Malformed("a greeting's wire versions");
  GreetingResult out;
  if (agreed_wire(mine, least, most) == 0) {
    out.refusal = "wire version: " + mine.node.text + " speaks " + versions(mine.wire_min, mine.wire_max) + ", " +
                  std::string(from) + " speaks " + versions(least, most);
    return out;
  }
  Greeting greeting = decode<Greeting>(in);
  const Hello& hello = greeting.hello;
  if (hello.wire_min != least || hello.wire_max != most) throw Malformed("a greeting's wire versions");
  if (hello.node.text != from)
    out.refusal = "identity: the certificate is that of " + std::string(from) + ", the hello names " +
                  printable(hello.node.text, limits::kMaxName);
  else if (hello.cluster_id != mine.cluster_id)
    out.refusal = "other cluster: " + mine.node.text + " is in " + to_hex(ByteView(mine.cluster_id).first(8)) + ", " +
                  std::string(from) + " in " + to_hex(ByteView(hello.cluster_id).first(8));
  else if (hello.boot_id == BootId{})
    throw Malformed("a boot id of zeros");
  else
    out.greeting = std::move(greeting);
  return out;
}

std::string printable(std::string_view text, std::size_t most) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    const bool plain = byte >= 0x20 && byte < 0x7F && c != '\\' && c != '"';
    if (out.size() + (plain ? 1 : 4) > most) break;
    if (plain)
      out.push_back(c);
    else
      out.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
  }
  return out;
}

}  // namespace quorate::peers
