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
# What is defined, and the broken rule if there is one.
RULES = (('ATTEMPTS=2', 'CRASHES=1'), ('ATTEMPTS=3', 'CRASHES=0'))
BROKEN = (*((RULES[0], rule) for rule in ('EPOCH_PLUS_ONE', 'FORGET', 'DELETE_EARLY', 'NO_ORDER', 'RETIRE_EARLY')),
          (RULES[1], 'BY_NUMBER'), (RULES[1], 'RETIRE_EARLY'))


def visit(folder, defines, whole):
    """(states, errors, spin's whole report)"""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(['spin', *(f'-D{d}' for d in defines), '-a', str(MODEL)], cwd=folder, check=True)
    # What is broken shows within seconds, unoptimised.
    subprocess.run(['cc', '-O2' if whole else '-O0', '-w', '-DSAFETY', '-DVECTORSZ=256', '-DMEMLIM=2000', '-o', 'pan', 'pan.c'], cwd=folder, check=True)
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
    for setting, broken in (*((setting, None) for setting in RULES), *BROKEN):
        started = time.monotonic()
        name = broken or 'the rules'
        defines = [*setting, broken] if broken else setting
        states, errors, report = visit(Path(work) / '-'.join(defines), defines, whole=broken is None)
        print(f'{name} with {", ".join(setting)}: {states} states, {errors} errors, {time.monotonic() - started:.1f} s', flush=True)
        good = errors == 1 and 'assertion violated' in report if broken else errors == 0 and states > 100_000
        if not broken and re.search(r'unreached in init\n.*assert', report):
            good = False  # nothing was ever settled
        if not good:
            print(report)
            failed = True
    return failed


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
