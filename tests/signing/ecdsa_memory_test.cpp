// What a threshold ECDSA signing leaves behind: no memory, no nonce, whatever fails and wherever it ends; and a failed
// extension check is told to the host whatever fails after it.
#include "tests/signing/ecdsa_world.h"
#include "tests/support/allocations.h"

namespace quorate::test {
namespace {

constexpr std::uint64_t kSeed = 77;

const EcdsaWorld& world() {
  static const EcdsaWorld w(PartySet::first(2), 2, 2);
  return w;
}
// What party 1 receives in an honest run.
std::vector<Wire> to_party_1() {
  std::vector<Wire> to_me;
  Simulation<EcdsaWorld> s(world(), kSeed);
  s.watch = [&](const Wire& w) {
    if (w.to == P1) to_me.push_back(w);
  };
  EXPECT_TRUE(expect_safe(s, s.run()));
  return to_me;
}
SessionConfig config_of(Rng& rng) {
  return {sha256(view_of("simulated session " + std::to_string(kSeed))), world().T, P1, rng};
}

TEST(EcdsaMemory, EveryAllocationMayFail) {
  const std::vector<Wire> to_me = to_party_1();
  const long before = Allocations::alive;
  int broken = 0, finished = 0;
  long k = 0;
  for (bool hit = true; hit; ++k) {
    hit = false;
    SeededRng rng = Simulation<EcdsaWorld>::rng_of(P1, kSeed);
    const auto session = world().start(config_of(rng));
    long left = k;
    const auto counted = [&](auto&& act) {
      Allocations::fail_after = left;
      act();
      hit |= left >= 0 && Allocations::fail_after < 0;
      left = Allocations::fail_after;
      Allocations::fail_after = -1;
    };
    counted([&] { session->resume(); });
    for (const Wire& w : to_me) {
      counted([&] { session->deliver(w.from, w.tag, w.body); });
      counted([&] { session->resume(); });
      if (session->pending_durable()) {
        session->durable_done();
        counted([&] { session->resume(); });
      }
    }
    ASSERT_TRUE(session->done()) << k;
    EXPECT_EQ(session->aborted(), nullptr) << k;
    broken += session->broken() != nullptr;
    finished += session->has_result();
  }
  EXPECT_EQ(Allocations::alive, before);
  EXPECT_EQ(finished, 1);
  EXPECT_EQ(broken, k - 1);
  EXPECT_GT(k, 50);
}

// attack 21
TEST(EcdsaMemory, NoFailedAllocationHidesAFailedCheck) {
  std::vector<Wire> to_me = to_party_1();
  change_message<ecdsa::Round1>(to_me.at(0), [](ecdsa::Round1& m, PartyId) { m.extension.u[9] ^= 1; });
  bool hit = true;
  int told = 0, before_the_check = 0;
  for (long k = 0; hit; ++k) {
    SeededRng rng = Simulation<EcdsaWorld>::rng_of(P1, kSeed);
    const auto session = world().start(config_of(rng));
    session->resume();
    session->deliver(P2, to_me[0].tag, to_me[0].body);
    Allocations::fail_after = k;
    session->resume();
    hit = Allocations::fail_after < 0;
    Allocations::fail_after = -1;
    const bool reached = session->pending_durable().has_value();
    // A failure comes before the check, or the host is told.
    if (session->quarantined().empty()) {
      EXPECT_TRUE(session->broken() != nullptr) << k;
      EXPECT_EQ(told, 0) << k;
      ++before_the_check;
    } else {
      EXPECT_EQ(session->quarantined(), PartySet{P2});
      EXPECT_EQ(reached, session->broken() == nullptr) << k;
      ++told;
    }
  }
  EXPECT_GT(before_the_check, 3);
  EXPECT_GE(told, 2);  // once by the flag alone, at the end with the record
}

// ---- secrets. Every secret draw of party 1 is a mark: r, φ, â (64 bytes each) and the choices (one row).

class MarkRng final : public Rng {
 public:
  void fill(std::span<std::uint8_t> out) override {
    if (out.size() == 32) return public_.fill(out);
    const std::size_t zeros = out.size() == 64 ? 32 : 0;  // so that the scalar is below q
    for (std::size_t k = 0; k < out.size(); ++k) out[k] = k < zeros ? std::uint8_t{0} : Allocations::mark[k % 16];
  }

 private:
  SeededRng public_{1};  // nonces of the wire, the blind
};
// The same read backwards, for scalars are little-endian in memory.
void set_mark() {
  for (std::size_t i = 0; i < 8; ++i)
    Allocations::mark[i] = Allocations::mark[15 - i] = static_cast<std::uint8_t>(0xA5 - 13 * i);
}

// Runs party 1 against an honest party 2, up to a number of resumes. Returns the blocks in which a mark was freed.
int marks_left(int resumes, bool* finished) {
  set_mark();
  SeededRng rng2(2);
  MarkRng rng1;
  const auto peer = world().start(SessionConfig{Digest{7}, world().T, P2, rng2});
  Allocations::marks_freed = 0;
  Allocations::scanning = true;
  {
    const auto mine = world().start(SessionConfig{Digest{7}, world().T, P1, rng1});
    for (int k = 0; k < resumes && !mine->done(); ++k) {
      for (auto* session : {mine.get(), peer.get()}) {
        session->resume();
        if (session->pending_durable()) session->durable_done();
        const PartyId from = session->me(), to = from == P1 ? P2 : P1;
        for (const Outgoing& m : session->take_outbox()) (to == P1 ? *mine : *peer).deliver(from, m.tag, m.body);
      }
    }
    *finished = mine->has_result();
  }
  Allocations::scanning = false;
  return Allocations::marks_freed;
}

TEST(EcdsaMemory, NoNonceAndNoChoiceIsInAFreedBlock) {
  bool finished = false;
  int resumes = 0;
  for (; !finished; ++resumes) EXPECT_EQ(marks_left(resumes, &finished), 0) << "after " << resumes;
  EXPECT_GE(resumes, 4);
  // The scan sees a careless copy.
  Allocations::scanning = true;
  const int before = Allocations::marks_freed;
  {
    MarkRng rng;
    const auto draw = rng.bytes<64>();
    const Bytes careless(draw.begin(), draw.end());
  }
  Allocations::scanning = false;
  EXPECT_GT(Allocations::marks_freed, before);
}

}  // namespace
}  // namespace quorate::test
