"""Cases of docs/policy.md with what must come of them, as tables: (name, rules, lists, query, expected), where expected is
what the one rule is ("true", "false", "unknown"), or "effect rule" of the whole policy."""
T, F, U = "true", "false", "unknown"
LETTERS = {"t": T, "f": F, "u": U}
ETH, USDC, ITEM = "eip155:1/slip44:60", "eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", "eip155:1/erc721:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48/7"
A, B, C = "0x" + "35" * 20, "0x" + "66" * 20, "0x" + "9d" * 20
BTC = "bip122:000000000019d6689c085ae165831e93"
LISTS = {"good": [A], "bad": [B], "both": [A, B], "none": []}
USERS = ["alice", "bob", "carol", "bot-1", "bot-2", "nobody"]
KINDS = ["create_key", "sign", "derive", "refresh", "reshare", "archive", "unarchive", "change_policy", "change_cluster", "freeze", "unfreeze"]
PAYLOADS = ["message", "digest", "eth_message", "eth_transaction", "eth_typed_data", "btc_psbt", "solana_transaction"]
CASES = []


def query(**changes):
    return {"kind": "sign", "key": "hot-1", "user": "alice", "payload": "eth_transaction", "paths": ["m"], "created": 1_795_424_400,
            "facts": None, "key_id": "5f0c", "ledger": {}, "split": [2, 4], "over": []} | changes


def facts(movements=(), calls=(), chain="eip155:1", **more):
    return {"type": "eth_transaction", "chain": chain, "movements": list(movements), "calls": list(calls), "sighashes": []} | more


def move(to=A, amount="5", asset=ETH, kind="transfer", **more):
    return {"kind": kind, "asset": asset, "from": C, "to": to, "amount": amount} | more


def fee(amount="3"):
    return move("fee", amount, kind="fee")


OPAQUE = {"kind": "unknown", "asset": U, "from": U, "to": U, "amount": U}


def call(contract=A, selector="0xa9059cbb"):
    return {"contract": contract, "selector": selector, "name": U}


def one(name, condition, then, q, expected):
    CASES.append((name, [{"id": "r", "if": condition, "then": then}], LISTS, q, expected))


def row(name, condition, then, queries, letters):
    """One rule against several queries, one letter each."""
    letters = letters.replace(" ", "")
    assert len(queries) == len(letters), name
    for k, (q, letter) in enumerate(zip(queries, letters)):
        one(f"{name} {k}", condition, then, q, LETTERS[letter])


def moving(*movements, **more):
    return query(facts=facts(movements, **more))


# ---- who asks for what
STAFF = [{"id": "keys", "if": {"kind": ["create_key", "refresh"], "by": ["group:admins"]}, "then": "allow"},
         {"id": "no-carol", "if": {"by": ["user:carol"]}, "then": "deny"},
         {"id": "pay", "if": {"kind": "sign", "by": ["group:treasury"]}, "then": "allow"},
         {"id": "watch", "if": {"kind": "derive", "by": ["group:bots", "user:nobody"]}, "then": "allow"}]
MAY = {"create_key": "KKnddd", "sign": "PdnDPd", "derive": "ddnWWW", "refresh": "KKnddd"}
OUTCOME = {"K": "allow keys", "P": "allow pay", "W": "allow watch", "n": "deny no-carol", "d": "deny default", "D": "deny default"}
for kind in KINDS:
    for user, letter in zip(USERS, MAY.get(kind, "ddnddd")):
        CASES.append((f"{user} asks for {kind}", STAFF, {}, query(kind=kind, user=user, payload=None), OUTCOME[letter]))
CASES.append(("an unknown user", STAFF, {}, query(user="mallory"), "deny default"))

# ---- keys: rows are globs, columns names
NAMES = ["hot", "hot-1", "hot-eth-2", "cold", "a.b_c", "x"]
for pattern, letters in {"hot": "tfffff", "hot-*": "fttfff", "*": "tttttt", "*-2": "fftfff", "h*t": "tfffff", "h*-*": "fttfff",
                         "*o*": "ttttff", "a.b_c": "fffftf", "*.*": "fffftf", "hot*": "tttfff", "**": "tttttt", "hot-*-*": "fftfff"}.items():
    row(f"key {pattern}", {"key": [pattern]}, "allow", [query(key=n) for n in NAMES], letters)
row("a key of freeze", {"kind": ["freeze", "unfreeze"], "key": ["hot-*"]}, "deny", [query(kind=k, key=n) for k in ("freeze", "unfreeze") for n in ("hot-1", "cold", None)], "tfu tfu")
row("any key of freeze", {"key": ["*"]}, "allow", [query(kind="freeze", key=None), query(kind="change_policy", key=None), query(kind="change_cluster", key=None)], "tff")

# ---- payloads
for listed, letters in {("message",): "tffffff u", ("digest", "eth_message"): "fttffff u", tuple(PAYLOADS): "ttttttt u", ("btc_psbt",): "ffffftf u"}.items():
    row(f"payload {'+'.join(listed)}", {"payload": list(listed)}, "deny", [query(payload=p) for p in PAYLOADS] + [query(payload=None)], letters)
row("no payload", {"payload": ["message"]}, "allow", [query(kind=k, payload=None) for k in ("derive", "refresh", "freeze")], "fff")

# ---- time: 2026-11-23 is a Monday
DAY = 1_795_392_000  # its midnight
for span, letters in {"08:00-20:00": "ff tt tf ff", "22:00-06:00": "tf ff ff tt", "00:00-24:00": "tt tt tt tt", "00:00-08:00": "tt ff ff ff",
                      "20:00-24:00": "ff ff ft tt", "07:59-08:01": "ft tf ff ff"}.items():
    clocks = [0, 8 * 3600 - 1, 8 * 3600, 12 * 3600, 20 * 3600 - 1, 20 * 3600, 22 * 3600, 86399]
    row(f"hours {span}", {"hours_utc": span}, "allow", [query(created=DAY + c) for c in clocks], letters)
for days, letters in {("mon",): "tffffff", ("sat", "sun"): "ffffftt", ("tue", "wed", "thu"): "ftttfff", ("mon", "tue", "wed", "thu", "fri", "sat", "sun"): "ttttttt"}.items():
    row(f"days {'+'.join(days)}", {"weekdays": list(days)}, "deny", [query(created=DAY + 86400 * k + 86399) for k in range(7)], letters)
row("no time", {"weekdays": ["mon"]}, "allow", [query(created=None), query(created=DAY - 1), query(created=DAY)], "uft")
row("no hours", {"hours_utc": "08:00-20:00", "weekdays": ["tue"]}, "deny", [query(created=None), query(created=DAY + 9 * 3600), query(created=DAY + 86400 + 9 * 3600)], "uft")

# ---- recipients
SETS = [moving(move(A)), moving(move(B)), moving(move(A), move(B)), moving(move(U)), moving(move(A), move(U)), moving(move(B), move(U)), moving(OPAQUE),
        moving(), moving(fee()), query(), moving(move(A), fee()), moving(move(C), move(B), move(A))]
row("to A, allow", {"to": [A]}, "allow", SETS, "tffuuf uffutf")
row("to A, deny", {"to": [A]}, "deny", SETS, "tftutu uffutt")
row("to a list, allow", {"to": ["list:both"]}, "allow", SETS, "tttuuu uffutf")
row("to a list, deny", {"to": ["list:bad"]}, "deny", SETS, "fttuut uffuft")
row("to an empty list", {"to": ["list:none"]}, "allow", SETS, "fffuff uffuff")
OWNED = [moving(move(C, to_owner=o)) for o in (A, B, U, "")] + [moving(move(A, to_owner=U))]
row("an owner, allow", {"to": [A]}, "allow", OWNED, "fffft")
row("an owner, deny", {"to": [A]}, "deny", OWNED, "tfuft")

# ---- assets
HELD = [moving(move()), moving(move(asset=USDC)), moving(move(), move(asset=USDC)), moving(move(asset=U)), moving(move(asset=USDC, or_asset=ITEM)), moving(fee()), query()]
row("ether, allow", {"asset": [ETH]}, "allow", HELD, "tffuffu")
row("ether, deny", {"asset": [ETH]}, "deny", HELD, "tftuffu")
row("any token, allow", {"asset": ["eip155:*/erc20:*"]}, "allow", HELD, "ftfutfu")
row("the item, allow", {"asset": [ITEM]}, "allow", HELD, "fffuffu")
row("the item, deny", {"asset": [ITEM]}, "deny", HELD, "fffutfu")
row("to and asset of one movement, deny", {"to": [A], "asset": [USDC]}, "deny",
    [moving(move(A)), moving(move(B, asset=USDC)), moving(move(A), move(B, asset=USDC)), moving(move(A, asset=USDC)), moving(move(U, asset=USDC)), moving(move(A, asset=U))], "ffftuu")
row("to and asset of all, allow", {"to": [A], "asset": [USDC]}, "allow",
    [moving(move(A, asset=USDC)), moving(move(A, asset=USDC), move(A)), moving(move(U, asset=USDC)), moving(move(U))], "tfuf")

# ---- amounts
SUMS = [moving(move(amount="10")), moving(move(amount="11")), moving(move(amount="5"), move(B, "5")), moving(move(amount="5"), move(B, "6")),
        moving(move(amount="10"), move(asset=USDC, amount="10")), moving(move(amount=U)), moving(move(amount="11"), move(amount=U)), moving(OPAQUE),
        moving(move(amount="10"), fee("99")), moving(), query(), moving(move(asset=USDC, amount="7", or_asset=ITEM)), moving(move(kind="allowance", amount="11"))]
row("max 10", {"max": "10"}, "allow", SUMS, "tftft ufut fuuf")
row("max 10 of tokens", {"max": "10", "asset": ["eip155:1/erc20:*"]}, "allow", SUMS, "fffff ffuff utf")
row("max 0", {"max": "0"}, "allow", [moving(move(amount="0")), moving(move(amount="1")), moving(move(amount=str(2**256 - 1)))], "tff")
row("max 2^256-1", {"max": str(2**256 - 1)}, "allow", [moving(move(amount=str(2**256 - 1))), moving(move(amount=str(2**256 - 1)), move(B, "1"))], "tf")
FEES = [moving(fee("3")), moving(fee("4")), moving(fee("2"), fee("2")), moving(move()), moving(OPAQUE), moving(OPAQUE, fee("3")), moving(fee(U)), query()]
row("fee_max 3", {"fee_max": "3"}, "allow", FEES, "tfft utuu")

# ---- calls
CALLED = [query(facts=facts(calls=cs, movements=ms)) for cs, ms in [([call()], []), ([call(B)], []), ([call(), call(B)], []), ([call(selector="0x095ea7b3")], []),
          ([call(U, U)], []), ([call(), call(U, U)], []), ([], []), ([], [OPAQUE]), ([call(B, U)], []), ([call("new", "")], [])]] + [query()]
row("contract A, allow", {"contract": [A]}, "allow", CALLED, "tfftu ufuff u")
row("contract A, deny", {"contract": [A]}, "deny", CALLED, "tfttu tfuff u")
row("a contract of a list", {"contract": ["list:both"]}, "allow", CALLED, "ttttu ufutf u")
row("transfer by its name", {"call": ["transfer(address,uint256)"]}, "allow", CALLED, "tttfu ufuuf u")
row("transfer by its selector, deny", {"call": ["0xa9059cbb"]}, "deny", CALLED, "tttfu tfuuf u")
row("any of a kind", {"call": ["0x09*"]}, "allow", CALLED, "ffftu ffuuf u")
row("a new contract", {"contract": ["new"]}, "deny", CALLED, "ffffu ufuft u")
row("contract and call of one, deny", {"contract": [B], "call": ["0xa9059cbb"]}, "deny", CALLED, "fttfu ufuuf u")

# ---- chains, domains, sighashes, paths
CHAINS = [query(facts=facts(chain=c)) for c in ("eip155:1", "eip155:10", BTC, "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "", U)] + [query()]
for pattern, letters in {"eip155:1": "tffff uu", "eip155:*": "ttfff uu", "*": "ttttf uu", BTC: "fftff uu", "solana:*": "ffftf uu"}.items():
    row(f"chain {pattern}", {"chain": [pattern]}, "allow", CHAINS, letters)
DOMAINS = [query(facts=facts(domain=d)) for d in ({"name": "Mail", "chain_id": "1", "verifying_contract": A}, {"name": "Mail"}, {"chain_id": "1"}, {}, {"name": "Mail", "chain_id": "5", "verifying_contract": B})] + [query(facts=facts()), query()]
row("domain by name", {"domain": [{"name": "Mail"}]}, "allow", DOMAINS, "ttfft fu")
row("domain by name and chain", {"domain": [{"name": "Mail", "chain_id": "1"}]}, "deny", DOMAINS, "tffff fu")
row("domain by contract or chain", {"domain": [{"verifying_contract": B}, {"chain_id": "1"}]}, "allow", DOMAINS, "tftft fu")
SIGHASHES = [query(facts=facts(sighashes=s)) for s in (["ALL"], ["DEFAULT"], ["ALL", "DEFAULT"], ["ALL", "NONE"], ["NONE"], [])] + [query()]
row("sighash, allow", {"sighash": ["ALL", "DEFAULT"]}, "allow", SIGHASHES, "tttff fu")
row("sighash, deny", {"sighash": ["NONE"]}, "deny", SIGHASHES, "ffftt fu")
PATHS = [query(paths=p) for p in (["m"], ["m/0/5"], ["m/0/5", "m/0/6"], ["m/0/5", "m/1"], [])]
row("path, allow", {"path": ["m/0/*"]}, "allow", PATHS, "fttff")
row("path, deny", {"path": ["m/0/*"]}, "deny", PATHS, "ftttf")
row("path of derive", {"kind": "derive", "path": ["m/7/*"]}, "allow", [query(kind="derive", payload=None, paths=[p]) for p in ("m/7/1", "m/8/1", "m")], "tff")
row("path of others", {"path": ["*"]}, "allow", [query(kind="refresh", payload=None), query(kind="create_key", payload=None)], "ff")

# ---- the order, and what unknown does
DENY_BAD = {"id": "bad", "if": {"kind": "sign", "to": ["list:bad"]}, "then": "deny"}
SMALL = {"id": "small", "if": {"kind": "sign", "max": "10"}, "then": "allow"}
ALL = {"id": "all", "if": {}, "then": "allow"}
NONE = {"id": "none", "if": {}, "then": "deny"}
for name, rules, q, expected in [
        ("nothing", [], query(), "deny default"), ("all", [ALL], query(), "allow all"), ("none first", [NONE, ALL], query(), "deny none"),
        ("all first", [ALL, NONE], query(), "allow all"), ("a good one", [DENY_BAD, SMALL], moving(move(A)), "allow small"),
        ("a bad one", [DENY_BAD, ALL], moving(move(B)), "deny bad"), ("a bad one among good ones", [DENY_BAD, ALL], moving(move(A), move(B)), "deny bad"),
        ("an unknown one", [DENY_BAD, ALL], moving(move(U)), "deny bad"), ("an unknown one after all", [ALL, DENY_BAD], moving(move(U)), "allow all"),
        ("unknown helps no allow", [SMALL], moving(OPAQUE), "deny default"), ("unknown passes an allow", [SMALL, ALL], moving(OPAQUE), "allow all"),
        ("unknown passes an allow to a deny", [SMALL, NONE, ALL], moving(OPAQUE), "deny none"), ("the first unknown deny", [DENY_BAD, dict(DENY_BAD, id="worse"), NONE], moving(OPAQUE), "deny bad"),
        ("too much for one, enough for another", [SMALL, ALL], moving(move(amount="11")), "allow all"),
        ("a digest shows nothing", [DENY_BAD, ALL], query(payload="digest"), "deny bad"),
        ("another kind has no recipient", [DENY_BAD, ALL], query(kind="refresh", payload=None), "allow all"),
        ("freezing all may freeze one", [{"id": "d", "if": {"key": ["hot-*"]}, "then": "deny"}, ALL], query(kind="freeze", key=None, payload=None), "deny d"),
        ("freezing all is not allowed by one", [{"id": "a", "if": {"key": ["hot-*"]}, "then": "allow"}], query(kind="freeze", key=None, payload=None), "deny default"),
        ("false is stronger than unknown", [{"id": "d", "if": {"to": [A], "by": ["user:bob"]}, "then": "deny"}, ALL], moving(move(U)), "allow all"),
        ("out of hours", [{"id": "office", "if": {"hours_utc": "08:00-10:00"}, "then": "allow"}, SMALL], query(facts=facts([move(amount="11")])), "allow office"),
        ("after hours", [{"id": "office", "if": {"hours_utc": "10:00-12:00"}, "then": "allow"}, SMALL], query(facts=facts([move(amount="11")])), "deny default")]:
    CASES.append((name, rules, LISTS, q, expected))

# ---- approvals
def asks(name, *needs, hours=24, **conditions):
    return {"id": name, "if": conditions, "then": {"approve": [{"group": g, "min": n} for g, n in needs], "expires_hours": hours}}


LARGE = asks("large", ("treasury", 1), kind="sign")
for name, rules, q, expected in [
        ("small needs none", [SMALL, LARGE], moving(move(amount="10")), "allow small"), ("large needs one", [SMALL, LARGE], moving(move(amount="11")), "approve large"),
        ("unknown is large", [SMALL, LARGE], moving(OPAQUE), "approve large"), ("a bad one stays bad", [DENY_BAD, LARGE], moving(move(B)), "deny bad"),
        ("unknown may be bad", [DENY_BAD, LARGE], moving(OPAQUE), "deny bad"), ("asked before all", [LARGE, ALL], query(), "approve large"),
        ("unknown asks though all is allowed", [asks("to-a", ("treasury", 1), to=[A]), ALL], moving(OPAQUE), "approve to-a"),
        ("false asks nobody", [asks("to-b", ("treasury", 1), to=[B]), ALL], moving(move(A)), "allow all"),
        ("unknown does not turn a deny", [asks("to-a", ("treasury", 1), to=[A]), NONE], moving(OPAQUE), "deny none"),
        ("two unknown ask both", [asks("to-a", ("treasury", 1), to=[A]), asks("to-b", ("admins", 1), to=[B]), ALL], moving(OPAQUE), "approve to-a"),
        ("for every movement", [asks("to-a", ("treasury", 1), to=[A]), NONE], moving(move(A), move(B)), "deny none"),
        ("all of a group, without the requester", [asks("all", ("bots", 2))], query(user="alice"), "approve all"),
        ("all of a group, the requester among them", [asks("all", ("bots", 2))], query(user="bot-1"), "deny all"),
        ("a stranger asks nobody", [asks("all", ("bots", 2))], query(user="mallory"), "deny default")]:
    CASES.append((name, rules, LISTS, q, expected))

# ---- windows
def used(per, whose, asset, total, own=0, hours=24):
    return {f"{per}|{whose}|{asset}|{hours}": {"total": total, "own": own}}


def spent(q, *past, **changes):
    ledger = {}
    for p in past:
        ledger |= p
    return q | {"ledger": ledger} | changes


FIVE, TWO_TO = moving(move(amount="5")), moving(move(A, "5"), move(B, "5"))
KEY_MAX, TO_MAX, BY_COUNT = ({"hours": 24, "max": "10", "per": "key"}, {"hours": 24, "max": "10", "per": "to"}, {"hours": 24, "count": 3, "per": "by"})
row("window per key", {"window": KEY_MAX}, "allow",
    [FIVE, spent(FIVE, used("key", "5f0c", ETH, 5)), spent(FIVE, used("key", "5f0c", ETH, 6)), spent(FIVE, used("key", "other", ETH, 6)), spent(FIVE, used("key", "5f0c", USDC, 6)),
     TWO_TO, moving(move(amount="11")), moving(move(amount=U)), moving(OPAQUE), moving(), moving(fee()), query(), FIVE | {"ledger": None}, FIVE | {"key_id": ""},
     moving(move(kind="allowance", amount="11")), moving(move(amount="9"), fee("99")), FIVE | {"over": ["r"]}, FIVE | {"over": ["x"]}], "ttfttt fuuffu uu ft ft")
row("window per recipient", {"window": TO_MAX}, "allow",
    [TWO_TO, spent(TWO_TO, used("to", B, ETH, 5)), spent(TWO_TO, used("to", B, ETH, 6)), moving(move(U)), moving(move(A, "11"), move(U)), moving(move(A, "6"), move(A, "5"))], "ttfuff")
row("window of requests", {"window": BY_COUNT}, "allow",
    [query(), spent(query(), used("by", "alice", "", 2)), spent(query(), used("by", "alice", "", 3)), spent(query(), used("by", "bob", "", 3)), query(kind="refresh", payload=None)], "ttftf")
row("window per asset", {"window": {"hours": 1, "count": 2, "per": "asset"}}, "allow",
    [FIVE, spent(FIVE, used("asset", ETH, "", 2, hours=1)), spent(FIVE, used("asset", ETH, "", 2, hours=24)), moving(move(asset=U)), moving()], "tftuf")
row("a part of a window", {"window": {"hours": 24, "max": "11", "per": "key", "mode": "split"}}, "allow",
    [FIVE, moving(move(amount="6")), spent(FIVE, used("key", "5f0c", ETH, 99)), spent(FIVE, used("key", "5f0c", ETH, 1, 1)), FIVE | {"split": [3, 9]}, FIVE | {"split": [0, 0]}], "tftf ff")
row("no part of a window", {"window": {"hours": 24, "count": 3, "per": "by", "mode": "split"}}, "allow", [query(), query(split=[9, 3])], "ft")
row("an amount only by its asset", {"window": KEY_MAX, "asset": ["eip155:1/erc20:*"]}, "allow",
    [moving(move(asset=USDC, or_asset=ITEM)), moving(move(asset=USDC)), moving(move())], "ttf")
row("an amount or an item", {"window": KEY_MAX}, "allow", [moving(move(asset=USDC, or_asset=ITEM)), moving(move(asset=USDC, amount="11", or_asset=ITEM))], "uf")
row("two windows", {"window": [KEY_MAX, BY_COUNT]}, "allow",
    [FIVE, spent(FIVE, used("by", "alice", "", 3)), spent(FIVE, used("key", "5f0c", ETH, 6)), spent(moving(OPAQUE), used("by", "alice", "", 3)), moving(OPAQUE), spent(moving(), used("by", "alice", "", 3))], "tfffuf")

TEN = {"id": "ten", "if": {"window": KEY_MAX}, "then": "allow"}
HUNDRED = asks("hundred", ("treasury", 1), hours=12, window=dict(KEY_MAX, max="100"))
FULL = spent(FIVE, used("key", "5f0c", ETH, 6))
for name, rules, q, expected in [
        ("room", [TEN, HUNDRED], FIVE, "allow ten"), ("no room, people are asked", [TEN, HUNDRED], FULL, "approve hundred"),
        ("no room says a node", [TEN, HUNDRED], FIVE | {"over": ["ten"]}, "approve hundred"), ("no room at all", [TEN, HUNDRED], spent(FIVE, used("key", "5f0c", ETH, 96)), "deny default"),
        ("no room anywhere says a node", [TEN, HUNDRED], FIVE | {"over": ["ten", "hundred"]}, "deny default"),
        ("no room, another allow", [TEN, ALL], FULL, "allow all"), ("who has no room asks still", [HUNDRED, ALL], FIVE | {"over": ["hundred"]}, "approve hundred"),
        ("a rule without windows has room", [NONE, ALL], FIVE | {"over": ["none"]}, "deny none"), ("nor is an asking one passed", [LARGE, ALL], FIVE | {"over": ["large"]}, "approve large"),
        ("unknown sums ask", [TEN, HUNDRED, NONE], moving(OPAQUE), "deny none"), ("unknown and asked", [HUNDRED, ALL], moving(OPAQUE), "approve hundred"),
        ("nothing moved, nobody asked", [HUNDRED, ALL], moving() | {"over": ["hundred"]}, "allow all")]:
    CASES.append((name, rules, LISTS, q, expected))
