// What every party of one key generation must agree on. The session id binds most of it (session/context.h); the echo
// binds all, so that parties who differ abort before anything is signed, and blame nobody.
#pragma once
#include "keygen/algorithm.h"
#include "session/committee.h"

namespace quorate {

struct DkgParameters {
  Bytes32 cluster_id{};
  BoundedText<limits::kMaxName> name;
  AlgorithmField algorithm;
  Committee committee;  // with t
  Digest policy_digest{};
  Digest request_digest{};
  std::uint64_t config_version = 0;

  static auto fields(auto& m) {
    return std::tie(m.cluster_id, m.name, m.algorithm, m.committee, m.policy_digest, m.request_digest,
                    m.config_version);
  }
};

}  // namespace quorate
