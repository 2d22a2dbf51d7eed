#include "keygen/trial.h"

#include <algorithm>

#include "base/check.h"
#include "crypto/transcript.h"

namespace quorate {
namespace {

// The sessions that have me.
class Trials {
 public:
  template <class P>
  Trials(Party self, PartySet members, std::size_t t, StartTrial<P> start, const P& prepared) : self_(self) {
    for (const PartySet T : trial_sets(members, t)) {
      if (!T.contains(self.me())) continue;
      const SessionId sid = Transcript("quorate/reshare/trial/1").absorb(self.sid()).absorb(T).digest();
      const SessionConfig config{sid, T, self.me(), self.rng()};
      trials_.push_back({T, start(config, prepared), {}});
      partners_ = partners_ | T.without(self.me());
    }
    advance();
  }

  PartySet partners() const { return partners_; }
  bool done() const {
    return std::all_of(trials_.begin(), trials_.end(), [](const Trial& trial) { return trial.session->done(); });
  }

  TrialMessage round_to(PartyId j) {
    TrialMessage message;
    for (Trial& trial : trials_)
      for (const Outgoing& out : trial.round)
        if (out.to == j) message.parts.emplace_back(out.body.begin(), out.body.end());
    return message;
  }

  template <class M>
  void take(const PerPeer<M>& messages) {
    self_.require_each(
        partners_, [&](PartyId j) { return messages[j].parts.size() == together(j); }, Reason::bad_length);
    for (const PartyId j : partners_) {
      auto part = messages[j].parts.begin();
      for (Trial& trial : trials_)
        if (trial.T.contains(j)) trial.session->deliver(j, trial.round.front().tag, *part++);
    }
    advance();
  }

 private:
  struct Trial {
    PartySet T;
    std::unique_ptr<AnySession> session;
    std::vector<Outgoing> round;  // what it has sent in this one
  };

  std::size_t together(PartyId j) const {
    return static_cast<std::size_t>(
        std::count_if(trials_.begin(), trials_.end(), [j](const Trial& trial) { return trial.T.contains(j); }));
  }

  // Until all of them wait for others, or have ended. Of a round in which one has failed nothing leaves.
  void advance() {
    for (Trial& trial : trials_) {
      do trial.session->resume();
      while (stored(*trial.session));
      trial.round = trial.session->take_outbox();
    }
    for (const Trial& trial : trials_) {
      if (trial.session->broken()) std::rethrow_exception(trial.session->broken());
      const Abort* abort = trial.session->aborted();
      if (abort == nullptr) continue;
      self_.require_each([&](PartyId j) { return !abort->culprits.contains(j); }, abort->reason);
      self_.require(false, abort->reason);
    }
  }
  // Spent nonces, or a failed extension: both end with this process or this session, and so do these secrets.
  static bool stored(AnySession& session) {
    if (!session.pending_durable()) return false;
    session.durable_done();
    return true;
  }

  Party self_;
  std::vector<Trial> trials_;
  PartySet partners_;
};

}  // namespace

std::vector<PartySet> trial_sets(PartySet members, std::size_t t) {
  QUORATE_ASSERT(t >= 1 && t <= members.size());
  const std::vector<PartyId> order(members.begin(), members.end());
  std::vector<PartySet> sets;
  for (std::size_t first = 0; first < order.size(); first += t) {
    PartySet& T = sets.emplace_back();
    for (std::size_t k = first; k < first + t; ++k) T.insert(order[k % order.size()]);
  }
  return sets;
}

template <class C, class Setup>
Task<void> try_out(Party self, PartySet members, std::size_t t, StartTrial<typename Setup::template Prepared<C>> start,
                   const typename Setup::template Prepared<C>& prepared) {
  Trials trials(self, members, t, start, prepared);
  const PartySet partners = trials.partners();

  for (const PartyId j : partners) self.send(j, ReshareTrial1{trials.round_to(j)});
  const PerPeer<ReshareTrial1> first = co_await self.receive<ReshareTrial1>(partners);
  trials.take(first);

  for (const PartyId j : partners) self.send(j, ReshareTrial2{trials.round_to(j)});
  const PerPeer<ReshareTrial2> second = co_await self.receive<ReshareTrial2>(partners);
  trials.take(second);

  if constexpr (Setup::kPairwise) {
    for (const PartyId j : partners) self.send(j, ReshareTrial3{trials.round_to(j)});
    const PerPeer<ReshareTrial3> third = co_await self.receive<ReshareTrial3>(partners);
    trials.take(third);
  }
  QUORATE_ASSERT(trials.done());
}

template Task<void> try_out<Secp256k1, NoSetup>(Party, PartySet, std::size_t, StartTrial<PreparedShare<Secp256k1>>,
                                                const PreparedShare<Secp256k1>&);
template Task<void> try_out<Ed25519, NoSetup>(Party, PartySet, std::size_t, StartTrial<PreparedShare<Ed25519>>,
                                              const PreparedShare<Ed25519>&);
template Task<void> try_out<Secp256k1, EcdsaSetup>(Party, PartySet, std::size_t, StartTrial<PreparedEcdsaShare>,
                                                   const PreparedEcdsaShare&);

}  // namespace quorate
