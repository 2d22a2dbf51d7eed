#include "node/parked_calls.h"

namespace quorate::node {

std::optional<ParkedCalls::Parked> ParkedCalls::take(std::uint64_t ticket) {
  const std::lock_guard lock(mutex_);
  auto node = calls_.extract(ticket);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

void ParkedCalls::end(Parked parked) {
  if (!parked.stored.empty() && parked.call.forget) parked.call.forget(parked.stored);
  parked.call.respond(
      [unfinished = std::move(parked.call.unfinished), id = std::move(parked.stored)] { return unfinished(id); });
}

void ParkedCalls::park(std::uint64_t ticket, Call call) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      calls_.emplace(ticket, Parked{std::move(call), {}});
      return;
    }
  }
  end({std::move(call), {}});
}

bool ParkedCalls::stored(std::uint64_t ticket, const std::string& id, bool waits_for_people) {
  std::optional<Parked> over;
  {
    const std::lock_guard lock(mutex_);
    const auto it = calls_.find(ticket);
    if (it == calls_.end()) return false;
    it->second.stored = id;
    if (!waits_for_people && clock_.steady() < it->second.call.until) return true;
    over = std::move(calls_.extract(it).mapped());
  }
  end(std::move(*over));
  return true;
}

void ParkedCalls::answer(std::uint64_t ticket, std::function<http::Answer()> make) {
  if (auto parked = take(ticket)) parked->call.respond(std::move(make));
}

void ParkedCalls::drop(std::uint64_t ticket) {
  const auto parked = take(ticket);
  if (parked && !parked->stored.empty() && parked->call.forget) parked->call.forget(parked->stored);
}

void ParkedCalls::tick() {
  const SteadyTime now = clock_.steady();
  std::vector<Parked> over;
  {
    const std::lock_guard lock(mutex_);
    for (auto it = calls_.begin(); it != calls_.end();) {
      const auto& [call, stored] = it->second;
      if (now < (stored.empty() ? call.at_last : call.until))
        ++it;
      else
        over.push_back(std::move(calls_.extract(it++).mapped()));
    }
  }
  for (Parked& parked : over) end(std::move(parked));
}

void ParkedCalls::close() {
  std::unordered_map<std::uint64_t, Parked> all;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    all.swap(calls_);
  }
  for (auto& [ticket, parked] : all) end(std::move(parked));
}

std::size_t ParkedCalls::size() const {
  const std::lock_guard lock(mutex_);
  return calls_.size();
}

}  // namespace quorate::node
