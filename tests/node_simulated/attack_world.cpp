#include "tests/node_simulated/attack_world.h"

namespace quorate::test {

std::vector<Sent> as_it_is(Sent s) {
  std::vector<Sent> out;
  out.push_back(std::move(s));
  return out;
}

World3::World3(std::size_t bad, std::uint64_t seed_, unsigned n) : NodeSimulation(n, seed_) {
  EXPECT_TRUE(ask(0, create("hot", 2, {0, 1, 2})).succeeded());
  settle();
  submissions.clear();
  evil[bad] = true;
}

void World3::note_refusals(const Sent& s) {
  if (s.envelope.tag != Refuse::tag) return;
  const auto r = decode<Refuse>(s.envelope.body);
  refusals.push_back(r.code.text + " " + r.detail.text);
}

void World3::expect_no_blame() {
  for (std::size_t i = 0; i < size(); ++i)
    for (const auto& row : store(i).requests({}, 1000, std::nullopt).items) EXPECT_TRUE(record_of(row).blame.empty());
}

std::vector<std::string> World3::blamed(std::size_t i, const std::string& id) {
  std::vector<std::string> names;
  for (const auto& b : record_of(*store(i).request(id)).blame) names.push_back(b.node.text + " " + b.check.text);
  return names;
}

}  // namespace quorate::test
