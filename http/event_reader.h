// Server-sent events as they come from a node: lines, of which "id", "event" and "data" say something. Pure, bounded.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"

namespace quorate::http {

struct ServerEvent {
  std::string kind, data;
};

class EventReader {
 public:
  // Appends the events that are whole now. False: what comes is no stream of events of a node.
  bool feed(std::string_view bytes, std::vector<ServerEvent>& events) {
    for (const char c : bytes) {
      if (c == '\n') {
        if (!take_line(events)) return false;
        line_.clear();
      } else if (c == '\r' || line_.size() == limits::kMaxReply) {
        return false;
      } else {
        line_ += c;
      }
    }
    return true;
  }
  // Of the last whole event, or what the node has sent as one: from there a stream goes on.
  const std::string& last_id() const { return last_id_; }
  // Another stream follows: what this one has begun comes again.
  void restart() {
    line_.clear();
    begun_ = ServerEvent();
    id_ = last_id_;
  }

 private:
  bool take_line(std::vector<ServerEvent>& events) {
    if (line_.empty()) {
      last_id_ = id_;
      if (!begun_.data.empty()) events.push_back(std::move(begun_));
      begun_ = ServerEvent();
      return true;
    }
    const std::size_t colon = line_.find(':');
    if (colon == 0) return true;  // a comment
    const std::string_view name = std::string_view(line_).substr(0, colon);
    std::string_view value =
        colon == std::string::npos ? std::string_view() : std::string_view(line_).substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (name == "id") id_ = value;
    if (name == "event") begun_.kind = value;
    if (name == "data") {
      if (!begun_.data.empty()) return false;  // an event's data are one line
      begun_.data = value;
    }
    return true;
  }

  std::string line_, id_, last_id_;
  ServerEvent begun_;
};

}  // namespace quorate::http
