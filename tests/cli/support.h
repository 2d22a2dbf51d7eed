// A command line with everything it touches in a temporary directory.
#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/command_line.h"
#include "cli/ports.h"

namespace quorate::cli::test {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "quorate-cli-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline void write(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file) << text;
}
inline std::string read(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

struct Printed {
  Exit exit;
  std::string out, err;
  Json json() const { return parse_json(out); }
};

// `quorate` with a home of its own.
struct Shell {
  TemporaryDirectory temporary;
  SystemClock clock;
  SystemRng rng;
  Environment env{temporary.path() / "home", "quorate", std::nullopt};

  std::filesystem::path dir(const std::string& name = "cluster") const { return temporary.path() / name; }
  Printed operator()(std::vector<std::string> words, const std::string& input = "") {
    std::ostringstream out, err;
    std::istringstream in(input);
    Console console(out, err, false);
    World world{clock, rng, console};
    const Exit exit = run(std::move(words), env, world, in);
    return {exit, out.str(), err.str()};
  }
};

// A base whose ports are free right now, other than the default, and spread so that tests side by side rarely meet.
inline int test_base_port(Rng& rng, int nodes = 3) {
  for (;;) {
    const int base = 10'000 + static_cast<int>(rng.below(22'000));
    if (!busy_port(base, nodes)) return base;
  }
}

}  // namespace quorate::cli::test
