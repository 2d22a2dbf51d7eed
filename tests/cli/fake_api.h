// A node whose answers are chosen by the test, behind the real HTTP server.
#pragma once
#include "cli/init.h"
#include "http/server.h"
#include "policy/cluster.h"
#include "policy/document.h"
#include "support.h"

namespace quorate::cli::test {

// Remembers what it was asked and answers as told.
struct FakeApi : http::Api {
  explicit FakeApi(const std::filesystem::path& dir)
      : cluster(policy::ClusterDocument::parse(read(dir / "cluster.json"))),
        policy(policy::PolicyDocument::parse(read(dir / "policy.json"))) {}

  http::Answered call(const http::Call& c) override {
    const std::lock_guard lock(mutex);
    targets.push_back(c.original.method.text + " " + c.original.target.text);
    users.push_back(c.who.user);
    keys.push_back(c.who.idempotency_key.value_or(""));
    bodies.push_back(c.body);
    if_matches.push_back(c.who.if_match.value_or(""));
    return answer;
  }
  std::optional<Ed25519PublicKey> user_key(std::string_view user) override {
    const auto* key = policy.key_of(user);
    return key == nullptr ? std::nullopt : std::optional(*key);
  }
  std::string cluster_id() override { return cluster.id(); }
  http::Readiness ready() override { return {true, Json::object()}; }
  std::string metrics() override { return ""; }

  policy::ClusterDocument cluster;
  policy::PolicyDocument policy;
  std::mutex mutex;
  http::Answered answer = http::Reply{200, Json{{"items", Json::array()}, {"next", nullptr}}, {}};
  std::vector<std::string> targets, users, keys, if_matches;
  std::vector<Json> bodies;
};

inline Json request_json(const std::string& state, Json result = nullptr) {
  Json request{{"id", "req_00"}, {"kind", "sign"}, {"state", state}};
  if (!result.is_null()) request["result"] = std::move(result);
  return request;
}

inline http::Problem problem(int status, const std::string& code) {
  http::Problem p;
  p.status = status;
  p.code = code;
  p.detail = "because of " + code;
  p.request = http::RequestRef{"req_00", "failed"};
  return p;
}

// Of the node whose address, key and certificate `dir` has.
inline std::unique_ptr<http::HttpServer> server_of(const std::filesystem::path& dir, const std::string& node,
                                                   http::Api& api, const Clock& clock) {
  const auto cluster = policy::ClusterDocument::parse(read(dir / "cluster.json"));
  const std::string address = cluster.find(node)->rest_address;
  http::HttpConfig config;
  config.port = static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1)));
  config.threads = limits::kMinHttpThreads;
  config.certificate_pem = read(dir / node / "tls.cert.pem");
  const std::string key = read(dir / node / "tls.key.pem");
  config.key_pem = secret_bytes(view_of(key));
  SystemRng rng;
  return std::make_unique<http::HttpServer>(std::move(config), api, clock, rng);
}

// A cluster of three in the shell's directory, whose nodes a test makes.
template <class Node>
struct FakeNodes : ::testing::Test {
  Shell shell;
  std::vector<std::unique_ptr<Node>> nodes;
  std::vector<std::unique_ptr<http::HttpServer>> servers;

  // make(id): a std::unique_ptr<Node>.
  void start(auto&& make) {
    const int base = test_base_port(shell.rng);
    ASSERT_EQ(shell({"init", "--dir", shell.dir().string(), "--base-port", std::to_string(base)}).exit, Exit::ok);
    for (const std::string id : {"node1", "node2", "node3"}) {
      nodes.push_back(make(id));
      servers.push_back(server_of(shell.dir(), id, *nodes.back(), shell.clock));
      servers.back()->start();
    }
  }
  void TearDown() override { servers.clear(); }  // before what their nodes refer to
};

}  // namespace quorate::cli::test
