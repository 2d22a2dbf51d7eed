// A key among whole nodes, and what must hold of it whatever is done to its shares.
#pragma once
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "keygen/certificate.h"
#include "node/messages.h"
#include "tests/node_simulated/algorithms.h"
#include "tests/support/node_simulation.h"

namespace quorate::test {

class Reshare {
 public:
  Reshare(unsigned n, std::uint64_t seed, std::vector<std::size_t> members, unsigned t,
          const std::string& algorithm = kEd25519);

  http::SignedRequest refresh(Json body = Json::object());
  http::SignedRequest reshare(unsigned t, const std::vector<std::size_t>& members, Json more = Json::object());

  storage::KeyRow row(std::size_t i);
  CertificateBody body(std::size_t i);

  // The key is what it was; every node has the same certificate in force; its members, and nobody else, have a share.
  void expect_one_epoch(const std::vector<std::size_t>& members, unsigned t);

  NodeSimulation sim;
  storage::KeyRow first;
};

std::string why(const NodeSimulation::Submission& s);

}  // namespace quorate::test
