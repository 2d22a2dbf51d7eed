// Conditions over the time that a request's signature names as its creation: the same for every node, and whenever it
// is looked at again.
#pragma once
#include <cstdint>
#include <optional>

#include "base/json.h"
#include "policy/fact_conditions.h"

namespace quorate::policy {

// From minute `from` of the UTC day on, up to `to` and without it. from > to: over midnight.
struct Hours {
  unsigned from = 0, to = 0;  // minutes; from 0 … 1439, to 1 … 1440, not equal
};

// An absent condition (nullopt) holds at any time.
struct TimeConditions {
  std::optional<Hours> hours;
  std::optional<std::uint8_t> weekdays;  // bit 0: Sunday

  // Takes the members that are these conditions out of `condition`. Throws JsonError.
  static TimeConditions parse(JsonObject& condition);
  bool any() const { return hours || weekdays; }
};

// created: Unix seconds. nullopt: unknown.
Condition holds(const TimeConditions& conditions, std::optional<std::int64_t> created, const Say& say);

}  // namespace quorate::policy
