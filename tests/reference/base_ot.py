"""128 base oblivious transfers (docs/ecdsa.md, Setup, step 2). A chooses with the bits of Δ, B gets all keys."""
from collections import namedtuple

from chacha import SeededRng
from curve import G, Point, elligator_swift
from transcript import T, u8

KAPPA = 128

Direction = namedtuple("Direction", "sid A B")
ReceiverKeys = namedtuple("ReceiverKeys", "delta k")  # A's: Δ as 16 bytes, k_i^{Δ_i}
SenderKeys = namedtuple("SenderKeys", "k")            # B's: pairs (k_i^0, k_i^1)


def bit(row, b):
    return row[b // 8] >> b % 8 & 1


def Hp(d, i, c, P):
    return elligator_swift(T("quorate/ot/hash-to-point/1", d.sid, u8(d.A), u8(d.B), u8(i), u8(c), P.encode()).wide)


def base_key(d, i, c, R, Y, shared):
    return T("quorate/ot/base-key/1", d.sid, u8(d.A), u8(d.B), u8(i), u8(c), R[0].encode(), R[1].encode(), Y.encode(),
             shared.encode()).digest


class Receiver:
    """A"""

    def __init__(self, d, rng):
        self.d = d
        self.delta = rng.bytes(16)
        self.a, self.R = [], []
        for i in range(KAPPA):
            b = bit(self.delta, i)
            r, a = rng.scalar(), rng.scalar()
            other = r * G
            mine = a * G - Hp(d, i, b, other)
            self.a.append(a)
            self.R.append((other, mine) if b else (mine, other))

    def request(self):
        """On the wire."""
        return b"".join(R_0.encode() + R_1.encode() for R_0, R_1 in self.R)

    def finish(self, reply):
        Y = Point.decode(reply).prepared()
        return ReceiverKeys(self.delta, [base_key(self.d, i, bit(self.delta, i), self.R[i], Y, self.a[i] * Y)
                                         for i in range(KAPPA)])


def send(d, request, rng):
    """B: keys and reply; None if some Q_c is the identity."""
    assert len(request) == KAPPA * 66
    y = rng.scalar()
    Y = y * G
    k = []
    for i in range(KAPPA):
        R = [Point.decode(request[66 * i + 33 * c:][:33]) for c in (0, 1)]
        Q = [R[c] + Hp(d, i, c, R[1 - c]) for c in (0, 1)]
        if any(P.is_identity() for P in Q):
            return None
        k.append(tuple(base_key(d, i, c, R, Y, y * Q[c]) for c in (0, 1)))
    return SenderKeys(k), Y.encode()


def run(d, rng_A, rng_B):
    """One pair: what travels, and the keys of both."""
    receiver = Receiver(d, rng_A)
    request = receiver.request()
    keys_B, reply = send(d, request, rng_B)
    return request, reply, receiver.finish(reply), keys_B


def check():
    d = Direction(b"\x05" * 32, 3, 1)
    request, reply, A, B = run(d, SeededRng(1), SeededRng(2))
    for i in range(KAPPA):
        assert A.k[i] == B.k[i][bit(A.delta, i)] != B.k[i][1 - bit(A.delta, i)]
    # attack 23: R_0 = −Hp(0, 0, R_1) makes Q_0 the identity
    bad = -Hp(d, 0, 0, Point.decode(request[33:66]))
    assert send(d, bad.encode() + request[33:], SeededRng(2)) is None
