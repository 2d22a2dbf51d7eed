// What peers say: admitted, taken in turns, decoded and sorted.
#include <stdexcept>

#include "node/desk.h"
#include "node/outcome.h"

namespace quorate::node {
namespace {

constexpr auto kUntold = Seconds(10);  // between two lines about what a node sends and does not decode

}  // namespace

// More came from it than could be taken.
void Desk::on_lost(const std::string& node) {
  coordinator_.doubt(node);
  windows_.on_lost(node);
}

// It speaks of all that was sent before it, also of what was dropped here.
void Desk::take_mark(const std::string& from, const LedgerMark& mark) {
  if (inflow_.take_lost(from)) return on_lost(from);
  windows_.on_mark(from, mark);
}

// For what ends something, which must not get lost.
bool Desk::post(const std::string& node, std::function<void()> work) noexcept {
  try {
    if (turns_.post(node, std::move(work))) return true;
  } catch (const std::exception&) {
  }
  ++dropped_;
  return false;
}

void Desk::on_envelope(const std::string& from, Envelope envelope) noexcept {
  const std::size_t bytes = envelope.body.size();
  bool admitted = false;
  try {
    if (!envelope.tag.starts_with("node/")) return host_.deliver(from, std::move(envelope));
    admitted = inflow_.admit(from, bytes);
    std::function<void()> work = [this, from, bytes, envelope = std::move(envelope)] {
      inflow_.done(from, bytes);
      try {
        dispatch(from, envelope);
      } catch (const Malformed& e) {
        on_malformed(from, e.what());
      }
    };
    if (admitted && turns_.post(from, std::move(work))) return;
  } catch (const std::exception&) {
  }
  ++dropped_;
  try {
    if (admitted) inflow_.done(from, bytes);
    inflow_.lose(from);
  } catch (const std::exception&) {  // there is no place of this peer yet, nor memory for one
  }
}

bool Desk::wants_more(const std::string& from) noexcept {
  try {
    return inflow_.wants_more(from, world_.clock.steady()) && host_.wants_more(from);
  } catch (const std::exception&) {  // no memory to count with
    return true;
  }
}

// Their number must not become a number of lines.
void Desk::on_malformed(const std::string& from, const std::string& why) {
  ++malformed_;
  inflow_.useless(from, world_.clock.steady());
  coordinator_.doubt(from);
  const SteadyTime now = world_.clock.steady();
  Untold& untold = untold_[from];
  if (now < untold.next) {
    ++untold.n;
    return;
  }
  std::string text = from + " sent a message that does not decode: " + why;
  if (untold.n > 0) text += " (and " + std::to_string(untold.n) + " before)";
  untold = {now + kUntold, 0};
  world_.log(LogLevel::warn, text);
}

void Desk::propose(const std::string& from, const Propose& propose) {
  if (!draining_) return participant_.on_propose(from, propose);
  Refuse message;
  message.random = propose.random;
  message.status = 503;
  message.code = "stopping";
  message.detail = "this node is about to stop";
  world_.mesh.send(from, envelope_of(message));
}

void Desk::dispatch(const std::string& from, const Envelope& e) {
  if (e.tag == Propose::tag)
    propose(from, decode<Propose>(e.body));
  else if (e.tag == Begin::tag)
    participant_.on_begin(from, decode<Begin>(e.body));
  else if (e.tag == Stop::tag)
    participant_.on_stop(from, decode<Stop>(e.body));
  else if (e.tag == Accept::tag)
    coordinator_.on_accept(from, decode<Accept>(e.body));
  else if (e.tag == Refuse::tag)
    coordinator_.on_refuse(from, decode<Refuse>(e.body));
  else if (e.tag == Report::tag)
    coordinator_.on_report(from, decode<Report>(e.body));
  else if (e.tag == Replicate::tag)
    approvals_.on_replicate(from, decode<Replicate>(e.body));
  else if (e.tag == Held::tag)
    approvals_.on_held(from, decode<Held>(e.body));
  else if (e.tag == Outcome::tag)
    take(from, decode<Outcome>(e.body));
  else if (e.tag == OutcomeQuery::tag)
    tell_outcome(from, decode<OutcomeQuery>(e.body));
  else if (e.tag == CertificateQuery::tag)
    healer_.on_query(from, decode<CertificateQuery>(e.body));
  else if (e.tag == CertificateSignature::tag)
    healer_.on_signature(from, decode<CertificateSignature>(e.body));
  else if (e.tag == CertificateComplete::tag)
    healer_.on_certificate(from, decode<CertificateComplete>(e.body));
  else if (e.tag == CertificateChain::tag)
    healer_.on_chain(from, decode<CertificateChain>(e.body));
  else if (e.tag == KeyList::tag)
    healer_.on_keys(from, decode<KeyList>(e.body));
  else if (e.tag == MyProgress::tag)
    freshness_.on_mine(from, decode<MyProgress>(e.body).progress);
  else if (e.tag == YourProgress::tag)
    freshness_.on_yours(from, decode<YourProgress>(e.body).progress);
  else if (e.tag == KeyStateChange::tag)
    healer_.on_key_state(from, decode<KeyStateChange>(e.body));
  else if (e.tag == KeyStateTaken::tag)
    coordinator_.on_key_state_taken(from, decode<KeyStateTaken>(e.body));
  else if (e.tag == PolicyVotes::tag)
    governance_.on_votes(from, decode<PolicyVotes>(e.body));
  else if (e.tag == PolicyQuery::tag)
    governance_.on_query(from, decode<PolicyQuery>(e.body));
  else if (e.tag == PolicyStep::tag)
    governance_.on_step(from, decode<PolicyStep>(e.body));
  else if (e.tag == LedgerNews::tag)
    windows_.on_news(from, decode<LedgerNews>(e.body));
  else if (e.tag == LedgerNoted::tag)
    windows_.on_noted(from, decode<LedgerNoted>(e.body));
  else if (e.tag == LedgerQuery::tag)
    windows_.on_query(from, decode<LedgerQuery>(e.body));
  else if (e.tag == LedgerMark::tag)
    take_mark(from, decode<LedgerMark>(e.body));
  else if (e.tag == FreezeTold::tag)
    freezes_.on_freeze(from, decode<FreezeTold>(e.body));
  else if (e.tag == FreezeTaken::tag)
    freezes_.on_taken(from, decode<FreezeTaken>(e.body));
  else if (e.tag == LiftVotes::tag)
    freezes_.on_votes(from, decode<LiftVotes>(e.body));
  else if (e.tag == LiftTold::tag)
    freezes_.on_lift(from, decode<LiftTold>(e.body));
  else if (e.tag == FreezeList::tag)
    freezes_.on_list(from, decode<FreezeList>(e.body));
  else if (e.tag == RecoveryTold::tag)
    recoveries_.on_told(from, decode<RecoveryTold>(e.body));
  else if (e.tag == CardList::tag)
    cards_.on_cards(from, decode<CardList>(e.body));
  else if (e.tag == QuarantineList::tag)
    quarantines_.on_list(from, decode<QuarantineList>(e.body));
  else {
    ++malformed_;
    inflow_.useless(from, world_.clock.steady());
  }
}

void Desk::take(const std::string& from, const Outcome& outcome) {
  // Who made a key or its next certificate waits a moment for its members to have it, however they came by it.
  const auto acknowledge = [this, from, result = outcome.result](const RequestRecord& record) {
    if (record.request_state() != storage::RequestState::succeeded ||
        record.kind.text == policy::name_of(policy::Kind::sign))
      return;
    Report report;
    report.request = record.id;
    report.succeeded = true;
    report.result = result;
    world_.mesh.send(from, envelope_of(report));
  };
  if (const auto known = requests_.load(outcome.request)) acknowledge(*known);
  take_outcome(from, outcome, requests_, world_, [this, acknowledge](const RequestRecord& record) {
    on_final(record);
    acknowledge(record);
  });
}

void Desk::tell_outcome(const std::string& to, const OutcomeQuery& query) {
  const auto record = requests_.load(query.request);
  if (!record || record->open() || !may_know(*record, to, world_)) return;
  if (const auto word = word_of_end(*record, world_)) world_.mesh.send(to, *word);
}

}  // namespace quorate::node
