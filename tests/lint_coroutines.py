#!/usr/bin/env python3
"""Finds what g++ 12 or the language gets wrong around co_await, and what leaves secrets behind. No output and exit 0: clean.

usage: lint_coroutines.py FILE_OR_FOLDER...    or    --self-test

In the full expression around a co_await g++ 12 destroys aggregate temporaries, capturing lambdas and operands of ?: twice, at every
optimisation level. So the statement around a co_await may hold no braces, no lambda, no ?: and no new. Further: coroutines are free
functions (no members, no lambdas: the closure dies first), take no rvalue references, their results are not bound by structured
bindings or ranged over, and their frames hold nothing over-aligned.
"""
import re
import sys
from pathlib import Path

AWAIT = re.compile(r'(?<!operator )\bco_(await|yield)\b')
COROUTINE = re.compile(r'(?<!operator )\bco_(await|yield|return)\b')


def blank(text):
    """Comments and literals as spaces, so that offsets stay."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'|^[ \t]*#(?:\\\n|[^\n])*'
    return re.sub(pattern, lambda m: re.sub(r'[^\n]', ' ', m.group()), text, flags=re.S | re.M)


def matching(text, at):
    """Offset of the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(text)):
        if text[i] in '([{':
            depth += 1
        elif text[i] in ')]}':
            depth -= 1
            if depth == 0:
                return i
    return len(text) - 1


def opens_block(before):
    """Whether a brace after this statement head, outside all parentheses, opens a block and not an initialiser or a lambda."""
    head = before.strip()
    if not head or re.search(r'(\belse|\bdo|\btry|:)$', head):
        return True
    if re.match(r'(template\s*<.*>\s*|inline\s+|export\s+)*(namespace|struct|class|union|enum|extern)\b', head, re.S) and '(' not in head:
        return True
    if re.search(r'(^|[^\w\])])\[[^\]]*\]\s*(\(|\{|mutable|->|$)', head):  # a lambda
        return False
    if re.search(r'\)\s*((const|noexcept|override|final)\b\s*|->[^=;]*|requires\b.*|:[^;]*)*$', head, re.S):
        return not re.search(r'[^=!<>]=[^=].*\)\s*$', head, re.S) or re.match(r'(if|for|while|switch|operator)\b', head)
    return False


def statements(text):
    """(offset, statement, inside a class) for every statement; braces of expressions belong to their statement."""
    out, blocks, start, i = [], [], 0, 0
    while i < len(text):
        c = text[i]
        if c in '([':
            i = matching(text, i)
        elif c == '{':
            head = text[start:i]
            if opens_block(head):
                out.append((start, head, 'class' in blocks))
                is_class = re.match(r'\s*(template\s*<.*>\s*)?(struct|class|union)\b', head, re.S) and '(' not in head
                blocks.append('class' if is_class else 'function' if ')' in head else 'other')
                start = i + 1
            else:
                i = matching(text, i)
        elif c == '}' or c == ';':
            out.append((start, text[start:i], 'class' in blocks))
            if c == '}' and blocks:
                blocks.pop()
            start = i + 1
        i += 1
    return out


def check(text):
    """(line, what) for everything that is wrong in a file's text."""
    text = blank(text)
    found = []
    if not COROUTINE.search(text):
        return found
    for offset, s, in_class in statements(text):
        def report(what):
            line = text.count('\n', 0, offset + len(s) - len(s.lstrip())) + 1
            found.append((line, what + ': ' + ' '.join(s.split())[:90]))
        if COROUTINE.search(s):
            if in_class:
                report('a coroutine that is a member')
            for m in re.finditer(r'(?:^|[^\w\])\s])\s*\[[^\[\]]*\]\s*(?:\([^()]*\)[^{};]*)?\{', s):
                if COROUTINE.search(s[m.end():matching(s, m.end() - 1)]):
                    report('a lambda that is a coroutine')
        if re.search(r'\bTask\s*<.*>\s+\w+\s*\(.*&&', s, re.S) and '=' not in s.split('(')[0]:
            report('a coroutine that takes an rvalue reference')
        if re.search(r'\balignas\b', s):
            report('over-aligned data beside coroutines')
        if not AWAIT.search(s):
            continue
        body = s
        binding = re.match(r'\s*(const\s+)?auto\s*&{0,2}\s*\[[^\]]*\]', s)
        if binding:
            report('a structured binding of a co_await')
            body = s[binding.end():]
        if re.match(r'\s*for\s*\(', s) and re.search(r'[^:]:[^:].*\bco_await\b', s, re.S) and ';' not in s:
            report('a range over a co_await')
        for what, pattern in (('braces', r'\{'), ('a lambda', r'(^|[^\w\])\s])\s*\['), ('?:', r'\?'), ('new', r'\bnew\b')):
            if re.search(pattern, body):
                report(what + ' in the statement of a co_await')
    return found


BAD = [
    'co_await f(Agg{1});', 'co_await f({1, 2});', 'auto x = co_await f(Agg{1}, 2);', 'x = f(co_await g(), Agg{2});',
    'Agg a{co_await f(), 2};', 'co_await f([x] { return x; });', 'co_await f([&](int i) { return i; });',
    'const int v = c ? co_await f() : co_await g();', 'co_await (c ? f() : g());', 'co_await f(c ? a : b);',
    'auto [a, b] = co_await f();', 'const auto& [a, b] = co_await f();', 'p = new T(co_await f());',
    'for (auto x : (co_await f()).items()) use(x);', 'for (auto x : co_await f()) {\n use(x);\n}',
    'if (co_await f(Agg{1})) {\n g();\n}', 'while (x) co_await f(Agg{1});',
    'auto l = [x]() -> Task<int> { co_return x; };', 'run([&]() -> Task<void> { co_await f(); });',
    'const int v =\n    co_await f(\n        Agg{1});', 'alignas(64) int x;\nco_await f();', 'g(Agg{1}), co_await f();',
    'std::vector<int> v{co_await f(), 2};', 'co_await f(std::function<int()>([x] { return x; }));',
]
GOOD = [
    'co_await f();', 'const auto x = co_await f(a, b, 3);', 'co_await f(std::move(a));', 'const Agg a{1};\nco_await f(a);',
    'const auto l = [&](int i) { return i; };\nco_await f(l);', 'if (co_await f()) {\n g(Agg{1});\n}',
    'try {\n v = co_await f();\n} catch (const E&) {\n v = 7;\n}', 'co_return Agg{1};', 'co_return co_await f();',
    'f([&](int j) { return m.at(j); });\nco_await g();', 'const int v = c ? 1 : 2;\nco_await f(v);', 'x[1] += co_await f();',
    'for (int i = 0; i < 3; ++i) s += co_await one();', '// co_await f(Agg{1});\nco_await g("{?");',
    'const P<M> m = co_await self.receive<M>();\nself.require_each([&](J j) { return ok(m[j]); }, R::bad);',
    'v.push_back({1, 2});\nco_await f();', 'else {\n co_await f();\n}',
]


def self_test():
    failed = [c for c in BAD if not check('Task<int> t(Party self) {\n' + c + '\nco_return 0;\n}\n')]
    failed += [c for c in GOOD if check('Task<int> t(Party self) {\n' + c + '\nco_return 0;\n}\n')]
    for whole in ('struct S {\n Task<int> f(Party p) {\n co_return 1;\n }\n};\n', 'Task<int> f(Party p, T&& x) {\n co_return 1;\n}\n'):
        if not check(whole):
            failed.append(whole)
    for whole in ('namespace a {\ntemplate <class C> Task<R<C>> dkg(Party self, D d, const K& k) {\n co_return 1;\n}\n}\n',
                  'class T {\n public:\n  auto operator co_await() && noexcept {\n    struct A {\n      int h{};\n    };\n  }\n};\n'):
        if check(whole):
            failed.append(whole)
    for c in failed:
        print('self-test failed on: ' + c)
    return bool(failed)


def main(arguments):
    if arguments == ['--self-test']:
        return self_test()
    bad = False
    for a in arguments:
        path = Path(a)
        for file in sorted(f for e in ('*.h', '*.cpp') for f in path.rglob(e)) if path.is_dir() else [path]:
            for line, what in check(file.read_text()):
                print(f'{file}:{line}: {what}')
                bad = True
    return bad


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
