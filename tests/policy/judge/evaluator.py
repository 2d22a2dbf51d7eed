"""docs/policy.md as a program of its own: what a rule says of a request, in three values, and what follows. Nothing here
is taken from the nodes' code; addresses and assets are compared as they are written, in lower case."""
import calendar
import time

YES, NO, UNKNOWN = "true", "false", "unknown"
GROUPS = {"alice": {"treasury", "admins"}, "bob": {"admins"}, "carol": {"auditors"}, "bot-1": {"bots"},
          "bot-2": {"bots", "treasury"}, "nobody": set()}
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ABOUT_FACTS = ("chain", "asset", "to", "contract", "call", "sighash", "domain", "max", "fee_max")


def all_of(values):
    """Holds only if every one does."""
    values = list(values)
    return NO if NO in values else UNKNOWN if UNKNOWN in values else YES


def any_of(values):
    values = list(values)
    return YES if YES in values else UNKNOWN if UNKNOWN in values else NO


def truth(condition):
    return YES if condition else NO


def glob(pattern, text):
    head, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    if not text.startswith(head):
        return False
    text = text[len(head):]
    *middle, last = rest
    for part in middle:
        at = text.find(part)
        if at < 0:
            return False
        text = text[at + len(part):]
    return text.endswith(last) and len(text) >= len(last)


def matches(globs, text):
    return any(glob(g, text) for g in globs)


def addresses(entries, lists):
    found = set()
    for entry in entries:
        found |= {a.lower() for a in lists[entry[5:]]} if entry.startswith("list:") else {entry.lower()}
    return found


def seen(is_listed, text):
    return UNKNOWN if text == "unknown" else truth(is_listed)


def movement(c, m, lists, deny):
    values = []
    if "to" in c:
        listed = addresses(c["to"], lists)
        if deny and (m["to"] in listed or m.get("to_owner", "") in listed):
            values.append(seen(True, m["to"]))
        elif deny and m.get("to_owner") == "unknown":
            values.append(UNKNOWN)
        else:
            values.append(seen(m["to"] in listed, m["to"]))
    if "asset" in c:
        hit = matches(c["asset"], m["asset"]) or (deny and bool(m.get("or_asset")) and matches(c["asset"], m["or_asset"]))
        values.append(seen(hit, m["asset"]))
    return all_of(values)


def within(c, limit, movements):
    """Each asset's sum by itself; what may be an item's number is no amount unless the rule is about the other asset."""
    sums, unknown = {}, False
    for m in movements:
        told = m["asset"] != "unknown" and m["amount"] != "unknown"
        if told:
            sums[m["asset"]] = sums.get(m["asset"], 0) + int(m["amount"])
        ambiguous = m.get("or_asset") and not ("asset" in c and not matches(c["asset"], m["or_asset"]))
        unknown |= not told or bool(ambiguous)
    if any(total > int(limit) for total in sums.values()):
        return NO
    return UNKNOWN if unknown else YES


SELECTORS = {"transfer(address,uint256)": "a9059cbb", "approve(address,uint256)": "095ea7b3"}


def call(c, one, lists):
    values = []
    if "contract" in c:
        values.append(seen(one["contract"] in addresses(c["contract"], lists), one["contract"]))
    if "call" in c:
        globs = [SELECTORS.get(entry, entry.removeprefix("0x")) for entry in c["call"]]
        values.append(seen(matches(globs, one["selector"].removeprefix("0x")), one["selector"]))
    return all_of(values)


def facts(c, f, lists, deny):
    if f is None:
        return UNKNOWN
    over = any_of if deny else all_of
    moved = [m for m in f["movements"] if m["kind"] != "fee"]
    fees = [m for m in f["movements"] if m["kind"] == "fee"]
    opaque = any(m["kind"] == "unknown" for m in f["movements"])
    values = []
    if "chain" in c:
        values.append(seen(f["chain"] != "" and matches(c["chain"], f["chain"]), f["chain"]))
    if "sighash" in c:
        values.append(over(seen(s in c["sighash"], s) for s in f["sighashes"]) if f["sighashes"] else NO)
    if "domain" in c:
        domain = f.get("domain")
        values.append(truth(domain is not None and any(all(domain.get(k) == v for k, v in d.items()) for d in c["domain"])))
    if "to" in c or "asset" in c:
        values.append(over(movement(c, m, lists, deny) for m in moved) if moved else NO)
    if "contract" in c or "call" in c:
        if f["calls"]:
            values.append(over(call(c, one, lists) for one in f["calls"]))
        else:
            values.append(UNKNOWN if opaque else NO)
    if "max" in c:
        values.append(within(c, c["max"], moved) if moved else NO)
    if "fee_max" in c:
        values.append(UNKNOWN if opaque and not fees else within(c, c["fee_max"], fees))
    return all_of(values)


def hours(text, created):
    def minutes(clock):
        return int(clock[:2]) * 60 + int(clock[3:])
    since, until = map(minutes, text.split("-"))
    now = created % 86400 // 60
    return truth(since <= now < until if since < until else now >= since or now < until)


PERS = {"key": "key_id", "by": "user", "to": "to", "asset": "asset"}


def sums(per, counts, q):
    """What a signing adds to which sums of a kind: {(per, whose, asset): amount}, without what is not shown."""
    found, member = {}, PERS[per]
    if counts and per in ("key", "by"):
        return {(per, q[member], ""): 0} if q[member] else {}
    for m in q["facts"]["movements"] if q["facts"] else []:
        whose = q[member] if per in ("key", "by") else m[member]
        if m["kind"] == "fee" or whose in ("", "unknown"):
            continue
        if counts:
            found[per, whose, ""] = 0
        elif "unknown" not in (m["asset"], m["amount"]):
            found[per, whose, m["asset"]] = found.get((per, whose, m["asset"]), 0) + int(m["amount"])
    return found


def part(w, q):
    whole = int(w.get("max", w.get("count")))
    if w.get("mode") != "split":
        return whole
    nodes = q["split"][0 if w["per"] == "key" else 1]
    return whole // nodes if nodes else 0


def window(w, c, q):
    """(what it is, whether for want of room)"""
    per, counts, own = w["per"], "count" in w, w.get("mode") == "split"
    found = sums(per, counts, q)
    hidden = per in ("key", "by") and not q[PERS[per]]
    if not (counts and per in ("key", "by")):
        hidden |= q["facts"] is None
        for m in q["facts"]["movements"] if q["facts"] else []:
            if m["kind"] == "fee":
                continue
            if not counts:
                ambiguous = m.get("or_asset") and not ("asset" in c and not matches(c["asset"], m["or_asset"]))
                hidden |= "unknown" in (m["asset"], m["amount"]) or bool(ambiguous)
            if per in ("to", "asset"):
                hidden |= m[PERS[per]] in ("", "unknown")
    if not found and not hidden:
        return NO, False  # it moves nothing
    for (_, whose, asset), amount in found.items():
        past = (q["ledger"] or {}).get(f"{per}|{whose}|{asset}|{w['hours']}", {"total": 0, "own": 0})
        if past["own" if own else "total"] + (1 if counts else amount) > part(w, q):
            return NO, True
    return (UNKNOWN if hidden or q["ledger"] is None else YES), False


def room(r, q):
    if q["kind"] != "sign":
        return NO, False
    windows = r["if"]["window"]
    found = [window(w, r["if"], q) for w in (windows if isinstance(windows, list) else [windows])]
    if (NO, False) in found:
        return NO, False
    if (NO, True) in found or r["id"] in q["over"]:
        return NO, True
    return all_of(value for value, _ in found), False


def limits(r, q):
    windows = r["if"].get("window", [])
    return list([list(s), w["hours"], w.get("mode") == "split", part(w, q) if "max" in w else None, part(w, q) if "count" in w else None]
                  for w in (windows if isinstance(windows, list) else [windows]) for s in sums(w["per"], "count" in w, q))


def charges(rules, q):
    out = {}
    for r in rules if q["kind"] == "sign" else []:
        windows = r["if"].get("window", [])
        for w in windows if isinstance(windows, list) else [windows]:
            out |= sums(w["per"], "count" in w, q)
    return sorted([list(s), min(amount, 2**256 - 1)] for s, amount in out.items())


def rule(r, q, lists):
    """All conditions but `window`."""
    c, deny, values = r["if"], r["then"] == "deny", []
    signs = q["kind"] == "sign"
    if "kind" in c:
        values.append(truth(q["kind"] in ([c["kind"]] if isinstance(c["kind"], str) else c["kind"])))
    if "key" in c:
        if q["kind"] in ("change_policy", "change_cluster"):
            values.append(NO)
        elif q["key"] is None:
            values.append(YES if "*" in c["key"] else UNKNOWN)
        else:
            values.append(truth(matches(c["key"], q["key"])))
    if "by" in c:
        names = {"user:" + q["user"]} | {"group:" + g for g in GROUPS[q["user"]]}
        values.append(truth(names & set(c["by"])))
    if "payload" in c:
        values.append(NO if not signs else UNKNOWN if q["payload"] is None else truth(q["payload"] in c["payload"]))
    about = any(name in c for name in ABOUT_FACTS)
    if about or "path" in c:
        if not signs and (q["kind"] != "derive" or about):
            values.append(NO)
        else:
            if "path" in c:
                values.append((any_of if deny else all_of)(truth(matches(c["path"], p)) for p in q["paths"]) if q["paths"] else NO)
            if about:
                values.append(facts(c, q["facts"], lists, deny))
    for name in ("hours_utc", "weekdays"):
        if name in c:
            if q["created"] is None:
                values.append(UNKNOWN)
            elif name == "hours_utc":
                values.append(hours(c[name], q["created"]))
            else:
                values.append(truth(DAYS[calendar.weekday(*time.gmtime(q["created"])[:3])] in c[name]))
    return all_of(values)


def needed(then):
    return {n["group"]: n["min"] for n in then["approve"]}, then.get("expires_hours", 24)


def both(a, b):
    groups = {g: max(a[0].get(g, 0), b[0].get(g, 0)) for g in a[0].keys() | b[0].keys()}
    return groups, min(a[1], b[1])


def decide(rules, lists, query, self_approve=()):
    """(deny, approve or allow; the rule that decided; what approve needs; what each rule is; limits of windows; the longest life)"""
    if query["user"] not in GROUPS:
        return "deny", "default", None, [YES], [], 0
    bare = [rule(r, query, lists) for r in rules]
    rooms = [room(r, query) if "window" in r["if"] else (YES, False) for r in rules]
    values = [all_of([b, value]) for b, (value, _) in zip(bare, rooms)]
    full = [b != NO and exceeded for b, (_, exceeded) in zip(bare, rooms)]

    def from_rule(k):
        if k == len(rules):
            return "deny", "default", None
        r = rules[k]
        own = ("approve", r["id"], needed(r["then"])) if isinstance(r["then"], dict) else (r["then"], r["id"], None)
        if values[k] == YES:
            return own
        rest = from_rule(k + 1)
        if (values[k] == NO and not full[k]) or own[0] == "allow":
            return rest
        # unknown: the stricter of this rule's effect and what follows
        if own[0] == "deny" or rest[0] == "allow":
            return own
        return ("approve", r["id"], both(own[2], rest[2])) if rest[0] == "approve" else rest

    effect, name, needs = from_rule(0)
    # Whoever may come to be asked: all rules up to the first that decides whatever windows have room.
    may = rules[:next((k + 1 for k, r in enumerate(rules) if bare[k] == YES and "window" not in r["if"]), len(rules))]
    asks = [needed(r["then"])[1] for k, r in enumerate(may) if bare[k] != NO and isinstance(r["then"], dict)]
    if any("window" in r["if"] and bare[k] != NO for k, r in enumerate(may)):
        life = max(asks, default=0)
    else:
        life = needs[1] if needs else 0
    bound = []
    if effect == "approve":
        about_key = query["kind"] not in ("change_policy", "change_cluster") and query["key"] is not None
        himself = set() if about_key and matches(self_approve, query["key"]) else {query["user"]}
        there = {g: sum(g in groups and user not in himself for user, groups in GROUPS.items()) for g in needs[0]}
        if any(there[g] < least for g, least in needs[0].items()) or sum(needs[0].values()) > 64:
            effect, needs = "deny", None
    if effect != "deny" and YES in values:
        bound = limits(rules[values.index(YES)], query)
    return effect, name, needs, values, bound, life
