// The use cases behind the REST routes.
#pragma once
#include <atomic>
#include <string>
#include <variant>
#include <vector>

#include "http/api.h"
#include "node/desk.h"
#include "node/world.h"

namespace quorate::node {

class NodeApi final : public http::Api {
 public:
  NodeApi(const World& world, Desk& desk, const SessionHost& host) : world_(world), desk_(desk), host_(host) {}

  std::variant<http::Reply, http::Problem> call(const http::Call& call) override;
  std::optional<Ed25519PublicKey> user_key(std::string_view user) override;
  std::string cluster_id() override { return world_.cluster->id(); }
  http::Readiness ready() override;
  std::string metrics() override;
  void close() { closing_ = true; }  // calls that wait are answered at once

 private:
  using Answered = std::variant<http::Reply, http::Problem>;
  Answered mutate(const http::Call& call);
  Answered renew_node(const http::Call& call);
  Answered vote(const http::Call& call);
  Answered cancel(const http::Call& call);
  Answered told(const std::function<void(std::function<void(const Answer&)>)>& ask);
  bool may_see(const std::string& user, const RequestRecord& record) const;
  Answered list_keys(const http::Call& call) const;
  Answered show_key(const http::Call& call) const;
  Answered derive_key(const http::Call& call) const;
  Answered inspect(const http::Call& call) const;
  Answered show_policy(const http::Call& call) const;
  Answered simulate(const http::Call& call) const;
  Answered list_requests(const http::Call& call) const;
  Answered show_request(const http::Call& call) const;
  Answered show_node() const;
  Answered list_audit(const http::Call& call) const;
  bool may_derive(const std::string& user, const std::string& key, std::vector<std::string> paths) const;
  bool sees_all(const std::string& user) const {
    return world_.policy->is_reader(user) || world_.policy->is_admin(user);
  }

  World world_;
  Desk& desk_;
  const SessionHost& host_;
  std::atomic<bool> closing_{false};
  std::atomic<std::uint64_t> next_ticket_{1};
  std::atomic<std::uint64_t> mutations_{0}, succeeded_{0}, failed_{0};
};

// A request's answer: its state decides the status.
std::variant<http::Reply, http::Problem> answer_of(const RequestRecord& record);

}  // namespace quorate::node
