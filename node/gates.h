// ECDSA's gates (docs/ecdsa.md, "The gate"): what tells a peer that its OT extension has passed leaves only through the
// open gate of the pair. A failed check closes it, for as long as the certificate is in force. The one thing that the
// session workers share.
#pragma once
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace quorate::node {

// A key under one certificate.
struct GatedKey {
  std::string key;       // id
  Digest certificate{};  // the body's digest
  friend auto operator<=>(const GatedKey&, const GatedKey&) = default;
};

// Any thread. Holds what is closed, nothing else: a gate that was never closed is open and costs no memory.
class Gates {
 public:
  // What every session of the pair must do.
  enum class State {
    open,
    closing,  // a check has failed, its record is on the way to the disk: nothing leaves, nobody is told yet
    closed,   // the sessions end
  };

  // Runs `hand_over` under the lock if the gates of all these peers are open, so that nothing leaves once close() has
  // returned: an answer to one peer of a session tells that every extension of the session has passed. It must not
  // block. Returns the worst state.
  template <class HandOver>
  State release(const GatedKey& key, const std::vector<std::string>& peers, HandOver&& hand_over) {
    const std::lock_guard lock(mutex_);
    const State state = worst_of(key, peers);
    if (state == State::open) hand_over();
    return state;
  }

  // From now on nothing leaves. False: it was not open.
  bool close(const GatedKey& key, const std::string& peer);
  // Its record is durable, or never will be: from now on whoever asks is told. Closes it if it was open.
  void settle(const GatedKey& key, const std::string& peer);
  // All gates of the key are closed until the process ends: what must be on disk could not be written.
  void stop(const std::string& key);

  State state(const GatedKey& key, const std::vector<std::string>& peers) const;  // the worst
  bool stopped(const std::string& key) const;
  std::set<std::string> stopped_keys() const;
  std::size_t closed() const;  // gates, stopped keys not counted

 private:
  State worst_of(const GatedKey& key, const std::vector<std::string>& peers) const;
  mutable std::mutex mutex_;
  std::map<GatedKey, std::map<std::string, State>> closed_;  // peer -> closing or closed
  std::set<std::string> stopped_;
};

}  // namespace quorate::node
