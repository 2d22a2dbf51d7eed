"""AES-128 and AES-256 (FIPS 197), and AES-256 in counter mode (SP 800-38A)."""
import struct


def _double(x):  # in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1
    return x << 1 ^ (0x11B if x & 0x80 else 0)


def _sbox():
    """§5.1.1: the affine map of the inverse. 3 generates the multiplicative group: its powers and their inverses side by side."""
    box = [0x63] * 256
    powers = [1]
    while len(powers) < 255:
        powers.append(powers[-1] ^ _double(powers[-1]))
    for k, x in enumerate(powers):
        b = powers[-k % 255]
        rotations = [(b << n | b >> 8 - n) & 0xFF for n in range(5)]
        box[x] = 0x63 ^ rotations[0] ^ rotations[1] ^ rotations[2] ^ rotations[3] ^ rotations[4]
    return box


SBOX = _sbox()
# SubBytes and MixColumns (§5.1.3) of a byte in row 0…3 of its column.
_T0 = [_double(s) << 24 | s << 16 | s << 8 | s ^ _double(s) for s in SBOX]
_T1, _T2, _T3 = ([v >> n | v << 32 - n & 0xFFFFFFFF for v in _T0] for n in (8, 16, 24))


def _sub_word(w):
    return SBOX[w >> 24] << 24 | SBOX[w >> 16 & 255] << 16 | SBOX[w >> 8 & 255] << 8 | SBOX[w & 255]


class Aes:
    def __init__(self, key):
        """§5.2"""
        Nk = len(key) // 4
        assert Nk in (4, 8)
        self.rounds = Nk + 6
        w = list(struct.unpack(f">{Nk}I", key))
        rcon = 1
        for i in range(Nk, 4 * (self.rounds + 1)):
            t = w[i - 1]
            if i % Nk == 0:
                t = _sub_word(t << 8 & 0xFFFFFFFF | t >> 24) ^ rcon << 24
                rcon = _double(rcon)
            elif Nk > 6 and i % Nk == 4:
                t = _sub_word(t)
            w.append(w[i - Nk] ^ t)
        self.w = w

    def encrypt(self, block):
        w = self.w
        a, b, c, d = struct.unpack(">4I", block)
        a, b, c, d = a ^ w[0], b ^ w[1], c ^ w[2], d ^ w[3]
        for i in range(4, 4 * self.rounds, 4):
            a, b, c, d = (_T0[a >> 24] ^ _T1[b >> 16 & 255] ^ _T2[c >> 8 & 255] ^ _T3[d & 255] ^ w[i],
                          _T0[b >> 24] ^ _T1[c >> 16 & 255] ^ _T2[d >> 8 & 255] ^ _T3[a & 255] ^ w[i + 1],
                          _T0[c >> 24] ^ _T1[d >> 16 & 255] ^ _T2[a >> 8 & 255] ^ _T3[b & 255] ^ w[i + 2],
                          _T0[d >> 24] ^ _T1[a >> 16 & 255] ^ _T2[b >> 8 & 255] ^ _T3[c & 255] ^ w[i + 3])
        last = [SBOX[s >> 24] << 24 | SBOX[t >> 16 & 255] << 16 | SBOX[u >> 8 & 255] << 8 | SBOX[v & 255]
                for s, t, u, v in ((a, b, c, d), (b, c, d, a), (c, d, a, b), (d, a, b, c))]
        return struct.pack(">4I", *(x ^ k for x, k in zip(last, w[-4:])))


def ctr(key, first, length):
    """The keystream; the counter block is a big-endian number mod 2^128."""
    cipher = Aes(key)
    counter = int.from_bytes(first, "big")
    blocks = (cipher.encrypt((counter + n & 2**128 - 1).to_bytes(16, "big")) for n in range(-(-length // 16)))
    return b"".join(blocks)[:length]


def check():
    h = bytes.fromhex
    plain = h("00112233445566778899aabbccddeeff")  # FIPS 197, appendix C
    assert Aes(bytes(range(16))).encrypt(plain) == h("69c4e0d86a7b0430d8cdb78070b4c55a")
    assert Aes(bytes(range(32))).encrypt(plain) == h("8ea2b7ca516745bfeafc49904b496089")
    key = h("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")  # SP 800-38A, F.5.5
    stream = ctr(key, h("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"), 64)
    plain = h("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17"
              "ad2b417be66c3710")
    cipher = h("601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada6"
               "13c2dd08457941a6")
    assert bytes(a ^ b for a, b in zip(stream, plain)) == cipher
    assert ctr(key, b"\xff" * 16, 32)[16:] == Aes(key).encrypt(bytes(16))  # the counter wraps
