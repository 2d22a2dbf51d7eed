#include "cli/demo.h"

#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "cli/files.h"
#include "cli/init.h"
#include "cli/ports.h"
#include "cli/sign_commands.h"
#include "cli/stop_signals.h"
#include "cli/up.h"

namespace quorate::cli {
namespace {

constexpr int kNodes = 3;
constexpr int kThreshold = 2;
constexpr int kSignatures = 15;  // per key; the median is shown
constexpr int kWait = 30;        // seconds that one request may take
constexpr Millis kPatience{60'000};

struct DemoKey {
  const char* name;
  const char* algorithm;
  std::string public_key;  // hex
};

// A directory that is removed again, unless it shall stay.
class DemoDirectory {
 public:
  explicit DemoDirectory(const DemoOptions& options) {
    if (options.dir) {
      path_ = *options.dir;
      return;
    }
    std::string pattern = (fs::temp_directory_path() / "quorate-demo-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw failed("file", "cannot create a directory like " + pattern);
    path_ = pattern;
    remove_ = !options.keep;
  }
  ~DemoDirectory() {
    std::error_code ignored;
    if (remove_) fs::remove_all(path_, ignored);
  }
  DemoDirectory(const DemoDirectory&) = delete;
  const fs::path& path() const { return path_; }
  void keep() { remove_ = false; }
  bool kept() const { return !remove_; }

 private:
  fs::path path_;
  bool remove_ = false;
};

using Stopwatch = std::chrono::steady_clock;
double ms_since(Stopwatch::time_point start) {
  return std::chrono::duration<double, std::milli>(Stopwatch::now() - start).count();
}
double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}
std::string text_of(double ms) {
  char text[32];
  std::snprintf(text, sizeof text, ms < 100 ? "%.1f ms" : "%.0f ms", ms);
  return text;
}

class Demo {
 public:
  Demo(const fs::path& dir, World& world)
      : world_(world), client_(Place{dir, "admin", std::nullopt, true}, world), nodes_(dir, find_quorated()) {}

  // Fills `timings`.
  void run(Json& timings) {
    step("starting three nodes", [&] {
      const auto start = Stopwatch::now();
      for (const auto& card : client_.cluster().nodes()) nodes_.start(card.id);
      await({"node1", "node2", "node3"});
      timings["up_ms"] = ms_since(start);
    });
    for (auto& key : keys_)
      step(std::string("creating ") + key.name + ", " + std::to_string(kThreshold) + " of " + std::to_string(kNodes),
           [&] {
             const auto start = Stopwatch::now();
             create(key);
             const double ms = ms_since(start);
             timings["create_key_ms"][key.algorithm] = ms;
             world_.console.say("    " + text_of(ms) + ", public key " + key.public_key);
           });
    for (const auto& key : keys_)
      step(std::string("signing with ") + key.name + ", verifying offline", [&] {
        std::vector<double> times;
        for (int i = 0; i < kSignatures; ++i) times.push_back(sign(key, "node" + std::to_string(1 + i % kNodes), {}));
        timings["sign_ms"][key.algorithm] = median(times);
        world_.console.say("    " + std::to_string(kSignatures) + " signatures, median " + text_of(median(times)) +
                           ", slowest " + text_of(*std::max_element(times.begin(), times.end())));
      });
    step("killing node3 (SIGKILL), signing with the other two", [&] {
      nodes_.kill("node3");
      timings["sign_after_kill_ms"] = sign_all("node1", {"node1", "node2"});
    });
    step("starting node3 again", [&] {
      const auto start = Stopwatch::now();
      nodes_.start("node3");
      await({"node1", "node2", "node3"});
      timings["restart_ms"] = ms_since(start);
      world_.console.say("    back after " + text_of(ms_since(start)));
    });
    step("killing node2, so that node3 must take part", [&] {
      nodes_.kill("node2");
      sign_all("node1", {"node1", "node3"});
    });
    step("starting node2 again, killing node1: the third pair", [&] {
      nodes_.start("node2");
      await({"node1", "node2", "node3"});
      nodes_.kill("node1");
      sign_all("node3", {"node2", "node3"});
    });
    step("starting node1 again, signing through every node", [&] {
      nodes_.start("node1");
      await({"node1", "node2", "node3"});
      for (const auto& card : client_.cluster().nodes()) sign_all(card.id, {});
    });
    step("stopping", [&] { nodes_.stop_all(); });
  }

 private:
  template <class F>
  void step(const std::string& what, F work) {
    if (StopSignals::requested()) throw failed("interrupted", "stopped by a signal");
    world_.console.say("  " + what);
    try {
      work();
    } catch (const std::exception& e) {
      std::string detail = what + ": " + e.what();
      for (const auto& ended : nodes_.reap()) detail += "; " + ended.text();
      throw failed("demo", detail);
    }
  }

  void await(const std::vector<std::string>& nodes) {
    if (!wait_until_ready(nodes_, client_, nodes, true, kPatience)) throw failed("interrupted", "stopped by a signal");
  }

  // 201 and its result; all else is a failure, a 202 too.
  Json result_of(const http::ClientReply& reply) {
    const Json& request = expect_success(reply);
    if (reply.status != 201 || !request.contains("result"))
      throw failed("answer", "status " + std::to_string(reply.status) + ", state " + text_at(request, "state"));
    return request["result"];
  }

  void create(DemoKey& key) {
    const Json body{{"name", key.name},
                    {"algorithm", key.algorithm},
                    {"threshold", kThreshold},
                    {"participants", {"node1", "node2", "node3"}}};
    const Json result = result_of(client_.post("/v1/keys", body, kWait));
    key.public_key = text_at(result.at("key").at("public_key"), "hex");
    if (key.public_key.empty()) throw failed("answer", "the key has no public key");
  }

  // Milliseconds of one signature through `node`; `signers`: who must have made it, when that is known.
  double sign(const DemoKey& key, const std::string& node, const std::vector<std::string>& signers) {
    const std::string message = "demo message " + std::to_string(++messages_);
    const Json body{{"payload", {{"kind", "message"}, {"utf8", message}}}};
    const auto start = Stopwatch::now();
    const auto reply = client_.call_node(
        node, {"POST", std::string("/v1/keys/") + key.name + "/signatures", body.dump(), "", "", kWait});
    const double ms = ms_since(start);
    const Json result = result_of(reply);
    verify(key, message, text_at(result.at("signature"), "hex"));
    auto by = result.at("signers").get<std::vector<std::string>>();
    std::sort(by.begin(), by.end());
    if (by.size() != kThreshold || (!signers.empty() && by != signers))
      throw failed("signers", "signed by others than expected: " + result.at("signers").dump());
    return ms;
  }

  double sign_all(const std::string& node, const std::vector<std::string>& signers) {
    double slowest = 0;
    for (const auto& key : keys_) slowest = std::max(slowest, sign(key, node, signers));
    return slowest;
  }

  static void verify(const DemoKey& key, const std::string& message, const std::string& signature_hex) {
    const auto public_key = from_hex(key.public_key), signature = from_hex(signature_hex);
    if (!public_key || !signature) throw failed("answer", "the signature is not hex");
    const Bytes bytes = bytes_signed(key.algorithm, bytes_of(message), std::nullopt);
    if (!signature_holds(key.algorithm, *public_key, bytes, *signature))
      throw failed("bad_signature", "the signature does not verify");
    const Bytes other = bytes_signed(key.algorithm, bytes_of(message + "!"), std::nullopt);
    if (signature_holds(key.algorithm, *public_key, other, *signature))
      throw failed("bad_signature", "the signature verifies for another message");
  }

  World& world_;
  ClusterClient client_;
  LocalNodes nodes_;
  std::vector<DemoKey> keys_{{"demo-ecdsa", "ecdsa-secp256k1", ""},
                             {"demo-ed25519", "eddsa-ed25519", ""},
                             {"demo-bip340", "schnorr-secp256k1", ""}};
  int messages_ = 0;
};

}  // namespace

Exit demo_command(const DemoOptions& options, World& world) {
  Console& console = world.console;
  const auto start = Stopwatch::now();
  DemoDirectory directory(options);
  const int base = options.base_port ? *options.base_port : free_base_port(kNodes, world.rng);
  console.say("a cluster of three nodes in " + directory.path().string());
  const StopSignals signals;
  init_cluster({directory.path(), kNodes, base, "demo"}, world);

  Json timings = Json::object();
  try {
    Demo(directory.path(), world).run(timings);
  } catch (const Failure& failure) {
    if (failure.code != "interrupted") {
      directory.keep();
      console.note("the nodes' logs are in " + directory.path().string() + "/node*/log");
    }
    throw;
  }
  timings["total_ms"] = ms_since(start);

  std::string text = "\nall steps worked\n";
  for (const auto& [algorithm, ms] : timings["create_key_ms"].items())
    text += "  create_key  " + algorithm + "  " + text_of(ms.get<double>()) + "\n";
  for (const auto& [algorithm, ms] : timings["sign_ms"].items())
    text += "  sign        " + algorithm + "  " + text_of(ms.get<double>()) + " (median)\n";
  text += "  sign with a node just killed     " + text_of(timings["sign_after_kill_ms"].get<double>()) + "\n";
  text += "  a killed node back and connected " + text_of(timings["restart_ms"].get<double>()) + "\n";
  text += "  everything                       " + text_of(timings["total_ms"].get<double>()) + "\n";
  if (directory.kept()) text += "kept in " + directory.path().string() + "\n";
  console.result(
      {{"ok", true}, {"dir", directory.kept() ? Json(directory.path().string()) : Json()}, {"timings", timings}}, text);
  return Exit::ok;
}

}  // namespace quorate::cli
