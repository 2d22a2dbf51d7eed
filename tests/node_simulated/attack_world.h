// Three nodes with a key, one of them evil: what its tests share.
#pragma once
#include <gtest/gtest.h>

#include "node/messages.h"
#include "tests/support/node_simulation.h"

namespace quorate::test {

using namespace quorate::node;
using storage::RequestState;

std::vector<Sent> as_it_is(Sent s);
template <class M>
Sent changed(Sent s, const std::function<void(M&)>& change) {
  if (s.envelope.tag != M::tag) return s;
  M m = decode<M>(s.envelope.body);
  change(m);
  s.envelope.body = encode(m);
  return s;
}

// node1..3 hold "hot" 2-of-3; `evil` (0-based) is the bad one.
struct World3 : NodeSimulation {
  World3(std::size_t bad, std::uint64_t seed_ = 1, unsigned n = 3);
  std::vector<std::string> refusals;  // code and detail of all that are sent
  void note_refusals(const Sent& s);
  void expect_no_blame();
  std::vector<std::string> blamed(std::size_t i, const std::string& id);
};

}  // namespace quorate::test
