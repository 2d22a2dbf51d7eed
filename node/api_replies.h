// How answers are put together, for the routes in api.cpp and api_keys.cpp.
#pragma once
#include "http/api.h"
#include "node/refusal.h"
#include "storage/rows.h"

namespace quorate::node {

http::Problem problem_of(const Refusal& refusal);
http::Problem not_found(const std::string& what);
http::Problem bad_cursor();
std::size_t limit_of(const http::Call& call);  // of a list
std::optional<std::string> parameter(const http::Call& call, std::string_view name);

// `view` gives a row's JSON, or nullopt for one that is not shown.
template <class Row, class View>
http::Reply page_reply(const storage::Page<Row>& page, View&& view) {
  Json items = Json::array();
  for (const Row& row : page.items)
    if (auto shown = view(row)) items.push_back(std::move(*shown));
  Json next = nullptr;
  if (page.next) next = page.next->to_text();
  return http::Reply{200, Json{{"items", std::move(items)}, {"next", std::move(next)}}, {}};
}

}  // namespace quorate::node
