#!/usr/bin/env python3
"""Writes tests/vectors/*.json from the model. All randomness is SeededRng of the seeds in the files.

Byte strings are hex; long ones an object of their length, SHA-256 and first 32 bytes."""
import hashlib
import json
import sys
from pathlib import Path

import base_ot
import ecdsa
import extension
import pairwise
import vector_ole
from base_ot import Direction
from chacha import SeededRng
from curve import q, scalar_bytes

FOLDER = Path(__file__).resolve().parent.parent / "vectors"
WHOLE = 200  # bytes


def shown(data):
    if len(data) <= WHOLE:
        return data.hex()
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "first": data[:32].hex()}


def scalars(values):
    return [scalar_bytes(v).hex() for v in values]


def encode_receiver(keys):
    return keys.delta + b"".join(keys.k)


def encode_sender(keys):
    return b"".join(k_0 + k_1 for k_0, k_1 in keys.k)


def make_base_ot():
    """One ordered pair; A draws from seed_A, B from seed_B."""
    d, seed_A, seed_B = Direction(bytes(range(32)), 7, 2), 1001, 1002
    request, reply, A, B = base_ot.run(d, SeededRng(seed_A), SeededRng(seed_B))
    return {"sid": d.sid.hex(), "A": d.A, "B": d.B, "seed_A": seed_A, "seed_B": seed_B, "request": shown(request),
            "reply": shown(reply), "keys_A": shown(encode_receiver(A)), "keys_B": shown(encode_sender(B))}


def make_setup():
    """Three members, so that the order of a party's draws over its peers counts. `secrets` is each party's list on the wire, without
    its count."""
    sid, seeds = bytes(range(32, 64)), {1: 2001, 3: 2003, 32: 2032}
    round1, round2, secrets = pairwise.run(sid, {i: SeededRng(seed) for i, seed in seeds.items()})
    for i in seeds:
        for mine in secrets[i]:
            pairwise.fits(mine, next(theirs for theirs in secrets[mine.peer] if theirs.peer == i))
    return {"sid": sid.hex(), "seeds": seeds,
            "round1": {f"{i}-{j}": shown(data) for (i, j), data in round1.items()},
            "round2": {f"{i}-{j}": shown(data) for (i, j), data in round2.items()},
            "secrets": {i: [shown(pairwise.encode(pair)) for pair in pairs] for i, pairs in secrets.items()}}


def dealt_extension(sid, A, B, m, seed_keys, seed_B):
    """Keys by pairwise.deal_direction(SeededRng(seed_keys)); B draws from seed_B."""
    d = Direction(sid, A, B)
    keys_A, keys_B = pairwise.deal_direction(SeededRng(seed_keys))
    chosen, message = extension.extend(d, keys_B, m, SeededRng(seed_B))
    columns = extension.receive(d, keys_A, m, message)
    return keys_A, chosen, message, columns


def make_extension():
    cases = []
    for m, A, B in ((1, 1, 2), (3, 31, 4), (4, 2, 1), (8, 30, 32)):  # 4 and 8: the choices end with a block
        sid, seed_keys, seed_B = bytes([0xE0 + m]) * 32, 3000 + m, 3010 + m
        keys_A, chosen, message, columns = dealt_extension(sid, A, B, m, seed_keys, seed_B)
        beta = sum(b << j for j, b in enumerate(chosen.beta)).to_bytes(len(chosen.beta) // 8, "little")
        cases.append({"sid": sid.hex(), "A": A, "B": B, "m": m, "seed_keys": seed_keys, "seed_B": seed_B, "delta": shown(keys_A.delta),
                      "message": shown(extension.encode(message)), "u": shown(b"".join(message.u)), "x_check": shown(message.x_check),
                      "t_check": shown(message.t_check), "beta": shown(beta), "t": shown(b"".join(chosen.t)),
                      "q": shown(b"".join(columns))})
    return cases


def make_vector_ole():
    """Two instances of one extension; A draws from seed_A for both."""
    sid, A, B, seed_keys, seed_B, seed_A = b"\x0e" * 32, 5, 3, 4001, 4002, 4003
    keys_A, chosen, _, columns = dealt_extension(sid, A, B, 2, seed_keys, seed_B)
    context = vector_ole.Context(bytes(range(64, 96)), A, B)
    rng = SeededRng(seed_A)
    instances = []
    for l, a in enumerate(((0x0123456789ABCDEF << 190, q - 5), (0, q - 1))):
        message, c = vector_ole.send(context, keys_A, columns, l, *a, rng)
        b, d = vector_ole.value(chosen, l), vector_ole.receive(context, chosen, l, message)
        assert all((c[i] + d[i] - a[i] * b) % q == 0 for i in (0, 1))
        instances.append({"a": scalars(a), "a_tilde": shown(vector_ole.encode_tilde(message.a_tilde)), "eta": scalars([message.eta])[0],
                          "mu": shown(message.mu), "b": scalars([b])[0], "c": scalars(c), "d": scalars(d)})
    return {"sid": sid.hex(), "A": A, "B": B, "seed_keys": seed_keys, "seed_B": seed_B, "seed_A": seed_A, "pair": context.pair.hex(),
            "instances": instances}


def make_session(name, n, t, parties, taus, digests, seed):
    """Key by ecdsa.deal_key(n, t, seed_key), pairs by pairwise.deal_pair, party i draws from seeds[i]."""
    sid = bytes([seed & 0xFF]) * 32
    Y, x = ecdsa.deal_key(n, t, seed)
    session = ecdsa.Session(sid, Y, taus, parties, digests)
    pairs = {(i, j): seed + 100 * i + j for i in parties for j in parties if i < j}
    seeds = {i: seed + 50 + i for i in parties}
    (round1, round2, round3), signatures = ecdsa.run(session, x, pairs, seeds)
    routes = [(i, j) for i in parties for j in parties if i != j]
    return {"name": name, "sid": sid.hex(), "n": n, "t": t, "seed_key": seed, "Y": shown(Y.encode()), "T": parties,
            "x": {i: scalars([x[i]])[0] for i in parties}, "taus": scalars(taus), "digests": [shown(digest) for digest in digests],
            "pairs": {f"{i}-{j}": pair_seed for (i, j), pair_seed in pairs.items()}, "seeds": seeds,
            "round1": {f"{i}-{j}": shown(ecdsa.encode_round1(round1[i][j])) for i, j in routes},
            "round2": {f"{i}-{j}": shown(ecdsa.encode_round2(round2[i][j])) for i, j in routes},
            "round3": {i: shown(ecdsa.encode_round3(next(iter(round3[i].values())))) for i in parties},
            "signatures": [{"r": scalars([s.r])[0], "s": scalars([s.s])[0], "recovery_id": s.recovery_id} for s in signatures]}


def make_ecdsa_sign():
    highest, word = b"\xff" * 32, hashlib.sha256(b"quorate").digest()
    return [make_session("2 of 2, root key", 2, 2, [1, 2], [0], [bytes(32)], 5000),
            make_session("2 of 3, parties 1 and 3", 3, 2, [1, 3], [0], [q.to_bytes(32, "big")], 6000),
            make_session("3 of 5, two digests, two tweaks", 5, 3, [2, 4, 5], [q - 0x1234567, 0], [highest, word], 7000),
            make_session("2 of 32, parties 9 and 32, three digests, tweaked", 32, 2, [9, 32], [1, 1, q - 1],
                         [(q - 1).to_bytes(32, "big"), (2**255).to_bytes(32, "big"), word], 8000)]


MAKERS = {"base_ot": make_base_ot, "setup": make_setup, "extension": make_extension, "vector_ole": make_vector_ole,
          "ecdsa_sign": make_ecdsa_sign}


def text_of(name):
    return json.dumps(MAKERS[name](), indent=1) + "\n"


def check():
    for name in MAKERS:
        assert text_of(name) == (FOLDER / f"{name}.json").read_text(), f"tests/vectors/{name}.json is not what the model makes"


if __name__ == "__main__":
    for name in sys.argv[1:] or MAKERS:
        (FOLDER / f"{name}.json").write_text(text_of(name))
