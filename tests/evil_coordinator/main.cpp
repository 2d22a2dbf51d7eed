// A node of a cluster whose operator has patched it: it proposes what it is told to, whatever its own policy says of
// it, with one lie in the proposal, and can begin whether the others accept or not. All else is a quorated's, without
// the REST API. Commands come in as lines of JSON, what the other nodes answer goes out as lines of JSON.
//   evil_coordinator --dir DIR --node node3
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <iostream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "node/examine.h"
#include "node/protocols.h"
#include "session/context.h"
#include "tests/support/node_patched.h"

namespace quorate {
namespace {

void say(const Json& line) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::cout << line.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
}

http::Header header_of(const Json& headers, const char* name) {
  http::Header header;
  header.present = headers.contains(name);
  if (header.present) header.value = headers.at(name).get<std::string>();
  return header;
}

// {method, target, headers, body: hex}, as a client would send it.
node::ClientRequest request_of(const Json& call) {
  http::SignedRequest request;
  request.method = call.at("method").get<std::string>();
  request.target = call.at("target").get<std::string>();
  const Json& headers = call.at("headers");
  request.signature_input = headers.at("Signature-Input").get<std::string>();
  request.signature = headers.at("Signature").get<std::string>();
  request.content_digest = header_of(headers, "Content-Digest");
  request.idempotency_key = header_of(headers, "Idempotency-Key");
  const Bytes body = from_hex(call.at("body").get<std::string>()).value();
  request.body.assign(body.begin(), body.end());
  return request;
}

// What goes out is the node's own, but that it can say of its requests that they have failed, and keep its ledger to
// itself.
class LyingMesh final : public peers::Mesh {
 public:
  explicit LyingMesh(peers::Mesh& real) : real_(real) {}
  std::atomic<bool> denies{false};

  bool send(const std::string& to, Envelope e) override {
    if (denies && e.tag.starts_with("node/ledger")) return true;
    if (denies && e.tag == node::Outcome::tag) {
      auto outcome = decode<node::Outcome>(e.body);
      outcome.state = static_cast<std::uint8_t>(storage::RequestState::failed);
      outcome.code = "no_quorum";
      outcome.reason = "nobody has signed it";
      outcome.result.clear();
      e = node::envelope_of(outcome);
    }
    return real_.send(to, std::move(e));
  }
  std::vector<peers::PeerStatus> peers() const override { return real_.peers(); }
  void set_hello(peers::Hello hello) override { real_.set_hello(std::move(hello)); }
  void update_peers(std::vector<peers::PeerConfig> peers) override { real_.update_peers(std::move(peers)); }

 private:
  peers::Mesh& real_;
};

class Scripted final : public peers::Inbox {
 public:
  Scripted(const node::World& world, node::Desk& desk, LyingMesh& mesh) : world_(world), desk_(desk), mesh_(mesh) {}

  void on_peer_up(const std::string& node, const peers::Hello& hello) noexcept override {
    desk_.on_peer_up(node, hello);
    say({{"up", node}});
  }
  void on_peer_hello(const std::string& node, const peers::Hello& hello) noexcept override {
    desk_.on_peer_hello(node, hello);
  }
  void on_peer_down(const std::string& node) noexcept override { desk_.on_peer_down(node); }
  void on_envelope(const std::string& from, Envelope e) noexcept override {
    tell(from, e);
    desk_.on_envelope(from, std::move(e));
  }

  // On the desk's executor.
  void command(const Json& c) {
    const std::string what = c.at("do").get<std::string>();
    if (what == "propose") return propose(c);
    if (what == "begin") return begin(c);
    if (what == "submit") return submit(c);
    if (what == "forget") return forget(c);
    if (what == "fail") return fail(c);
    throw std::runtime_error("no such command: " + what);
  }

 private:
  void tell(const std::string& from, const Envelope& e) noexcept try {
    Json line{{"from", from}, {"tag", e.tag}};
    Bytes32 random{};
    if (e.tag == node::Accept::tag) {
      random = decode<node::Accept>(e.body).random;
    } else if (e.tag == node::Refuse::tag) {
      const auto refuse = decode<node::Refuse>(e.body);
      random = refuse.random;
      line["status"] = refuse.status;
      line["code"] = refuse.code.text;
      line["detail"] = refuse.detail.text;
    } else if (e.tag.starts_with("node/")) {
      return;
    }
    const std::lock_guard lock(mutex_);
    if (const auto it = proposed_.find(random); it != proposed_.end()) line["n"] = it->second;
    if (const auto it = sessions_.find(e.sid); it != sessions_.end()) line["n"] = it->second;
    say(line);
  } catch (const std::exception& failed) {
    say({{"error", failed.what()}});
  }

  // {n, original, sent?, change?}: `original` is what the proposal's context is made from, `sent` the request in it.
  void propose(const Json& c) {
    const Json change = c.value("change", Json::object());
    const node::ClientRequest original = request_of(c.at("original"));
    node::ClientRequest sent = c.contains("sent") ? request_of(c.at("sent")) : original;
    const auto examined = node::examine(original, world_);
    if (const auto* refused = std::get_if<node::Refusal>(&examined)) throw std::runtime_error(refused->detail);
    const auto& x = *std::get<node::SharedExamined>(examined);

    node::Propose p;
    p.random = world_.rng.bytes<32>();
    p.attempt = change.value("attempt", 1u);
    p.cluster_digest = world_.cluster->digest();
    p.policy_version = static_cast<std::uint64_t>(world_.policy->version()) + change.value("policy_ahead", 0u);
    p.policy_digest = world_.policy->digest();
    p.request_digest = x.request_digest;
    p.key_id = x.intent.key;
    p.certificate = x.certificate();
    p.committee = committee_hash(x.committee());
    p.threshold = change.value("threshold", static_cast<std::uint16_t>(x.committee().threshold()));
    for (const std::string& name : c.at("signers").get<std::vector<std::string>>()) {
      const Member* member = x.committee().find(name);
      p.signers.push_back(member == nullptr ? PartyId(limits::kMaxParties) : member->id);
    }
    const std::string random = change.value("random", "");
    if (random == "cluster") world_.rng.fill(p.cluster_digest);
    if (random == "policy") world_.rng.fill(p.policy_digest);
    if (random == "intent") world_.rng.fill(p.request_digest);
    if (random == "certificate") world_.rng.fill(p.certificate);
    if (random == "committee") world_.rng.fill(p.committee);
    if (change.contains("key")) p.key_id = change.at("key").get<std::string>();
    if (change.contains("body")) {
      const Bytes body = from_hex(change.at("body").get<std::string>()).value();
      sent.body.assign(body.begin(), body.end());
    }
    if (change.contains("approvals_of")) {
      const auto other = desk_.requests().load(change.at("approvals_of").get<std::string>());
      if (!other) throw std::runtime_error("no such request here");
      sent.approvals = other->original.approvals;
    }
    for (const Json& a : change.value("approvals", Json::array())) {
      policy::Approval approval;
      approval.approver = a.at("approver").get<std::string>();
      approval.vote = static_cast<std::uint8_t>(policy::Vote::approve);
      approval.signature = array_from_hex<64>(a.at("signature").get<std::string>()).value();
      sent.approvals.push_back(approval);
    }
    p.original = sent;

    const int n = c.at("n").get<int>();
    {
      const std::lock_guard lock(mutex_);
      proposed_[p.random] = n;
      if (const auto sid = node::session_id_of(x, node::terms_of(p), world_)) sessions_[*sid] = n;
    }
    for (const std::string& to : c.at("to").get<std::vector<std::string>>()) world_.mesh.send(to, node::envelope_of(p));
  }

  // {of, to}: "all have accepted".
  void begin(const Json& c) {
    const std::lock_guard lock(mutex_);
    for (const auto& [sid, n] : sessions_)
      if (n == c.at("of").get<int>())
        for (const std::string& to : c.at("to").get<std::vector<std::string>>())
          world_.mesh.send(to, node::envelope_of(node::Begin{sid}));
  }

  // {original, denies}: a proper request, through this node's own coordinator; then it says that it failed.
  void submit(const Json& c) {
    mesh_.denies = c.value("denies", false);
    const int n = c.at("n").get<int>();
    desk_.coordinator().submit(
        request_of(c.at("original")), static_cast<std::uint64_t>(n), [](const std::string&, bool) {},
        [n](const node::Answer& answer) {
          Json line{{"n", n}};
          if (const auto* record = std::get_if<node::RequestRecord>(&answer)) {
            line["state"] = std::string(storage::to_text(record->request_state()));
            line["reason"] = record->reason.text;
          } else {
            line["code"] = std::get<node::Refusal>(answer).code;
          }
          say(line);
        });
  }

  // {request, to}: "my ledger has no such row".
  void forget(const Json& c) {
    node::LedgerRow row;
    row.request = c.at("request").get<std::string>();
    row.telling = UINT64_MAX;
    node::LedgerNews news;
    news.rows.push_back(row);
    for (const std::string& to : c.at("to").get<std::vector<std::string>>())
      world_.mesh.send(to, node::envelope_of(news));
    say({{"n", c.at("n")}, {"done", true}});
  }

  // {request, original, to}: "it has failed".
  void fail(const Json& c) {
    node::Outcome outcome;
    outcome.request = c.at("request").get<std::string>();
    outcome.original = request_of(c.at("original"));
    outcome.state = static_cast<std::uint8_t>(storage::RequestState::failed);
    outcome.code = "no_quorum";
    outcome.reason = "nobody has signed it";
    for (const std::string& to : c.at("to").get<std::vector<std::string>>())
      world_.mesh.send(to, node::envelope_of(outcome));
    say({{"n", c.at("n")}, {"done", true}});
  }

  const node::World& world_;
  node::Desk& desk_;
  LyingMesh& mesh_;
  std::mutex mutex_;
  std::map<Bytes32, int> proposed_;
  std::map<SessionId, int> sessions_;
};

// What has arrived on standard input, by lines. False: it has ended.
bool read_lines(std::string& rest, std::vector<std::string>& lines) {
  pollfd ready{STDIN_FILENO, POLLIN, 0};
  while (::poll(&ready, 1, 0) == 1) {
    char buffer[65'536];
    const ssize_t n = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (n <= 0) return false;
    rest.append(buffer, static_cast<std::size_t>(n));
    for (std::size_t end; (end = rest.find('\n')) != std::string::npos; rest.erase(0, end + 1))
      lines.push_back(rest.substr(0, end));
  }
  return true;
}

bool run(std::map<std::string, std::string>& options) {
  test::PatchedNode<LyingMesh> node(options["--dir"], options["--node"],
                                    [](peers::Mesh& real, Rng&) { return std::make_unique<LyingMesh>(real); });
  Scripted scripted(node.world(), node.desk(), node.lies());
  std::string rest;
  node.run(scripted, std::chrono::milliseconds(20), [&] {
    std::vector<std::string> lines;
    if (!read_lines(rest, lines)) return false;
    for (const std::string& line : lines)
      node.desk_thread().post_always([&scripted, line] {
        try {
          scripted.command(Json::parse(line));
        } catch (const std::exception& e) {
          say({{"error", e.what()}});
        }
      });
    return true;
  });
  return true;
}

}  // namespace
}  // namespace quorate

int main(int argc, char** argv) {
  return quorate::test::patched_main(argc, argv, "evil_coordinator --dir DIR --node NODE", quorate::run);
}
