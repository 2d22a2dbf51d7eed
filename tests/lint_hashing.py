#!/usr/bin/env python3
"""Protocols hash only through Transcript (attack 1), and variable-time library calls stay where only public data comes (attack 41).

usage: lint_hashing.py [repository root]; exit 1 if a rule is broken. lint_hashing.py --self-test checks the rules on samples.
"""
import pathlib
import re
import sys

ROOMS = ('crypto', 'session', 'keygen', 'signing')

# (pattern, what it is, files that may have it)
RULES = (
    (r'\bcrypto_(hash|generichash|auth|shorthash|kdf)\w*\s*\(', 'a raw hash',
     {'crypto/transcript.cpp', 'crypto/transcript.h', 'signing/frost_ed25519.cpp', 'signing/frost_bip340.cpp'}),
    (r'\bcrypto_hash_\w*state\b', 'a raw hash',
     {'crypto/transcript.cpp', 'crypto/transcript.h', 'signing/frost_ed25519.cpp', 'signing/frost_bip340.cpp'}),
    (r'\b(EVP_(Digest|MD_|MAC_|Q_digest|Q_mac|sha\d)\w*|HMAC|SHA(1|224|256|384|512)(_\w+)?)\s*\(', "a raw hash by libcrypto",
     {'crypto/transcript.cpp'}),
    (r'\bEVP_(Encrypt|Decrypt|Cipher)\w*\s*\(', "AES, which crypto/ot/aes.cpp wraps", {'crypto/ot/aes.cpp'}),
    (r'\bsecp256k1_ellswift_\w+\s*\(', 'variable-time decoding', {'crypto/secp256k1_point.cpp'}),
    (r'\bsha256(_list)?\s*\(', 'base/hash.h, which is for names and documents',
     {'session/mailbox.cpp'}),  # tells a copy of a message from another one; enters no protocol
    (r'\bsecp256k1_(tagged_sha256|\w*hash_function\w*)', 'a raw hash', set()),
    (r'\bsecp256k1_(ec_pubkey_tweak_\w+|ec_pubkey_combine|xonly_pubkey_tweak_\w+|ecdsa_recover)\s*\(',
     'variable-time point arithmetic', {'crypto/secp256k1_point.cpp', 'signing/verify.cpp'}),
    (r'\bcrypto_(core_ed25519|scalarmult)_?\w*\s*\(', "libsodium's groups, which crypto/ed25519.cpp wraps",
     {'crypto/ed25519.cpp', 'crypto/self_test.cpp'}),
)


def strip(text):
    """Without comments; strings emptied; line numbers kept."""
    text = re.sub(r'/\*.*?\*/', lambda m: '\n' * m.group(0).count('\n'), text, flags=re.S)
    text = re.sub(r'"(\\.|[^"\\\n])*"', '""', text)
    return re.sub(r'//[^\n]*', '', text)


def problems(name, text):
    clean = strip(text)
    for pattern, what, allowed in RULES:
        if name in allowed:
            continue
        for m in re.finditer(pattern, clean):
            yield f'{name}:{clean.count(chr(10), 0, m.start()) + 1}: {what}: {m.group(0).strip()}'
    if name == 'crypto/secp256k1_point.cpp':
        # In that file they may stand only in the functions that say so.
        function = ''
        for number, line in enumerate(clean.split('\n'), 1):
            m = re.match(r'^\w.*\bSecp256k1::(\w+)\(', line)
            if m:
                function = m.group(1)
            if re.search(r'\bsecp256k1_(ec_pubkey_tweak|ecdsa_recover)', line) and 'public' not in function:
                yield f'{name}:{number}: variable-time arithmetic in {function}, whose name does not say public'


def self_test():
    bad = (('keygen/x.cpp', 'crypto_hash_sha512(a, b, c);'), ('session/x.cpp', 'crypto_generichash_init (&s);'),
           ('signing/x.cpp', 'Digest d = sha256(bytes);'), ('crypto/x.h', 'crypto_hash_sha256_state s;'),
           ('signing/frost_bip340.cpp', 'secp256k1_ec_pubkey_tweak_mul(c, k, t);'),
           ('keygen/x.cpp', 'crypto_core_ed25519_add(r, p, q);'),
           ('signing/x.cpp', 'EVP_Digest(a, n, out, nullptr, md, nullptr);'), ('keygen/x.cpp', 'SHA256(a, n, out);'),
           ('crypto/ot/x.cpp', 'EVP_EncryptUpdate (c, o, &n, i, 16);'), ('crypto/ot/x.cpp', 'crypto_hash_sha512(a, b, c);'),
           ('crypto/ot/base_ot.cpp', 'secp256k1_ellswift_decode(c, &k, b);'),
           ('crypto/secp256k1_point.cpp', 'void Secp256k1::point_multiply(int) {\n  secp256k1_ec_pubkey_tweak_mul(c);\n}'))
    good = (('keygen/x.cpp', '// crypto_hash_sha512(a)\nconst char* s = "sha256(x)";'),
            ('crypto/transcript.cpp', 'crypto_hash_sha512_init(&state_);'),
            ('crypto/secp256k1_point.cpp', 'void Secp256k1::point_multiply_public(int) {\n  secp256k1_ec_pubkey_tweak_mul(c);\n}'))
    return [f'not found: {t}' for n, t in bad if not list(problems(n, t))] + [p for n, t in good for p in problems(n, t)]


def main():
    if sys.argv[1:] == ['--self-test']:
        found = self_test()
    else:
        root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
        files = [f for room in ROOMS for f in sorted((root / room).rglob('*')) if f.suffix in ('.h', '.cpp')]
        found = [p for f in files for p in problems(f.relative_to(root).as_posix(), f.read_text())]
        if not files:
            found = ['no sources found']
    print('\n'.join(found), end='\n' if found else '')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
