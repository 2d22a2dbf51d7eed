// What arrives from a node: frames and what is in them. The input is a stream of bytes as TLS would hand it over.
#include <algorithm>
#include <cstdlib>

#include "peers/frame.h"

namespace quorate::peers {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

const Hello& mine() {
  static const Hello hello = [] {
    Hello h;
    h.node = "me";
    h.boot_id.fill(1);
    return h;
  }();
  return hello;
}

// Whatever decodes is encoded to the same bytes: there is one encoding of each value.
void look_into(Frame frame) {
  require(frame.payload.size() <= max_payload(static_cast<std::uint8_t>(frame.type)));
  try {
    switch (frame.type) {
      case FrameType::hello: {
        const auto result = read_greeting(frame, mine(), "you");
        require(result.greeting.has_value() == result.refusal.empty());
        require(result.refusal.size() <= kMaxRefusal);
        if (result.greeting) require(encode(*result.greeting) == frame.payload);
        return;
      }
      case FrameType::refuse: {
        const std::string text = read_refusal(frame);
        require(text.size() <= 200 &&
                std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }));
        return;
      }
      case FrameType::ping:
      case FrameType::pong:
        require(ByteView(ping_frame(frame.type, read_ping(frame))).size() == kFrameHeader + 8);
        return;
      case FrameType::envelope: {
        const SecretBytes before = frame.payload;
        const Envelope envelope = read_envelope(std::move(frame));
        const auto again = envelope_frame(envelope);
        require(again.has_value() &&
                std::equal(before.begin(), before.end(), again->begin() + kFrameHeader, again->end()));
        return;
      }
    }
    std::abort();  // a type that the reader let through and nobody knows
  } catch (const Malformed&) {
  }
}

// The payloads, with an empty one at the end if the stream broke a rule.
std::vector<SecretBytes> read_all(ByteView stream, std::size_t piece, bool look) {
  FrameReader reader;
  std::vector<SecretBytes> out;
  try {
    while (!stream.empty()) {
      ByteView bytes = stream.first(std::min(piece, stream.size()));
      stream = stream.subspan(bytes.size());
      while (!bytes.empty())
        if (auto frame = reader.take(bytes)) {
          out.push_back(frame->payload);
          if (look) look_into(std::move(*frame));
        }
    }
  } catch (const Malformed&) {
    out.emplace_back();
  }
  return out;
}

}  // namespace
}  // namespace quorate::peers

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quorate::peers;
  if (size == 0) return 0;
  const quorate::ByteView stream(data + 1, size - 1);
  const auto whole = read_all(stream, stream.size() + 1, true);
  require(whole == read_all(stream, 1 + data[0] % 32U, false));  // where the stream is cut does not matter
  return 0;
}
