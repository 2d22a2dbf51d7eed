// n parties in one thread. One seed decides delivery order, delay, duplication, loss, crashes, virtual time, failures
// of durable steps and every Rng; the same seed gives the same run. expect_safe is the oracle.
//
// A protocol under test is described by a type like
//   struct Toss {
//     using Result = …;
//     using MessageList = Messages<…>;
//     PartySet parties() const;
//     std::unique_ptr<Session<Result>> start(const SessionConfig& config) const;
//     std::string fingerprint(PartyId me, const Result& result) const;   // equal for all honest parties; "": the
//     result is wrong
//   };
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <sstream>

#include "base/hash.h"
#include "session/session.h"
#include "tests/support/leaves.h"

namespace quorate::test {

struct Faults {  // chances in 1000
  unsigned duplicate = 0, drop = 0, late = 0, crash = 0, durable_fails = 0;
  unsigned mutate = 0;  // bytes of what corrupt parties send
};

struct Wire {  // one message in the air
  PartyId from, to;
  std::string tag;
  Bytes body;
  bool dropped = false;
};

enum class End { waiting, finished, aborted, broken, crashed };
template <class Result>
struct Outcome {
  End end = End::waiting;
  std::optional<Result> result;
  std::optional<Abort> abort;
};

template <class Protocol>
class Simulation {
 public:
  using Result = typename Protocol::Result;
  using Outcomes = PerParty<Outcome<Result>>;
  static constexpr std::uint64_t kRoundTimeout = 15'000;  // virtual milliseconds

  Simulation(const Protocol& under_test, std::uint64_t seed_)
      : protocol(under_test),
        seed(seed_),
        durable(under_test.parties()),
        rng_(seed_),
        parties_(under_test.parties()),
        seats_(under_test.parties()) {
    sid = sha256(view_of("simulated session " + std::to_string(seed_)));
  }

  const Protocol& protocol;
  const std::uint64_t seed;
  SessionId sid;
  PartySet corrupt;
  Faults faults;
  std::function<void(Wire&)> tamper;       // what corrupt parties send
  std::function<void(const Wire&)> watch;  // everything that is sent, before tampering
  // A host's transaction for a durable step; false: it refuses, and destroys the session.
  std::function<bool(PartyId, const SecretBytes& record)> store;
  int stop_after = -1;                     // deliveries, then everything is destroyed where it stands; -1: never
  int drop_at = -1, fail_durable_at = -1;  // the k-th message, the k-th durable step of all; -1: none

  // The corrupt party c runs two brains and shows each to half of its peers.
  void split_brain(PartyId c) {
    corrupt.insert(c);
    seats_[c].two_brains = true;
  }
  // The corrupt party c runs something else.
  void replace(PartyId c, std::function<std::unique_ptr<AnySession>(const SessionConfig&)> start) {
    corrupt.insert(c);
    seats_[c].replacement = std::move(start);
  }

  Outcomes run() {
    for (const PartyId i : parties_) {
      Seat& s = seats_[i];
      s.rng =
          std::make_unique<SeededRng>(sha256(view_of(std::to_string(seed) + " party " + std::to_string(i.index()))));
      const SessionConfig config{sid, parties_, i, *s.rng};
      if (s.replacement)
        s.session = s.replacement(config);
      else {
        auto session = protocol.start(config);
        s.typed = session.get();
        s.session = std::move(session);
      }
      if (s.two_brains) {
        s.twin_rng = std::make_unique<SeededRng>(seed ^ 0xbadc0de);
        s.twin = protocol.start(SessionConfig{sid, parties_, i, *s.twin_rng});
      }
      at(rng_.below(50), [this, i] { step(i); });
    }
    while (!events_.empty() && (stop_after < 0 || deliveries < stop_after)) {
      auto first = events_.begin();
      now_ = first->first;
      const auto happen = std::move(first->second);
      events_.erase(first);
      happen();
    }
    Outcomes outcomes(parties_);
    for (const PartyId i : parties_) outcomes[i] = outcome(seats_[i]);
    return outcomes;
  }

  int deliveries = 0, sent = 0, durable_steps = 0, lost = 0;  // lost: messages, parties, time
  PerParty<std::vector<SecretBytes>> durable;                 // what each party's host has stored

  PartySet honest() const { return parties_ - corrupt; }
  static SeededRng rng_of(PartyId i, std::uint64_t seed_) {
    return SeededRng(sha256(view_of(std::to_string(seed_) + " party " + std::to_string(i.index()))));
  }

 private:
  struct Seat {
    std::unique_ptr<SeededRng> rng, twin_rng;
    std::function<std::unique_ptr<AnySession>(const SessionConfig&)> replacement;
    bool two_brains = false, crashed = false;
    std::unique_ptr<AnySession> session, twin;
    Session<Result>* typed = nullptr;
    std::string round;  // for which a time-out is set
  };
  using Event = std::function<void()>;

  void at(std::uint64_t delay, Event event) { events_.emplace(now_ + delay, std::move(event)); }
  bool chance(unsigned per_mille) { return per_mille != 0 && rng_.below(1000) < per_mille; }
  void crash(Seat& s) {
    s.session.reset();
    s.typed = nullptr;
    s.crashed = true;
    ++lost;
  }

  void step(PartyId i) {
    Seat& s = seats_[i];
    if (s.crashed) return;
    s.session->resume();
    release(i, *s.session, false);
    if (s.twin) {
      s.twin->resume();
      release(i, *s.twin, true);
    }
    if (!s.session->done() && s.round != s.session->round()) {
      s.round = s.session->round();
      at(kRoundTimeout, [this, i, round = s.round] {
        Seat& seat = seats_[i];
        if (seat.crashed || seat.session->round() != round || seat.session->waiting_for().empty()) return;
        ++lost;
        seat.session->time_out();
        release(i, *seat.session, false);
      });
    }
    if (auto pending = s.session->pending_durable()) {
      QUORATE_ASSERT(pending->step != DurableStep::unset);
      if (durable_steps++ == fail_durable_at || chance(faults.durable_fails))
        return crash(s);  // the host cannot store, and stops
      at(rng_.below(30), [this, i, record = std::make_shared<SecretBytes>(std::move(pending->record))] {
        if (seats_[i].crashed) return;
        if (store && !store(i, *record)) return crash(seats_[i]);
        durable[i].push_back(std::move(*record));
        seats_[i].session->durable_done();
        step(i);
      });
    }
    if (s.twin && s.twin->pending_durable()) {
      s.twin->durable_done();
      step(i);
    }
  }

  void release(PartyId i, AnySession& brain, bool is_twin) {
    for (Outgoing& message : brain.take_outbox()) {
      Wire w{i, message.to, std::string(message.tag), Bytes(message.body.begin(), message.body.end())};
      if (seats_[i].two_brains && (parties_.without(i).position(w.to) % 2 == 1) != is_twin) continue;
      if (watch) watch(w);
      if (corrupt.contains(i)) {
        if (tamper) tamper(w);
        if (chance(faults.mutate)) mutate(w);
      }
      if (sent++ == drop_at || w.dropped || chance(faults.drop)) {
        ++lost;
        continue;
      }
      const unsigned copies = chance(faults.duplicate) ? 2 : 1;
      for (unsigned c = 0; c < copies; ++c)
        at(rng_.below(100) + (chance(faults.late) ? rng_.below(2 * kRoundTimeout) : 0), [this, w] { arrive(w); });
    }
  }

  void arrive(const Wire& w) {
    Seat& s = seats_[w.to];
    if (s.crashed) return;
    if (chance(faults.crash) && !corrupt.contains(w.to)) return crash(s);
    ++deliveries;
    s.session->deliver(w.from, w.tag, w.body);
    if (s.twin) s.twin->deliver(w.from, w.tag, w.body);
    if (chance(700))
      step(w.to);
    else
      at(rng_.below(20), [this, to = w.to] { step(to); });  // several may arrive before the worker comes round
  }

  void mutate(Wire& w) {
    Bytes& b = w.body;
    switch (rng_.below(6)) {
      case 0:
        b.at(rng_.below(b.size())) ^= static_cast<std::uint8_t>(1u << rng_.below(8));
        break;
      case 1:
        b.resize(rng_.below(b.size()));
        break;
      case 2:
        b.push_back(static_cast<std::uint8_t>(rng_.below(256)));
        break;
      case 3:
        b.at(rng_.below(b.size())) = static_cast<std::uint8_t>(rng_.below(256));
        break;
      case 4:
        w.tag += "x";
        break;
      default:
        b.resize(rng_.below(300));
        rng_.fill(b);
    }
  }

  static Outcome<Result> outcome(Seat& s) {
    Outcome<Result> o;
    if (s.crashed)
      o.end = End::crashed;
    else if (s.session->aborted() != nullptr) {
      o.end = End::aborted;
      o.abort.emplace(*s.session->aborted());
    } else if (s.session->broken())
      o.end = End::broken;
    else if (s.typed != nullptr && s.typed->has_result()) {
      o.end = End::finished;
      o.result.emplace(s.typed->take_result());
    }
    return o;
  }

  SeededRng rng_;
  PartySet parties_;
  PerParty<Seat> seats_;
  std::multimap<std::uint64_t, Event> events_;
  std::uint64_t now_ = 0;
};

// Every honest party returns the same verified result or aborts; no honest party is accused; nothing hangs or throws;
// without faults and corruption everyone finishes.
template <class Protocol>
testing::AssertionResult expect_safe(const Simulation<Protocol>& sim,
                                     const typename Simulation<Protocol>::Outcomes& outcomes) {
  const auto violation = [&](PartyId i, const std::string& what) {
    std::ostringstream s;
    s << "seed " << sim.seed << ", n " << outcomes.parties().size() << ", party " << int(i.index()) << ": " << what;
    for (const PartyId c : sim.corrupt) s << " (corrupt: " << int(c.index()) << ")";
    if (const auto& a = outcomes[i].abort)
      s << " [" << name_of(a->kind) << ", " << a->what() << ", after " << a->round << "]";
    return testing::AssertionFailure() << s.str();
  };
  std::string agreed;
  for (const PartyId i : sim.honest()) {
    const auto& o = outcomes[i];
    switch (o.end) {
      case End::crashed:
        break;
      case End::waiting:
        return violation(i, "hangs");
      case End::broken:
        return violation(i, "threw an exception");
      case End::aborted: {
        const Abort& a = *o.abort;
        if (a.culprits.contains(i)) return violation(i, "blames itself");
        if (a.kind == AbortKind::cheated && !(a.culprits & sim.honest()).empty())
          return violation(i, "blames an honest party");
        if (a.culprits.empty() != (a.kind == AbortKind::unattributed))
          return violation(i, "abort and culprits do not fit");
        if (a.reason == Reason::unset || a.kind == AbortKind::unset) return violation(i, "abort without a reason");
        if (sim.corrupt.empty() && a.kind != AbortKind::silent)
          return violation(i, "sees cheating among honest parties");
        if (sim.corrupt.empty() && sim.lost == 0) return violation(i, "does not finish although nothing was lost");
        break;
      }
      case End::finished: {
        const std::string fingerprint = sim.protocol.fingerprint(i, *o.result);
        if (fingerprint.empty()) return violation(i, "returns a result that does not verify");
        if (!agreed.empty() && agreed != fingerprint) return violation(i, "returns another result than the others");
        agreed = fingerprint;
      }
    }
  }
  return testing::AssertionSuccess();
}

}  // namespace quorate::test
