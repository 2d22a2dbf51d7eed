// Assertions against our own bugs: always compiled in, never a peer's or a user's fault.
#pragma once

namespace quorate {

[[noreturn]] void assertion_failed(const char* what, const char* file, int line) noexcept;
// A place that is never reached, and why.
[[noreturn]] void impossible(const char* why) noexcept;

}  // namespace quorate

// A macro only so that the message can carry the expression and its place.
#define QUORATE_ASSERT(condition) \
  static_cast<bool>(condition) ? static_cast<void>(0) : ::quorate::assertion_failed(#condition, __FILE__, __LINE__)
