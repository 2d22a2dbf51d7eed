// Three nodes with a key, one of them evil: what its tests share.
#pragma once
#include <gtest/gtest.h>

#include "node/messages.h"
#include "tests/support/node_simulation.h"

namespace quorate::test {

using namespace quorate::node;
using storage::RequestState;
using Sent = NodeSimulation::Sent;

inline std::vector<Sent> as_it_is(Sent s) {
  std::vector<Sent> out;
  out.push_back(std::move(s));
  return out;
}
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
  World3(std::size_t bad, std::uint64_t seed_ = 1, unsigned n = 3) : NodeSimulation(n, seed_) {
    EXPECT_TRUE(ask(0, create("hot", 2, {0, 1, 2})).succeeded());
    settle();
    submissions.clear();
    evil[bad] = true;
  }
  std::vector<std::string> refusals;  // code and detail of all that are sent
  void note_refusals(const Sent& s) {
    if (s.envelope.tag != Refuse::tag) return;
    const auto r = decode<Refuse>(s.envelope.body);
    refusals.push_back(r.code.text + " " + r.detail.text);
  }
  void expect_no_blame() {
    for (std::size_t i = 0; i < size(); ++i)
      for (const auto& row : store(i).requests({}, 1000, std::nullopt).items) EXPECT_TRUE(record_of(row).blame.empty());
  }
  std::vector<std::string> blamed(std::size_t i, const std::string& id) {
    std::vector<std::string> names;
    for (const auto& b : record_of(*store(i).request(id)).blame) names.push_back(b.node.text + " " + b.check.text);
    return names;
  }
};

}  // namespace quorate::test
