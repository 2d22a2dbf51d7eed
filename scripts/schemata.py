"""All mutants in one program, picked one at a time by an environment variable: one build instead of one for each."""
import re

from mutants import blank, split_top

# Every file is compiled with this in front. In a constant expression no mutant can be picked: no test reaches it, so it is built alone.
HEADER = r'''#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <type_traits>

inline int quorate_picked() {
  static const int picked = [] {
    const char* text = std::getenv("QUORATE_MUTANT");
    return text == nullptr ? -1 : std::atoi(text);
  }();
  return picked;
}

// Writes the numbers of the mutants that this process comes by, each once: a test that never does cannot tell them apart.
inline void quorate_reached(int k) {
  static std::atomic<bool> known[10000];
  static const int file = [] {
    const char* name = std::getenv("QUORATE_MUTANTS_REACHED");
    return name == nullptr ? -1 : ::open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  }();
  if (file < 0 || known[k].exchange(true)) return;
  char line[16];
  char* end = std::to_chars(line, line + sizeof line - 1, k).ptr;
  *end++ = '\n';
  if (::write(file, line, static_cast<std::size_t>(end - line)) < 0) std::abort();
}

constexpr bool quorate_mutant(int k) {
  if (std::is_constant_evaluated()) return false;
  quorate_reached(k);
  return quorate_picked() == k;
}
'''


def expressible(text, mutant):
    """Whether the mutant can be picked at run time, as far as its text shows; what else cannot, does not compile."""
    code = blank(text)
    expression = code[mutant.start:mutant.end]
    if mutant.replacement == ';':
        return True
    # g++ 12 destroys the operands of ?: twice around a co_await (tests/lint_coroutines.py).
    begin = max(code.rfind(c, 0, mutant.start) for c in ';{}') + 1
    if 'co_await' in code[begin:mutant.end] + re.split('[;{]', code[mutant.end:])[0]:
        return False
    # In parentheses, a part with an operator that binds less than its neighbour's would be another expression.
    if code[:mutant.start].rstrip()[-1] in '&|' or code[mutant.end:].lstrip()[0] in '&|':
        return len(split_top(expression, 0, len(expression), '?')) == 1 and (
            mutant.replacement != 'true' or len(split_top(expression, 0, len(expression), '||')) == 1)
    return True


def weave(text, numbered):
    """The file with all of these (number, mutant) in it, on the lines where they were."""
    inserts = []
    for k, m in numbered:
        picked = f'::quorate_mutant({k})'
        expression = text[m.start:m.end]
        if m.replacement == ';':
            before, after = f'{{ if (!{picked}) ', ' }'
        elif m.replacement.startswith(expression):  # a declaration
            name = re.search(r'(\w+)\s*=', expression).group(1)
            before, after = '', f'; !{picked} && static_cast<bool>({name})'
        else:
            before, after = f'({picked} ? {m.replacement} : static_cast<bool>(', '))'
        # They nest: of those that begin together the longest is outside, and what ends comes before what begins.
        inserts.append((m.start, 1, -m.end, k, before))
        inserts.append((m.end, 0, -m.start, -k, after))
    out, at = [], 0
    for position, *_, added in sorted(inserts):
        out += [text[at:position], added]
        at = position
    return ''.join(out) + text[at:]
