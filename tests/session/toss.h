// A toy protocol for tests of the engine: commit, reveal, echo, and a durable step before the echo.
#pragma once
#include "crypto/commitment.h"
#include "session/echo.h"
#include "session/session.h"
#include "tests/support/simulation.h"

namespace quorate::test {

struct TossOpening {
  Bytes32 share{};
  BoundedBytes<40> salt;
  static auto fields(auto& m) { return std::tie(m.share, m.salt); }
};
struct TossCommit {
  static constexpr std::string_view tag = "toss/commit";
  Digest digest{};
  static auto fields(auto& m) { return std::tie(m.digest); }
};
struct TossReveal {
  static constexpr std::string_view tag = "toss/reveal";
  PartyId to;
  TossOpening opening;
  static auto fields(auto& m) { return std::tie(m.to, m.opening); }
};
struct TossEcho {
  static constexpr std::string_view tag = "toss/echo";
  Digest seen{};
  static auto fields(auto& m) { return std::tie(m.seen); }
};
using TossMessages = Messages<TossCommit, TossReveal, TossEcho>;

inline Digest toss_commitment(const SessionId& sid, PartyId who, const TossOpening& o) {
  return commit("quorate/test/a/1", sid, who, o.share, o.salt);
}
inline Digest toss_seen(const SessionId& sid, const PerParty<TossOpening>& openings) {
  Transcript t("quorate/test/b/1");
  t.absorb(sid);
  for (const PartyId i : openings.parties()) t.absorb(openings[i]);
  return t.digest();
}

inline Task<Digest> toss(Party self, bool check_openings) {
  TossOpening mine{self.rng().bytes<32>(), {}};
  mine.salt.resize(1 + self.rng().below(40));
  self.rng().fill(mine.salt);

  const TossCommit commitment{toss_commitment(self.sid(), self.me(), mine)};
  self.send_all(commitment);
  const PerPeer<TossCommit> commits = co_await self.receive<TossCommit>();

  self.send_each([&](PartyId j) { return TossReveal{j, mine}; });
  const PerPeer<TossReveal> reveals = co_await self.receive<TossReveal>();
  self.require_each([&](PartyId j) { return reveals[j].to == self.me(); }, Reason::bad_length);
  self.require_each(
      [&](PartyId j) {
        return !check_openings || toss_commitment(self.sid(), j, reveals[j].opening) == commits[j].digest;
      },
      Reason::bad_opening);
  const PerParty<TossOpening> all(self.parties(),
                                  [&](PartyId j) { return j == self.me() ? mine : reveals[j].opening; });
  const Digest seen = toss_seen(self.sid(), all);

  SecretBytes record = secret_bytes(seen);
  co_await self.durable(DurableStep::spent, std::move(record));
  co_await agree<TossEcho>(self, seen);
  co_return seen;
}

struct Toss {
  using Result = Digest;
  using MessageList = TossMessages;
  unsigned n = 3;
  bool check_openings = true;

  PartySet parties() const { return PartySet::first(n); }
  std::unique_ptr<Session<Digest>> start(const SessionConfig& config) const {
    return std::make_unique<Session<Digest>>(config, TossMessages{}, &toss, check_openings);
  }
  std::string fingerprint(PartyId, const Digest& result) const { return to_hex(result); }
};

}  // namespace quorate::test
