// One honest party of a key generation or a signing, and peers that send it anything: their honest messages (recorded once, from the same
// seeds), those changed, cut or lengthened, any bytes under any tag, in any order, with time-outs and durable steps at any moment. The session
// neither throws nor hangs, and never names a peer whose messages were all honest.
#include <algorithm>
#include <functional>
#include <map>
#include <optional>

#include "base/check.h"
#include "keygen/dkg.h"
#include "signing/frost.h"

using namespace quorate;

namespace {

constexpr unsigned kParties = 3;
const PartyId kMe(1);

struct Recorded {
  PartyId from;
  std::string tag;
  Bytes body;
};

std::vector<Ed25519SecretKey> identities() {
  std::vector<Ed25519SecretKey> keys;
  for (unsigned i = 1; i <= kParties; ++i) {
    SeededRng rng(1000 + i);
    keys.push_back(Ed25519SecretKey::generate(rng));
  }
  return keys;
}
const std::vector<Ed25519SecretKey>& keys() {
  static const auto k = identities();
  return k;
}

template <class C> DkgParameters parameters() {
  Members members;
  for (unsigned i = 1; i <= kParties; ++i) members.push_back({PartyId(i), "node" + std::to_string(i), keys()[i - 1].public_key()});
  DkgParameters p;
  p.name = "fuzzed";
  p.algorithm = std::is_same_v<C, Ed25519> ? Algorithm::eddsa_ed25519 : Algorithm::schnorr_secp256k1;
  p.committee = *Committee::make(2, std::move(members));
  return p;
}

// Runs a set of sessions to the end; returns what went to party 1.
std::vector<Recorded> run_all(std::map<PartyId, std::unique_ptr<AnySession>>& sessions) {
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

void record(Case& c, PartySet parties) {
  std::map<PartyId, std::unique_ptr<AnySession>> sessions;
  std::map<PartyId, SeededRng> rngs;
  for (const PartyId i : parties) sessions[i] = c.start(i, rngs.try_emplace(i, i.index()).first->second);
  c.honest = run_all(sessions);
  for (const auto& [i, session] : sessions) QUORATE_ASSERT(session->done() && session->aborted() == nullptr && !session->broken());
  for (const Recorded& r : c.honest)
    if (std::find(c.tags.begin(), c.tags.end(), r.tag) == c.tags.end()) c.tags.push_back(r.tag);
}

template <class C> std::unique_ptr<AnySession> start_dkg(PartyId i, Rng& rng) {
  const SessionConfig config{SessionId{1}, PartySet::first(kParties), i, rng};
  return std::make_unique<Session<DkgResult<C>>>(config, DkgMessages<C>{}, &dkg<C>, parameters<C>(), keys()[i.index() - 1]);
}

template <class C> Case dkg_case() {
  Case c;
  c.start = &start_dkg<C>;
  record(c, PartySet::first(kParties));
  return c;
}

frost::EffectiveKey<Ed25519> root_key(const KeyShare<Ed25519>& share) {
  return *effective_key_ed25519(share.Y, Scalar<Ed25519>::zero());
}
frost::EffectiveKey<Secp256k1> root_key(const KeyShare<Secp256k1>& share) {
  return *effective_key_bip340(share.Y, Scalar<Secp256k1>::zero(), std::nullopt);
}

template <class S> Case frost_case() {
  using C = typename S::Curve;
  static std::map<PartyId, KeyShare<C>> shares;
  std::map<PartyId, std::unique_ptr<AnySession>> sessions;
  std::map<PartyId, SeededRng> rngs;
  for (const PartyId i : PartySet::first(kParties)) sessions[i] = start_dkg<C>(i, rngs.try_emplace(i, i.index()).first->second);
  run_all(sessions);
  for (auto& [i, session] : sessions) shares.emplace(i, static_cast<Session<DkgResult<C>>&>(*session).take_result().share);
  Case c;
  c.start = [](PartyId i, Rng& rng) -> std::unique_ptr<AnySession> {
    const SessionConfig config{SessionId{2}, PartySet::first(2), i, rng};
    return std::make_unique<Session<Signature64>>(config, FrostMessages<C>{}, &frost_sign<S>, shares.at(i), root_key(shares.at(i)),
                                                  secret_bytes(view_of("fuzzed message")));
  };
  record(c, PartySet::first(2));
  return c;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = [] {
    std::vector<Case> c;
    c.push_back(dkg_case<Ed25519>());
    c.push_back(dkg_case<Secp256k1>());
    c.push_back(frost_case<FrostEd25519>());
    c.push_back(frost_case<FrostBip340>());
    return c;
  }();
  return all;
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in{{data, size}};
  const Case& c = cases()[in.byte() % cases().size()];
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
  return 0;
}
