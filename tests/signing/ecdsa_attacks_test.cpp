// What one corrupt signer, or two, can do to a threshold ECDSA signing, and who is blamed for it.
#include <set>

#include "tests/signing/ecdsa_world.h"

namespace quorate::test {
namespace {

using ecdsa::Round1;
using ecdsa::Round2;
using ecdsa::Round3;

// Who an honest signer names.
enum class Blame {
  first_hand,  // the corrupt ones
  alone,       // the corrupt one if there is no other peer, else nobody
  nobody,
};

struct Ending {
  std::vector<Abort> aborts;   // of every honest signer
  PartySet quarantined;        // in what they have stored
  std::set<std::string> sent;  // tags of what they have sent
};

Ending run_against(const EcdsaWorld& world, PartySet corrupt, const std::function<void(Wire&)>& tamper,
                   const std::function<void(Simulation<EcdsaWorld>&)>& prepare = {}) {
  Simulation<EcdsaWorld> sim(world, 9);
  sim.corrupt = corrupt;
  sim.tamper = tamper;
  Ending ending;
  sim.watch = [&](const Wire& w) {
    if (!sim.corrupt.contains(w.from)) ending.sent.insert(w.tag);
  };
  if (prepare) prepare(sim);
  const auto outcomes = sim.run();
  EXPECT_TRUE(expect_safe(sim, outcomes));
  for (const PartyId i : sim.honest()) {
    if (outcomes[i].abort) ending.aborts.push_back(*outcomes[i].abort);
    for (const SecretBytes& record : sim.durable[i])
      if (record.size() == PartySet::wire_size)
        ending.quarantined = ending.quarantined | decode<QuarantineStep>(record).peers;
  }
  return ending;
}

template <class Message>
std::function<void(Wire&)> changing(std::function<void(Message&)> change) {
  return [change](Wire& w) { change_message<Message>(w, [&](Message& m, PartyId) { change(m); }); };
}

struct Row {
  std::string what;
  Reason reason;
  Blame blame;
  std::function<void(Wire&)> tamper;
  std::function<void(const EcdsaWorld&, Simulation<EcdsaWorld>&)> prepare{};
};

// attack 22: the table of docs/ecdsa.md, row by row, with an honest peer and without. A fault in the last of several
// instances stops all of them.
void expect_row(const Row& row, std::size_t m) {
  for (const unsigned t : {2u, 3u}) {
    SCOPED_TRACE(row.what + ", " + std::to_string(t) + " signers, " + std::to_string(m) + " digests");
    const EcdsaWorld world(PartySet::first(t), t, t + 1, m);
    const PartyId corrupt(t);
    const Ending ending = run_against(world, {corrupt}, row.tamper, [&](Simulation<EcdsaWorld>& sim) {
      if (row.prepare) row.prepare(world, sim);
    });
    EXPECT_EQ(ending.aborts.size(), t - 1);
    std::string_view round;
    for (const Abort& abort : ending.aborts) {
      round = abort.round;
      EXPECT_EQ(name_of(abort.reason), name_of(row.reason));
      const bool names = row.blame == Blame::first_hand || (row.blame == Blame::alone && t == 2);
      EXPECT_EQ(abort.culprits, names ? PartySet{corrupt} : PartySet{});
    }
    const bool quarantine = row.reason == Reason::extension_check;
    EXPECT_EQ(ending.quarantined, quarantine ? PartySet{corrupt} : PartySet{});
    // What has failed is found before the next round's message leaves.
    EXPECT_EQ(ending.sent.contains(std::string(Round2::tag)), round != Round1::tag);
    EXPECT_EQ(ending.sent.contains(std::string(Round3::tag)), round == Round3::tag);
  }
}

const Scalar<K> kOne = Scalar<K>::one();
const Point<K> kG = Point<K>::generator();

// A signer whose share is another than its key's.
void with_another_share(const EcdsaWorld& world, Simulation<EcdsaWorld>& sim) {
  const PartyId corrupt(static_cast<unsigned>(world.T.size()));
  const auto other = std::make_shared<EcdsaWorld>(world.T, world.T.size(), world.T.size() + 1, world.digests.size());
  other->shares.at(corrupt).x_i += kOne;
  sim.replace(corrupt, [other](const SessionConfig& config) { return other->start(config); });
}

TEST(EcdsaAttacks, EveryFailureHasItsEffect) {
  const std::vector<Row> rows{
      // round 1
      {"a bit of u", Reason::extension_check, Blame::first_hand,
       changing<Round1>([](Round1& m) { m.extension.u[1000] ^= 4; })},
      {"x~", Reason::extension_check, Blame::first_hand,
       changing<Round1>([](Round1& m) { m.extension.x_check[3] ^= 1; })},
      {"T~", Reason::extension_check, Blame::first_hand,
       changing<Round1>([](Round1& m) { m.extension.t_check[3] ^= 1; })},
      {"nonce", Reason::extension_check, Blame::first_hand,
       changing<Round1>([](Round1& m) { m.extension.nonce[3] ^= 1; })},
      {"a short u", Reason::bad_length, Blame::first_hand,
       changing<Round1>([](Round1& m) { m.extension.u.pop_back(); })},
      {"no u", Reason::bad_length, Blame::first_hand, changing<Round1>([](Round1& m) { m.extension.u.clear(); })},
      {"a u of more digests", Reason::bad_length, Blame::first_hand,
       changing<Round1>([](Round1& m) { m.extension.u.resize(ot::kKappa * ot::kMaxRowBytes); })},
      {"commitment, and so its own echo", Reason::echo_mismatch, Blame::nobody,
       changing<Round1>([](Round1& m) { m.commit[0] ^= 1; })},
      // round 2
      {"echo", Reason::echo_mismatch, Blame::nobody, changing<Round2>([](Round2& m) { m.echo[0] ^= 1; })},
      {"echo and opening", Reason::echo_mismatch, Blame::nobody, changing<Round2>([](Round2& m) {
         m.echo[0] ^= 1;
         m.blind[0] ^= 1;
       })},
      {"R", Reason::bad_opening, Blame::first_hand, changing<Round2>([](Round2& m) { m.R.back() = m.R.back() + kG; })},
      {"blind", Reason::bad_opening, Blame::first_hand, changing<Round2>([](Round2& m) { m.blind[31] ^= 1; })},
      {"fewer R", Reason::bad_length, Blame::first_hand, changing<Round2>([](Round2& m) { m.R.pop_back(); })},
      {"more pk", Reason::bad_length, Blame::first_hand, changing<Round2>([](Round2& m) { m.pk.push_back(kG); })},
      {"no products", Reason::bad_length, Blame::first_hand, changing<Round2>([](Round2& m) { m.products.clear(); })},
      // attack 28: another input in one row, η, μ
      {"a~ of one row", Reason::bad_vector_ole, Blame::first_hand,
       changing<Round2>([](Round2& m) { m.products.back().ole.a_tilde[96 * 200 + 31] ^= 1; })},
      {"eta", Reason::bad_vector_ole, Blame::first_hand,
       changing<Round2>([](Round2& m) { m.products.back().ole.eta += kOne; })},
      {"mu", Reason::bad_vector_ole, Blame::first_hand,
       changing<Round2>([](Round2& m) { m.products.back().ole.mu[5] ^= 1; })},
      // attack 29
      {"gamma_u", Reason::bad_point_relation, Blame::first_hand,
       changing<Round2>([](Round2& m) { m.products.back().gamma_u = -m.products.back().gamma_u; })},
      {"gamma_v", Reason::bad_point_relation, Blame::first_hand,
       changing<Round2>([](Round2& m) { m.products.back().gamma_v = m.products.back().gamma_v + kG; })},
      {"pk", Reason::bad_point_relation, Blame::first_hand,
       changing<Round2>([](Round2& m) { m.pk.back() = m.pk.back() + kG; })},
      {"another share", Reason::bad_key_sum, Blame::alone, {}, with_another_share},
      {"psi", Reason::bad_signature, Blame::alone, changing<Round2>([](Round2& m) { m.products.back().psi += kOne; })},
      // round 3
      {"u", Reason::bad_signature, Blame::alone, changing<Round3>([](Round3& m) { m.shares.back().u += kOne; })},
      {"w", Reason::bad_signature, Blame::alone, changing<Round3>([](Round3& m) { m.shares.back().w = Scalar<K>(); })},
      {"fewer shares", Reason::bad_length, Blame::first_hand, changing<Round3>([](Round3& m) { m.shares.pop_back(); })},
      {"more shares", Reason::bad_length, Blame::first_hand,
       changing<Round3>([](Round3& m) { m.shares.push_back(m.shares.back()); })},
  };
  for (const Row& row : rows)
    for (const std::size_t m : {1u, 2u}) expect_row(row, m);
}

// Every change of every leaf by one signer is noticed, and no honest signer is blamed.
TEST(EcdsaAttacks, TamperMatrix) {
  const EcdsaWorld world(last_of(3, 4), 3, 4);
  const TamperReport report = tamper_matrix(world, PartyId(3), runs(1));
  EXPECT_THAT(report.unnoticed, testing::IsEmpty());
  EXPECT_GT(report.changed_runs, 130);
  for (const Reason expected :
       {Reason::malformed, Reason::bad_length, Reason::extension_check, Reason::echo_mismatch, Reason::bad_opening,
        Reason::bad_vector_ole, Reason::bad_point_relation, Reason::bad_signature, Reason::silent})
    EXPECT_GT(report.reasons.count(expected), 0u) << name_of(expected);
}

TEST(EcdsaAttacks, GarbageNamesOnlyItsSender) {
  const EcdsaWorld world(last_of(3, 4), 3, 4);
  for (std::uint64_t seed = 1; seed <= runs(30); ++seed) {
    Simulation<EcdsaWorld> sim(world, seed);
    sim.corrupt = {PartyId(3)};
    sim.faults = {.duplicate = 50, .drop = 0, .late = 0, .crash = 0, .durable_fails = 0, .mutate = 300};
    ASSERT_TRUE(expect_safe(sim, sim.run()));
  }
}

// attack 7: two brains show themselves to half of the peers each: other commitments, so other echoes.
TEST(EcdsaAttacks, EquivocationBlamesNoHonestSigner) {
  const EcdsaWorld world(last_of(4, 5), 3, 5);
  int mismatches = 0;
  for (std::uint64_t seed = 1; seed <= runs(10); ++seed) {
    Simulation<EcdsaWorld> sim(world, seed);
    sim.split_brain(PartyId(4));
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    for (const PartyId i : sim.honest()) {
      ASSERT_NE(outcomes[i].end, End::finished);
      mismatches += outcomes[i].abort && outcomes[i].abort->reason == Reason::echo_mismatch &&
                    outcomes[i].abort->kind == AbortKind::unattributed;
    }
  }
  EXPECT_GT(mismatches, 15);
}

// attack 29: two signers shift their key shares by opposite amounts, so that the sum is right: each is named by its own
// relation.
TEST(EcdsaAttacks, ColludersWhoseShiftsCancelAreNamed) {
  const EcdsaWorld world(PartySet::first(4), 4, 5);
  const PartySet corrupt{PartyId(2), PartyId(4)};
  const Ending ending = run_against(world, corrupt, [](Wire& w) {
    change_message<Round2>(w,
                           [&](Round2& m, PartyId) { m.pk[0] = w.from == PartyId(2) ? m.pk[0] + kG : m.pk[0] - kG; });
  });
  ASSERT_EQ(ending.aborts.size(), 2u);
  for (const Abort& abort : ending.aborts) {
    EXPECT_EQ(abort.reason, Reason::bad_point_relation);
    EXPECT_EQ(abort.culprits, corrupt);
  }
}

// attack 38: signers that approved something else agree on nothing, and blame nobody. The session id would differ, too.
TEST(EcdsaAttacks, AnotherDigestIsNobodysFault) {
  const EcdsaWorld world(PartySet::first(2), 2, 3);
  EcdsaWorld other(PartySet::first(2), 2, 3);  // the same key
  other.digests[0][5] ^= 1;
  const Ending ending = run_against(world, {PartyId(2)}, {}, [&](Simulation<EcdsaWorld>& sim) {
    sim.replace(PartyId(2), [&](const SessionConfig& config) { return other.start(config); });
  });
  ASSERT_EQ(ending.aborts.size(), 1u);
  EXPECT_EQ(ending.aborts[0].reason, Reason::echo_mismatch);
  EXPECT_EQ(ending.aborts[0].kind, AbortKind::unattributed);
}

// Nothing of a session is of use in another one, and a second round 1 is equivocation.
TEST(EcdsaAttacks, ASecondMessageNamesItsSender) {
  const EcdsaWorld world(PartySet::first(2), 2, 2);
  SeededRng rng(1), rng2(2);
  const SessionConfig config{Digest{7}, world.T, PartyId(1), rng}, config2{Digest{7}, world.T, PartyId(2), rng2};
  const auto mine = world.start(config);
  const auto one = world.start(config2), another = world.start(config2);
  for (const auto& session : {mine.get(), one.get(), another.get()}) session->resume();
  for (const auto& session : {one.get(), another.get()})
    for (const Outgoing& m : session->take_outbox()) mine->deliver(PartyId(2), m.tag, m.body);
  mine->resume();
  ASSERT_NE(mine->aborted(), nullptr);
  EXPECT_EQ(mine->aborted()->reason, Reason::equivocation);
  EXPECT_EQ(mine->aborted()->culprits, PartySet{PartyId(2)});
  EXPECT_TRUE(mine->quarantined().empty());
}

}  // namespace
}  // namespace quorate::test
