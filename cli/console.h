// What a command prints. Results go to standard output, everything else to standard error.
#pragma once
#include <condition_variable>
#include <mutex>
#include <ostream>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/json.h"
#include "cli/outcome.h"

namespace quorate::cli {

// Text from outside, fit for a terminal: control characters and what is not UTF-8 become "?".
std::string printable(std::string_view text);
// The same as one line of at most 1,000 bytes: line ends become spaces.
std::string one_line(std::string_view text);

class Console {
 public:
  // `terminal`: standard error is a terminal, so that progress may be shown there.
  Console(std::ostream& out, std::ostream& err, bool terminal) : out_(out), err_(err), terminal_(terminal) {}

  void use_json(bool json) { json_ = json; }
  bool json() const { return json_; }
  bool shows_progress() const { return terminal_ && !json_; }

  // The result: `json` with --json, else `text` line by line.
  void result(const Json& json, std::string_view text);
  // One line of a result that comes in parts; with --json nothing.
  void say(std::string_view line);
  // One line of a result that is for machines in any case.
  void line(const Json& json);
  // What somebody has to see before they decide, all of it, however long.
  void show(std::string_view text);
  // A remark that is no result.
  void note(std::string_view line);
  void fail(const Failure& failure);
  std::ostream& err() { return err_; }

 private:
  std::ostream& out_;
  std::ostream& err_;
  bool terminal_;
  bool json_ = false;
};

// While it lives a line on the terminal says what is being waited for, and for how long already.
class Progress {
 public:
  Progress(Console& console, std::string what);
  ~Progress();
  Progress(const Progress&) = delete;
  void now(std::string what);

 private:
  void run();
  Console& console_;
  std::string what_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool end_ = false;
  std::thread thread_;
};

}  // namespace quorate::cli
