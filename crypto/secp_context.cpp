#include "crypto/secp_context.h"

#include <sodium.h>

#include <memory>

#include "base/check.h"
#include "base/rng.h"

namespace quorate {
namespace {

struct Destroy {
  void operator()(secp256k1_context* c) const { secp256k1_context_destroy(c); }
};

void on_misuse(const char* message, void*) { assertion_failed(message, "libsecp256k1", 0); }

std::unique_ptr<secp256k1_context, Destroy> make_context() {
  std::unique_ptr<secp256k1_context, Destroy> context(secp256k1_context_create(SECP256K1_CONTEXT_NONE));
  QUORATE_ASSERT(context != nullptr);
  secp256k1_context_set_illegal_callback(context.get(), on_misuse, nullptr);
  secp256k1_context_set_error_callback(context.get(), on_misuse, nullptr);
  SystemRng rng;
  const Secret<Bytes32> seed = rng.secret<32>();
  QUORATE_ASSERT(secp256k1_context_randomize(context.get(), seed.expose().data()) == 1);
  return context;
}

}  // namespace

const secp256k1_context* secp_context() {
  thread_local const auto context = make_context();
  return context.get();
}

}  // namespace quorate
