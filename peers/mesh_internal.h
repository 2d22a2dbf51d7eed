// Shared by the files of TlsMesh.
#pragma once
#include <cstdint>

#include "base/limits.h"

namespace quorate::peers {

inline constexpr std::uint64_t kWakeId = 0, kListenerId = 1;  // in epoll; connections have ids from 2 on

// Connections that are not up. The rest of limits::kMaxPeerConnections is for peers, two each while one replaces
// another.
inline constexpr std::size_t kMaxPending = limits::kMaxPeerConnections - limits::kMaxNodes;
inline constexpr std::size_t kMostHandshakeSteps = 4;   // of one turn of the loop; about 2 ms each
inline constexpr int kMostReconnects = 10;              // of one peer in a burst
inline constexpr std::size_t kMostAccepts = 8;          // of one turn
inline constexpr std::size_t kMostControlFrames = 128;  // in one reading: then the connection rests

}  // namespace quorate::peers
