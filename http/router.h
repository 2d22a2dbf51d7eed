// Method and target become a Route, or the problem to answer. Pure.
#pragma once
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "http/api.h"

namespace quorate::http {

struct Match {
  Route route = Route::unset;
  std::string subject;
  QueryParameters query;
};

struct NotMatched {
  Problem problem;
  std::string allow;  // 405: the value of Allow; "" otherwise
};

// Strict: an absolute path in visible ASCII, no empty, "." or ".." segment, no trailing slash, percent-encoding only of
// what decodes to the characters a name or id may have; query parameters only those of the route, each once, each
// within its bounds. 404 unknown path, 405 known path with another method, 400 all else.
std::variant<Match, NotMatched> route(std::string_view method, std::string_view target);

bool is_mutation(Route route);         // becomes a request of its own
bool may_wait(Route route);            // for a disk, other nodes or people: what changes something
bool is_after(std::string_view text);  // a place in the audit log, as `after` has it
bool takes_body(Route route);          // mutations, what people say to one, and questions that are too long for a query

// A JSON object. Throws JsonError.
Json parse_body(ByteView body);

struct RouteInfo {
  Route route;
  std::string_view method;
  std::string_view path;  // with {key} or {id}
};
const std::vector<RouteInfo>& all_routes();

}  // namespace quorate::http
