// Why a node does not take part, as the API answers it.
#pragma once
#include <optional>
#include <string>

namespace quorate::node {

struct Refusal {
  int status = 500;
  std::string code;
  std::string detail;
  std::optional<std::string> pointer;  // into the body
};

}  // namespace quorate::node
