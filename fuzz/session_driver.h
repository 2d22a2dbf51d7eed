// One honest party and peers that send it anything: their honest messages (recorded once, from the same seeds), those
// changed, cut or lengthened, any bytes under any tag, in any order, with time-outs and durable steps at any moment. The
// session neither throws nor hangs, and never names a peer whose messages were all honest.
#pragma once
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "session/session.h"

namespace quorate::fuzz {

inline const PartyId kMe(1);

struct Recorded {
  PartyId from;
  std::string tag;
  Bytes body;
};

// Runs a set of sessions to the end; returns what went to party 1.
inline std::vector<Recorded> run_all(std::map<PartyId, std::unique_ptr<AnySession>>& sessions) {
  std::vector<Recorded> to_me;
  for (bool moved = true; moved;) {
    moved = false;
    for (auto& [i, session] : sessions) {
      session->resume();
      if (session->pending_durable()) {
        session->durable_done();
        moved = true;
      }
      for (Outgoing& o : session->take_outbox()) {
        moved = true;
        if (o.to == kMe) to_me.push_back({i, std::string(o.tag), Bytes(o.body.begin(), o.body.end())});
        sessions.at(o.to)->deliver(i, o.tag, o.body);
      }
    }
  }
  return to_me;
}

struct Case {
  std::function<std::unique_ptr<AnySession>(PartyId, Rng&)> start;
  std::vector<Recorded> honest;
  std::vector<std::string> tags;
};

inline void record(Case& c, PartySet parties) {
  std::map<PartyId, std::unique_ptr<AnySession>> sessions;
  std::map<PartyId, SeededRng> rngs;
  for (const PartyId i : parties) sessions[i] = c.start(i, rngs.try_emplace(i, i.index()).first->second);
  c.honest = run_all(sessions);
  for (const auto& [i, session] : sessions) QUORATE_ASSERT(session->done() && session->aborted() == nullptr && !session->broken());
  for (const Recorded& r : c.honest)
    if (std::find(c.tags.begin(), c.tags.end(), r.tag) == c.tags.end()) c.tags.push_back(r.tag);
}

struct Input {
  ByteView rest;
  std::uint8_t byte() {
    if (rest.empty()) return 0;
    const std::uint8_t b = rest[0];
    rest = rest.subspan(1);
    return b;
  }
  ByteView bytes(std::size_t n) {
    n = std::min(n, rest.size());
    const ByteView b = rest.first(n);
    rest = rest.subspan(n);
    return b;
  }
};

inline void drive(const Case& c, Input in) {
  SeededRng rng(kMe.index());
  const std::unique_ptr<AnySession> session = c.start(kMe, rng);
  PartySet touched;  // who has sent something that its honest self did not
  session->resume();
  for (int steps = 0; !in.rest.empty() && steps < 200; ++steps) {
    const std::uint8_t what = in.byte() % 8;
    const Recorded& r = c.honest[in.byte() % c.honest.size()];
    Bytes body = r.body;
    switch (what) {
      case 0:
      case 1: session->deliver(r.from, r.tag, body); break;
      case 2:
      case 3: {  // changed bytes
        const std::size_t at = (std::size_t{in.byte()} << 8 | in.byte()) % (body.size() + 1);
        for (const std::uint8_t b : in.bytes(1 + in.byte() % 33u)) {
          if (at >= body.size()) body.push_back(b);
          else body[at] ^= b;
        }
        if (body != r.body) touched.insert(r.from);
        session->deliver(r.from, r.tag, body);
        break;
      }
      case 4: {  // cut
        body.resize(body.size() - std::min<std::size_t>(body.size(), 1 + in.byte()));
        touched.insert(r.from);
        session->deliver(r.from, r.tag, body);
        break;
      }
      case 5: {  // anything, under any tag
        const std::uint8_t tag = in.byte();
        const ByteView bytes = in.bytes(std::size_t{in.byte()} * 2);
        touched.insert(r.from);
        session->deliver(r.from, tag % 16 == 15 ? std::string("x/y/1") : c.tags[tag % c.tags.size()], bytes);
        break;
      }
      case 6:
        if (session->pending_durable()) session->durable_done();
        break;
      case 7:
        if (in.byte() % 8 == 0) session->time_out();
        break;
    }
    session->resume();
    session->take_outbox();
  }
  QUORATE_ASSERT(!session->broken());
  if (const Abort* abort = session->aborted()) {
    QUORATE_ASSERT(!abort->culprits.contains(kMe));
    if (abort->kind == AbortKind::cheated) QUORATE_ASSERT(touched.includes(abort->culprits));
  }
}

}  // namespace quorate::fuzz
