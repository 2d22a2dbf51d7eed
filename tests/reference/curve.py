"""secp256k1: numbers mod p and mod q, points, ElligatorSwift decoding (BIP-324), ECDSA verification (SEC 1)."""

p = 2**256 - 2**32 - 977
q = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141


def sqrt(a):
    """The root that is itself a square, or None; p = 3 mod 4."""
    root = pow(a, (p + 1) // 4, p)
    return root if root * root % p == a % p else None


def is_square(a):
    return sqrt(a) is not None


class Point:
    """Affine; x is None for the identity."""

    def __init__(self, x=None, y=None):
        assert x is None or (y * y - x * x * x - 7) % p == 0, "not on the curve"
        self.x, self.y = x, y
        self.doubles = None

    def prepared(self):
        """With a table of 2^b·P, for a point that is multiplied often."""
        self.doubles = [self]
        while len(self.doubles) < 256:
            self.doubles.append(self.doubles[-1] + self.doubles[-1])
        return self

    def __eq__(self, other):
        return (self.x, self.y) == (other.x, other.y)

    def __neg__(self):
        return self if self.is_identity() else Point(self.x, p - self.y)

    def __add__(self, other):
        if self.is_identity():
            return other
        if other.is_identity():
            return self
        if self.x == other.x:
            if self.y != other.y:
                return Point()
            slope = 3 * self.x * self.x * pow(2 * self.y, -1, p)
        else:
            slope = (other.y - self.y) * pow(other.x - self.x, -1, p)
        x = (slope * slope - self.x - other.x) % p
        return Point(x, (slope * (self.x - x) - self.y) % p)

    def __sub__(self, other):
        return self + -other

    def __rmul__(self, k):
        """k·P by doubling and adding in Jacobian coordinates: x = X/Z², y = Y/Z³."""
        if self.is_identity():
            return self
        k %= q
        X, Y, Z = 1, 1, 0
        if self.doubles:
            for b, P in enumerate(self.doubles):
                if k >> b & 1:
                    X, Y, Z = _add_affine(X, Y, Z, P.x, P.y)
        else:
            for bit in bin(k)[2:]:
                X, Y, Z = _double(X, Y, Z)
                if bit == "1":
                    X, Y, Z = _add_affine(X, Y, Z, self.x, self.y)
        if Z == 0:
            return Point()
        i = pow(Z, -1, p)
        return Point(X * i * i % p, Y * i * i * i % p)

    def is_identity(self):
        return self.x is None

    def encode(self):
        """SEC 1, compressed."""
        assert not self.is_identity()
        return bytes([2 + (self.y & 1)]) + self.x.to_bytes(32, "big")

    @staticmethod
    def decode(data):
        x = int.from_bytes(data[1:], "big")
        assert len(data) == 33 and data[0] in (2, 3) and x < p
        return Point.from_x(x, data[0] & 1)

    @staticmethod
    def from_x(x, odd):
        y = sqrt(x**3 + 7)
        assert y is not None, "no such point"
        return Point(x, y if y & 1 == odd else p - y)


def _double(X, Y, Z):  # there is no point of order 2
    YY = Y * Y % p
    S = 4 * X * YY % p
    M = 3 * X * X % p
    X3 = (M * M - 2 * S) % p
    return X3, (M * (S - X3) - 8 * YY * YY) % p, 2 * Y * Z % p


def _add_affine(X, Y, Z, x, y):
    if Z == 0:
        return x, y, 1
    ZZ = Z * Z % p
    H = (x * ZZ - X) % p
    R = (y * ZZ * Z - Y) % p
    if H == 0:
        return _double(X, Y, Z) if R == 0 else (1, 1, 0)
    HH = H * H % p
    HHH = H * HH % p
    V = X * HH % p
    X3 = (R * R - HHH - 2 * V) % p
    return X3, (R * (V - X3) - Y * HHH) % p, Z * H % p


def total(points):
    result = Point()
    for P in points:
        result = result + P
    return result


G = Point.from_x(0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798, 0).prepared()


def scalar_bytes(k):
    assert 0 <= k < q
    return k.to_bytes(32, "big")


def lagrange(T, i):
    """λ_i(T) at 0."""
    result = 1
    for j in T:
        if j != i:
            result = result * j * pow(j - i, -1, q) % q
    return result


SQRT_MINUS_3 = sqrt(-3 % p)


def elligator_swift(data):
    """64 bytes to a point: x by BIP-324's XSwiftEC(u, t); y has the parity of t mod p."""
    u, t = int.from_bytes(data[:32], "big") % p, int.from_bytes(data[32:], "big") % p
    odd = t & 1
    u, t = u or 1, t or 1
    if (u**3 + t * t + 7) % p == 0:
        t = 2 * t % p
    X = (u**3 + 7 - t * t) * pow(2 * t, -1, p) % p
    Y = (X + t) * pow(SQRT_MINUS_3 * u, -1, p) % p
    half = pow(2, -1, p)
    ratio = X * pow(Y, -1, p)
    for x in (u + 4 * Y * Y, (-ratio - u) * half, (ratio - u) * half):
        if is_square(x**3 + 7):
            return Point.from_x(x % p, odd)
    raise AssertionError("one of the three is always on the curve")


def ecdsa_verifies(Q, digest, r, s):
    """SEC 1 §4.1.4, and low s."""
    if not (0 < r < q and 0 < s <= q // 2):
        return False
    i = pow(s, -1, q)
    R = int.from_bytes(digest, "big") * i % q * G + r * i % q * Q
    return not R.is_identity() and R.x % q == r


def ecdsa_recover(digest, r, s, recovery_id):
    """SEC 1 §4.1.6: bit 0 is the parity of y(R), bit 1 whether x(R) is r + q."""
    R = Point.from_x(r + q * (recovery_id >> 1), recovery_id & 1)
    i = pow(r, -1, q)
    return s * i % q * R - int.from_bytes(digest, "big") * i % q * G


# bip-0324/ellswift_decode_test_vectors.csv: each of the three x, u = 0, t = 0, u³ + t² + 7 = 0, values above p.
BIP_324 = """
0000000000000000000000000000000000000000000000000000000000000000 0000000000000000000000000000000000000000000000000000000000000000 edd1fd3e327ce90cc7a3542614289aee9682003e9cf7dcc9cf2ca9743be5aa0c
0000000000000000000000000000000000000000000000000000000000000000 01d3475bf7655b0fb2d852921035b2ef607f49069b97454e6795251062741771 b5da00b73cd6560520e7c364086e7cd23a34bf60d0e707be9fc34d4cd5fdfa2c
0000000000000000000000000000000000000000000000000000000000000000 82277c4a71f9d22e66ece523f8fa08741a7c0912c66a69ce68514bfd3515b49f f482f2e241753ad0fb89150d8491dc1e34ff0b8acfbb442cfe999e2e5e6fd1d2
0000000000000000000000000000000000000000000000000000000000000000 8421cc930e77c9f514b6915c3dbe2a94c6d8f690b5b739864ba6789fb8a55dd0 9f59c40275f5085a006f05dae77eb98c6fd0db1ab4a72ac47eae90a4fc9e57e0
0000000000000000000000000000000000000000000000000000000000000000 bde70df51939b94c9c24979fa7dd04ebd9b3572da7802290438af2a681895441 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa9fffffd6b
0a2d2ba93507f1df233770c2a797962cc61f6d15da14ecd47d8d27ae1cd5f853 fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f 532167c11200b08c0e84a354e74dcc40f8b25f4fe686e30869526366278a0688
0ffde9ca81d751e9cdaffc1a50779245320b28996dbaf32f822f20117c22fbd6 c74d99efceaa550f1ad1c0f43f46e7ff1ee3bd0162b7bf55f2965da9c3450646 74e880b3ffd18fe3cddf7902522551ddf97fa4a35a3cfda8197f947081a57b8f
4056a34a210eec7892e8820675c860099f857b26aad85470ee6d3cf1304a9dcf 375e70374271f20b13c9986ed7d3c17799698cfc435dbed3a9f34b38c823c2b4 868aac2003b29dbcad1a3e803855e078a89d16543ac64392d122417298cec76e
851b1ca94549371c4f1f7187321d39bf51c6b7fb61f7cbf027c9da62021b7a65 fc54c96837fb22b362eda63ec52ec83d81bedd160c11b22d965d9f4a6d64d251 3e731051e12d33237eb324f2aa5b16bb868eb49a1aa1fadc19b6e8761b5a5f7b
a0f18492183e61e8063e573606591421b06bc3513631578a73a39c1c3306239f 2f32904f0d2a33ecca8a5451705bb537d3bf44e071226025cdbfd249fe0f7ad6 97a09cf1a2eae7c494df3c6f8a9445bfb8c09d60832f9b0b9d5eabe25fbd14b9
c5981bae27fd84401c72a155e5707fbb811b2b620645d1028ea270cbe0ee225d 4b62aa4dca6506c1acdbecc0552569b4b21436a5692e25d90d3bc2eb7ce24078 948b40e7181713bc018ec1702d3d054d15746c59a7020730dd13ecf985a010d7
fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f 4218f20ae6c646b363db68605822fb14264ca8d2587fdd6fbc750d587e76a7ee aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa9fffffd6b
ffffffffffffffffffffffffffffffffffffffffffffffffffffffff13cea4a7 0000000000000000000000000000000000000000000000000000000000000000 649984435b62b4a25d40c6133e8d9ab8c53d4b059ee8a154a3be0fcf4e892edb
ffffffffffffffffffffffffffffffffffffffffffffffffffffffff15028c59 0063f64d5a7f1c14915cd61eac886ab295bebd91992504cf77edb028bdd6267f 3fde5713f8282eead7d39d4201f44a7c85a5ac8a0681f35e54085c6b69543374
"""


def check():
    assert (q * G).is_identity() and (q - 1) * G == -G and 0 * G == Point()
    for k, x in ((2, 0xC6047F9441ED7D6D3045406E95C07CD85C778E4B8CEF3CA7ABAC09B95C709EE5),
                 (3, 0xF9308A019258C31049344F85F89D5229B531C845836F99B08601F113BCE036F9)):
        assert (k * G).x == x
    a, b = 0x1234567890ABCDEF << 180, q - 0xFEDCBA
    assert a * G + b * G == (a + b) % q * G and a * (b * G) == a * b % q * G and G + G == 2 * G
    assert a * Point(G.x, G.y) == a * G and b * Point(G.x, G.y) == b * G  # without the table
    assert Point.decode((a * G).encode()) == a * G
    for line in BIP_324.split("\n")[1:-1]:
        u, t, x = (bytes.fromhex(word) for word in line.split())
        P = elligator_swift(u + t)
        assert P.x == int.from_bytes(x, "big")
        assert P.y & 1 == (int.from_bytes(t, "big") % p) & 1
    f = (5, 7, 11)
    share = {i: sum(c * i**k for k, c in enumerate(f)) for i in (2, 4, 5)}
    assert sum(lagrange((2, 4, 5), i) * share[i] for i in share) % q == 5

    d, k, digest = 42, 77, b"\xab" * 32  # one signature by the definition
    R = k * G
    r = R.x % q
    s = pow(k, -1, q) * (int.from_bytes(digest, "big") + r * d) % q
    recovery_id = (R.y & 1) ^ (s > q // 2)
    s = min(s, q - s)
    assert ecdsa_verifies(d * G, digest, r, s) and ecdsa_recover(digest, r, s, recovery_id) == d * G
    assert not ecdsa_verifies(d * G, digest[:-1] + b"\0", r, s) and not ecdsa_verifies(d * G, digest, r, q - s)
