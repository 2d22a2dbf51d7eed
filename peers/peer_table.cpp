#include "peers/peer_table.h"

#include "base/check.h"

namespace quorate::peers {

PeerTable::Sent PeerTable::send(const std::string& node, SecretBytes frame) {
  const std::lock_guard lock(mutex_);
  const auto at = slots_.find(node);
  if (shut_ || at == slots_.end()) return Sent::no;
  auto& [status, queue, unwritten, ready] = at->second;
  if (!status.connected || frame.size() > limits::kMaxPeerQueue - status.queued_bytes) {
    ++status.refused;
    return Sent::no;
  }
  status.queued_bytes += frame.size();
  ++unwritten;
  queue.push_back(std::move(frame));
  if (!ready) ready_.push_back(node);
  ready = true;
  if (woken_) return Sent::yes;
  woken_ = true;
  return Sent::yes_and_wake;
}

std::vector<PeerStatus> PeerTable::statuses() const {
  const std::lock_guard lock(mutex_);
  std::vector<PeerStatus> out;
  out.reserve(slots_.size());
  for (const auto& [node, slot] : slots_) out.push_back(slot.status);
  return out;
}

void PeerTable::add(const std::string& node, WallTime now) {
  const std::lock_guard lock(mutex_);
  PeerStatus& status = slots_[node].status;
  status.node = node;
  status.since = now;
}

void PeerTable::remove(const std::string& node) {
  const std::lock_guard lock(mutex_);
  slots_.erase(node);
}

void PeerTable::opened(const std::string& node, const Hello& hello, std::uint16_t wire, WallTime now) {
  const std::lock_guard lock(mutex_);
  PeerStatus& status = slots_.at(node).status;
  QUORATE_ASSERT(!status.connected);
  status.connected = true;
  status.since = now;
  status.rtt = {};
  status.hello = hello;
  status.wire = wire;
  ++status.connects;
}

void PeerTable::closed(const std::string& node, const std::string& why, WallTime now) {
  const std::lock_guard lock(mutex_);
  Slot& slot = slots_.at(node);
  QUORATE_ASSERT(slot.status.connected);
  slot.status.connected = false;
  slot.status.since = now;
  slot.status.last_error = why;
  slot.status.lost += slot.unwritten;
  slot.status.queued_bytes = 0;
  slot.unwritten = 0;
  slot.queue.clear();
}

void PeerTable::failed(const std::string& node, const std::string& why) {
  const std::lock_guard lock(mutex_);
  slots_.at(node).status.last_error = why;
}

void PeerTable::heard(const std::string& node, const Hello& hello) {
  const std::lock_guard lock(mutex_);
  slots_.at(node).status.hello = hello;
}

void PeerTable::measured(const std::string& node, std::chrono::microseconds rtt) {
  const std::lock_guard lock(mutex_);
  slots_.at(node).status.rtt = rtt;
}

void PeerTable::count_in(const std::string& node, std::uint64_t bytes, std::uint64_t envelopes) {
  const std::lock_guard lock(mutex_);
  PeerStatus& status = slots_.at(node).status;
  status.bytes_in += bytes;
  status.envelopes_in += envelopes;
}

void PeerTable::count_out(const std::string& node, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  slots_.at(node).status.bytes_out += bytes;
}

std::optional<SecretBytes> PeerTable::take(const std::string& node) {
  const std::lock_guard lock(mutex_);
  auto& queue = slots_.at(node).queue;
  if (queue.empty()) return std::nullopt;
  std::optional<SecretBytes> out(std::move(queue.front()));
  queue.pop_front();
  return out;
}

void PeerTable::written(const std::string& node, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  Slot& slot = slots_.at(node);
  QUORATE_ASSERT(slot.status.queued_bytes >= bytes && slot.unwritten > 0);
  slot.status.queued_bytes -= bytes;
  --slot.unwritten;
  ++slot.status.envelopes_out;
}

std::vector<std::string> PeerTable::take_ready() {
  const std::lock_guard lock(mutex_);
  woken_ = false;
  for (const std::string& node : ready_)
    if (const auto at = slots_.find(node); at != slots_.end()) at->second.ready = false;
  return std::exchange(ready_, {});
}

bool PeerTable::all_written() const {
  const std::lock_guard lock(mutex_);
  for (const auto& [node, slot] : slots_)
    if (slot.unwritten != 0) return false;
  return true;
}

void PeerTable::shut() {
  const std::lock_guard lock(mutex_);
  shut_ = true;
}

}  // namespace quorate::peers
