#include "cli/bench.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <thread>

#include "base/limits.h"
#include "cli/files.h"
#include "cli/key_commands.h"
#include "cli/latencies.h"
#include "cli/sign_commands.h"
#include "cli/stop_signals.h"

namespace quorate::cli {
namespace {

constexpr int kWait = 30;  // seconds that a node may take for a request
constexpr int kMostTries = 8;
constexpr Millis kPause{50};  // before the next try
constexpr Millis kWatchEvery{20};
constexpr Seconds kLate{60};  // after the run, what the open loop still has to begin is given up

using Steady = std::chrono::steady_clock;  // the world's clock counts milliseconds
using Moment = Steady::time_point;

struct Key {
  std::string id, name, algorithm;
  Bytes public_key;
};

Key key_of(ClusterClient& client, const std::string& named) {
  const auto reply = client.get("/v1/keys/" + percent_encoded(named));
  const Json& key = expect_success(reply);
  const auto bytes = from_hex(text_at(key.value("public_key", Json()), "hex"));
  if (!bytes || text_at(key, "id").empty()) throw failed("answer", "the node's answer is not a key");
  return {text_at(key, "id"), text_at(key, "name"), text_at(key, "algorithm"), *bytes};
}

double cpu_seconds() {  // of this process
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

// When the next request comes, for whoever is free. Threads share it.
class Arrivals {
 public:
  Arrivals(Moment begin, Moment end, std::optional<double> rate, std::uint64_t seed)
      : next_(begin), end_(end), rate_(rate), random_(seed) {}

  // nullopt: no more.
  std::optional<Moment> next(Moment now) {
    const std::lock_guard lock(mutex_);
    if (!rate_) return now < end_ ? std::optional(now) : std::nullopt;
    const Moment arrival = next_;
    if (arrival >= end_) return std::nullopt;
    // A Poisson process: what comes from many sources that know nothing of each other.
    const double gap = -std::log1p(-uniform_(random_)) / *rate_;
    next_ += std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(gap));
    return arrival;
  }
  // From now on there are none. How many of the open loop had to come still.
  std::size_t stop() {
    std::size_t left = 0;
    if (rate_)
      while (next(Moment::min())) ++left;
    const std::lock_guard lock(mutex_);
    end_ = Moment::min();
    return left;
  }

 private:
  std::mutex mutex_;
  Moment next_, end_;
  const std::optional<double> rate_;
  std::mt19937_64 random_;
  std::uniform_real_distribution<double> uniform_{0, 1};
};

struct Done {
  std::size_t key = 0;
  Moment arrived{}, ended{};
  std::string message{}, signature_hex{};
  std::string failure{};  // its code; "": there is a signature
  int sent_again = 0;
};

// One thread, one connection to a node.
class BenchClient {
 public:
  BenchClient(const Place& place, World& world, std::size_t number, const std::vector<Key>& keys,
              const std::string& run)
      : client_(place, world), rng_(world.rng), keys_(keys), number_(number), run_(run) {
    for (const auto& card : client_.cluster().nodes())
      if (!place.node || card.id == *place.node) nodes_.push_back(card.id);
    std::rotate(nodes_.begin(), nodes_.begin() + static_cast<std::ptrdiff_t>(number % nodes_.size()), nodes_.end());
  }

  void operator()(Arrivals& arrivals) {
    while (const auto arrival = arrivals.next(Steady::now())) {
      if (const auto now = Steady::now(); *arrival > now) std::this_thread::sleep_for(*arrival - now);
      Done& request = done.emplace_back();
      request.arrived = *arrival;
      try {
        sign(request);
      } catch (const std::exception&) {
        request.failure = "internal";
      }
      request.ended = Steady::now();
    }
  }
  std::vector<Done> done;

 private:
  void sign(Done& request) {
    request.key = (number_ + done.size()) % keys_.size();
    request.message = "bench " + run_ + " " + std::to_string(number_) + " " + std::to_string(done.size());
    const Json body{{"payload", {{"kind", "message"}, {"utf8", request.message}}}};
    http::ClientCall call{
        "POST", "/v1/keys/" + percent_encoded(keys_[request.key].id) + "/signatures", body.dump(), "", "", kWait};
    call.idempotency_key = to_hex(rng_.bytes<16>());
    for (int tries = 1;; ++tries) {
      bool again = true;
      try {
        const auto reply = client_.call_node(nodes_.front(), call);
        again = take(reply, request);
      } catch (const http::ClientError&) {
        request.failure = "unreachable";
      }
      if (!again || tries == kMostTries || StopSignals::requested()) return;
      ++request.sent_again;
      std::rotate(nodes_.begin(), nodes_.begin() + 1, nodes_.end());
      std::this_thread::sleep_for(kPause);
    }
  }

  // Whether the request has to be sent again.
  static bool take(const http::ClientReply& reply, Done& request) {
    const std::string state = text_at(reply.body, "state");
    if (reply.status == 201 && state == "succeeded") {
      request.failure.clear();
      request.signature_hex =
          text_at(reply.body.value("result", Json::object()).value("signature", Json::object()), "hex");
      if (request.signature_hex.empty()) request.failure = "answer";
      return false;
    }
    if (reply.status >= 200 && reply.status < 300) {
      request.failure = state.empty() ? "answer" : state;
      return state == "queued" || state == "running";
    }
    request.failure = failure_of(reply).code;
    return reply.status == 429 || reply.status >= 500;
  }

  ClusterClient client_;
  Rng& rng_;
  const std::vector<Key>& keys_;
  const std::size_t number_;
  const std::string run_;
  std::vector<std::string> nodes_;  // the next one to ask first
};

// What happened between two moments.
struct Window {
  Moment begin{}, end{};
  double client_cpu = 0;      // seconds
  std::size_t not_begun = 0;  // of the open loop's requests
  double seconds() const { return std::chrono::duration<double>(end - begin).count(); }
};

std::string number(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

class Report {
 public:
  Report(const BenchOptions& options, const std::vector<Key>& keys, const Window& window)
      : options_(options), keys_(keys), window_(window), by_key_(keys.size()) {
    requests_ = window.not_begun;
    if (window.not_begun > 0) failures_["not_begun"] = window.not_begun;
  }

  void take(const Done& d) {
    // Requests that came in the window are judged, however late they end; those that ended in it make the rate.
    if (d.failure.empty()) {
      if (d.ended >= window_.begin && d.ended < window_.end) ++ended_;
      if (!holds(d)) ++wrong_;
    }
    if (d.arrived < window_.begin || d.arrived >= window_.end) return;
    ++requests_;
    sent_again_ += d.sent_again;
    if (!d.failure.empty()) {
      ++failures_[d.failure];
      return;
    }
    const double ms = std::chrono::duration<double, std::milli>(d.ended - d.arrived).count();
    by_key_[d.key].add(ms);
    all_.add(ms);
  }

  Exit tell(Console& console) const {
    const std::size_t succeeded = all_.size(), failed = requests_ - succeeded;
    const double per_second = window_.seconds() > 0 ? static_cast<double>(ended_) / window_.seconds() : 0;
    const double cpu_ms = ended_ > 0 ? window_.client_cpu * 1e3 / static_cast<double>(ended_) : 0;
    Json per_key = Json::object();
    std::string text = std::to_string(succeeded) + " signatures in " + number("%.1f", window_.seconds()) +
                       " s: " + number("%.1f", per_second) + " a second, " + std::to_string(options_.clients) +
                       " clients, " +
                       (options_.rate ? number("open loop at %g a second", *options_.rate) : "closed loop") + "\n";
    text += std::string(kNameWidth, ' ') + Latencies::heading() + "  ms\n";
    for (std::size_t k = 0; k < keys_.size(); ++k) {
      per_key[keys_[k].name] = {
          {"algorithm", keys_[k].algorithm}, {"count", by_key_[k].size()}, {"latency_ms", by_key_[k].json()}};
      text += padded(keys_[k].name) + by_key_[k].line() + "\n";
    }
    if (keys_.size() > 1) text += padded("all") + all_.line() + "\n";
    text +=
        "client CPU " + number("%.2f", cpu_ms) + " ms a signature; sent again " + std::to_string(sent_again_) + "\n";
    Json failures = Json::object();
    for (const auto& [code, count] : failures_) {
      failures[code] = count;
      text += "failed     " + std::to_string(count) + " " + one_line(code) + "\n";
    }
    text += wrong_ == 0 ? "every signature was verified\n" : std::to_string(wrong_) + " SIGNATURES DO NOT VERIFY\n";
    console.result({{"requests", requests_},
                    {"succeeded", succeeded},
                    {"failed", failures},
                    {"do_not_verify", wrong_},
                    {"sent_again", sent_again_},
                    {"clients", options_.clients},
                    {"rate", options_.rate ? Json(*options_.rate) : Json()},
                    {"seconds", window_.seconds()},
                    {"per_second", per_second},
                    {"client_cpu_ms", cpu_ms},
                    {"latency_ms", all_.json()},
                    {"keys", per_key}},
                   text);
    return succeeded > 0 && failed == 0 && wrong_ == 0 ? Exit::ok : Exit::failed;
  }

 private:
  static constexpr std::size_t kNameWidth = 20;
  static std::string padded(std::string name) {
    name.resize(kNameWidth, ' ');
    return name;
  }
  bool holds(const Done& d) const {
    const Key& key = keys_[d.key];
    const auto signature = from_hex(d.signature_hex);
    return signature && signature_holds(key.algorithm, key.public_key,
                                        bytes_signed(key.algorithm, bytes_of(d.message), std::nullopt), *signature);
  }

  const BenchOptions& options_;
  const std::vector<Key>& keys_;
  const Window window_;
  std::vector<Latencies> by_key_;
  Latencies all_;
  std::map<std::string, std::size_t> failures_;
  std::size_t requests_ = 0, ended_ = 0, wrong_ = 0;
  int sent_again_ = 0;
};

// Runs the clients; the window that was measured.
Window run(const BenchOptions& options, std::vector<std::unique_ptr<BenchClient>>& clients, World& world) {
  const Moment start = Steady::now();
  Window window{start + Seconds(options.warm_up), start + Seconds(options.warm_up + options.seconds)};
  const Bytes32 seed = world.rng.bytes<32>();
  Arrivals arrivals(start, window.end, options.rate, std::mt19937_64::result_type(seed[0]) << 8 | seed[1]);
  std::atomic<std::size_t> running{clients.size()};
  std::optional<StopsBlocked> blocked(std::in_place);
  Progress progress(world.console, "warming up");
  std::vector<std::jthread> threads;
  for (const auto& client : clients)
    threads.emplace_back([&] {
      (*client)(arrivals);
      --running;
    });
  blocked.reset();
  const auto wait = [&](auto&& over) {
    while (!over() && !StopSignals::requested()) std::this_thread::sleep_for(kWatchEvery);
  };
  const auto reached = [](Moment moment) { return [=] { return Steady::now() >= moment; }; };
  wait(reached(window.begin));
  const double before = cpu_seconds();
  progress.now("signing");
  wait(reached(window.end));
  window.client_cpu = cpu_seconds() - before;
  if (StopSignals::requested()) window.end = std::min(window.end, Steady::now());
  progress.now("waiting for the last answers");
  wait([&, late = reached(window.end + kLate)] { return running == 0 || late(); });
  const std::size_t left = arrivals.stop();
  if (!StopSignals::requested()) window.not_begun = left;
  return window;
}

}  // namespace

Exit bench(const BenchOptions& options, const Place& place, World& world) {
  if (options.rate && !(*options.rate > 0 && *options.rate <= kMostBenchRate))
    throw usage("--rate must be above 0 and at most " + number("%g", kMostBenchRate));
  std::vector<Key> keys;
  {
    ClusterClient client(place, world);
    for (const auto& name : options.keys) keys.push_back(key_of(client, name));
  }
  const std::string id = to_hex(world.rng.bytes<8>());  // no message of an earlier run comes again
  std::vector<std::unique_ptr<BenchClient>> clients;
  for (int i = 0; i < options.clients; ++i)
    clients.push_back(std::make_unique<BenchClient>(place, world, static_cast<std::size_t>(i), keys, id));
  const StopSignals signals;
  const Window window = run(options, clients, world);
  Report report(options, keys, window);
  for (const auto& client : clients)
    for (const Done& d : client->done) report.take(d);
  return report.tell(world.console);
}

}  // namespace quorate::cli
