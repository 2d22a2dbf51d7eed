#include "node/logging.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

namespace quorate::node {
namespace {

constexpr std::size_t kMaxLine = 4'000;  // bytes; the rest is cut

std::string printable(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (out.size() >= kMaxLine) return out + "…";
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f && byte < 0x80) {
      out += c;
      continue;
    }
    constexpr char digits[] = "0123456789abcdef";
    out += "\\x";
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

// The first request id in a line: every line about a request names it. Empty: none.
std::string_view request_in(std::string_view text) {
  constexpr std::string_view prefix = "req_";
  constexpr std::size_t digits = 32;
  for (auto at = text.find(prefix); at != text.npos; at = text.find(prefix, at + 1)) {
    const auto id = text.substr(at, prefix.size() + digits);
    const auto wrong = id.find_first_not_of("0123456789abcdef", prefix.size());
    if (id.size() == prefix.size() + digits && wrong == id.npos) return id;
  }
  return {};
}

// Of one line's JSON object, after its time and level.
std::string members(const std::string& node, const std::string& text) {
  std::string out = "\"node\":" + nlohmann::json(node).dump();
  if (const auto id = request_in(text); !id.empty()) out += ",\"request\":\"" + std::string(id) + "\"";
  return out + ",\"message\":" + nlohmann::json(text).dump();
}

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

Log make_log(const Config& config) {
  spdlog::sink_ptr sink;
  try {
    if (config.log_file)
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(config.log_file->string());
    else
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } catch (const spdlog::spdlog_ex& e) {
    throw ConfigError(std::string("log.file: ") + e.what());
  }
  const auto logger = std::make_shared<spdlog::logger>("quorated", sink);
  const bool json = config.log_format == LogFormat::json;
  logger->set_pattern(
      json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})" : "%Y-%m-%dT%H:%M:%S.%eZ %l " + config.node + " %v",
      spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::from_str(config.log_level));
  logger->flush_on(spdlog::level::info);
  return [logger, json, node = config.node](LogLevel level, const std::string& text) {
    const std::string line = printable(text);
    logger->log(level_of(level), json ? members(node, line) : line);
  };
}

}  // namespace quorate::node
