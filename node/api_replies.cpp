#include "node/api_replies.h"

namespace quorate::node {

using http::Problem;

Problem problem_of(const Refusal& r) {
  Problem p;
  p.status = r.status;
  p.code = r.code;
  p.detail = r.detail;
  p.pointer = r.pointer;
  if (r.status == 503) p.retry_after = 1;
  return p;
}

Problem not_found(const std::string& what) {
  Problem p;
  p.status = 404;
  p.code = "not_found";
  p.detail = what;
  return p;
}

Problem bad_cursor() {
  Problem p;
  p.status = 400;
  p.code = "malformed_query";
  p.detail = "cursor is not one that this API has given";
  return p;
}

std::size_t limit_of(const http::Call& call) {
  const auto it = call.query.find("limit");
  return it == call.query.end() ? 50 : static_cast<std::size_t>(std::stoul(it->second));
}

std::optional<std::string> parameter(const http::Call& call, std::string_view name) {
  const auto it = call.query.find(name);
  if (it == call.query.end()) return std::nullopt;
  return it->second;
}

}  // namespace quorate::node
