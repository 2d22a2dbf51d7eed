#include "cli/console.h"

#include <chrono>
#include <cstdio>

#include "base/bytes.h"

namespace quorate::cli {
namespace {

constexpr std::size_t kLongestLine = 1'000;  // bytes
constexpr auto kProgressEvery = std::chrono::milliseconds(100);

std::string clean(std::string_view text, bool keep_lines) {
  const bool utf8 = is_valid_utf8(text);
  std::string out(text);
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' || c == '\r' || c == '\t') {
      if (!keep_lines || c == '\r') c = ' ';
    } else if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8)) {
      c = '?';
    }
  }
  // C1 controls are two bytes in UTF-8, and some terminals obey them.
  for (std::size_t i = 0; i + 1 < out.size(); ++i)
    if (out[i] == '\xc2' && static_cast<unsigned char>(out[i + 1]) < 0xa0) out[i] = out[i + 1] = '?';
  return out;
}

}  // namespace

std::string printable(std::string_view text) { return clean(text, true); }

std::string one_line(std::string_view text) {
  std::string out = clean(text, false);
  while (!out.empty() && out.back() == ' ') out.pop_back();
  if (out.size() > kLongestLine) {
    std::size_t end = kLongestLine;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80) --end;  // not inside a character
    out.resize(end);
    out += " …";
  }
  return out;
}

void Console::result(const Json& json, std::string_view text) {
  if (json_) {
    out_ << json.dump() << '\n' << std::flush;
  } else if (!text.empty()) {
    out_ << printable(text) << (text.back() == '\n' ? "" : "\n") << std::flush;
  }
}

void Console::say(std::string_view line) {
  if (!json_) out_ << printable(line) << '\n' << std::flush;
}

void Console::line(const Json& json) { out_ << json.dump(-1, ' ', true) << '\n'; }

void Console::show(std::string_view text) { err_ << printable(text) << std::flush; }

void Console::note(std::string_view line) { err_ << one_line(line) << '\n' << std::flush; }

void Console::fail(const Failure& failure) {
  if (json_) {
    Json error = failure.problem.is_object() ? failure.problem : Json::object();
    error["code"] = failure.code;
    if (!error.contains("detail")) error["detail"] = one_line(failure.what());
    out_ << Json{{"error", error}}.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n' << std::flush;
  }
  err_ << "quorate: " << one_line(failure.what()) << '\n' << std::flush;
}

Progress::Progress(Console& console, std::string what) : console_(console), what_(std::move(what)) {
  if (console_.shows_progress()) thread_ = std::thread([this] { run(); });
}

Progress::~Progress() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  ended_.notify_one();
  thread_.join();
  console_.err() << "\r\x1b[K" << std::flush;
}

void Progress::now(std::string what) {
  const std::lock_guard lock(mutex_);
  what_ = std::move(what);
}

void Progress::run() {
  const auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, kProgressEvery, [this] { return end_; })) {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.1f", elapsed.count());
    console_.err() << "\r" << what_ << " … " << seconds << " s\x1b[K" << std::flush;
  }
}

}  // namespace quorate::cli
