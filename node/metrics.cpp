#include "node/metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <fstream>
#include <sstream>

namespace quorate::node {
namespace {

std::string number(double v) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.9g", v);
  return text.data();
}

std::string head(const std::string& name, const std::string& type, const std::string& help) {
  return "# HELP " + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
}

std::string single(const std::string& name, const std::string& type, const std::string& help, double value) {
  return head(name, type, help) + name + " " + number(value) + "\n";
}

std::size_t open_descriptors() {
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  std::size_t n = 0;
  while (::readdir(directory) != nullptr) ++n;
  ::closedir(directory);
  return n < 3 ? 0 : n - 3;  // ".", "..", and the one that reads this
}

double seconds_of(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

// Not from /proc/stat, which a hardened service does not see.
double boot_time() { return seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME); }

}  // namespace

void DurationHistogram::add(std::chrono::steady_clock::duration took) {
  const double seconds = std::chrono::duration<double>(took).count();
  std::size_t i = 0;
  while (i < kBounds.size() && seconds > kBounds[i]) ++i;
  ++counts_[i];
  micros_ += static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
}

std::string DurationHistogram::text(const std::string& name, const std::string& help) const {
  std::string out = head(name, "histogram", help);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    sum += counts_[i];
    const std::string bound = i < kBounds.size() ? number(kBounds[i]) : "+Inf";
    out += name + "_bucket{le=\"" + bound + "\"} " + std::to_string(sum) + "\n";
  }
  out += name + "_sum " + number(static_cast<double>(micros_) / 1e6) + "\n";
  return out + name + "_count " + std::to_string(sum) + "\n";
}

std::string process_metrics() {
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  double cpu = 0, started = 0, resident = 0;
  std::ifstream in("/proc/self/stat");
  const std::string stat((std::istreambuf_iterator<char>(in)), {});
  if (const auto end = stat.rfind(')'); end != std::string::npos) {
    std::istringstream fields(stat.substr(end + 2));  // from the third on
    std::string field;
    for (int i = 3; i <= 24 && fields >> field; ++i) {
      if (i == 14 || i == 15) cpu += std::stod(field) / ticks;
      if (i == 22) started = std::stod(field) / ticks;
      if (i == 24) resident = std::stod(field) * static_cast<double>(::sysconf(_SC_PAGESIZE));
    }
  }
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  return single("process_cpu_seconds_total", "counter", "User and system time", cpu) +
         single("process_start_time_seconds", "gauge", "Start, Unix time", boot_time() + started) +
         single("process_resident_memory_bytes", "gauge", "Resident memory", resident) +
         single("process_open_fds", "gauge", "Open file descriptors", static_cast<double>(open_descriptors())) +
         single("process_max_fds", "gauge", "Limit of file descriptors", static_cast<double>(files.rlim_cur));
}

}  // namespace quorate::node
