// What the linked libraries must do right before any key is touched.
#pragma once
#include <stdexcept>

namespace quorate {

struct SelfTestFailed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Known answers of both curves, and the points that must be refused: libsodium before CVE-2025-69277 was fixed takes
// points of mixed order. Throws SelfTestFailed with the name of the check; the process must not go on.
void crypto_self_test();

}  // namespace quorate
