// Whether a change of the policy could let anything happen that would not have happened before. Such a change waits
// (docs/governance.md); one that can only take away is in force at once.
#pragma once
#include <string>
#include <vector>

#include "policy/document.h"

namespace quorate::policy {

// What is not provably one of these, in words, each with where it is; empty: the change only tightens.
//
// Tightening is: to remove an allow rule; to lower, or add, its max, fee_max, hours or weekdays, or to remove an entry
// of one of its conditions; to remove an entry of a list, or a member of a group, that allow rules alone name; to raise
// the minimum of a rule that asks people; to add a deny rule before all others. Then every request is decided as
// before, or more strictly: an allow that no longer holds leaves the decision to rules that cannot be less strict than
// an allow. Narrowing a rule that asks people, or denies, may leave it to one that allows: that loosens.
std::vector<std::string> loosenings(const PolicyDocument& before, const PolicyDocument& after);

}  // namespace quorate::policy
