"""The nodes' policy against a program of its own that follows docs/policy.md (evaluator.py): the tables of cases.py, and
random policies and requests.

    run.py HELPER     QUORATE_RUNS: random policies, each with 10 requests (default 2000); QUORATE_SEED
"""
import collections
import json
import os
import random
import subprocess
import sys

import cases
import evaluator
from cases import A, B, BTC, C, ETH, ITEM, KINDS, OPAQUE, PAYLOADS, U, USDC, USERS

RUNS, SEED = int(os.environ.get("QUORATE_RUNS", "2000")), int(os.environ.get("QUORATE_SEED", "1"))


def some(rng, values, most=3):
    return rng.sample(values, rng.randint(1, min(most, len(values))))


def window(rng):
    def one():
        w = {"hours": rng.choice([1, 24]), "per": rng.choice(["key", "to", "by", "asset"])} | rng.choice([{"max": rng.choice(["0", "10", "20", "45"])}, {"count": rng.choice([0, 1, 5, 9])}])
        return w | rng.choice([{}, {"mode": "announced"}, {"mode": "split"}])
    windows = [one() for _ in range(rng.choice([1, 1, 2, 3]))]
    unique = [w for k, w in enumerate(windows) if w not in windows[:k]]
    return unique[0] if len(unique) == 1 and rng.random() < 0.5 else unique


def ledger(rng):
    past = {}
    for per, subjects in {"key": ["5f0c", "77"], "to": [A, B, C], "by": USERS, "asset": [ETH, USDC]}.items():
        for whose in subjects:
            for asset in ("", ETH, USDC):
                if rng.random() < 0.3:
                    total = rng.choice([1, 2, 5, 10, 30])
                    past |= cases.used(per, whose, asset, total, rng.randint(0, total), rng.choice([1, 24]))
    return past


def condition(rng, then):
    c = {}
    chances = {
        "kind": lambda: rng.choice(["sign", "sign", some(rng, KINDS, 4)]),
        "key": lambda: some(rng, ["*", "hot-*", "cold", "*-1", "hot-1", "h*"]),
        "by": lambda: some(rng, ["group:admins", "group:bots", "group:treasury", "user:nobody", "user:alice"]),
        "payload": lambda: some(rng, PAYLOADS, 5),
        "path": lambda: some(rng, ["m", "m/0/*", "*", "m/*/1"]),
        "chain": lambda: some(rng, ["eip155:1", "eip155:*", "*", BTC, "solana:*"]),
        "to": lambda: some(rng, [A, B, "list:good", "list:both", "list:none"]),
        "asset": lambda: some(rng, [ETH, USDC, "eip155:1/erc20:*", ITEM, "*"]),
        "contract": lambda: some(rng, [A, B, "new", "list:good"]),
        "call": lambda: some(rng, ["transfer(address,uint256)", "approve(address,uint256)", "0xa9059cbb", "0x09*", "0x*"]),
        "sighash": lambda: some(rng, ["ALL", "DEFAULT", "NONE"]),
        "domain": lambda: some(rng, [{"name": "Mail"}, {"chain_id": "1"}, {"name": "Mail", "verifying_contract": A}, {"verifying_contract": B}]),
        "max": lambda: rng.choice(["0", "10", "20"]),
        "fee_max": lambda: rng.choice(["3", "10"]),
        "hours_utc": lambda: rng.choice(["08:00-20:00", "22:00-06:00", "00:00-12:00", "12:00-24:00"]),
        "weekdays": lambda: some(rng, ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], 6),
    }
    for name in rng.sample(sorted(chances), rng.choice([0, 1, 1, 2, 2, 3, 4])):
        if then == "deny" and name in ("max", "fee_max"):
            continue  # refused: for rules that allow
        c[name] = chances[name]()
    if then != "deny" and rng.random() < 0.35:
        c = {"window": window(rng)} | (c if rng.random() < 0.5 else {})
    kinds = [c["kind"]] if isinstance(c.get("kind"), str) else c.get("kind")
    if kinds and "sign" not in kinds:  # what only a payload shows is refused there
        for name in ("payload", "window", *evaluator.ABOUT_FACTS):
            c.pop(name, None)
        if "derive" not in kinds:
            c.pop("path", None)
    return c


def movement(rng):
    if rng.random() < 0.1:
        return OPAQUE
    kind = rng.choice(["transfer", "transfer", "transfer", "allowance", "fee"])
    m = {"kind": kind, "asset": rng.choice([ETH, ETH, USDC, U]), "from": C, "to": "fee" if kind == "fee" else rng.choice([A, A, B, C, U]),
         "amount": rng.choice(["0", "3", "5", "10", "11", "20", U])}
    if kind != "fee" and m["asset"] == USDC and rng.random() < 0.3:
        m["or_asset"] = ITEM
    if kind != "fee" and rng.random() < 0.2:
        m["to_owner"] = rng.choice([A, B, U])
    return m


def facts(rng):
    f = cases.facts([movement(rng) for _ in range(rng.choice([0, 1, 1, 2, 3]))],
                    [{"contract": rng.choice([A, B, C, "new", U]), "selector": rng.choice(["0xa9059cbb", "0x095ea7b3", "0x12345678", "", U]), "name": U}
                     for _ in range(rng.choice([0, 0, 1, 2]))],
                    rng.choice(["eip155:1", "eip155:1", "eip155:10", BTC, "", U]), sighashes=some(rng, ["ALL", "DEFAULT", "NONE"]) if rng.random() < 0.3 else [])
    if rng.random() < 0.3:
        f["domain"] = {k: v for k, v in {"name": "Mail", "chain_id": "1", "verifying_contract": rng.choice([A, B])}.items() if rng.random() < 0.7}
    return f


def query(rng):
    kind = rng.choice(["sign"] * 8 + KINDS)
    key = rng.choice(["hot-1", "hot-2", "cold", "x"])
    if kind in ("freeze", "unfreeze") and rng.random() < 0.5 or kind in ("change_policy", "change_cluster"):
        key = None
    signs = kind == "sign"
    return cases.query(kind=kind, key=key, user=rng.choice(USERS + ["alice", "mallory"]), payload=rng.choice(PAYLOADS + [None]) if signs else None,
                       paths=rng.choice([["m"], ["m/0/1"], ["m/0/1", "m/1/1"]]), created=rng.choice([None] + [rng.randrange(2**31) for _ in range(9)]),
                       facts=facts(rng) if signs and rng.random() < 0.85 else None, key_id=rng.choice(["5f0c"] * 9 + [""]),
                       ledger=ledger(rng) if rng.random() < 0.85 else None, split=rng.choice([[2, 4], [1, 1], [3, 5], [0, 0]]),
                       over=some(rng, ["r0", "r1", "r2", "r3", "r4", "r5"]) if rng.random() < 0.3 else [])


def approve(rng):
    most = {"admins": 2, "treasury": 2, "bots": 2, "auditors": 1}
    then = {"approve": [{"group": g, "min": rng.randint(1, most[g])} for g in some(rng, sorted(most))]}
    if rng.random() < 0.5:
        then["expires_hours"] = rng.randint(1, 48)
    return then


def line(rules, lists, q, self_approve=()):
    return {"rules": rules, "lists": lists, "query": q} | ({"self_approve": self_approve} if self_approve else {})


def random_cases(rng):
    for _ in range(RUNS):
        rules = []
        for k in range(rng.randint(0, 6)):
            then = rng.choice(["allow", "allow", "deny", approve(rng)])
            rules.append({"id": f"r{k}", "if": condition(rng, then), "then": then})
        self_approve = some(rng, ["hot-*", "cold", "x*"]) if rng.random() < 0.3 else []
        for _ in range(10):
            yield rules, cases.LISTS, query(rng), self_approve


def ask(helper, lines):
    process = subprocess.run([helper], input="".join(json.dumps(line) + "\n" for line in lines), capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in process.stdout.splitlines()]
    assert len(answers) == len(lines), (len(answers), len(lines), process.stderr)
    return answers


def main():
    wrong, seen = [], collections.Counter()

    def compare(name, rules, lists, q, self_approve, answer):
        effect, rule, needs, values, limits, life = evaluator.decide(rules, lists, q, self_approve)
        seen.update([effect, *values])
        needs = needs and {"groups": needs[0], "hours": needs[1]}
        charges = [[s, str(amount)] for s, amount in evaluator.charges(rules, q)]
        got = [answer.get(name) for name in ("decision", "rule", "needs", "matched", "life", "same")]
        sums = [sorted(answer.get("limits", []), key=str), sorted(answer.get("charges", []))]
        seen["limited"] += bool(limits)
        if got != [effect, rule, needs, values, life, True] or sums != [sorted(limits, key=str), charges]:
            wrong.append((name, {"rules": rules, "query": q, "node": answer, "judge": [effect, rule, needs, values, limits, charges, life]}))

    lines = [line(r, lists, q) for _, r, lists, q, _ in cases.CASES]
    for (name, rules, lists, q, expected), answer in zip(cases.CASES, ask(sys.argv[1], lines)):
        is_value = expected in (evaluator.YES, evaluator.NO, evaluator.UNKNOWN)
        got = answer.get("matched", ["?"])[0] if is_value else f"{answer.get('decision')} {answer.get('rule')}"
        if got != expected:
            wrong.append((name, {"expected": expected, "node": answer, "rules": rules, "query": q}))
        compare(name, rules, lists, q, (), answer)
    of_tables = len(cases.CASES)
    assert of_tables >= 300 and not (twice := [n for n, k in collections.Counter(c[0] for c in cases.CASES).items() if k > 1]), (of_tables, twice)

    made = list(random_cases(random.Random(SEED)))
    seen.clear()
    for k, (case, answer) in enumerate(zip(made, ask(sys.argv[1], [line(*case) for case in made]))):
        compare(f"random {k} of seed {SEED}", *case, answer)
    for value in ("allow", "approve", "deny", evaluator.YES, evaluator.NO, evaluator.UNKNOWN):
        assert seen[value] * 30 > len(made), f"too few are {value}: {seen}"  # else it would compare nothing
    assert seen["limited"] * 100 > len(made), f"too few have limits: {seen}"

    for name, what in wrong[:10]:
        print(f"{name}: {json.dumps(what)}")
    print(f"{of_tables} cases of the tables and {len(made)} random ones: {len(wrong)} wrong; {dict(seen)}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
