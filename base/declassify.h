// Marks what was computed from secrets and may be seen by anyone from here on. Does nothing: the constant-time run
// (scripts/ctime) links a definition of its own, which tells Valgrind, and then finds every branch and index that
// depends on anything else.
#pragma once
#include <cstddef>

namespace quorate {

void declassify(const void* p, std::size_t n) noexcept;

// An object without pointers.
template <class T>
void declassify(const T& value) noexcept {
  declassify(&value, sizeof value);
}

// The outcome of a check, which decides how the protocol goes on.
inline bool declassified(bool outcome) noexcept {
  declassify(&outcome, sizeof outcome);
  return outcome;
}

}  // namespace quorate
