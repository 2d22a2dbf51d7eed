"""The Transcript, and the encoding of integers and lists on the wire."""
import hashlib

from curve import q


def u8(v):
    return v.to_bytes(1, "big")


def u32(v):
    return v.to_bytes(4, "big")


def u64(v):
    return v.to_bytes(8, "big")


def listed(items):
    """A list on the wire: its count, then its elements."""
    return u32(len(items)) + b"".join(items)


def hashed(data):
    """#x"""
    return hashlib.sha512(data).digest()


class T:
    """T("tag"; a, b, …); text and bytes are items."""

    def __init__(self, tag, *items):
        h = hashlib.sha512()
        for item in ("quorate 1", tag) + items:
            data = item.encode() if isinstance(item, str) else item
            h.update(u64(len(data)) + data)
        self.wide = h.digest()
        self.digest = self.wide[:32]
        self.scalar = int.from_bytes(self.wide, "big") % q


def check():
    message = (b"\0" * 7 + b"\x09quorate 1" + b"\0" * 7 + b"\x0equorate/test/1" + b"\0" * 7 + b"\x02\x01\x02" + b"\0" * 8)
    assert T("quorate/test/1", b"\x01\x02", b"").wide == hashlib.sha512(message).digest()
    assert T("quorate/test/1", b"ab", b"c").wide != T("quorate/test/1", b"a", b"bc").wide
    assert hashed(b"abc").hex().startswith("ddaf35a193617abacc417349ae204131")  # FIPS 180-4
    assert listed([b"ab", b"cd"]) == b"\0\0\0\x02abcd"
