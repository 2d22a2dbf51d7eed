#include "base/clock.h"

#include <cstdio>

namespace quorate {

WallTime SystemClock::wall() const { return std::chrono::floor<Millis>(std::chrono::system_clock::now()); }
SteadyTime SystemClock::steady() const { return std::chrono::floor<Millis>(std::chrono::steady_clock::now()); }

std::string to_rfc3339(WallTime t) {
  using namespace std::chrono;
  const auto day = floor<days>(t);
  const year_month_day date{day};
  const hh_mm_ss time{floor<seconds>(t - day)};
  char out[40];
  std::snprintf(out, sizeof out, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return out;
}

std::optional<WallTime> from_rfc3339(std::string_view text) {
  using namespace std::chrono;
  constexpr std::string_view form = "dddd-dd-ddTdd:dd:ddZ";
  if (text.size() != form.size()) return std::nullopt;
  int part[6] = {};
  std::size_t k = 0;
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] == 'd') {
      if (text[i] < '0' || text[i] > '9') return std::nullopt;
      part[k] = part[k] * 10 + (text[i] - '0');
    } else {
      if (text[i] != form[i]) return std::nullopt;
      ++k;
    }
  }
  const year_month_day date{year{part[0]}, month{static_cast<unsigned>(part[1])}, day{static_cast<unsigned>(part[2])}};
  if (!date.ok() || part[3] > 23 || part[4] > 59 || part[5] > 59) return std::nullopt;
  return WallTime(sys_days{date}) + hours{part[3]} + minutes{part[4]} + seconds{part[5]};
}

}  // namespace quorate
