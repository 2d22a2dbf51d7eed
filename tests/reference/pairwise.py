"""What each pair of members makes inside the key generation (docs/ecdsa.md, Setup), and a dealer's shortcut for the vectors."""
from collections import namedtuple

import base_ot
from base_ot import KAPPA, Direction, ReceiverKeys, SenderKeys, bit
from chacha import SeededRng
from transcript import T, u8

PairSecrets = namedtuple("PairSecrets", "peer as_A as_B seed")


def encode(secrets):
    """As stored: peer, Δ, A's keys, B's keys, seed."""
    return (u8(secrets.peer) + secrets.as_A.delta + b"".join(secrets.as_A.k) +
            b"".join(k_0 + k_1 for k_0, k_1 in secrets.as_B.k) + secrets.seed)


class Setup:
    """i's side of all its pairs."""

    def __init__(self, sid, i, peers, rng):
        self.sid, self.i, self.rng = sid, i, rng
        self.receiver, self.s, self.sent = {}, {}, {}
        for j in sorted(peers):
            self.receiver[j] = base_ot.Receiver(Direction(sid, i, j), rng)
            self.s[j] = rng.bytes(32)

    def round1(self, j):
        return self.receiver[j].request()

    def take(self, j, request):
        self.sent[j] = base_ot.send(Direction(self.sid, j, self.i), request, self.rng)

    def round2(self, j):
        return self.sent[j][1] + self.s[j]

    def finish(self, round2):
        result = []
        for j in sorted(round2):
            s = {self.i: self.s[j], j: round2[j][33:]}
            low, high = sorted(s)
            seed = T("quorate/ecdsa/seed/1", self.sid, u8(low), u8(high), s[low], s[high]).digest
            result.append(PairSecrets(j, self.receiver[j].finish(round2[j][:33]), self.sent[j][0], seed))
        return result


def run(sid, rngs):
    """All parties: their messages by (i, j), and their secrets by i."""
    parties = sorted(rngs)
    setup = {i: Setup(sid, i, [j for j in parties if j != i], rngs[i]) for i in parties}
    pairs = [(i, j) for i in parties for j in parties if i != j]
    round1 = {(i, j): setup[i].round1(j) for i, j in pairs}
    for i, j in pairs:
        setup[i].take(j, round1[j, i])
    round2 = {(i, j): setup[i].round2(j) for i, j in pairs}
    return round1, round2, {i: setup[i].finish({j: round2[j, i] for j in parties if j != i}) for i in parties}


def deal_direction(rng):
    """From a generator: Δ (16 bytes), then k_0^0, k_0^1, k_1^0, … (32 bytes each)."""
    delta = rng.bytes(16)
    k = [(rng.bytes(32), rng.bytes(32)) for _ in range(KAPPA)]
    return ReceiverKeys(delta, [k[i][bit(delta, i)] for i in range(KAPPA)]), SenderKeys(k)


def deal_pair(i, j, seed):
    """The secrets of i < j without a setup, for the vectors: from SeededRng(seed) the direction (A, B) = (i, j), then (j, i), then
    the zero-share seed (32 bytes)."""
    assert i < j
    rng = SeededRng(seed)
    i_A, j_B = deal_direction(rng)
    j_A, i_B = deal_direction(rng)
    zero = rng.bytes(32)
    return PairSecrets(j, i_A, i_B, zero), PairSecrets(i, j_A, j_B, zero)


def check():
    """A dealt pair fits together; run() is checked where make_vectors uses it, for it takes seconds."""
    of_2, of_5 = deal_pair(2, 5, 9)
    assert (of_2.peer, of_5.peer) == (5, 2) and of_2.seed == of_5.seed and of_2.as_A != of_5.as_A
    fits(of_2, of_5)
    assert len(encode(of_2)) == 1 + 16 + 128 * 32 + 256 * 32 + 32


def fits(mine, theirs):
    assert mine.seed == theirs.seed
    for A, B in ((mine.as_A, theirs.as_B), (theirs.as_A, mine.as_B)):
        assert all(A.k[i] == B.k[i][bit(A.delta, i)] for i in range(KAPPA))
