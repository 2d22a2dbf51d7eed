"""GF(2^128) modulo x^128 + x^7 + x^2 + x + 1; bit b of an int is the coefficient of x^b, bytes are little-endian."""

MODULUS = 1 << 128 | 0x87


def element(block):
    return int.from_bytes(block, "little")


def to_bytes(a):
    return a.to_bytes(16, "little")


def multiply(a, b):
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a >> 128:
            a ^= MODULUS
        b >>= 1
    return product


def check():
    assert multiply(1 << 127, 2) == 0x87 and multiply(5, 3) == 15 and element(b"\x01" + bytes(15)) == 1
    a, b, c = 0x123456789ABCDEF0FEDCBA9876543210, 0xFFEEDDCCBBAA99887766554433221100, 1 << 127 | 1
    assert multiply(a, b) == multiply(b, a) and multiply(a, multiply(b, c)) == multiply(multiply(a, b), c)
    assert multiply(a, b ^ c) == multiply(a, b) ^ multiply(a, c)
    power = a  # the field has 2^128 elements: a^(2^128) = a, and not before
    for n in range(128):
        power = multiply(power, power)
        assert (power == a) == (n == 127)
