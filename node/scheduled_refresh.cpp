#include "node/scheduled_refresh.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "node/keys.h"
#include "node/succession.h"

namespace quorate::node {
namespace {

using std::chrono::duration_cast;

constexpr auto kLookEvery = Seconds(60);
constexpr auto kAgainAfter = std::chrono::hours(1);    // what was skipped or has failed
constexpr auto kSettle = std::chrono::minutes(10);     // between the time and the first who asks: clocks differ
constexpr auto kWidestJitter = std::chrono::hours(6);  // and at most a twentieth of the interval
constexpr std::size_t kAtOnce = 4;                     // refreshes that this node has asked for
constexpr std::size_t kRefreshPage = 200;
constexpr std::uint64_t kTicket = UINT64_MAX;  // nobody stops waiting

std::chrono::milliseconds interval(std::int64_t days) { return std::chrono::hours(24 * days); }

// When the shares of this certificate were dealt. Numbers are times, but for the first.
WallTime dealt_at(const storage::KeyRow& row, std::uint64_t number) {
  if (number > 1) return WallTime(std::chrono::milliseconds(number));
  return from_unix_seconds(static_cast<std::int64_t>(key_record_in(row).created));
}

// A part of the window that is this node's own for this certificate, so that the members do not all ask at once.
std::chrono::milliseconds jitter(const storage::KeyRow& row, const std::string& node, std::int64_t days) {
  const auto window = std::min<std::chrono::milliseconds>(interval(days) / 20, kWidestJitter);
  const std::string number = std::to_string(row.number);
  const ByteView parts[] = {view_of("quorate-refresh-jitter-v1"), view_of(row.id), view_of(node), view_of(number)};
  const Digest hash = sha256_list(parts);
  std::uint64_t value = 0;
  for (std::size_t k = 0; k < 8; ++k) value = value << 8 | hash[k];
  return std::chrono::milliseconds(value % static_cast<std::uint64_t>(window.count()));
}

}  // namespace

const policy::NodeCard* asking_node(std::string_view user, const policy::ClusterDocument& cluster) {
  if (!user.starts_with(http::kNodePrefix)) return nullptr;
  return cluster.find(std::string(user.substr(http::kNodePrefix.size())));
}

policy::Decision decide_scheduled(const Examined& x, const World& world, const policy::PolicyDocument& policy) {
  policy::Decision decision;
  decision.rule = "refresh_every_days";
  const auto deny = [&](const std::string& why) {
    decision.reasons.push_back({decision.rule, policy::Truth::no, why});
    return decision;
  };
  const ResharePlan* plan = x.reshare();
  if (plan == nullptr || !plan->asked.refresh || !plan->asked.certificate)
    return deny("a node asks for the refresh of a certificate, and for nothing else");
  const auto days = policy.refresh_every_days(x.intent.key_name);
  if (!days) return deny("the policy has no refresh of this key");
  // Of the certificate that the request names, as far as this node knows it: it may be the one before by now.
  std::uint64_t number = plan->key.number;
  if (*plan->asked.certificate != plan->known->digest)
    for (const CertificateLink& link : links_of(plan->key, world)) {
      const auto body = decode<KeyCertificate>(link.certificate).body;
      if (body.digest() == *plan->asked.certificate) number = body.number;
    }
  if (from_unix_seconds(x.who.created) < dealt_at(plan->key, number) + interval(*days))
    return deny("the shares are younger than " + std::to_string(*days) + " days");
  decision.effect = policy::Effect::allow;
  return decision;
}

ScheduledRefresh::ScheduledRefresh(const World& world, const PeerView& peers, Coordinator& coordinator)
    : world_(world), peers_(peers), coordinator_(coordinator) {}

void ScheduledRefresh::tick() {
  const SteadyTime now = world_.clock.steady();
  if (now < next_look_) return;
  next_look_ = now + kLookEvery;
  std::erase_if(not_before_, [&](const auto& entry) { return entry.second <= now; });
  std::optional<storage::Cursor> after;
  do {
    const auto page = world_.store.keys(kRefreshPage, after);
    for (const storage::KeyRow& row : page.items)
      if (row.state == storage::KeyState::active && running_ < kAtOnce && !not_before_.contains(row.id) &&
          !world_.frozen->stops(row.id))
        look_at(row);
    after = page.next;
  } while (after);
}

void ScheduledRefresh::look_at(const storage::KeyRow& row) {
  const auto days = world_.policy->refresh_every_days(row.name);
  if (!days) return;
  const WallTime from = dealt_at(row, row.number) + interval(*days) + kSettle + jitter(row, world_.me.id, *days);
  if (world_.clock.wall() < from) return;
  const auto known = world_.known_keys->of(row);
  const Committee& committee = known->certificate.body.committee;
  if (committee.find(world_.me.id) == nullptr) return;
  not_before_[row.id] = world_.clock.steady() + kAgainAfter;
  const std::string what = "the scheduled refresh of key " + row.name;
  for (const Member& m : committee.members())
    if (m.node.text != world_.me.id && !peers_.can_sign(m.node))
      return world_.log(LogLevel::warn, what + " is due and waits for " + m.node.text);

  http::SignedRequest original;
  original.method = "POST";
  original.target = "/v1/keys/" + row.id + "/refresh";
  const std::string body = Json{{"certificate", to_hex(known->digest)}}.dump();
  original.body.assign(body.begin(), body.end());
  http::SignatureParameters p;
  p.user = std::string(http::kNodePrefix) + world_.me.id;
  p.cluster_id = world_.cluster->id();
  p.created = unix_seconds(world_.clock.wall());
  p.nonce = to_hex(world_.rng.bytes<16>());
  ++running_;
  coordinator_.submit(
      http::sign_request(std::move(original), p, world_.identity), kTicket, [](const std::string&, bool) {},
      [this, what](const Answer& answer) {
        --running_;
        if (const auto* refused = std::get_if<Refusal>(&answer))
          return world_.log(LogLevel::warn, what + " was refused: " + refused->detail);
        const auto& record = std::get<RequestRecord>(answer);
        if (record.request_state() == storage::RequestState::succeeded)
          world_.log(LogLevel::info, what + " is done");
        else
          world_.log(LogLevel::warn, what + " has failed: " + record.reason.text);
      });
}

}  // namespace quorate::node
