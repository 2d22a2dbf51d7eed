"""Signing by any t members, m digests at once, with an additive tweak (docs/ecdsa.md, Signing)."""
from collections import namedtuple

import extension
import vector_ole
from base_ot import Direction
from chacha import SeededRng
from curve import G, Point, ecdsa_recover, ecdsa_verifies, lagrange, q, scalar_bytes, total
from pairwise import deal_pair
from transcript import T, hashed, listed, u8, u32

Round1 = namedtuple("Round1", "commit extension")
Product = namedtuple("Product", "ole gamma_u gamma_v psi")
Round2 = namedtuple("Round2", "echo R blind pk products")
Round3 = namedtuple("Round3", "u w")
Signature = namedtuple("Signature", "r s recovery_id")


def encode_points(points):
    return listed([P.encode() for P in points])


def encode_round1(message):
    return message.commit + extension.encode(message.extension)


def encode_round2(message):
    products = [vector_ole.encode(product.ole) + product.gamma_u.encode() + product.gamma_v.encode() + scalar_bytes(product.psi)
                for product in message.products]
    return message.echo + encode_points(message.R) + message.blind + encode_points(message.pk) + listed(products)


def encode_round3(message):
    return listed([scalar_bytes(u) + scalar_bytes(w) for u, w in zip(message.u, message.w)])


def encode_set(parties):
    """A signer set on the wire: 32 bits, big-endian, bit i − 1 for party i."""
    return u32(sum(1 << i - 1 for i in parties))


# What all signers of a session agree on; T is the signer set in ascending order, taus has one tweak per digest.
Session = namedtuple("Session", "sid Y taus T digests")


class Signer:
    """Party i. Messages in and out are dictionaries by peer."""

    def __init__(self, session, i, x_i, pairwise, rng):
        self.session, self.i, self.x_i, self.rng = session, i, x_i, rng
        self.peers = [j for j in session.T if j != i]
        self.pairwise = {secrets.peer: secrets for secrets in pairwise}
        self.m = len(session.digests)
        self.Q = [session.Y + tau * G for tau in session.taus]

    def commitment(self, i, R, blind):
        return T("quorate/ecdsa/commit/1", self.session.sid, u8(i), encode_points(R), blind).digest

    def round1(self):
        """Step 1"""
        draws = [(self.rng.scalar(), self.rng.scalar()) for _ in range(self.m)]
        self.r, self.phi = [r for r, _ in draws], [phi for _, phi in draws]
        self.R = [r * G for r in self.r]
        self.blind = self.rng.bytes(32)
        self.commit = self.commitment(self.i, self.R, self.blind)
        self.chosen, self.sent1 = {}, {}
        for j in self.peers:
            direction = Direction(self.session.sid, j, self.i)
            self.chosen[j], message = extension.extend(direction, self.pairwise[j].as_B, self.m, self.rng)
            self.sent1[j] = Round1(self.commit, message)
        self.chi = {j: [vector_ole.value(self.chosen[j], l) for l in range(self.m)] for j in self.peers}
        return self.sent1

    def echo(self):
        commits = {j: self.got1[j].commit for j in self.peers} | {self.i: self.commit}
        items = [item for j in self.session.T for item in (u8(j), commits[j])]
        return T("quorate/ecdsa/echo/2", self.session.sid, encode_points(self.Q), listed(self.session.digests),
                 encode_set(self.session.T), *items).digest

    def zero_share(self, l):
        """ζ_i = Σ_{j>i} z_ij − Σ_{j<i} z_ij"""
        return sum((1 if j > self.i else -1) *
                   T("quorate/ecdsa/zero/1", self.pairwise[j].seed, self.session.sid, u8(l)).scalar for j in self.peers)

    def pair(self, j):
        M = {self.i: encode_round1(self.sent1[j]), j: encode_round1(self.got1[j])}  # by sender
        low, high = sorted(M)
        return T("quorate/ecdsa/pair/1", self.session.sid, u8(low), u8(high), hashed(M[low]), hashed(M[high])).digest

    def round2(self, got):
        """Step 2"""
        self.got1 = got
        columns = {}
        for j in self.peers:
            direction = Direction(self.session.sid, self.i, j)
            columns[j] = extension.receive(direction, self.pairwise[j].as_A, self.m, got[j].extension)
            assert columns[j] is not None, f"the extension check names {j}"
        self.sk = [(lagrange(self.session.T, self.i) * (self.x_i + self.session.taus[l]) + self.zero_share(l)) % q
                   for l in range(self.m)]
        self.pk = [sk * G for sk in self.sk]
        self.c, sent = {}, {}
        for j in self.peers:
            context = vector_ole.Context(self.pair(j), self.i, j)
            products = []
            self.c[j] = []
            for l in range(self.m):
                ole, (c_u, c_v) = vector_ole.send(context, self.pairwise[j].as_A, columns[j], l, self.r[l], self.sk[l], self.rng)
                self.c[j].append((c_u, c_v))
                products.append(Product(ole, c_u * G, c_v * G, (self.phi[l] - self.chi[j][l]) % q))
            sent[j] = Round2(self.echo(), self.R, self.blind, self.pk, products)
        return sent

    def round3(self, got):
        """Step 3"""
        d = {}
        for j in self.peers:
            theirs = got[j]
            assert theirs.echo == self.echo(), "echo"
            assert self.commitment(j, theirs.R, theirs.blind) == self.got1[j].commit, f"opening of {j}"
            context = vector_ole.Context(self.pair(j), j, self.i)
            d[j] = []
            for l in range(self.m):
                shares = vector_ole.receive(context, self.chosen[j], l, theirs.products[l].ole)
                assert shares is not None, f"mu of {j}"
                d_u, d_v = shares
                chi = self.chi[j][l]
                assert chi * theirs.R[l] - theirs.products[l].gamma_u == d_u * G, f"first equation of {j}"
                assert chi * theirs.pk[l] - theirs.products[l].gamma_v == d_v * G, f"second equation of {j}"
                d[j].append((d_u, d_v))
        u, w, self.r_x, self.R_sum = [], [], [], []
        for l, digest in enumerate(self.session.digests):
            assert total([self.pk[l]] + [got[j].pk[l] for j in self.peers]) == self.Q[l], "sum of pk"
            R = total([self.R[l]] + [got[j].R[l] for j in self.peers])
            r_x = R.x % q
            assert r_x != 0
            masked = self.phi[l] + sum(got[j].products[l].psi for j in self.peers)
            u_i = self.r[l] * masked + sum(self.c[j][l][0] + d[j][l][0] for j in self.peers)
            v_i = self.sk[l] * masked + sum(self.c[j][l][1] + d[j][l][1] for j in self.peers)
            u.append(u_i % q)
            w.append((int.from_bytes(digest, "big") * self.phi[l] + r_x * v_i) % q)
            self.R_sum.append(R)
            self.r_x.append(r_x)
        self.mine = Round3(u, w)
        return {j: self.mine for j in self.peers}

    def finish(self, got):
        """Step 4"""
        shares = [self.mine] + [got[j] for j in self.peers]
        signatures = []
        for l, digest in enumerate(self.session.digests):
            u, w = sum(share.u[l] for share in shares) % q, sum(share.w[l] for share in shares) % q
            assert u != 0
            s = w * pow(u, -1, q) % q
            R, r = self.R_sum[l], self.r_x[l]
            recovery_id = (R.y & 1) | (2 if R.x >= q else 0)
            if s > q // 2:
                s, recovery_id = q - s, recovery_id ^ 1
            assert ecdsa_verifies(self.Q[l], digest, r, s), "signature"
            assert ecdsa_recover(digest, r, s, recovery_id) == self.Q[l], "recovery id"
            signatures.append(Signature(r, s, recovery_id))
        return signatures


def deal_key(n, t, seed):
    """For the vectors: t scalars from SeededRng(seed) are the coefficients of f, the constant term first; x_i = f(i), Y = f(0)·G."""
    rng = SeededRng(seed)
    f = [rng.scalar() for _ in range(t)]
    return f[0] * G, {i: sum(a * i**k for k, a in enumerate(f)) % q for i in range(1, n + 1)}


def run(session, x, pair_seeds, seeds):
    """A whole session: the messages of the three rounds by (i, j), and the signatures, on which all agree."""
    pairwise = {i: [] for i in session.T}
    for (i, j), seed in pair_seeds.items():
        of_i, of_j = deal_pair(i, j, seed)
        pairwise[i].append(of_i)
        pairwise[j].append(of_j)
    signers = {i: Signer(session, i, x[i], pairwise[i], SeededRng(seeds[i])) for i in session.T}

    def delivered(sent):
        return {i: {j: sent[j][i] for j in session.T if j != i} for i in session.T}
    sent1 = {i: signers[i].round1() for i in session.T}
    sent2 = {i: signers[i].round2(got) for i, got in delivered(sent1).items()}
    sent3 = {i: signers[i].round3(got) for i, got in delivered(sent2).items()}
    results = [signers[i].finish(got) for i, got in delivered(sent3).items()]
    assert all(result == results[0] for result in results)
    return (sent1, sent2, sent3), results[0]


def check():
    """The rounds run, with every assertion of the protocol, where make_vectors makes the sessions."""
    Y, x = deal_key(5, 3, 8)
    assert sum(lagrange((2, 4, 5), i) * x[i] for i in (2, 4, 5)) % q * G == Y
    assert encode_set((1, 3, 32)).hex() == "80000005"
