// Why a node does not take part, as the API answers it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace quorate::node {

struct Refusal {
  int status = 500;
  std::string code;
  std::string detail;
  std::optional<std::string> pointer;  // into the body
  std::uint64_t number{};              // number_used: the greatest that this node has signed or seen
};

}  // namespace quorate::node
