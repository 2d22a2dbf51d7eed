#!/usr/bin/env python3
"""Has spin visit every state of reshare.pml, and sees that it finds what goes wrong once a rule is broken.

usage: check.py WORK_FOLDER
"""
import re
import subprocess
import sys
import time
from pathlib import Path

MODEL = Path(__file__).resolve().parent / 'reshare.pml'
BROKEN = ('EPOCH_PLUS_ONE', 'FORGET', 'DELETE_EARLY', 'NO_ORDER')


def visit(folder, defines):
    """(states, errors, spin's whole report)"""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(['spin', *(f'-D{d}' for d in defines), '-a', str(MODEL)], cwd=folder, check=True)
    # What is broken shows within seconds, unoptimised.
    subprocess.run(['cc', '-O0' if len(defines) > 1 else '-O2', '-w', '-DSAFETY', '-DVECTORSZ=256', '-DMEMLIM=3000', '-o', 'pan', 'pan.c'], cwd=folder, check=True)
    # -E: a node waits for ever, which is no deadlock; -w: the hash table; -m: the depth
    report = subprocess.run(['./pan', '-E', '-m10000', '-w24'], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    (folder / 'pan.trail').unlink(missing_ok=True)
    states = re.search(r'(\d+) states, stored', report)
    errors = re.search(r'errors: (\d+)', report)
    if not states or not errors or re.search(r'max search depth too small|out of memory|truncated|aborted', report):
        errors = None
    return (int(states.group(1)) if states else 0), (int(errors.group(1)) if errors else None), report


def main(work):
    failed = False
    for broken in ('', *BROKEN):
        started = time.monotonic()
        states, errors, report = visit(Path(work) / (broken or 'whole'), ['CRASHES=1', *([broken] if broken else [])])
        print(f'{broken or "the rules"}: {states} states, {errors} errors, {time.monotonic() - started:.1f} s')
        good = errors == 1 and 'assertion violated' in report if broken else errors == 0 and states > 100_000
        if not broken and re.search(r'unreached in init\n.*assert', report):
            good = False  # nothing was ever settled
        if not good:
            print(report)
            failed = True
    return failed


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
