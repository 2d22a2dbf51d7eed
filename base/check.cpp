#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace quorate {

void assertion_failed(const char* what, const char* file, int line) noexcept {
  std::fprintf(stderr, "quorate: internal error: %s (%s:%d)\n", what, file, line);
  std::abort();
}

void impossible(const char* why) noexcept {
  std::fprintf(stderr, "quorate: internal error: %s\n", why);
  std::abort();
}

}  // namespace quorate
