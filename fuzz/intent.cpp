// An intent that a node shows to an approver, and the vote over it: refused with a pointer, or one text of it.
#include "policy/intent.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "policy/approval.h"

using namespace quorate;
using namespace quorate::policy;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const Json json = parse_json({reinterpret_cast<const char*>(data), size});
    // What is approved is bound whole, whatever it is.
    const std::string approve = approval_text(Vote::approve, "bob", json);
    QUORATE_ASSERT(approve != approval_text(Vote::reject, "bob", json));
    QUORATE_ASSERT(approve != approval_text(Vote::approve, "bo", json));
    const Json bound = parse_json(std::string_view(approve).substr(approve.find('\n') + 1));
    QUORATE_ASSERT(bound.at("intent") == json && bound.at("approver") == "bob" && bound.at("decision") == "approve");

    const Intent intent = parse_intent(json);
    QUORATE_ASSERT(to_json(intent) == json);
    QUORATE_ASSERT(parse_json(intent_jcs(intent)) == json && intent_jcs(intent) == to_jcs(json));
    QUORATE_ASSERT(request_digest(parse_intent(to_json(intent))) == request_digest(intent));
    const Approval approval{intent.requested_by, static_cast<std::uint8_t>(Vote::approve), {}, {}};
    QUORATE_ASSERT(decode<Approval>(encode(approval)) == approval);
  } catch (const JsonError& e) {
    QUORATE_ASSERT(e.pointer.empty() || e.pointer.starts_with("/"));
  }
  return 0;
}
