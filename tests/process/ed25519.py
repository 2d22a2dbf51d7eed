"""Ed25519 (RFC 8032) and BIP-340 in plain Python: a second implementation to sign calls and to check signatures with.

Slow and not constant-time: for tests only.
"""
import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
I = pow(2, (P - 1) // 4, P)


def _add(a, b):
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    A, B = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    C, E = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = B - A, E - C, E + C, B + A
    return e * f % P, g * h % P, f * g % P, e * h % P


def _multiply(s, point):
    total = (0, 1, 1, 0)
    while s > 0:
        if s & 1:
            total = _add(total, point)
        point = _add(point, point)
        s >>= 1
    return total


def _recover_x(y, sign):
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * I % P
    if (x * x - x2) % P:
        raise ValueError("not on the curve")
    return P - x if x & 1 != sign else x


_GY = 4 * pow(5, P - 2, P) % P
_GX = _recover_x(_GY, 0)
G = (_GX, _GY, 1, _GX * _GY % P)


def _compress(point):
    z = pow(point[2], P - 2, P)
    x, y = point[0] * z % P, point[1] * z % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decompress(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        raise ValueError("not canonical")
    x = _recover_x(y, sign)
    return x, y, 1, x * y % P


def _hash(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % L


class SigningKey:
    def __init__(self, seed):
        h = hashlib.sha512(seed).digest()
        self._a = (int.from_bytes(h[:32], "little") & (2**254 - 8)) | 2**254
        self._prefix = h[32:]
        self.public = _compress(_multiply(self._a, G))

    @classmethod
    def from_pem(cls, text):
        """PKCS#8: the seed is the last 32 of its 48 bytes."""
        import base64
        der = base64.b64decode("".join(line for line in text.splitlines() if "-----" not in line))
        if len(der) != 48:
            raise ValueError("not an Ed25519 key")
        return cls(der[16:])

    def sign(self, message):
        r = _hash(self._prefix, message)
        R = _compress(_multiply(r, G))
        s = (r + _hash(R, self.public, message) * self._a) % L
        return R + s.to_bytes(32, "little")


def verify_ed25519(public, message, signature):
    if len(public) != 32 or len(signature) != 64:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= L:
        return False
    try:
        A, R = _decompress(public), _decompress(signature[:32])
    except ValueError:
        return False
    h = _hash(signature[:32], public, message)
    return _compress(_multiply(s, G)) == _compress(_add(R, _multiply(h, A)))


# ---- BIP-340 -------------------------------------------------------------------------------------

SP = 2**256 - 2**32 - 977
SN = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SG = (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
      0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8)


def _secp_add(a, b):
    if a is None:
        return b
    if b is None:
        return a
    if a[0] == b[0] and a[1] != b[1]:
        return None
    if a == b:
        slope = 3 * a[0] * a[0] * pow(2 * a[1], SP - 2, SP)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], SP - 2, SP)
    x = (slope * slope - a[0] - b[0]) % SP
    return x, (slope * (a[0] - x) - a[1]) % SP


def _secp_multiply(s, point):
    total = None
    while s > 0:
        if s & 1:
            total = _secp_add(total, point)
        point = _secp_add(point, point)
        s >>= 1
    return total


def verify_bip340(x_only, message, signature):
    if len(x_only) != 32 or len(signature) != 64:
        return False
    x, r, s = (int.from_bytes(b, "big") for b in (x_only, signature[:32], signature[32:]))
    if x >= SP or r >= SP or s >= SN:
        return False
    square = (pow(x, 3, SP) + 7) % SP
    y = pow(square, (SP + 1) // 4, SP)
    if y * y % SP != square:
        return False
    tag = hashlib.sha256(b"BIP0340/challenge").digest()
    e = int.from_bytes(hashlib.sha256(tag + tag + signature[:32] + x_only + message).digest(), "big") % SN
    R = _secp_add(_secp_multiply(s, SG), _secp_multiply(SN - e, (x, y if y % 2 == 0 else SP - y)))
    return R is not None and R[1] % 2 == 0 and R[0] == r


# ---- ECDSA on secp256k1 ----------------------------------------------------------------------------

def verify_ecdsa(compressed, digest, signature):
    """r || s with low s."""
    if len(compressed) != 33 or compressed[0] not in (2, 3) or len(signature) != 64:
        return False
    x, r, s = (int.from_bytes(b, "big") for b in (compressed[1:], signature[:32], signature[32:]))
    if x >= SP or not 0 < r < SN or not 0 < s <= SN // 2:
        return False
    square = (pow(x, 3, SP) + 7) % SP
    y = pow(square, (SP + 1) // 4, SP)
    if y * y % SP != square:
        return False
    if y % 2 != compressed[0] % 2:
        y = SP - y
    w = pow(s, SN - 2, SN)
    R = _secp_add(_secp_multiply(int.from_bytes(digest, "big") * w % SN, SG), _secp_multiply(r * w % SN, (x, y)))
    return R is not None and R[0] % SN == r
