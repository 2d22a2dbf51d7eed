// One port: a thread that owns every connection (epoll), and a pool that computes the answers. A request reaches the
// pool only when it is complete, so that slow or silent clients hold no thread, and one whose answer depends on what is
// yet to happen holds none either; each step of a connection has a deadline in all, not per read.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "http/answers.h"
#include "http/handshakes.h"
#include "http/http1.h"
#include "http/socket.h"
#include "http/stream.h"

namespace quorate::http {

struct ListenerConfig {
  std::string host;
  std::uint16_t port = 0;
  std::size_t threads = 1;
  std::size_t queue = 1;  // complete requests that wait for a thread; more are answered 503
  std::size_t connections = limits::kMaxHttpConnections;
  std::size_t per_source = limits::kMaxHttpPerSource;      // of them, from one address; from the loopback:
  std::size_t per_loopback = limits::kMaxHttpPerLoopback;  // a proxy or the machine's own programs
  std::size_t requests_per_connection = 1'000;
  Millis handshake{5'000};  // from the connection on, with the wait for its turn
  HandshakeRations handshakes;
  Millis request_total = limits::kHttpRequestTotal;  // from the first byte to the last of a request; and of its answer
  Millis idle{10'000};
  Millis call_total = limits::kHttpCallTotal;  // from a whole request to its answer
  Millis flow_life = kFlowLife;                // of an answer that goes on; each time that it has more to send it has
                                               // `request_total` for that
};

// The first step of a request, called by many threads at once; never throws. nullopt: a later one answers.
using Handler = std::function<std::optional<HttpResponse>(const HttpRequest&, const std::shared_ptr<Exchange>&)>;
// Called by the listener's thread with a request whose body, of so many bytes, is not read yet; never blocks or throws.
// What it answers is sent at once, nullopt: read on, and ask the handler.
using EarlyHandler = std::function<std::optional<HttpResponse>(const HttpRequest& head, std::size_t body)>;

class Listener {
 public:
  // `tls` null: in the clear; `early` may be empty. Both references outlive the listener.
  Listener(ListenerConfig config, TlsServer* tls, const Clock& clock, Handler handler, EarlyHandler early);
  ~Listener() { stop(); }
  Listener(const Listener&) = delete;

  void start();  // throws std::runtime_error naming the address
  // Running steps end; a call that has no answer then is answered 503, and its exchange told that its client has left.
  void stop();
  std::uint16_t port() const { return port_; }

 private:
  static constexpr Millis kTick{50}, kTurn{4};
  static constexpr std::uint64_t kListening = 0, kWake = 1;  // of its epoll events; connections begin with 2
  enum class Phase { arriving, postponed, handshake, idle, reading, calling, flowing, writing, lingering };
  enum class After { next_request, rest_of_request, close };
  struct Connection {
    Socket socket;
    std::string source;
    std::shared_ptr<void> place;     // among those of its source
    std::unique_ptr<Stream> stream;  // not before the handshake
    Phase phase = Phase::arriving;   // until its first byte; postponed: others may begin before it
    SteadyTime since{}, deadline{};
    RequestReader reader;
    std::vector<std::uint8_t> inbox;  // read and not yet used: what a client sent ahead
    std::size_t inbox_used = 0;
    std::string out;
    std::size_t out_sent = 0;
    After after = After::close;
    SteadyTime request_deadline{};
    std::size_t served = 0, lingered = 0;
    std::weak_ptr<PooledExchange> exchange;  // while calling
    FlowEnd flow;                            // while flowing …
    SteadyTime flow_until{};
    std::uint32_t watched = 0;
    bool is_answered() const { return phase == Phase::calling || phase == Phase::flowing || phase == Phase::writing; }
  };

  void run();
  void accept_some();
  bool admit(const std::string& source);
  std::shared_ptr<void> place_of(const std::string& source);
  bool make_room(const std::string& source);
  std::vector<std::pair<SteadyTime, std::uint64_t>> who_goes_first(std::string_view source) const;
  void drive(std::uint64_t id);
  Io arrive(Connection& c);
  Io begin_handshake(Connection& c);
  void give_turns(SteadyTime now);
  void begin_postponed(SteadyTime now);
  Io read_some(std::uint64_t id, Connection& c);
  Io take_request(std::uint64_t id, Connection& c);
  bool closes(Connection& c, const HttpRequest& request);
  Io write_some(Connection& c);
  bool refill(Connection& c);
  std::uint32_t on_leaving() const;
  Io linger(Connection& c);
  void send(Connection& c, std::string bytes, After after);
  void enter(Connection& c, Phase phase, Millis deadline);
  bool watch(std::uint64_t id, Connection& c, std::uint32_t events);
  void apply_completions();
  void begin_flow(Connection& c, Completion done);
  void end_flows();
  void end_overdue(SteadyTime now);
  void end_waiting();
  bool finished();

  const ListenerConfig config_;
  TlsServer* const tls_;
  const Clock& clock_;
  const Handler handler_;
  const EarlyHandler early_;
  Socket listening_, epoll_;
  std::uint16_t port_ = 0;
  std::unordered_map<std::string, std::size_t> held_;  // connections by source
  // By source, "" for any: the next to go, the last one first, and since when they had waited.
  std::unordered_map<std::string, std::vector<std::pair<SteadyTime, std::uint64_t>>> going_;
  std::unordered_map<std::uint64_t, Connection> connections_;
  Handshakes handshakes_;
  std::deque<std::uint64_t> turns_;  // connections that were postponed and may begin now; some have ended
  std::string last_turn_;            // the source of the last one
  SteadyTime next_turn_{};
  std::uint64_t next_id_ = 2;
  SteadyTime accept_again_{};
  bool accepting_ = false;
  std::optional<SteadyTime> finish_by_;
  std::atomic<bool> stopping_{false}, pool_stopped_{false};
  std::shared_ptr<Answers> answers_;
  std::thread thread_;
};

}  // namespace quorate::http
