// Any bytes as a policy: an error with a pointer, or a document that reads back to itself and decides.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "policy/document.h"

using namespace quorate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto document = policy::PolicyDocument::parse({reinterpret_cast<const char*>(data), size});
    const auto again = policy::PolicyDocument::parse(document.jcs());
    QUORATE_ASSERT(again.digest() == document.digest() && again.jcs() == document.jcs());
    for (const auto& [user, unused] : document.users())
      for (const auto kind : {policy::Kind::sign, policy::Kind::freeze, policy::Kind::change_policy}) {
        const policy::PolicyQuery query{kind, "hot-1", user, policy::PayloadKind::message};
        const auto decision = document.evaluate(query);
        QUORATE_ASSERT(!decision.allowed() || decision.rule != "default");
      }
    QUORATE_ASSERT(!document.evaluate({policy::Kind::sign, "hot-1", "", policy::PayloadKind::message}).allowed());
  } catch (const JsonError&) {
  }
  return 0;
}
