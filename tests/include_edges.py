#!/usr/bin/env python3
"""Which room may include which: the table below is the architecture. Fails on every other edge.

    python3 tests/include_edges.py [repository]
"""
import re
import sys
from pathlib import Path

# A room may always include itself. "room" is all of a room, "room/file.h" one header of it.
EDGES = {
    "base": [],
    "crypto": ["base"],
    "session": ["base", "crypto"],
    "keygen": ["base", "crypto", "session"],
    "signing": ["base", "crypto", "session", "keygen/key_share.h", "keygen/pairwise.h", "keygen/algorithm.h",
                "keygen/trial.h"],
    "transactions": ["base", "crypto"],
    "policy": ["base", "transactions"],
    "storage": ["base"],
    "http": ["base"],
    "peers": ["base", "session/envelope.h"],
    "node": ["base", "crypto", "session", "keygen", "signing", "transactions", "policy", "storage", "peers", "http"],
    "cli": ["base", "crypto", "policy", "storage", "http", "transactions", "peers/certificates.h", "signing/verify.h"],
}
# Only what runs a node includes it; its tests do.
NODE_FROM = ("node/", "tests/node/", "tests/node_simulated/", "tests/evil_node/", "tests/evil_coordinator/", "tests/process/", "tests/support/node_", "bench/")
# A header that another room takes alone must not bring the rest of its room along.
ALONE = {"session/envelope.h": ["base"]}
# Programs and tests over the rooms: any room, but see NODE_FROM.
OVER_ALL = ("tests", "fuzz", "bench")

# Libraries: the prefix of the header, and the rooms whose code may see it.
LIBRARIES = {
    # signing: the hashes that RFC 9591 and BIP-340 name; storage: Argon2id; transactions: BIP-32's HMAC
    "sodium": ["base", "crypto", "signing", "storage", "transactions"],
    "secp256k1": ["crypto", "signing"],
    "openssl/": ["base", "crypto"],  # libcrypto: SHA-2 of long inputs, AES
    "mbedtls/": ["peers", "http", "policy"],  # policy: ES256, with which authenticators sign
    "sqlite3.h": ["storage"],
    "nlohmann/": list(EDGES),
    "spdlog/": ["node"],
    "toml++/": ["node", "cli"],
    "CLI/": ["cli"],
    "boost/": ["transactions", "policy", "node", "cli"],  # 256-bit amounts
}
# Headers take nlohmann/json_fwd.hpp, through base/json.h; these hold values of it.
JSON_IN_HEADERS = ("http/api.h", "http/client.h", "cli/outcome.h", "node/protocols.h", "transactions/facts.h")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def allowed(target, entries):
    return any(target == entry or target.startswith(entry + "/") for entry in entries)


def check_file(path, text, files):
    room = path.split("/")[0]
    for form, target in INCLUDE.findall(text):
        if form == "<":
            for prefix, rooms in LIBRARIES.items():
                if target.startswith(prefix) and room not in rooms and room not in OVER_ALL:
                    yield f"{path}: <{target}> is not for {room}/"
            if target == "nlohmann/json.hpp" and path.endswith(".h") and room in EDGES and path not in JSON_IN_HEADERS:
                yield f"{path}: <{target}> in a header; take nlohmann/json_fwd.hpp through base/json.h"
            continue
        to = target.split("/")[0]
        if room in OVER_ALL and f"{path.rsplit('/', 1)[0]}/{target}" in files:
            continue  # a helper beside its test
        if target not in files:
            yield f'{path}: "{target}" is not a path from the repository\'s root'
        elif (to == "node" or target.startswith("tests/support/node_")) and not path.startswith(NODE_FROM):
            yield f'{path}: "{target}": nothing includes node'
        elif room in OVER_ALL:
            if to in OVER_ALL and to != room and not target.startswith("tests/support/"):
                yield f'{path}: "{target}": only tests/support/ is shared'
        elif to != room and not allowed(target, EDGES[room]):
            yield f'{path}: "{target}" is not an edge of the table'
        elif path in ALONE and not allowed(target, ALONE[path]):
            yield f'{path}: "{target}": this header is taken alone and may include {ALONE[path]} only'


def check(files):
    errors = []
    for path, text in sorted(files.items()):
        room = path.split("/")[0]
        if room not in EDGES and room not in OVER_ALL:
            errors.append(f"{path}: {room}/ is not a room")
            continue
        errors += check_file(path, text, files)
    return errors


def self_test():
    """Each of these trees has one bad edge; without it there is none."""
    good = {
        "base/a.h": "#include <vector>\n",
        "crypto/a.cpp": '#include "base/a.h"\n#include <sodium.h>\n// #include "node/a.h"\n',
        "session/envelope.h": '#include "base/a.h"\n',
        "session/a.h": '#include "crypto/a.h"\n',
        "crypto/a.h": "",
        "keygen/key_share.h": "",
        "keygen/dkg.h": "",
        "signing/a.cpp": '#include "keygen/key_share.h"\n',
        "peers/a.cpp": '#include "session/envelope.h"\n#include <mbedtls/ssl.h>\n',
        "peers/certificates.h": "",
        "http/a.cpp": "#include <mbedtls/ssl.h>\n",
        "policy/a.cpp": '#include "base/a.h"\n#include <nlohmann/json.hpp>\n',
        "node/a.h": '#include "http/c.h"\n',
        "http/c.h": "",
        "cli/main.cpp": '#include "peers/certificates.h"\n',
        "tests/support/s.h": '#include "keygen/dkg.h"\n',
        "tests/support/node_s.h": '#include "node/a.h"\n',
        "tests/node/t.cpp": '#include "node/a.h"\n#include "tests/support/s.h"\n',
    }
    bad = {
        "base includes crypto": ("base/a.h", '#include "crypto/a.h"\n'),
        "crypto includes session": ("crypto/b.cpp", '#include "session/a.h"\n'),
        "signing includes the DKG": ("signing/b.cpp", '#include "keygen/dkg.h"\n'),
        "peers includes the rest of session": ("peers/b.cpp", '  #  include "session/a.h"\n'),
        "the envelope brings its room along": ("session/envelope.h", '#include "session/a.h"\n'),
        "http includes policy": ("http/d.h", '#include "policy/a.h"\n'),
        "storage includes peers": ("storage/a.cpp", '#include "peers/certificates.h"\n'),
        "cli includes node": ("cli/b.cpp", '#include "node/a.h"\n'),
        "cli includes the mesh": ("cli/b.cpp", '#include "peers/a.cpp"\n'),
        "http includes node": ("http/d.cpp", '#include "node/a.h"\n'),
        "a fuzz target includes node": ("fuzz/a.cpp", '#include "node/a.h"\n'),
        "a test of another room includes node": ("tests/base/a.cpp", '#include "node/a.h"\n'),
        "a relative path": ("base/b.cpp", '#include "a.h"\n'),
        "a path upwards": ("crypto/b.cpp", '#include "../base/a.h"\n'),
        "a folder that is no room": ("misc/a.h", ""),
        "a test of another room includes node's helper": ("tests/base/a.cpp", '#include "tests/support/node_s.h"\n'),
        "sqlite3.h outside storage": ("node/b.cpp", "#include <sqlite3.h>\n"),
        "json.hpp in a header": ("policy/a.h", "#include <nlohmann/json.hpp>\n"),
        "sodium outside crypto": ("keygen/b.cpp", "#include <sodium.h>\n"),
        "libcrypto outside crypto": ("signing/b.cpp", "#include <openssl/evp.h>\n"),
    }
    assert check(good) == [], check(good)
    for name, (path, text) in bad.items():
        files = dict(good)
        files[path] = text
        if path == "http/d.h":
            files["policy/a.h"] = ""
        assert len(check(files)) == 1, (name, check(files))


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    self_test()
    files = {}
    for folder in [*EDGES, *OVER_ALL]:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".h", ".cpp", ".hpp", ".cc", ".inc"):
                files[path.relative_to(root).as_posix()] = path.read_text(encoding="utf-8")
    if not files:
        sys.exit(f"no sources under {root}")
    errors = check(files)
    for error in errors:
        print(error)
    print(f"{len(files)} files, {len(errors)} forbidden includes")
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
