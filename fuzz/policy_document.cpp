// Any bytes as a policy: an error with a pointer, or a document that reads back to itself and decides.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "policy/document.h"

using namespace quorate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const policy::EmptyLedger room;
  try {
    const auto document = policy::PolicyDocument::parse({reinterpret_cast<const char*>(data), size});
    const auto again = policy::PolicyDocument::parse(document.jcs());
    QUORATE_ASSERT(again.digest() == document.digest() && again.jcs() == document.jcs());
    for (const auto& [user, unused] : document.users())
      for (const auto kind : {policy::Kind::sign, policy::Kind::freeze, policy::Kind::change_policy}) {
        policy::PolicyQuery query{kind, "hot-1", user, policy::PayloadKind::message};
        const auto blind = document.evaluate(query);
        QUORATE_ASSERT(!blind.allowed() || blind.rule != "default");
        // Windows: an empty ledger, and then one rule after another that a node has no room for.
        query.key_id = "aa";
        query.ledger = &room;
        query.split_key = query.split_cluster = 2;
        auto softest = document.evaluate(query);
        const auto charges = document.charges_of(query);
        for (const policy::Limit& limit : softest.limits)
          QUORATE_ASSERT(
              limit.max.has_value() != limit.count.has_value() &&
              std::any_of(charges.begin(), charges.end(), [&](const auto& c) { return c.sum == limit.sum; }));
        for (const policy::Rule& rule : document.rules()) {
          if (query.over.size() == 4) break;
          query.over.insert(rule.id);
          const auto decision = document.evaluate(query);
          QUORATE_ASSERT(decision.effect <= softest.effect && decision.life_hours == softest.life_hours);
          softest = decision;
        }
      }
    QUORATE_ASSERT(!document.evaluate({policy::Kind::sign, "hot-1", "", policy::PayloadKind::message}).allowed());
  } catch (const JsonError&) {
  }
  return 0;
}
