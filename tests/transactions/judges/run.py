#!/usr/bin/env python3
"""Installs the JavaScript judges from npm's registry and runs them against the helper program.

usage: run.py HELPER DIRECTORY [JUDGE]; exit 0: they agree, 1: they do not, 77: the registry cannot be reached (nothing was judged).
QUORATE_JUDGE_ROUNDS is the number of random transactions of each kind (default 1000), QUORATE_JUDGE_SEED another seed.
"""
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ECONNRESET", "ENETUNREACH", "EHOSTUNREACH", "network request")


def skip(why):
    print(f"SKIPPED: {why}; no transaction was judged")
    sys.exit(77)


def install(directory, source=HERE):
    """node_modules as the source's package-lock.json says, once, whoever else wants them at the same time."""
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install_locked(directory, source)


def install_locked(directory, source):
    lock = (source / "package-lock.json").read_text(encoding="utf-8")
    stamp = directory / "installed"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == lock:
        return
    stamp.unlink(missing_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(source / name, directory / name)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=30000"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        if any(sign in done.stderr for sign in UNREACHABLE):
            skip("npm's registry cannot be reached")
        sys.exit(done.stderr)
    stamp.write_text(lock, encoding="utf-8")


def main():
    helper, directory = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    if shutil.which("node") is None or shutil.which("npm") is None:
        skip("node and npm are not installed")
    install(directory)
    for script in HERE.glob("*.mjs"):  # beside node_modules, where imports are looked for
        shutil.copy(script, directory / script.name)
    rounds, seed = os.environ.get("QUORATE_JUDGE_ROUNDS", "1000"), os.environ.get("QUORATE_JUDGE_SEED", "quorate")
    sys.exit(subprocess.run(["node", "judge.mjs", str(helper), rounds, seed, *sys.argv[3:]], cwd=directory, check=False).returncode)


if __name__ == "__main__":
    main()
