// What of a proposal must be as this node has it, and whose turn it is.
#include <algorithm>

#include "node/participant.h"
#include "node/protocols.h"
#include "node/succession.h"
#include "session/context.h"

namespace quorate::node {
namespace {

Refusal mismatch(const std::string& field) {
  return {409, "context_mismatch", "this node has another " + field + " for this request", std::nullopt};
}

}  // namespace

Refusal other_certificate() {
  return {409, "other_certificate", "this node has another certificate of the key in force", std::nullopt};
}

std::optional<Refusal> Participant::compare(const Examined& x, const Propose& p) const {
  if (p.cluster_digest != world_.cluster->digest()) return mismatch("cluster document");
  if (p.policy_version != static_cast<std::uint64_t>(world_.policy->version()) ||
      p.policy_digest != world_.policy->digest())
    return mismatch("policy");
  if (p.key_id.text != x.intent.key) return mismatch("key");
  if (!x.uses_shares()) return mismatch("protocol");  // it needs none
  if (p.certificate != x.certificate())
    return x.create() != nullptr ? mismatch("key certificate") : other_certificate();
  if (x.reshare() != nullptr) return compare_reshare(x, p);
  if (p.committee != committee_hash(x.committee())) return mismatch("committee");
  if (p.threshold != x.committee().threshold()) return mismatch("threshold");
  if (p.request_digest != x.request_digest) return mismatch("intent");
  const PartySet signers = set_of(p.signers);
  if (signers.size() != p.signers.size() || !x.committee().parties().includes(signers)) return mismatch("signer set");
  const std::size_t needed = x.create() != nullptr ? x.committee().size() : x.committee().threshold();
  if (signers.size() != needed) return mismatch("number of signers");
  return std::nullopt;
}

// docs/reshare.md: the committees are this node's own, whatever the coordinator says (attack 47).
std::optional<Refusal> Participant::compare_reshare(const Examined& x, const Propose& p) const {
  const ResharePlan& plan = *x.reshare();
  if (p.committee != committee_hash(plan.committee)) return mismatch("committee");
  if (p.threshold != plan.committee.threshold()) return mismatch("threshold");
  if (p.request_digest != x.request_digest) return mismatch("intent");
  const Terms terms = terms_of(p);
  if (terms.signers.size() != p.signers.size() || !session_id_of(x, terms, world_)) return mismatch("set of dealers");
  if (plan.committee.find(world_.me.id) == nullptr) return std::nullopt;  // signs nothing
  const ReshareRequest request = reshare_request(x, plan.body());
  const KeyHistory history = history_of(plan.key, world_);
  const MaySign answer =
      history.may_sign({p.number, name_of(plan.body()), &request}, milliseconds(world_.clock.wall()));
  const std::string why(name_of(answer));
  switch (answer) {
    case MaySign::yes:
      return std::nullopt;
    case MaySign::used_number:
      return Refusal{409, "number_used", why, std::nullopt, history.highest()};
    case MaySign::ahead_of_clock:
      return Refusal{409, "clock_skew", why, std::nullopt};
    case MaySign::outside_window:
      return Refusal{410, "expired", why, std::nullopt};
    case MaySign::other_base:
      return other_certificate();
    case MaySign::unset:
      break;
  }
  impossible("an answer is set");
}

// The request's first coordinator goes first, so that no other node can take requests out of its hands.
std::optional<Refusal> Participant::check_turn(const RequestRecord& known, const std::string& from) {
  const auto it = active_.find(known.id);
  const std::string first = it != active_.end() ? it->second.coordinator : known.coordinator.text;
  if (!known.open() || first == from || !in_head_start(known, world_.clock.wall())) return std::nullopt;
  const bool there =
      first == world_.me.id ? !hooks_.stand_back(known.id, from) : peers_.is_up(first) && !given_up_.contains(known.id);
  if (!there) return std::nullopt;
  return Refusal{409, "busy", first + " coordinates this request", std::nullopt};
}

// An approved request lives for hours, and anybody may coordinate it: an attempt that runs is let be, and who has
// proposed often has to wait longer and longer, so that the others have their turn.
std::optional<Refusal> Participant::check_turn_of_approved(const Examined& x, const std::string& from) {
  const SteadyTime now = world_.clock.steady();
  const auto it = active_.find(x.id);
  if (it != active_.end() && it->second.coordinator != from && now < it->second.until &&
      (it->second.coordinator == world_.me.id || peers_.is_up(it->second.coordinator)))
    return Refusal{409, "busy", it->second.coordinator + " coordinates this request", std::nullopt};
  if (turns_.size() >= kMaxUsed) turns_.clear();
  Turn& turn = turns_[{x.id, from}];
  if (now < turn.next) return Refusal{409, "busy", from + " has proposed this request often", std::nullopt};
  const int often = ++turn.proposals - 2 * static_cast<int>(limits::kMaxAttempts);
  if (often > 0) turn.next = now + std::min(Seconds(1) * (1 << std::min(often, 9)), Seconds(300));
  return std::nullopt;
}

// Of two requests for one name the one with the smaller id goes on, unless the other's key generation has begun. That
// only the other's coordinator knows: until it has said so, or has let go, the smaller one is asked to come again.
std::optional<Refusal> Participant::check_name(const std::string& name, const std::string& request) const {
  if (world_.store.key_by_name(name)) return Refusal{409, "name_taken", name_taken_by(""), "/name"};
  const auto holder = world_.store.name_holder(name);
  if (!holder || *holder == request) return std::nullopt;
  const Refusal taken{409, "name_taken", name_taken_by(*holder), "/name"};
  if (*holder < request) return taken;
  switch (hooks_.give_way(*holder, request)) {
    case NameClaim::given_up:
      return std::nullopt;
    case NameClaim::kept:
      return taken;
    case NameClaim::undecided:
      break;
  }
  return Refusal{409, "name_busy", name_taken_by(*holder), "/name"};
}

std::optional<Refusal> Participant::check_load(const std::string& from) const {
  const auto of_peer =
      std::count_if(active_.begin(), active_.end(), [&](const auto& a) { return a.second.coordinator == from; });
  if (static_cast<std::size_t>(of_peer) < limits::kMaxSessionsPerPeer && used_.size() < kMaxUsed) return std::nullopt;
  return Refusal{503, "overloaded", "too many sessions run here", std::nullopt};
}

// What this node has missed may leave no room, or is what a new member must not begin without.
std::optional<Refusal> Participant::check_ledger(const Examined& x) const {
  const bool counts =
      (x.sign() != nullptr && !x.decision.limits.empty()) || (x.reshare() != nullptr && world_.policy->has_windows());
  if (!counts || !windows_.listening()) return std::nullopt;
  return Refusal{409, "busy", "this node is about to hear what it has missed", std::nullopt};
}

}  // namespace quorate::node
