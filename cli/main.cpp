#include <unistd.h>

#include <csignal>
#include <iostream>

#include "cli/command_line.h"

int main(int argc, char** argv) {
  using namespace quorate;
  // A reader that went away is an error of the write, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  cli::Console console(std::cout, std::cerr, ::isatty(STDERR_FILENO) != 0);
  const SystemClock clock;
  SystemRng rng;
  cli::World world{clock, rng, console};
  return static_cast<int>(cli::run({argv + 1, argv + argc}, cli::environment_of_process(argv[0]), world, std::cin));
}
