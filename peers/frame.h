// Frames: what a connection between two nodes is cut into. 4 bytes big-endian length of what follows, 1 byte type,
// payload. Pure: bytes in, frames out; no socket knows more about them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/codec.h"
#include "peers/mesh.h"

namespace quorate::peers {

enum class FrameType : std::uint8_t {
  hello = 1,     // Greeting: first in each direction; later when the Hello has changed
  refuse = 2,    // text of at most kMaxRefusal bytes: why the sender closes
  ping = 3,      // 8 bytes, echoed
  pong = 4,      // the bytes of the newest ping
  envelope = 5,  // session id (32), tag length (1), tag, body
};

inline constexpr std::size_t kFrameHeader = 5;  // length and type
inline constexpr std::size_t kMaxRefusal = 240;

struct Frame {
  FrameType type{};
  SecretBytes payload;
};

// A Hello on one connection. The node with the smaller name numbers its connections to a peer; of two that overlap the
// higher counts.
struct Greeting {
  std::uint16_t wire_min = 0, wire_max = 0;  // those of the Hello: read before anything else is
  std::uint64_t serial = 0;
  Hello hello;
  static auto fields(auto& m) { return std::tie(m.wire_min, m.wire_max, m.serial, m.hello); }
};

// The largest payload of a type; 0: no such type.
constexpr std::size_t max_payload(std::uint8_t type) {
  switch (static_cast<FrameType>(type)) {
    case FrameType::hello:
      return wire::max_size<Greeting>;
    case FrameType::refuse:
      return kMaxRefusal;
    case FrameType::ping:
    case FrameType::pong:
      return 8;
    case FrameType::envelope:
      return limits::kMaxFrame - kFrameHeader;
  }
  return 0;
}

// Puts frames together from whatever pieces arrive. The length is compared with its type's bound before anything is
// allocated, and memory grows with the bytes that arrive, not with those that are announced. What is left behind is
// wiped.
class FrameReader {
 public:
  // Takes bytes until a frame is complete or there are none left; `bytes` is moved past those taken. Throws Malformed;
  // the connection is then of no further use.
  std::optional<Frame> take(ByteView& bytes);
  // Nothing of a frame has arrived yet.
  bool at_boundary() const { return header_size_ == 0; }

 private:
  void begin();

  ByteArray<kFrameHeader> header_{};
  std::size_t header_size_ = 0;
  std::size_t wanted_ = 0;  // bytes of the payload
  SecretBytes payload_;
};

// Each is one whole frame, reserved exactly.
SecretBytes frame_of(FrameType type, ByteView payload);
SecretBytes greeting_frame(const Hello& hello, std::uint64_t serial);
SecretBytes refusal_frame(std::string_view text);
SecretBytes ping_frame(FrameType ping_or_pong, std::uint64_t token);
// nullopt: the tag or the body's size is not allowed.
std::optional<SecretBytes> envelope_frame(const Envelope& envelope);

// These throw Malformed.
Envelope read_envelope(Frame frame);
std::uint64_t read_ping(const Frame& frame);
std::string read_refusal(const Frame& frame);

// What a greeting says, or why it is refused, in words for both operators.
struct GreetingResult {
  std::optional<Greeting> greeting;
  std::string refusal;
};
// `mine`: our Hello; `from`: the node that the TLS key proves. Versions are compared first, so that a greeting of an
// unknown version is refused for its version and not as garbage. Throws Malformed.
GreetingResult read_greeting(const Frame& frame, const Hello& mine, std::string_view from);

// Bytes from elsewhere, printable: ASCII but \ and " as it is, the rest as \xNN; cut at `most` characters.
std::string printable(std::string_view text, std::size_t most = 200);

}  // namespace quorate::peers
