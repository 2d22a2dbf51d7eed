"""OT extension (docs/ecdsa.md, Extension): ξ·m correlated OTs out of 128, with the check of SoftSpokenOT for k = 1."""
from collections import namedtuple

import aes
import gf128
from base_ot import KAPPA, Direction, bit
from chacha import SeededRng
from pairwise import deal_direction
from transcript import T, hashed, u8, u32

XI = 416

Message = namedtuple("Message", "nonce u x_check t_check")  # u is a list of 128 rows
Chosen = namedtuple("Chosen", "beta t")                     # B's ξ·m choice bits and columns


def encode(message):
    u = b"".join(message.u)
    return message.nonce + u32(len(u)) + u + message.x_check + message.t_check


def choice_blocks(m):
    return -(-XI * m // 128)


def xor(a, b):
    assert len(a) == len(b)
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).to_bytes(len(a), "big")


def tag_of(d, nonce):
    return T("quorate/ot/extension/1", d.sid, u8(d.A), u8(d.B), nonce).digest


def challenges(tag, u, L):
    return [gf128.element(T("quorate/ot/chi/1", tag, hashed(b"".join(u)), u8(l)).digest[:16]) for l in range(L)]


def h(e, row):
    """h(y) = Σ_l e_l·y_l + y_L"""
    y = [gf128.element(row[k:k + 16]) for k in range(0, len(row), 16)]
    assert len(y) == len(e) + 1
    result = y[-1]
    for e_l, y_l in zip(e, y):
        result ^= gf128.multiply(e_l, y_l)
    return result


def check_digest(tag, hashes):
    return T("quorate/ot/check/1", tag, b"".join(map(gf128.to_bytes, hashes))).digest


def columns(rows, count):
    """Column j: bit i is bit j of row i."""
    numbers = [int.from_bytes(row, "little") for row in rows]
    return [sum((row >> j & 1) << i for i, row in enumerate(numbers)).to_bytes(16, "little") for j in range(count)]


def rows(keys, tag, x):
    """t0_i and u_i"""
    t0 = [aes.ctr(k_0, tag[:16], len(x)) for k_0, _ in keys.k]
    u = [xor(xor(t0_i, aes.ctr(k_1, tag[:16], len(x))), x) for t0_i, (_, k_1) in zip(t0, keys.k)]
    return t0, u


def message_with_check(nonce, tag, x, t0, u):
    e = challenges(tag, u, len(x) // 16 - 1)
    return Message(nonce, u, gf128.to_bytes(h(e, x)), check_digest(tag, [h(e, row) for row in t0]))


def extend(d, keys, m, rng):
    """B"""
    nonce = rng.bytes(32)
    x = rng.bytes(16 * (choice_blocks(m) + 1))
    tag = tag_of(d, nonce)
    t0, u = rows(keys, tag, x)
    return Chosen([bit(x, j) for j in range(XI * m)], columns(t0, XI * m)), message_with_check(nonce, tag, x, t0, u)


def receive(d, keys, m, message):
    """A: its columns q, or None if the check fails."""
    L = choice_blocks(m)
    size = 16 * (L + 1)
    assert len(message.u) == KAPPA and all(len(row) == size for row in message.u)
    tag = tag_of(d, message.nonce)
    q = []
    for i, k in enumerate(keys.k):
        row = aes.ctr(k, tag[:16], size)
        q.append(xor(row, message.u[i]) if bit(keys.delta, i) else row)
    e = challenges(tag, message.u, L)
    x_check = gf128.element(message.x_check)
    hashes = [h(e, q[i]) ^ (x_check if bit(keys.delta, i) else 0) for i in range(KAPPA)]
    return columns(q, XI * m) if check_digest(tag, hashes) == message.t_check else None


def check():
    d = Direction(b"\x06" * 32, 2, 9)
    A, B = deal_direction(SeededRng(3))
    chosen, message = extend(d, B, 1, SeededRng(4))
    q = receive(d, A, 1, message)
    assert len(q) == len(chosen.beta) == len(chosen.t) == XI and 0 < sum(chosen.beta) < XI
    for q_j, t_j, beta_j in zip(q, chosen.t, chosen.beta):  # q_j = t_j ⊕ β_j·Δ
        assert xor(q_j, t_j) == (A.delta if beta_j else bytes(16))
    assert len(encode(message)) == 32 + 4 + 128 * 80 + 16 + 32

    # attack 24: B takes another x in row i and is honest otherwise. It passes where Δ_i is 0 and is caught where it is 1.
    tag, x = tag_of(d, message.nonce), bytes(range(80))
    t0, u = rows(B, tag, x)
    tried = range(1, 128, 14)
    for i in tried:
        bad = list(u)
        bad[i] = xor(u[i], bytes(i % 80) + b"\x01" + bytes(79 - i % 80))
        passes = receive(d, A, 1, message_with_check(message.nonce, tag, x, t0, bad)) is not None
        assert passes == (bit(A.delta, i) == 0)
    assert {bit(A.delta, i) for i in tried} == {0, 1}
    assert receive(d, A, 1, message._replace(t_check=bytes(32))) is None
    assert receive(d, A, 1, message._replace(x_check=bytes(16))) is None
    assert receive(d._replace(B=8), A, 1, message) is None
