// A key among whole nodes, and what must hold of it whatever is done to its shares.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "keygen/certificate.h"
#include "node/messages.h"
#include "tests/node_simulated/algorithms.h"
#include "tests/support/node_simulation.h"

namespace quorate::test {

// People with a key each. eve is none of those that a policy asks.
class People {
 public:
  People(std::uint64_t seed, std::initializer_list<const char*> names);
  const Ed25519SecretKey& key_of(const std::string& name) const { return keys_.at(name); }
  // Into the document's users: all in this group, eve in "others".
  void join(Json& policy, const std::string& group) const;

 private:
  std::map<std::string, Ed25519SecretKey> keys_;
};

class Reshare {
 public:
  Reshare(unsigned n, std::uint64_t seed, std::vector<std::size_t> members, unsigned t,
          const std::string& algorithm = kEd25519, unsigned founders = 0);

  http::SignedRequest refresh(Json body = Json::object());
  http::SignedRequest reshare(unsigned t, const std::vector<std::size_t>& members, Json more = Json::object());

  // Every node starts again with this as its first version.
  void restart_under(const Json& policy);

  storage::KeyRow row(std::size_t i);
  CertificateBody body(std::size_t i);

  // The key is what it was; every node has the same certificate in force; its members, and nobody else, have a share.
  void expect_one_epoch(const std::vector<std::size_t>& members, unsigned t);

  NodeSimulation sim;
  storage::KeyRow first;

 private:
  std::vector<std::unique_ptr<policy::PolicyDocument>> policies_;
};

std::string why(const NodeSimulation::Submission& s);

// Keeps what `is_meant` back while it holds, and lets it go with whatever its sender sends next.
struct Held {
  explicit Held(std::function<bool(const Sent&)> meant) : is_meant(std::move(meant)) {}
  std::function<bool(const Sent&)> is_meant;
  bool holds = true;
  std::vector<Sent> held;
  std::vector<Sent> operator()(Sent s) {
    std::vector<Sent> out;
    if (holds && is_meant(s)) {
      held.push_back(std::move(s));
      return out;
    }
    if (!holds)
      std::erase_if(held, [&](Sent& kept) {
        if (kept.from != s.from) return false;
        out.push_back(std::move(kept));
        return true;
      });
    out.push_back(std::move(s));
    return out;
  }
};

}  // namespace quorate::test
