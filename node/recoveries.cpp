#include "node/recoveries.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "http/router.h"
#include "node/policy_chain.h"

namespace quorate::node {
namespace {

constexpr auto kTellRecoveriesEvery = Seconds(60);  // should a message have been lost
constexpr auto kShowEvery = Seconds(5);
constexpr auto kCountKeysEvery = Seconds(10);
constexpr std::size_t kKeyPage = 200;
const std::string kRecoveryMeta = "recovery/";

std::string words_of(const policy::Recovery& recovery) {
  const policy::RecoveryAsked& asked = recovery.asked();
  std::string who;
  for (const Json& user : asked.users) who += (who.empty() ? "" : ", ") + user.at("id").get<std::string>();
  for (const std::string& member : asked.members) who += (who.empty() ? "" : ", ") + member;
  return std::to_string(asked.min) + " of " + who;
}

// The certificate alone: what it takes to sign with so many keys would not fit into the memory of known ones.
std::int64_t threshold_of(const storage::KeyRow& row) {
  try {
    return decode<KeyCertificate>(row.certificate).body.committee.threshold();
  } catch (const Malformed& e) {
    throw storage::StorageCorrupt("the certificate of key " + row.id + ": " + e.what());
  }
}

}  // namespace

Recoveries::Recoveries(const World& world, Requests& requests, const PeerView& peers, Hooks hooks)
    : world_(world), requests_(requests), peers_(peers), hooks_(std::move(hooks)) {
  load();
  show();
}

void Recoveries::load() {
  storage::Batch batch;
  // More than there may be: what a step has made void may still lie there.
  for (const storage::MetaRow& row : world_.store.metas(kRecoveryMeta, kRecoveryMeta, 4 * limits::kMaxRecoveries)) {
    try {
      Row kept = decode<Row>(row.bytes);
      const auto recovery = policy::Recovery::parse(text_of(ByteView(kept.body)));
      if (recovery.asked().state != in_force(world_).digest()) {
        batch.erase_meta(row.name);
        continue;
      }
      if (kept.version != 1 || row.name != kRecoveryMeta + recovery.id()) throw Malformed("another one's name");
      recovery.next(*world_.policy.now());  // still makes one
      entries_.emplace(recovery.id(), Entry{std::move(kept), recovery});
    } catch (const Malformed& e) {
      throw storage::StorageCorrupt(row.name + ": " + e.what());
    } catch (const JsonError& e) {
      throw storage::StorageCorrupt(row.name + ": " + e.pointer + " " + e.what());
    }
  }
  if (!batch.empty()) requests_.commit(std::move(batch), [](const storage::CommitResult&) {});
}

storage::AuditEntry Recoveries::audit(const std::string& kind, Json detail) const {
  storage::AuditEntry entry;
  entry.time = unix_seconds(world_.clock.wall());
  entry.kind = kind;
  entry.text = to_jcs(detail);
  return entry;
}

WallTime Recoveries::effective(const Entry& entry) const {
  return from_unix_seconds(static_cast<std::int64_t>(entry.row.taken)) + limits::kRecoveryDelay;
}

bool Recoveries::expired(const Entry& entry) const {
  return world_.clock.wall() >= from_unix_seconds(entry.recovery.asked().created) + limits::kRecoveryLife;
}

Json Recoveries::view_of_entry(const Entry& entry) const {
  const policy::RecoveryAsked& asked = entry.recovery.asked();
  Json view{{"id", entry.recovery.id()},
            {"state", !entry.row.veto.empty() ? "vetoed"
                      : entry.row.voted       ? "voted"
                      : expired(entry)        ? "expired"
                                              : "pending"},
            {"group", asked.group},
            {"min", asked.min},
            {"users", Json::array()},
            {"members", asked.members},
            {"threshold", asked.threshold},
            {"signed_by", Json::array()},
            {"created", to_rfc3339(from_unix_seconds(asked.created))},
            {"effective_at", to_rfc3339(effective(entry))}};
  for (const Json& user : asked.users) view["users"].push_back(user.at("id"));
  for (const auto& [node, signature] : entry.recovery.signatures()) view["signed_by"].push_back(node);
  if (!entry.row.veto.empty()) view["vetoed_by"] = entry.row.vetoed_by.text;
  return view;
}

void Recoveries::show() {
  Json view = Json::array();
  bool pending = false;
  for (const auto& [id, entry] : entries_) {
    view.push_back(view_of_entry(entry));
    pending = pending || (entry.row.veto.empty() && !expired(entry));
  }
  pending_ = pending;
  const std::lock_guard lock(mutex_);
  view_ = std::move(view);
}

Json Recoveries::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

// ---- what comes in

// All that does not depend on the time, nor on what only this node knows.
Recoveries::Entry Recoveries::checked(const Json& body) const {
  auto recovery = policy::Recovery::parse(body);
  recovery.expect_signed(*world_.cluster);
  recovery.next(*world_.policy.now());  // throws unless it makes one
  Row row;
  const std::string text = recovery.text();
  row.body.assign(text.begin(), text.end());
  return {std::move(row), std::move(recovery)};
}

std::optional<Refusal> Recoveries::unfit(const policy::Recovery& recovery) const {
  const WallTime created = from_unix_seconds(recovery.asked().created), now = world_.clock.wall();
  if (created > now + limits::kClockAhead)
    return Refusal{409, "clock_skew", "it comes from the future", "/recovery/created"};
  if (now >= created + limits::kRecoveryLife)
    return Refusal{410, "expired", "it was made more than 14 days ago", "/recovery/created"};
  const auto kept =
      std::count_if(entries_.begin(), entries_.end(), [this](const auto& e) { return !is_over(e.second); });
  if (static_cast<std::size_t>(kept) >= limits::kMaxRecoveries)
    return Refusal{409, "busy", "this node knows as many recoveries of this state as it keeps", std::nullopt};
  return std::nullopt;
}

// Sent again it would be refused, so nobody needs to know of it, nor of its veto.
bool Recoveries::is_over(const Entry& entry) const { return expired(entry) && !entry.row.voted; }

void Recoveries::forget_expired(storage::Batch& batch) {
  if (entries_.size() < limits::kMaxRecoveries) return;
  for (const auto& [id, entry] : entries_)
    if (is_over(entry)) batch.erase_meta(kRecoveryMeta + id);
  std::erase_if(entries_, [this](const auto& e) { return is_over(e.second); });
}

void Recoveries::submit(const Json& body, const Told& told) {
  const auto recovery = policy::Recovery::parse(body);
  if (recovery.asked().state != in_force(world_).digest())
    return told(
        Refusal{412, "version_not_current",
                "it follows another policy or cluster than those in force, " + to_hex(in_force(world_).digest()),
                "/recovery/state"});
  if (const auto known = entries_.find(recovery.id()); known != entries_.end())
    return told(view_of_entry(known->second));
  if (auto refused = unfit(recovery)) return told(*refused);
  Entry entry = checked(body);
  if (const std::int64_t largest = largest_threshold(); entry.recovery.asked().threshold < largest)
    return told(Refusal{422, "too_few_signatures", "a key has the threshold " + std::to_string(largest),
                        "/recovery/threshold"});
  take(world_.me.id, std::move(entry), told);
}

void Recoveries::take(const std::string& from, Entry entry, const Told& told) {
  entry.row.taken = static_cast<std::uint64_t>(unix_seconds(world_.clock.wall()));
  const std::string id = entry.recovery.id();
  storage::Batch batch;
  forget_expired(batch);
  const InForce now = in_force(world_);
  world_.policy.expect(batch, now.policy->digest());
  world_.cluster.expect(batch, now.cluster->document());
  batch.expect_meta(kRecoveryMeta + id, std::nullopt).put_meta(kRecoveryMeta + id, encode(entry.row));
  Json detail = view_of_entry(entry);
  detail["from"] = from;
  batch.append_audit(audit("recovery_pending", std::move(detail)));
  requests_.commit(std::move(batch), [this, from, id, entry, told](const storage::CommitResult& result) {
    if (const auto known = entries_.find(id); known != entries_.end()) return told(view_of_entry(known->second));
    if (!result.ok())
      return told(Refusal{503, "storage", "this node could not store it: " + result.text, std::nullopt});
    // The documents have changed since, perhaps: load() forgets it then.
    if (entry.recovery.asked().state != in_force(world_).digest())
      return told(Refusal{412, "version_not_current", "another policy has come into force", std::nullopt});
    entries_.emplace(id, entry);
    next_log_ = SteadyTime{};
    show();
    tell_all(entry, from);
    told(view_of_entry(entry));
  });
}

std::optional<std::string> Recoveries::vetoes(const http::SignedRequest& original, const std::string& id) const {
  if (original.body.size() > limits::kMaxVetoBody) return std::nullopt;
  const auto policy = world_.policy.now();
  const auto verified = http::verify(original, world_.cluster->id(), [&](std::string_view user) {
    const Ed25519PublicKey* key = policy->key_of(user);
    return key == nullptr ? std::nullopt : std::optional(*key);
  });
  const auto* who = std::get_if<http::Verified>(&verified);
  if (who == nullptr || !policy->is_admin(who->user)) return std::nullopt;
  const auto matched = http::route(original.method.text, original.target.text);
  const auto* match = std::get_if<http::Match>(&matched);
  if (match == nullptr || match->route != http::Route::veto || match->subject != id) return std::nullopt;
  return who->user;
}

void Recoveries::veto(const std::string& id, const http::SignedRequest& original, const Told& told) {
  if (!vetoes(original, id)) return told(Refusal{403, "denied", "only an admin may veto it", std::nullopt});
  if (!entries_.contains(id))
    return told(
        Refusal{404, "unknown_recovery", "this node knows no such recovery of the policy in force", std::nullopt});
  veto(world_.me.id, id, original, told);
}

// Counts from here on also where this node has voted: the others have not, perhaps.
void Recoveries::veto(const std::string& from, const std::string& id, const http::SignedRequest& original,
                      const Told& told) {
  const Entry& entry = entries_.at(id);
  const auto answer = [this, told](const Entry& now) {
    if (now.row.voted)
      return told(
          Refusal{409, "too_late", "this node has voted for it; the others are told of the veto", std::nullopt});
    told(view_of_entry(now));
  };
  if (!entry.row.veto.empty()) return answer(entry);
  const auto admin = vetoes(original, id);
  if (!admin) return told(Refusal{403, "denied", "only an admin may veto it", std::nullopt});
  Row row = entry.row;
  row.veto.push_back(original);
  row.vetoed_by = *admin;
  storage::Batch batch;
  batch.expect_meta(kRecoveryMeta + id, encode(entry.row)).put_meta(kRecoveryMeta + id, encode(row));
  batch.append_audit(audit("recovery_vetoed", Json{{"id", id}, {"by", *admin}, {"from", from}}));
  requests_.commit(std::move(batch), [this, from, id, row, told, answer](const storage::CommitResult& result) {
    const auto it = entries_.find(id);
    if (it == entries_.end())
      return told(Refusal{412, "version_not_current", "another policy has come into force", std::nullopt});
    // Another veto, or this node's vote, came first: with the former all is well.
    if (!result.ok() && it->second.row.veto.empty())
      return told(Refusal{503, "storage", "the veto could not be stored: send it again; " + result.text, std::nullopt});
    if (result.ok()) {
      it->second.row = row;
      world_.log(LogLevel::warn, row.vetoed_by.text + " has vetoed the recovery of the admins " + id);
      show();
      tell_all(it->second, from);
    }
    answer(it->second);
  });
}

// ---- among nodes

void Recoveries::on_told(const std::string& from, const RecoveryTold& message) {
  try {
    const Json body = http::parse_body(message.body);
    const auto recovery = policy::Recovery::parse(body);
    // Of a state that is over, or that this node has yet to hear of: it is told again.
    if (recovery.asked().state != in_force(world_).digest()) return;
    const std::string id = recovery.id();
    const auto then = [this, from, id, message](const std::variant<Json, Refusal>& answer) {
      const auto* refused = std::get_if<Refusal>(&answer);
      if (refused != nullptr && refused->code != "too_late" && refused->code != "expired")
        world_.log(LogLevel::warn, from + " tells of a recovery of the admins: " + refused->detail);
      if (!message.veto.empty() && entries_.contains(id) && entries_.at(id).row.veto.empty())
        veto(from, id, message.veto.front(), [](const auto&) {});
    };
    if (entries_.contains(id)) return then(Json());
    if (const auto refused = unfit(recovery)) return then(*refused);  // before its signatures cost anything
    take(from, checked(body), then);
  } catch (const JsonError& e) {
    world_.log(LogLevel::warn,
               from + " tells of a recovery of the admins that does not count here: " + e.pointer + " " + e.what());
  }
}

void Recoveries::tell(const std::string& node, const Entry& entry) const {
  RecoveryTold message;
  message.body = entry.row.body;
  message.veto = entry.row.veto;
  world_.mesh.send(node, envelope_of(message));
}

void Recoveries::tell_all(const Entry& entry, const std::string& but) const {
  for (const auto& [node, same] : peers_.all())
    if (node != but) tell(node, entry);
}

void Recoveries::on_peer_up(const std::string& node) {
  for (const auto& [id, entry] : entries_) tell(node, entry);
}

void Recoveries::on_documents_changed() {
  storage::Batch batch;
  for (const auto& [id, entry] : entries_) batch.erase_meta(kRecoveryMeta + id);
  entries_.clear();
  show();
  if (!batch.empty()) requests_.commit(std::move(batch), [](const storage::CommitResult&) {});
}

void Recoveries::tick() {
  const SteadyTime now = world_.clock.steady();
  if (now >= next_show_) {  // what has expired
    next_show_ = now + kShowEvery;
    show();
  }
  if (now >= next_log_) {
    next_log_ = now + limits::kRecoveryToldEvery;
    for (const auto& [id, entry] : entries_)
      if (entry.row.veto.empty() && !expired(entry))
        world_.log(LogLevel::warn, "RECOVERY OF THE ADMINS: " + words_of(entry.recovery) +
                                       " decide about the policy from " + to_rfc3339(effective(entry)) +
                                       " on, unless an admin vetoes " + id);
  }
  if (now < next_tell_) return;
  next_tell_ = now + kTellRecoveriesEvery;
  for (const auto& [node, same] : peers_.all()) on_peer_up(node);
}

// ---- votes

std::int64_t Recoveries::largest_threshold() {
  const SteadyTime now = world_.clock.steady();
  if (now < next_largest_) return largest_;
  std::int64_t largest = 0;
  std::optional<storage::Cursor> after;
  do {
    const auto page = world_.store.keys(kKeyPage, after);
    for (const storage::KeyRow& row : page.items)
      if (row.state != storage::KeyState::prepared) largest = std::max(largest, threshold_of(row));
    after = page.next;
  } while (after);
  next_largest_ = now + kCountKeysEvery;
  return largest_ = largest;
}

bool Recoveries::is_signed_by_enough(const Entry& entry) {
  try {
    return entry.recovery.asked().threshold >= largest_threshold();
  } catch (const storage::StorageError& e) {
    world_.log(LogLevel::error, std::string("no vote for a recovery of the admins: ") + e.what());
    return false;
  }
}

std::vector<KnownRecovery> Recoveries::known() {
  std::vector<KnownRecovery> all;
  for (const auto& [id, entry] : entries_) {
    KnownRecovery one;
    one.id = id;
    one.original = request_of(entry.recovery);
    one.next = entry.recovery.digest();
    one.meta = kRecoveryMeta + id;
    one.row = encode(entry.row);
    Row voted = entry.row;
    voted.voted = true;
    one.voted_row = encode(voted);
    // What this node may have forgotten is a veto.
    const bool forgetful = hooks_.resting() || hooks_.noticed() > entry.row.taken;
    one.due = entry.row.veto.empty() && !expired(entry) && world_.clock.wall() >= effective(entry) && !forgetful &&
              is_signed_by_enough(entry);
    all.push_back(std::move(one));
  }
  return all;
}

void Recoveries::on_voted(const std::string& id) {
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;
  it->second.row.voted = true;
  show();
}

}  // namespace quorate::node
