#include "cli/refresh_keys.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <set>

#include "base/limits.h"
#include "cli/key_commands.h"
#include "cli/stop_signals.h"

namespace quorate::cli {
namespace {

constexpr int kWait = 60;             // seconds that a node may take for one key before it says how far it is
constexpr int kMostTries = 8;         // of one key
constexpr Millis kFirstPause{1'000};  // before the next try, if the node names no time
constexpr Millis kLongestPause{30'000};
constexpr Millis kWatchEvery{20};
constexpr std::size_t kMostKeysPerLine = 100;  // a line of progress at least that often
constexpr std::size_t kMostPages = 2 * limits::kMaxKeys / limits::kMaxListPage;

struct Target {
  std::string id, name;
  std::string certificate;  // that is in force, as far as was seen
  std::uint64_t epoch = 0;  // 1, or when its shares were made: milliseconds since 1970
};

struct NotRefreshed {
  std::string key, code, detail;
};

struct Todo {
  std::vector<Target> targets;
  std::vector<NotRefreshed> unknown;
  std::size_t left_out = 0, archived = 0;
};

Target target_of(const Json& key) {
  Target target{text_at(key, "id"), text_at(key, "name"), text_at(key, "certificate"), 0};
  if (target.id.empty() || target.certificate.empty()) throw failed("answer", "the node's answer is not a key");
  const auto epoch = key.find("epoch");
  if (epoch != key.end() && epoch->is_number_unsigned()) target.epoch = epoch->get<std::uint64_t>();
  return target;
}

std::uint64_t milliseconds(WallTime time) {
  return static_cast<std::uint64_t>(std::max<Millis::rep>(0, time.time_since_epoch().count()));
}

// ---- what is to be done

class Finder {
 public:
  Finder(const KeyRefreshOptions& options, std::optional<std::uint64_t> not_since, ClusterClient& client)
      : options_(options), not_since_(not_since), client_(client) {}

  Todo find() {
    if (options_.all)
      find_all();
    else
      for (const auto& key : options_.keys) find_one(key);
    return std::move(todo_);
  }

 private:
  void find_all() {
    std::string cursor;
    for (std::size_t page = 0; page < kMostPages; ++page) {
      const auto reply = get("/v1/keys?limit=" + std::to_string(limits::kMaxListPage) +
                             (cursor.empty() ? "" : "&cursor=" + percent_encoded(cursor)));
      const Json& list = expect_success(reply);
      const auto items = list.find("items");
      if (items == list.end() || !items->is_array()) throw failed("answer", "the node's answer is not a list");
      for (const auto& key : *items) {
        if (text_at(key, "state") == "archived")
          ++todo_.archived;
        else
          add(target_of(key));
      }
      cursor = text_at(list, "next");
      if (cursor.empty()) return;
    }
    throw failed("answer", "the node's list of keys does not end");
  }

  void find_one(const std::string& key) {
    const auto reply = get("/v1/keys/" + percent_encoded(key));
    if (reply.status != 200) {
      const Failure failure = failure_of(reply);
      todo_.unknown.push_back({key, failure.code, failure.what()});
    } else {
      add(target_of(reply.body));
    }
  }

  http::ClientReply get(const std::string& target) {
    http::ClientReply reply;
    std::optional<Failure> failure;
    try {
      reply = client_.get(target);
    } catch (const Failure& f) {
      failure = f;
    }
    // Also when the signal has ended the call, which looks like a node that does not answer.
    if (StopSignals::requested()) throw failed("interrupted", "stopped by a signal; no key was refreshed");
    if (failure) throw *failure;
    return reply;
  }

  void add(Target target) {
    if (!ids_.insert(target.id).second) return;  // named twice, perhaps by name and by id
    if (not_since_ && target.epoch >= *not_since_)
      ++todo_.left_out;
    else
      todo_.targets.push_back(std::move(target));
  }

  const KeyRefreshOptions& options_;
  std::optional<std::uint64_t> not_since_;
  ClusterClient& client_;
  Todo todo_;
  std::set<std::string> ids_;
};

// ---- the run

// What the threads share.
class Run {
 public:
  Run(Todo todo, Console& console)
      : console_(console),
        targets_(std::move(todo.targets)),
        failed_(std::move(todo.unknown)),
        total_(targets_.size() + failed_.size()) {}

  // The next key, for the thread that asks. nullopt: there is none, or there was a stop.
  std::optional<Target> next() {
    const std::lock_guard lock(mutex_);
    if (stopped_ || next_ == targets_.size()) return std::nullopt;
    return targets_[next_++];
  }
  void refreshed() {
    const std::lock_guard lock(mutex_);
    ++refreshed_;
    ended();
  }
  void failed(NotRefreshed what) {
    const std::lock_guard lock(mutex_);
    failed_.push_back(std::move(what));
    ended();
  }
  // After a stop: neither refreshed nor failed.
  void given_up() {
    const std::lock_guard lock(mutex_);
    ended();
  }
  // False at once when there is a stop.
  bool pause(Millis time) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, time, [this] { return stopped_; });
  }
  // False: there was one already.
  bool stop() {
    const std::lock_guard lock(mutex_);
    if (stopped_) return false;
    stopped_ = true;
    changed_.notify_all();
    return true;
  }

  // True: no key is under way, and none will be.
  bool wait_for_end(Millis time) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [this] { return ended_ == next_ && (stopped_ || next_ == targets_.size()); });
  }
  std::string line() {
    const std::lock_guard lock(mutex_);
    return stopped_ ? counts() + ", stopping: " + std::to_string(next_ - ended_) + " under way" : counts();
  }

  // When all threads have ended.
  std::size_t total() const { return total_; }
  std::size_t count_refreshed() const { return refreshed_; }
  std::vector<NotRefreshed> failures() const {
    auto sorted = failed_;
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    return sorted;
  }

 private:
  std::string counts() const {
    return "refreshed " + std::to_string(refreshed_) + " of " + std::to_string(total_) + ", " +
           std::to_string(failed_.size()) + " failed";
  }
  void ended() {
    ++ended_;
    const std::size_t every = std::clamp<std::size_t>(total_ / 10, 1, kMostKeysPerLine);
    if (!console_.shows_progress() && ended_ % every == 0) console_.note(counts());
    changed_.notify_all();
  }

  Console& console_;
  const std::vector<Target> targets_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<NotRefreshed> failed_;
  const std::size_t total_;
  std::size_t next_ = 0, ended_ = 0, refreshed_ = 0;
  bool stopped_ = false;
};

Millis retry_after(const http::ClientReply& reply) {
  const std::string text = reply.header("Retry-After");
  int seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0) return kFirstPause;
  return std::min<Millis>(Seconds(seconds), kLongestPause);
}

// One thread: one key after the other, over one client.
class Worker {
 public:
  Worker(const Place& place, World& world, std::size_t number, Run& run, std::uint64_t since)
      : client_(place, world, number), rng_(world.rng), run_(run), since_(since) {}

  void operator()() {
    while (const auto target = run_.next()) {
      try {
        refresh(*target);
      } catch (const std::exception& e) {
        run_.failed({target->name, "internal", e.what()});
      }
    }
  }

 private:
  // Ends with just one of run_.refreshed(), failed(), given_up().
  void refresh(Target key) {
    std::string same_request = to_hex(rng_.bytes<16>());
    std::optional<Failure> why;
    for (int tries = 0; tries < kMostTries; ++tries) {
      Millis pause = kFirstPause;
      try {
        const Json body{{"certificate", key.certificate}};
        const std::string target = "/v1/keys/" + percent_encoded(key.id) + "/refresh";
        const auto reply = client_.call({"POST", target, body.dump(), same_request, "", kWait});
        const std::string state = text_at(reply.body, "state");
        if (reply.status >= 200 && reply.status < 300) {
          if (exit_of_state(state) == Exit::ok) return run_.refreshed();
          why = failed(state.empty() ? "answer" : state, text_of_request(reply.body));
          if (state != "queued" && state != "running") break;
        } else {
          why = failure_of(reply);
          if (why->code == "other_certificate") {
            Target now = target_of(expect_success(client_.get("/v1/keys/" + percent_encoded(key.id))));
            if (now.epoch >= since_) return run_.refreshed();  // by somebody else
            if (now.certificate != key.certificate) {
              same_request = to_hex(rng_.bytes<16>());
              pause = Millis(0);
            }
            key.certificate = now.certificate;
          } else if (reply.status == 429 || reply.status == 503) {
            pause = retry_after(reply);
          } else {
            break;
          }
        }
      } catch (const Failure& failure) {
        why = failure;
        if (failure.code != "unreachable") break;
      }
      if (tries + 1 < kMostTries && !run_.pause(pause)) return run_.given_up();
    }
    // Without a node that answers the other keys would only fail, too.
    if (why->code == "unreachable") run_.stop();
    run_.failed({key.name, why->code, why->what()});
  }

  ClusterClient client_;
  Rng& rng_;
  Run& run_;
  const std::uint64_t since_;
};

void work(Run& run, std::vector<std::unique_ptr<Worker>>& workers, Console& console) {
  std::optional<StopsBlocked> blocked(std::in_place);
  Progress progress(console, run.line());
  std::vector<std::jthread> threads;
  for (const auto& worker : workers) threads.emplace_back([&worker] { (*worker)(); });
  blocked.reset();
  while (!run.wait_for_end(kWatchEvery)) {
    if (StopSignals::requested() && run.stop() && !console.shows_progress())
      console.note(run.line() + "; the same signal again ends it at once");
    progress.now(run.line());
  }
}

// ---- how it ended

std::string command_to_go_on(const KeyRefreshOptions& options, const std::string& since) {
  std::string text;
  for (const auto& word : options.command) text += quoted(word) + " ";
  text += "key refresh";
  if (options.all)
    text += " --all";
  else
    for (const auto& key : options.keys) text += " " + quoted(key);
  text += " --not-since " + since;
  if (options.parallel != kRefreshThreads) text += " --parallel " + std::to_string(options.parallel);
  return text;
}

}  // namespace

Exit refresh_keys(const KeyRefreshOptions& options, const Place& place, World& world) {
  if (options.all && !options.keys.empty()) throw usage("--all is for all keys: name none");
  if (!options.all && options.keys.empty()) throw usage("name the keys, or say --all");
  std::optional<WallTime> not_since;
  if (options.not_since) {
    not_since = from_rfc3339(*options.not_since);
    if (!not_since) throw usage("--not-since must be a time like 2026-11-23T17:00:00Z");
  }
  ClusterClient client(place, world);
  if (options.keys.size() == 1 && !not_since) return key_refresh(options.keys.front(), client, world.console);

  // Whole seconds, as they are printed: this run must not go by another time than the one that goes on with it.
  const WallTime since = not_since.value_or(std::chrono::floor<Seconds>(world.clock.wall()));
  const StopSignals signals;
  Todo todo;
  {
    const Progress progress(world.console, "looking at the keys");
    std::optional<std::uint64_t> least;
    if (not_since) least = milliseconds(*not_since);
    todo = Finder(options, least, client).find();
  }
  const std::size_t left_out = todo.left_out, archived = todo.archived;
  const std::size_t threads = std::min(static_cast<std::size_t>(options.parallel), todo.targets.size());
  Run run(std::move(todo), world.console);
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::size_t i = 0; i < threads; ++i)
    workers.push_back(std::make_unique<Worker>(place, world, i, run, milliseconds(since)));
  work(run, workers, world.console);

  const auto failures = run.failures();
  const std::size_t rest = run.total() - run.count_refreshed() - failures.size();
  Json failed_keys = Json::array();
  std::string text = "refreshed " + std::to_string(run.count_refreshed()) + " of " + std::to_string(run.total());
  if (!failures.empty()) text += ", " + std::to_string(failures.size()) + " failed";
  if (rest != 0) text += ", " + std::to_string(rest) + " not begun";
  if (left_out != 0) text += "; " + std::to_string(left_out) + " left out, changed since " + to_rfc3339(since);
  if (archived != 0) text += "; " + std::to_string(archived) + " archived";
  text += "\n";
  for (const auto& f : failures) {
    text += "failed     " + f.key + ": " + one_line(f.detail) + "\n";
    failed_keys.push_back({{"key", f.key}, {"code", f.code}, {"detail", one_line(f.detail)}});
  }
  Json result{{"keys", run.total()},       {"refreshed", run.count_refreshed()},
              {"failed", failed_keys},     {"not_begun", rest},
              {"left_out", left_out},      {"archived", archived},
              {"since", to_rfc3339(since)}};
  const bool whole = failures.empty() && rest == 0;
  if (!whole) {
    const std::string command = command_to_go_on(options, to_rfc3339(since));
    text += "go on with " + command + "\n";
    result["go_on"] = command;
  }
  world.console.result(result, text);
  return whole ? Exit::ok : Exit::failed;
}

}  // namespace quorate::cli
