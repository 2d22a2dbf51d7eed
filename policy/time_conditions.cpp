#include "policy/time_conditions.h"

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>

namespace quorate::policy {
namespace {

constexpr unsigned kDay = 24 * 60;  // minutes
constexpr std::array<std::string_view, 7> kWeekdays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

// "HH:MM"
std::optional<unsigned> minute_of_day(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto digit = [&](std::size_t k) { return static_cast<unsigned>(text[k] - '0'); };
  for (const std::size_t k : {0u, 1u, 3u, 4u})
    if (digit(k) > 9) return std::nullopt;
  const unsigned hours = digit(0) * 10 + digit(1), minutes = digit(3) * 10 + digit(4);
  if (minutes > 59 || hours * 60 + minutes > kDay) return std::nullopt;
  return hours * 60 + minutes;
}

Hours parse_hours(JsonObject& condition) {
  const std::string text = condition.text("hours_utc", 1, 16);
  const std::size_t dash = text.find('-');
  const auto from = minute_of_day(std::string_view(text).substr(0, dash));
  const auto to = dash == std::string::npos ? std::nullopt : minute_of_day(std::string_view(text).substr(dash + 1));
  if (!from || !to || *from == kDay || *to == 0 || *from == *to)
    condition.fail("hours_utc", "must be two different times of the day, 08:00-20:00; the second may be 24:00");
  return {*from, *to};
}

std::uint8_t parse_weekdays(JsonObject& condition) {
  const Json& array = condition.array("weekdays", kWeekdays.size());
  if (array.empty()) condition.fail("weekdays", "must not be empty");
  std::uint8_t days = 0;
  for (std::size_t i = 0; i < array.size(); ++i) {
    const std::string pointer = condition.pointer("weekdays") + "/" + std::to_string(i);
    std::uint8_t bit = 0;
    for (std::size_t day = 0; day < kWeekdays.size(); ++day)
      if (array[i] == kWeekdays[day]) bit = static_cast<std::uint8_t>(1u << day);
    if (bit == 0) throw JsonError(pointer, "must be mon, tue, wed, thu, fri, sat or sun");
    if ((days & bit) != 0) throw JsonError(pointer, "is there twice");
    days = static_cast<std::uint8_t>(days | bit);
  }
  return days;
}

std::string hours_and_minutes(unsigned minute) {
  const auto two = [](unsigned n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  return two(minute / 60) + ":" + two(minute % 60);
}

}  // namespace

TimeConditions TimeConditions::parse(JsonObject& condition) {
  TimeConditions out;
  if (condition.has("hours_utc")) out.hours = parse_hours(condition);
  if (condition.has("weekdays")) out.weekdays = parse_weekdays(condition);
  return out;
}

Condition holds(const TimeConditions& c, std::optional<std::int64_t> created, const Say& say) {
  using namespace std::chrono;
  if (!c.any()) return {Truth::yes, ""};
  if (!created) return say.unknown([] { return "the time of the request is not known"; });
  const sys_seconds time{seconds(*created)};
  const sys_days day = floor<days>(time);
  if (c.weekdays) {
    const unsigned weekday = std::chrono::weekday(day).c_encoding();
    if ((*c.weekdays >> weekday & 1) == 0) return say.no([&] { return "it is " + std::string(kWeekdays[weekday]); });
  }
  if (c.hours) {
    const auto minute = static_cast<unsigned>(duration_cast<minutes>(time - day).count());
    const bool since = minute >= c.hours->from, until = minute < c.hours->to;
    if (c.hours->from < c.hours->to ? !(since && until) : !(since || until))
      return say.no([&] { return "it is " + hours_and_minutes(minute) + " UTC"; });
  }
  return {Truth::yes, ""};
}

}  // namespace quorate::policy
