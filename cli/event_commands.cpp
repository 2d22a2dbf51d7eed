#include "cli/event_commands.h"

#include <algorithm>
#include <thread>

#include "cli/stop_signals.h"
#include "http/event_reader.h"

namespace quorate::cli {
namespace {

constexpr Millis kPauseFirst{1'000}, kPauseMost{10'000};  // before a node is asked again
constexpr Millis kLook{50};                               // for a signal, meanwhile

// "2026-11-29T04:00:00Z 17 succeeded sign hot-1 by admin req_…"
std::string text_of_event(const Json& event) {
  std::string text = text_at(event, "time");
  const auto seq = event.find("seq");
  if (seq != event.end() && seq->is_number()) text += " " + seq->dump();
  text += " " + text_at(event, "kind");
  const Json& entry = event.contains("entry") ? event["entry"] : Json();
  for (const auto& [name, before] : {std::pair("kind", " "),
                                     {"key", " "},
                                     {"scope", " "},
                                     {"user", " by "},
                                     {"by", " by "},
                                     {"node", " against "},
                                     {"state", ", "},
                                     {"code", ": "}})
    if (const std::string value = text_at(entry, name); !value.empty()) text += before + value;
  if (entry.is_object() && entry.contains("version")) text += " version " + entry["version"].dump();
  for (const std::string& id : {text_at(entry, "id"), text_at(entry, "recovery"), text_at(event, "request")})
    if (!id.empty()) text += " " + id;
  return text;
}

void print(const http::ServerEvent& event, Console& console) {
  const Json json = Json::parse(event.data, nullptr, false);
  if (!json.is_object()) throw failed("stream", "the node sends events that are no JSON");
  console.result(json, console.json() ? std::string() : one_line(text_of_event(json)));
}

void pause(Millis time) {
  for (; time > Millis(0) && !StopSignals::requested(); time -= kLook) std::this_thread::sleep_for(kLook);
}

// For now: the node stops, or has as many streams as it may have.
bool passes(const http::ClientReply& reply) { return reply.status == 503 || reply.status == 429; }

}  // namespace

Exit events_command(const EventsOptions& options, const Place& place, World& world) {
  const StopSignals stops;
  ClusterClient client(place, world);
  const std::string node = place.node ? *place.node : text_at(expect_success(client.get("/v1/node")), "id");
  const std::string from = options.after ? std::to_string(*options.after) : std::string();
  http::EventReader reader;
  bool begun = false;
  Millis wait = kPauseFirst;
  const auto got = [&](std::string_view bytes) {
    std::vector<http::ServerEvent> events;
    if (!reader.feed(bytes, events)) throw failed("stream", node + " sends what is no stream of events");
    for (const http::ServerEvent& event : events) print(event, world.console);
    if (!bytes.empty()) begun = true, wait = kPauseFirst;
    return !StopSignals::requested();
  };
  for (;;) {
    std::string why = node + ": the stream has ended";
    try {
      reader.restart();
      const auto refused = client.listen(node, "/v1/events", reader.last_id().empty() ? from : reader.last_id(), got);
      if (refused && !(begun && passes(*refused))) throw failure_of(*refused);
      if (refused) why = node + ": " + failure_of(*refused).what();
    } catch (const http::ClientError& e) {
      if (!begun) throw failed("unreachable", std::string("the node does not answer: ") + e.what());
      why = e.what();
    }
    if (StopSignals::requested()) return Exit::ok;
    world.console.note(why + "; it is taken up again behind " + reader.last_id());
    pause(wait);
    wait = std::min(2 * wait, kPauseMost);
    if (StopSignals::requested()) return Exit::ok;
  }
}

}  // namespace quorate::cli
