// What has arrived for one session: one slot per (sender, tag), so that memory is bounded by the protocol before any
// byte arrives.
#pragma once
#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/codec.h"
#include "base/limits.h"
#include "session/abort.h"

namespace quorate {

struct TagInfo {
  std::string_view tag;
  std::size_t max_size;  // bytes of the largest encoding
};

// The messages of one protocol.
template <wire::Message... M>
struct Messages {
  static constexpr std::array<TagInfo, sizeof...(M)> tags{TagInfo{M::tag, wire::max_size<M>}...};

  static constexpr bool are_valid() {
    for (std::size_t i = 0; i < tags.size(); ++i) {
      if (tags[i].tag.empty() || tags[i].tag.size() > limits::kMaxTag) return false;
      if (tags[i].max_size > limits::kMaxFrame - 256) return false;  // the rest: the frame's header
      for (std::size_t k = 0; k < i; ++k)
        if (tags[k].tag == tags[i].tag) return false;
    }
    return true;
  }
  static_assert(are_valid(), "tags are unique and short, and every message fits one frame");
};

class Mailbox {
 public:
  // `tags` must outlive the mailbox: it is a MessageList's constant.
  Mailbox(std::span<const TagInfo> tags, PartySet peers);

  // nullopt, or what the sender did wrong. An identical copy is the network's doing and is ignored.
  std::optional<Reason> put(PartyId from, std::string_view tag, ByteView body);

  std::optional<std::size_t> find(std::string_view tag) const noexcept;  // index of the tag
  PartySet missing(std::size_t tag) const noexcept;                      // peers whose message has not come
  SecretBytes take(std::size_t tag, PartyId from);                       // once

 private:
  struct Slot {
    SecretBytes body;
    Digest digest{};  // of the body, to tell a copy from a second message after the first was taken
    bool arrived = false, taken = false;
  };
  std::size_t at(std::size_t tag, PartyId from) const noexcept { return tag * peers_.size() + peers_.position(from); }

  std::span<const TagInfo> tags_;
  PartySet peers_;
  std::vector<Slot> slots_;
};

}  // namespace quorate
