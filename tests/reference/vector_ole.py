"""Random vector OLE with two inputs (docs/ecdsa.md, Vector OLE): c_i + d_i = a_i·b."""
from collections import namedtuple
from functools import lru_cache

import extension
from aes import Aes
from base_ot import Direction
from chacha import SeededRng
from curve import q, scalar_bytes
from extension import XI, xor
from pairwise import deal_direction
from transcript import T, hashed, u8, u64

Context = namedtuple("Context", "pair A B")
Message = namedtuple("Message", "a_tilde eta mu")  # ã as a list of ξ triples


def encode(message):
    return encode_tilde(message.a_tilde) + scalar_bytes(message.eta) + message.mu


def encode_tilde(a_tilde):
    return b"".join(scalar_bytes(a) for triple in a_tilde for a in triple)


@lru_cache
def gadget(j):
    return T("quorate/ot/gadget/1", "secp256k1", u64(j)).scalar


class Pads:
    def __init__(self, context):
        self.pi = Aes(T("quorate/ot/pad-key/1", context.pair, u8(context.A), u8(context.B)).digest[:16]).encrypt

    def __call__(self, w, j):
        """Three numbers mod q from the block w of column j: H(w,j,k) = π(π(w) ⊕ v) ⊕ π(w)."""
        z = self.pi(w)
        H = [xor(self.pi(xor(z, j.to_bytes(8, "little") + k.to_bytes(8, "little"))), z) for k in range(6)]
        return [int.from_bytes(H[k] + H[k + 1], "big") % q for k in (0, 2, 4)]


def theta(context, instance, a_tilde, i):
    return T("quorate/ot/theta/1", context.pair, u8(context.A), u8(context.B), u8(instance), hashed(encode_tilde(a_tilde)),
             u8(i)).scalar


def mu_of(context, instance, values):
    return T("quorate/ot/mu/1", context.pair, u8(context.A), u8(context.B), u8(instance),
             hashed(b"".join(map(scalar_bytes, values)))).digest


def send(context, keys, columns, instance, a_1, a_2, rng):
    """A: its message and (c_1, c_2)."""
    pads = Pads(context)
    a_hat = rng.scalar()
    alpha0, a_tilde = [], []
    for j in range(XI * instance, XI * (instance + 1)):
        a0 = pads(columns[j], j)
        a1 = pads(xor(columns[j], keys.delta), j)
        alpha0.append(a0)
        a_tilde.append([(a0[i] - a1[i] + a) % q for i, a in enumerate((a_1, a_2, a_hat))])
    theta_1, theta_2 = (theta(context, instance, a_tilde, i) for i in (1, 2))
    eta = (a_hat + theta_1 * a_1 + theta_2 * a_2) % q
    mu = mu_of(context, instance, [(a[2] + theta_1 * a[0] + theta_2 * a[1]) % q for a in alpha0])
    c = [-sum(gadget(j) * a[i] for j, a in enumerate(alpha0)) % q for i in (0, 1)]
    return Message(a_tilde, eta, mu), c


def value(chosen, instance):
    """B's b."""
    beta = chosen.beta[XI * instance:XI * (instance + 1)]
    return sum(gadget(j) * beta_j for j, beta_j in enumerate(beta)) % q


def receive(context, chosen, instance, message):
    """B: (d_1, d_2), or None if μ does not match."""
    pads = Pads(context)
    theta_1, theta_2 = (theta(context, instance, message.a_tilde, i) for i in (1, 2))
    dot, verified = [], []
    for n, a in enumerate(message.a_tilde):
        j = XI * instance + n
        beta = chosen.beta[j]
        gamma = pads(chosen.t[j], j)
        d_j = [(gamma[i] + beta * a[i]) % q for i in range(3)]
        dot.append(d_j)
        verified.append((d_j[2] + theta_1 * d_j[0] + theta_2 * d_j[1] - beta * message.eta) % q)
    if mu_of(context, instance, verified) != message.mu:
        return None
    return [sum(gadget(j) * d_j[i] for j, d_j in enumerate(dot)) % q for i in (0, 1)]


def check():
    d = Direction(b"\x07" * 32, 4, 2)
    context = Context(b"\x08" * 32, 4, 2)
    A, B = deal_direction(SeededRng(5))
    chosen, extended = extension.extend(d, B, 2, SeededRng(6))
    columns = extension.receive(d, A, 2, extended)
    a = (0x1234 << 200, q - 1)
    for instance in (0, 1):
        message, c = send(context, A, columns, instance, *a, SeededRng(7))
        b = value(chosen, instance)
        shares = receive(context, chosen, instance, message)
        assert all((c[i] + shares[i]) % q == a[i] * b % q for i in (0, 1))
    assert value(chosen, 0) != value(chosen, 1)
    # attack 28: another input in one column
    for i in range(3):
        tilde = [list(triple) for triple in message.a_tilde]
        tilde[XI - 1][i] = (tilde[XI - 1][i] + 1) % q
        assert receive(context, chosen, 1, message._replace(a_tilde=tilde)) is None
    assert receive(context, chosen, 1, message._replace(eta=message.eta + 1)) is None
    assert receive(context, chosen, 0, message) is None
    assert receive(context._replace(pair=bytes(32)), chosen, 1, message) is None
