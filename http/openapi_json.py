#!/usr/bin/env python3
"""openapi.yaml -> a C++ file with the same document as JSON. Needs nothing but Python.

Reads the part of YAML that openapi.yaml uses: block mappings and sequences by indentation, flow collections on one line,
plain and double-quoted scalars, whole-line comments. Anything else is an error."""
import json
import re
import sys


class Reader:
    def __init__(self, text):
        self.lines = []
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip() and not line.lstrip().startswith("#"):
                if "\t" in line:
                    raise SyntaxError(f"line {number}: tab")
                self.lines.append((number, len(line) - len(line.lstrip(" ")), line.strip()))
        self.at = 0

    def block(self, indent):
        if self.lines[self.at][2].startswith("- "):
            return self.sequence(indent)
        return self.mapping(indent)

    def sequence(self, indent):
        out = []
        while self.at < len(self.lines) and self.lines[self.at][1] == indent and self.lines[self.at][2].startswith("- "):
            number, _, text = self.lines[self.at]
            rest = text[2:].strip()
            if re.match(BLOCK_KEY, rest) and not rest.startswith(("{", "[")):
                # "- key: value" opens a mapping that is indented by the dash
                self.lines[self.at] = (number, indent + 2, rest)
                out.append(self.mapping(indent + 2))
            else:
                self.at += 1
                out.append(Flow(rest, number).whole())
        return out

    def mapping(self, indent):
        out = {}
        while self.at < len(self.lines) and self.lines[self.at][1] == indent:
            number, _, text = self.lines[self.at]
            match = re.match(BLOCK_KEY, text)
            if not match:
                raise SyntaxError(f"line {number}: not a mapping entry")
            key = match.group(1).strip('"')
            if key in out:
                raise SyntaxError(f"line {number}: {key} twice")
            rest = text[match.end():].strip()
            self.at += 1
            if rest:
                out[key] = Flow(rest, number).whole()
            elif self.at < len(self.lines) and self.lines[self.at][1] > indent:
                out[key] = self.block(self.lines[self.at][1])
            else:
                raise SyntaxError(f"line {number}: {key} has no value")
        if self.at < len(self.lines) and self.lines[self.at][1] > indent:
            raise SyntaxError(f"line {self.lines[self.at][0]}: indentation")
        return out


BLOCK_KEY = r'("[^"]*"|[^\s",:]+):(?= |$)'
KEY = r'("[^"]*"|[^\s"\[\]{},:]+):(?= |$)'


class Flow:
    def __init__(self, text, number):
        self.text, self.at, self.number = text, 0, number

    def fail(self):
        raise SyntaxError(f"line {self.number}: {self.text[self.at:]!r}")

    def whole(self):
        if self.text[0] not in '{["':
            return scalar(self.text)  # a plain scalar runs to the end of the line
        out = self.value()
        if self.at != len(self.text):
            self.fail()
        return out

    def skip(self):
        while self.at < len(self.text) and self.text[self.at] == " ":
            self.at += 1

    def take(self, c):
        self.skip()
        if self.text[self.at:self.at + 1] != c:
            return False
        self.at += 1
        self.skip()
        return True

    def value(self):
        if self.take("{"):
            out = {}
            while not self.take("}"):
                match = re.match(KEY, self.text[self.at:]) or self.fail()
                self.at += match.end()
                self.skip()
                out[match.group(1).strip('"')] = self.value()
                if not self.take(",") and self.text[self.at:self.at + 1] != "}":
                    self.fail()
            return out
        if self.take("["):
            out = []
            while not self.take("]"):
                out.append(self.value())
                if not self.take(",") and self.text[self.at:self.at + 1] != "]":
                    self.fail()
            return out
        match = re.match(r'"(?:[^"\\]|\\.)*"', self.text[self.at:])
        if match:
            self.at += match.end()
            return json.loads(match.group())
        match = re.match(r"[^\[\]{},]+", self.text[self.at:]) or self.fail()
        self.at += match.end()
        return scalar(match.group().strip())


def scalar(text):
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    return int(text) if re.fullmatch(r"-?(0|[1-9][0-9]*)", text) else text


def main():
    source, target = sys.argv[1:3]
    with open(source, encoding="utf-8") as f:
        reader = Reader(f.read())
    document = reader.block(0)
    if reader.at != len(reader.lines):
        raise SyntaxError(f"line {reader.lines[reader.at][0]}: indentation")
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=True)
    # Compilers limit the length of one string literal.
    parts = "\n    ".join(json.dumps(text[i:i + 4000]) for i in range(0, len(text), 4000))
    with open(target, "w", encoding="utf-8") as f:
        f.write('#include "http/gate.h"\n\nnamespace quorate::http {\nconst std::string_view kOpenApiJson =\n    '
                f"{parts};\n}}  // namespace quorate::http\n")


if __name__ == "__main__":
    main()
