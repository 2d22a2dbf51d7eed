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
  Trials(Party self, PartySet members, std::size_t t, StartTrial<P> start, const P* prepared)
      : self_(self), members_(members) {
    QUORATE_ASSERT(members.contains(self.me()) == (prepared != nullptr));
    for (const PartySet T : trial_sets(members, t)) {
      if (!T.contains(self.me())) continue;
      const SessionConfig config{trial_id(self.sid(), prepared->body, T), T, self.me(), self.rng()};
      trials_.push_back({T, start(config, *prepared), {}});
    }
    advance();
  }

  bool done() const {
    return std::all_of(trials_.begin(), trials_.end(), [](const Trial& trial) { return trial.session->done(); });
  }

  template <class M>
  void send_round() {
    if (!members_.contains(self_.me())) return;
    for (const PartyId j : self_.peers()) {
      M message;
      for (const Trial& trial : trials_)
        for (const Outgoing& out : trial.round)
          if (out.to == j) message.parts.emplace_back(out.body.begin(), out.body.end());
      self_.send(j, message);
    }
  }

  template <class M>
  void take(const PerPeer<M>& messages) {
    const PartySet senders = members_.without(self_.me());
    self_.require_each(
        senders, [&](PartyId j) { return messages[j].parts.size() == together(j); }, Reason::bad_length);
    for (const PartyId j : senders) {
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

  // Until all of them wait for others, or have ended. Of a round in which one has failed nothing leaves, as with
  // ECDSA's gates: these secrets end with this session, and no gate or quarantine of the host is about them.
  void advance() {
    for (Trial& trial : trials_) {
      do trial.session->resume();
      while (stored(*trial.session));
      trial.round = trial.session->take_outbox();
    }
    const Abort* first = nullptr;  // of those that name somebody, if one does
    PartySet culprits;
    for (const Trial& trial : trials_) {
      if (trial.session->broken()) std::rethrow_exception(trial.session->broken());
      const Abort* abort = trial.session->aborted();
      if (abort == nullptr) continue;
      if (first == nullptr || (culprits.empty() && !abort->culprits.empty())) first = abort;
      culprits = culprits | abort->culprits;
    }
    if (first == nullptr) return;
    self_.require_each([&](PartyId j) { return !culprits.contains(j); }, first->reason);
    self_.require(false, first->reason);
  }
  // Spent nonces, or a failed extension: neither outlives the session.
  static bool stored(AnySession& session) {
    if (!session.pending_durable()) return false;
    session.durable_done();
    return true;
  }

  Party self_;
  PartySet members_;
  std::vector<Trial> trials_;
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

SessionId trial_id(const SessionId& sid, const CertificateBody& body, PartySet T) {
  return Transcript("quorate/reshare/trial/1").absorb(sid).absorb(body.digest()).absorb(T).digest();
}

template <class C, class Setup>
Task<void> try_out(Party self, PartySet members, std::size_t t, StartTrial<typename Setup::template Prepared<C>> start,
                   const typename Setup::template Prepared<C>* prepared) {
  using First = ReshareTrial1<Setup>;
  using Second = ReshareTrial2<Setup>;
  using Third = ReshareTrial3<Setup>;
  Trials trials(self, members, t, start, prepared);

  trials.send_round<First>();
  const PerPeer<First> first = co_await self.receive<First>(members);
  trials.take(first);

  trials.send_round<Second>();
  const PerPeer<Second> second = co_await self.receive<Second>(members);
  trials.take(second);

  if constexpr (Setup::kPairwise) {
    trials.send_round<Third>();
    const PerPeer<Third> third = co_await self.receive<Third>(members);
    trials.take(third);
  }
  QUORATE_ASSERT(trials.done());
}

template Task<void> try_out<Secp256k1, NoSetup>(Party, PartySet, std::size_t, StartTrial<PreparedShare<Secp256k1>>,
                                                const PreparedShare<Secp256k1>*);
template Task<void> try_out<Ed25519, NoSetup>(Party, PartySet, std::size_t, StartTrial<PreparedShare<Ed25519>>,
                                              const PreparedShare<Ed25519>*);
template Task<void> try_out<Secp256k1, EcdsaSetup>(Party, PartySet, std::size_t, StartTrial<PreparedEcdsaShare>,
                                                   const PreparedEcdsaShare*);

}  // namespace quorate
