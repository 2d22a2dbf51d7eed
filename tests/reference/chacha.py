"""ChaCha20 with a 64-bit nonce, and the generator of the tests: the same bytes for the same seed."""
import struct

from curve import q

_QUARTERS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
             (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def block(key, counter, nonce):
    """64 bytes; words 12 and 13 of the state count, 14 and 15 are the nonce."""
    state = struct.unpack("<16I", b"expand 32-byte k" + key + counter.to_bytes(8, "little") + nonce)
    x = list(state)
    for _ in range(10):
        for a, b, c, d in _QUARTERS:
            for e, f, g, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                x[e] = x[e] + x[f] & 0xFFFFFFFF
                v = x[g] ^ x[e]
                x[g] = v << n & 0xFFFFFFFF | v >> 32 - n
    return struct.pack("<16I", *(s + t & 0xFFFFFFFF for s, t in zip(state, x)))


class SeededRng:
    """Stretches of 512 bytes, the n-th under the nonce n; a number as seed is the key's first 8 bytes, little-endian."""

    def __init__(self, seed):
        self.key = seed if isinstance(seed, bytes) else seed.to_bytes(32, "little")
        self.stretch = 0
        self.buffer = b""

    def bytes(self, n):
        while len(self.buffer) < n:
            nonce = self.stretch.to_bytes(8, "little")
            self.buffer += b"".join(block(self.key, counter, nonce) for counter in range(8))
            self.stretch += 1
        out, self.buffer = self.buffer[:n], self.buffer[n:]
        return out

    def scalar(self):
        """64 bytes, big-endian, mod q, drawn again if zero."""
        while True:
            k = int.from_bytes(self.bytes(64), "big") % q
            if k:
                return k


def check():
    h = bytes.fromhex
    assert block(bytes(32), 0, bytes(8)) == h(  # RFC 8439 A.1, test vectors 1 and 2: nonce 0, so both variants
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586")
    assert block(bytes(32), 1, bytes(8)) == h(
        "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f")
    # RFC 8439 §2.3.2 in this variant's words: its counter 1 and the first word of its nonce are the 64-bit counter.
    assert block(bytes(range(32)), 1 | 0x09000000 << 32, h("0000004a00000000")) == h(
        "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4ed2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e")
    rng, whole = SeededRng(7), SeededRng(7).bytes(1500)
    assert rng.bytes(1) + rng.bytes(600) + rng.bytes(899) == whole
    key = b"\x07" + bytes(31)
    assert whole[448:576] == block(key, 7, bytes(8)) + block(key, 0, b"\x01" + bytes(7))
