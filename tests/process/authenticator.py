"""A passkey in plain Python: ECDSA on P-256, and what a browser returns of navigator.credentials.get().

Slow and not constant-time: for tests only.
"""
import base64
import hashlib
import json

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)


def _add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def _multiply(k, point):
    total = None
    while k:
        if k & 1:
            total = _add(total, point)
        point = _add(point, point)
        k >>= 1
    return total


def _number(*parts):
    return int.from_bytes(hashlib.sha256(b"".join(parts)).digest(), "big")


def _der(n):
    data = n.to_bytes(n.bit_length() // 8 + 1, "big")
    return bytes([2, len(data)]) + data


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Authenticator:
    def __init__(self, seed, rp_id="example.com", origin="https://example.com"):
        self._d = _number(b"key ", seed.encode()) % N
        x, y = _multiply(self._d, G)
        self.public = b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
        self.id = hashlib.sha256(b"id " + seed.encode()).digest()[:16]
        self.rp_id, self.origin, self._touched = rp_id, origin, 0

    def in_policy(self):
        return {"credential_id": b64(self.id), "rp_id": self.rp_id, "origins": [self.origin], "public_key": self.public.hex()}

    def sign(self, message):
        k = _number(b"nonce ", self._d.to_bytes(32, "big"), message) % N
        r = _multiply(k, G)[0] % N
        s = pow(k, -1, N) * (_number(message) + r * self._d) % N
        body = _der(r) + _der(s)
        return bytes([0x30, len(body)]) + body

    def get(self, challenge, flags=0x05, extensions=b"", **client):
        """PublicKeyCredential.toJSON() of an assertion; every call is another touch."""
        self._touched += 1
        client = {"type": "webauthn.get", "challenge": challenge, "origin": self.origin, "crossOrigin": False, **client}
        client = json.dumps(client, separators=(",", ":")).encode()
        data = hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self._touched.to_bytes(4, "big") + extensions
        signature = self.sign(data + hashlib.sha256(client).digest())
        return {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "authenticatorAttachment": "platform",
                "clientExtensionResults": {},
                "response": {"authenticatorData": b64(data), "clientDataJSON": b64(client), "signature": b64(signature)}}


def for_the_api(credential):
    """The member webauthn of a vote."""
    response = credential["response"]
    return {"credential": credential["id"], "authenticator_data": response["authenticatorData"],
            "client_data_json": response["clientDataJSON"], "signature": response["signature"]}
