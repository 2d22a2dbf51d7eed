"""Finds the checks that scripts/mutate deletes, by their form; scripts/mutate names the forms."""
import re
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'tests'))
from lint_coroutines import blank, matching  # noqa: E402


class Mutant(NamedTuple):
    room: str
    file: Path  # in the repository
    place: str
    what: str
    start: int
    end: int
    replacement: str


def split_top(text, start, end, operator):
    """(start, end) of the operands of `operator` at the top level of text[start:end]."""
    parts, i, begin = [], start, start
    while i < end:
        if text[i] in '([{':
            i = matching(text, i)
        elif text.startswith(operator, i):
            parts.append((begin, i))
            i += len(operator) - 1
            begin = i + 1
        i += 1
    parts.append((begin, end))
    return [(s + len(text[s:e]) - len(text[s:e].lstrip()), e - (len(text[s:e]) - len(text[s:e].rstrip()))) for s, e in parts]


def statement_end(text, at):
    while at < len(text) and text[at] != ';':
        at = matching(text, at) + 1 if text[at] in '([{' else at + 1
    return at + 1


def first_argument(text, open_paren):
    return split_top(text, open_paren + 1, matching(text, open_paren), ',')[0]


def in_bool_function(text, at):
    """Whether the innermost function or lambda around `at` that names its result says bool, or is a predicate (a lambda)."""
    depth = 0
    for i in range(at, -1, -1):
        if text[i] == '}':
            depth += 1
        elif text[i] == '{':
            if depth:
                depth -= 1
                continue
            head = text[max(text.rfind(c, 0, i) for c in ';}{') + 1:i]
            if re.search(r'\[[^\]]*\]\s*(\([^()]*\))?\s*(mutable)?\s*$', head):  # a lambda: a predicate, by its use or its looks
                return re.search(r'\b(find_if|any_of|all_of|none_of|count_if|erase_if)\b', head) or re.search(
                    r'==|!=|&&|^return\s*!|\b(verify|contains|empty|has_value)\w*\(', text[at:statement_end(text, at)])
            if re.search(r'\b(if|for|while|switch|else|do|try)\b[^;]*$', head):
                continue
            if re.search(r'\bbool\s+[\w:<>]+\s*\(', head) or re.search(r'->\s*bool\s*$', head):
                return True
            return False
    return False


def checks(text):
    """(start, end, replacement, kind) for every check in a file's text."""
    code = blank(text)
    out = []
    conjunctions = []
    for m in re.finditer(r'\bself_?\s*\.\s*require(_each)?\s*\(|\bco_await\s+agree\b[^;(]*\(', code):
        out.append((m.start(), statement_end(code, m.start()), ';', 'require'))
        if not m.group().startswith('co_await'):
            conjunctions.append(first_argument(code, m.end() - 1) + ('require',))
    for m in re.finditer(r'\bif\s*(constexpr\s*)?\(', code):
        if m.group(1):
            continue
        close = matching(code, m.end() - 1)
        inner = split_top(code, m.end(), close, ';')[-1]  # after an initialiser
        for s, e in split_top(code, *inner, '||'):
            # A declaration as condition stays declared.
            declared = re.match(r'(const\s+)?auto\s*[&*]?\s*\w+\s*=', code[s:e])
            replacement = f'{text[s:e]}; false' if declared else 'false'
            out.append((s, e, replacement, 'if'))
    for m in re.finditer(r'\breturn\b', code):
        end = statement_end(code, m.start()) - 1
        s, e = split_top(code, m.end(), end, ';')[0]
        expression = code[s:e]
        if expression in ('', 'true', 'false') or not in_bool_function(code, m.start()):
            continue
        if any(a <= m.start() < b for a, b, _, kind in out if kind == 'require') and '&&' not in expression:
            continue  # the same as deleting the statement
        conjunctions.append((s, e, 'return'))
    for m in re.finditer(r'\bbool\s+(?!operator\b)\w+\s*=', code):
        s, e = split_top(code, m.end(), statement_end(code, m.start()) - 1, ';')[0]
        starts = [s] + [at + name.end() for at, _ in split_top(code, s, e, ',')[1:] if (name := re.match(r'\w+\s*=(?!=)\s*', code[at:e]))]
        ends = [code.rindex(',', 0, at) for at in starts[1:]] + [e]  # of each variable, if there are several
        conjunctions += [(s, e, 'bool') for s, e in zip(starts, ends) if not re.match(r'true\b|false\b', code[s:e])]
    for s, e, kind in conjunctions:
        parts = split_top(code, s, e, '&&')
        if kind == 'require' and (len(parts) == 1 or code[s] == '['):
            continue  # the whole statement is a mutant already; a lambda's return is found as such
        out += [(a, b, 'true', kind) for a, b in parts]
    for m in re.finditer(r'\bthrow\s+(Malformed|Abort)\b', code):
        line = code[code.rfind('\n', 0, m.start()) + 1:m.start()]
        if not re.search(r'\bif\b', line):
            out.append((m.start(), statement_end(code, m.start()), ';', 'throw'))
    return sorted(set(out))


def all_mutants(rooms):
    """(the mutants, (place, what, reason) for those left out)"""
    found, left_out = [], []
    for room in rooms:
        for file in sorted([*(ROOT / room).glob('*.h'), *(ROOT / room).glob('*.cpp')]):
            text = file.read_text()
            for start, end, replacement, kind in checks(text):
                line = text.count('\n', 0, start) + 1
                name = f'{file.relative_to(ROOT)}:{line}'
                what = f'{kind}: {" ".join(text[start:end].split())}'
                reason = re.search(r'// mutate: (.*)', text[text.rfind('\n', 0, start) + 1:text.find('\n', start)])
                if reason:
                    left_out.append((name, what, reason.group(1)))
                else:
                    found.append(Mutant(room, file.relative_to(ROOT), name, what, start, end, replacement))
    return found, left_out
