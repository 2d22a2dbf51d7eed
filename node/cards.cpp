#include "node/cards.h"

#include <nlohmann/json.hpp>

#include "peers/certificates.h"

namespace quorate::node {
namespace {

constexpr auto kCardEvery = Seconds(10);       // of one node, from peers: each costs a write, and is told on
constexpr auto kTellCardsEvery = Seconds(60);  // should a message have been lost
constexpr std::size_t kMostCards = 1024;       // rows, also of nodes that have left
constexpr const char* kCardMeta = "cluster/card/";

std::string node_in(const Json& signed_card) { return signed_card.at("card").at("id").get<std::string>(); }

}  // namespace

Cards::Cards(const World& world, const PeerView& peers, std::function<void()> changed)
    : world_(world), peers_(peers), changed_(std::move(changed)), chain_(*world.cluster.chain()) {
  for (const storage::MetaRow& row : world_.store.metas(kCardMeta, kCardMeta, kMostCards)) {
    try {
      take(parse_json(text_of(row.bytes)));
    } catch (const JsonError& e) {
      throw storage::StorageCorrupt(row.name + ": " + e.what());
    }
  }
  show();
}

// Not newer, or not possible beside the document in force: forgotten.
bool Cards::take(const Json& signed_card) {
  try {
    return chain_.renew(signed_card) == Renewed::newer;
  } catch (const JsonError&) {
    return false;
  }
}

void Cards::start_with(const policy::ClusterChain& file) {
  for (const Json& card : file.renewals())
    if (take(card)) {
      storage::Batch batch;
      batch.put_meta(kCardMeta + node_in(card), secret_bytes(view_of(to_jcs(card))));
      world_.store.commit_now(std::move(batch));
    }
  if (file.version() > chain_.version()) ahead_ = file;
  show();
}

void Cards::document_changed() {
  const std::vector<Json> renewals = chain_.renewals();
  chain_ = *world_.cluster.chain();
  for (const Json& card : renewals) take(card);
  if (ahead_ && ahead_->version() <= chain_.version()) ahead_.reset();
  show();
  changed_();
}

void Cards::show() {
  std::string text = chain_.text();
  const std::lock_guard lock(mutex_);
  text_ = std::move(text);
}

std::string Cards::text() const {
  const std::lock_guard lock(mutex_);
  return text_;
}

std::vector<peers::PeerConfig> Cards::peers() const {
  std::vector<peers::PeerConfig> out;
  const policy::ClusterChain& known = ahead_ ? *ahead_ : chain_;
  if (known.has_left(world_.me.identity_key)) return out;
  for (const policy::NodeCard& card : known.nodes())
    if (card.id != world_.me.id) out.push_back({card.id, {card.peers_address}, peers::pin_of_spki(card.tls_spki)});
  return out;
}

Cards::Renewed Cards::renew(const Json& signed_card, std::function<void(bool)> told) {
  const policy::NodeCard card = policy::parse_signed_card(signed_card);
  if (!peers::is_p256_spki(card.tls_spki)) throw JsonError("/card/tls_spki", "is not a key on P-256");
  const Renewed how = chain_.renew(signed_card);
  if (how != Renewed::newer) {
    told(true);
    return how;
  }
  show();
  storage::Batch batch;
  batch.put_meta(kCardMeta + card.id, secret_bytes(view_of(to_jcs(signed_card))));
  storage::AuditEntry entry;
  entry.time = unix_seconds(world_.clock.wall());
  entry.kind = "card_renewed";
  entry.text = to_jcs(policy::make_card(card));
  batch.append_audit(std::move(entry));
  world_.store.commit(
      std::move(batch), [this, told, id = card.id, seq = card.seq](const storage::CommitResult& result) {
        world_.desk.post_always([this, told, id, seq, ok = result.ok()] {
          if (ok) world_.log(LogLevel::info, "card number " + std::to_string(seq) + " of " + id + " taken over");
          if (ok)
            for (const auto& [node, same] : peers_.all()) tell(node);
          changed_();  // after the others have been told: a node whose key is new is not connected for a moment
          told(ok);
        });
      });
  return how;
}

void Cards::on_cards(const std::string& from, const CardList& list) {
  for (const auto& text : list.cards) {
    try {
      const Json card = parse_json(text.text);
      const policy::NodeCard parsed = policy::parse_signed_card(card);
      const policy::NodeCard* present = chain_.find(parsed.id);
      if (present == nullptr || parsed.seq <= present->seq) continue;  // also of a node that is to join yet
      SteadyTime& next = next_[parsed.id];
      const SteadyTime now = world_.clock.steady();
      if (now < next) continue;
      if (renew(card, [](bool) {}) == Renewed::newer) next = now + kCardEvery;
    } catch (const JsonError& e) {
      world_.log(LogLevel::warn, from + " tells a card that does not count here: " + e.pointer + " " + e.what());
    }
  }
}

void Cards::tell(const std::string& node) const {
  CardList list;
  for (const Json& card : chain_.renewals())
    if (const std::string text = to_jcs(card); text.size() <= kMaxCard) list.cards.push_back(text);
  if (!list.cards.empty()) world_.mesh.send(node, envelope_of(list));
}

void Cards::on_peer_up(const std::string& node) { tell(node); }

void Cards::tick() {
  const SteadyTime now = world_.clock.steady();
  if (now < next_tell_) return;
  next_tell_ = now + kTellCardsEvery;
  for (const auto& [node, same] : peers_.all()) tell(node);
}

}  // namespace quorate::node
