// What is said on a connection: greetings, heartbeats, refusals, envelopes.
#include <algorithm>

#include "base/check.h"
#include "peers/mesh_internal.h"
#include "peers/tls_mesh.h"

namespace quorate::peers {

using Stage = Connection::Stage;

// The handshake is done: the key says whose connection it is.
void TlsMesh::secured(Connection& connection) {
  const SpkiPin& pin = connection.peer_pin();
  const auto at = std::find_if(peers_.begin(), peers_.end(), [&](const auto& p) { return p.second.config.pin == pin; });
  QUORATE_ASSERT(at != peers_.end());
  QUORATE_ASSERT(connection.role() == TlsRole::accept || connection.node == at->first);
  connection.node = at->first;
  if (!may_connect(at->second)) return drop(connection, "it connects too often");
  if (is_arbiter(connection.node)) return;  // the other side speaks first
  if (connection.role() == TlsRole::dial && at->second.current != nullptr) return drop(connection, "connected already");
  const Hello mine = current_hello(connection.hello_sent);
  connection.say(greeting_frame(mine, 0));
}

// Each connection of a peer costs the node tasks and log lines, so they are rationed.
bool TlsMesh::may_connect(Peer& peer) {
  const SteadyTime now = clock_.steady();
  const SteadyTime until = std::max(peer.connects_until, now) + times_.reconnect_pace;
  if (until > now + kMostReconnects * times_.reconnect_pace) return false;
  peer.connects_until = until;
  return true;
}

void TlsMesh::tell_hello(Peer& peer) {
  const SteadyTime now = clock_.steady();
  if (!peer.hello_changed || now - peer.hello_told < times_.heartbeat) return;
  peer.hello_changed = false;
  peer.hello_told = now;
  inbox_.on_peer_hello(peer.config.node, peer.current->hello);
}

void TlsMesh::read(Connection& connection, bool ended) {
  const std::uint64_t id = connection.id();
  const SteadyTime now = clock_.steady();
  if (connection.stage == Stage::up && !ended && !wanted(connection, now)) return rest(connection, now);
  connection.rested = Millis(0);
  std::uint64_t envelopes = 0;
  bool heard = false;
  const auto take = [&](Frame frame) {
    heard = true;
    if (frame.type == FrameType::envelope)
      ++envelopes;
    else
      connection.control.owe(now, kControlFrameEach, kControlFramesAtOnce, kControlFramesAtOnce);
    return on_frame(connection, std::move(frame)) && connections_.contains(id);
  };
  std::string broken;
  Connection::Progress progress{};
  const std::uint64_t before = connection.bytes_in();
  try {
    progress = connection.read_frames(take);
  } catch (const Malformed& rule) {
    broken = rule.what();
  }
  if (heard || connection.bytes_in() != before) connection.last_heard = clock_.steady();
  if (!connections_.contains(id)) return;
  if (peers_.contains(connection.node))
    table_.count_in(connection.node,
                    connection.bytes_in() - std::exchange(connection.counted_in, connection.bytes_in()), envelopes);
  if (!broken.empty()) {
    ++counters_.malformed;
    return drop(connection, "malformed: " + broken);
  }
  if (progress == Connection::Progress::ended) return drop(connection, connection.error());
  if (progress == Connection::Progress::more) more_.push_back(id);
}

bool TlsMesh::wanted(const Connection& connection, SteadyTime now) {
  return connection.control.has_one(now, kControlFrameEach, kControlFramesAtOnce) && inbox_.wants_more(connection.node);
}

void TlsMesh::rest(Connection& connection, SteadyTime now) {
  if (connection.rested == Millis(0)) connection.looked_at = now - Millis(1);
  connection.rested += std::min(now - connection.looked_at, kMostOfALook);
  connection.looked_at = now;
  // As far as is known; but no peer is lost for good because this node's own work does not go on.
  if (connection.rested < times_.silent) connection.last_heard = now;
  connection.rests = true;
  resting_.push_back(connection.id());
}

void TlsMesh::write(Connection& connection) {
  const std::string& node = connection.node;
  const bool up = connection.stage == Stage::up;
  const auto next = [&]() -> std::optional<SecretBytes> {
    if (!up) return std::nullopt;
    return table_.take(node);
  };
  const auto progress = connection.write_frames(next, [&](std::size_t bytes) {
    if (up) table_.written(node, bytes);  // else it was counted as lost when the connection stopped being the peer's
  });
  const std::uint64_t bytes = connection.bytes_out() - std::exchange(connection.counted_out, connection.bytes_out());
  if (peers_.contains(node)) table_.count_out(node, bytes);
  if (progress == Connection::Progress::ended) return drop(connection, connection.error());
  if (progress == Connection::Progress::more) more_.push_back(connection.id());
  if (connection.stage == Stage::closing && connection.idle()) connection.shut_down();
  watch(connection);
}

// False: the connection is no longer to be read.
bool TlsMesh::on_frame(Connection& connection, Frame frame) {
  if (connection.stage == Stage::closing) return true;  // what was on its way is let pass
  switch (frame.type) {
    case FrameType::hello:
      on_greeting(connection, frame);
      return true;
    case FrameType::refuse: {
      const std::string why = "refused by " + connection.node + ": " + read_refusal(frame);
      table_.failed(connection.node, why);
      log(LogLevel::warn, why);
      if (connection.stage == Stage::greeting) connection.stage = Stage::closing;  // the reason is noted
      drop(connection, why);
      return false;
    }
    case FrameType::ping:
    case FrameType::pong:
    case FrameType::envelope:
      break;
  }
  if (connection.stage != Stage::up) throw Malformed("something else before the greeting");
  if (frame.type == FrameType::envelope) {
    inbox_.on_envelope(connection.node, read_envelope(std::move(frame)));
    return true;
  }
  const std::uint64_t token = read_ping(frame);
  if (frame.type == FrameType::ping) {
    connection.say_pong(ping_frame(FrameType::pong, token));
  } else if (token == connection.ping_token) {
    // A measurement, not a decision: the passed-in clock counts in milliseconds.
    const auto took = std::chrono::steady_clock::now() - connection.ping_at;
    table_.measured(connection.node, std::chrono::duration_cast<std::chrono::microseconds>(took));
  }
  return true;
}

void TlsMesh::on_greeting(Connection& connection, const Frame& frame) {
  std::uint64_t generation = 0;
  const Hello mine = current_hello(generation);
  auto [greeting, refusal] = read_greeting(frame, mine, connection.node);
  if (!greeting) return refuse(connection, refusal);
  Peer& peer = peers_.at(connection.node);
  if (connection.stage == Stage::up) {
    const Hello& before = connection.hello;
    if (greeting->hello.boot_id != before.boot_id) throw Malformed("another boot id on the same connection");
    if (greeting->wire_min != before.wire_min || greeting->wire_max != before.wire_max)
      throw Malformed("other wire versions on the same connection");
    if (greeting->hello == before) return;
    connection.hello = greeting->hello;
    table_.heard(connection.node, connection.hello);
    peer.hello_changed = true;
    return tell_hello(peer);
  }
  if (is_arbiter(connection.node)) {
    connection.hello_sent = generation;
    connection.say(greeting_frame(mine, ++peer.serial));
  } else {
    const bool same_boot = peer.current != nullptr && peer.current->hello.boot_id == greeting->hello.boot_id;
    if (same_boot && greeting->serial <= peer.serial) return drop(connection, "overtaken by a newer connection");
    peer.serial = greeting->serial;
  }
  const std::uint16_t wire = agreed_wire(mine, greeting->wire_min, greeting->wire_max);
  promote(peer, connection, std::move(greeting->hello), wire);
}

// This connection is the one from now on.
void TlsMesh::promote(Peer& peer, Connection& connection, Hello hello, std::uint16_t wire) {
  const std::string& node = peer.config.node;
  if (Connection* old = peer.current; old != nullptr) {
    const bool restarted = old->hello.boot_id != hello.boot_id;
    const std::string why = restarted ? "it has restarted" : "replaced by a newer connection";
    log(LogLevel::warn, node + ": " + why);
    retire(peer, why);
    old->shut_down();
    old->stage = Stage::closing;
    drop(*old, why);
  }
  if (peer.dialling == &connection)
    peer.dialling = nullptr;
  else if (peer.dialling != nullptr)
    drop(*peer.dialling, "connected the other way round");
  connection.stage = Stage::up;
  connection.hello = std::move(hello);
  connection.last_heard = clock_.steady();
  connection.last_ping = connection.last_heard - times_.heartbeat;  // the first one soon
  peer.current = &connection;
  peer.up_since = clock_.steady();
  peer.hello_changed = false;
  peer.lookup.reset();
  table_.opened(node, connection.hello, wire, clock_.wall());
  log(LogLevel::info, name_of(connection) + " is up, wire version " + std::to_string(wire) + ", " +
                          printable(connection.hello.software.text));
  inbox_.on_peer_up(node, connection.hello);
}

// Says why, and closes when the other side has read it: closing at once would reset the connection and lose the words.
void TlsMesh::refuse(Connection& connection, const std::string& why) {
  ++counters_.refused;
  log(LogLevel::warn, "refused " + name_of(connection) + ": " + why);
  Peer& peer = peers_.at(connection.node);
  table_.failed(connection.node, why);
  connection.say(refusal_frame(why));
  if (peer.current == &connection) retire(peer, why);
  if (peer.dialling == &connection) peer.dialling = nullptr;
  schedule_dial(peer);
  connection.stage = Stage::closing;
  connection.deadline = clock_.steady() + times_.handshake / 5;
}

void TlsMesh::beat(Connection& connection) {
  std::uint64_t generation = 0;
  const Hello mine = current_hello(generation);
  if (connection.hello_sent != generation) connection.say(greeting_frame(mine, 0));
  connection.hello_sent = generation;
  connection.last_ping = clock_.steady();
  connection.ping_at = std::chrono::steady_clock::now();
  connection.say(ping_frame(FrameType::ping, ++connection.ping_token));
  write(connection);
}

}  // namespace quorate::peers
