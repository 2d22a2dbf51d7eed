// Shared by the files of TlsMesh.
#pragma once
#include <cstdint>

#include "base/clock.h"
#include "base/limits.h"

namespace quorate::peers {

inline constexpr std::uint64_t kWakeId = 0, kListenerId = 1;  // in epoll; connections have ids from 2 on

// Connections that are not up. The rest of limits::kMaxPeerConnections is for peers, two each while one replaces
// another.
inline constexpr std::size_t kMaxPending = limits::kMaxPeerConnections - limits::kMaxNodes;
inline constexpr std::size_t kMostHandshakeSteps = 4;  // of one turn of the loop; about 2 ms each
inline constexpr int kMostReconnects = 10;             // of one peer in a burst
inline constexpr std::size_t kMostAccepts = 8;         // of one turn
// Greetings, pings and pongs of one connection at once, and how long until there may be one more: beyond it rests.
inline constexpr std::size_t kControlFramesAtOnce = 128;
inline constexpr Millis kControlFrameEach{20};
inline constexpr Millis kMostOfALook{100};  // how long one look at a connection that rests tells of

}  // namespace quorate::peers
