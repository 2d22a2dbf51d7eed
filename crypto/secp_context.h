// libsecp256k1's context: one per thread, blinded with bytes of the operating system.
#pragma once
#include <secp256k1.h>

namespace quorate {

// Valid on the calling thread only. An illegal argument is our own bug and asserts: bytes from outside never reach the
// library except through its parsing functions, which return errors.
const secp256k1_context* secp_context();

}  // namespace quorate
