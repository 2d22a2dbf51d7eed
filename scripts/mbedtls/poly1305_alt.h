/* Poly1305 of mbedTLS by libsodium: see chacha20_alt.h. */
#ifndef QUORATE_POLY1305_ALT_H
#define QUORATE_POLY1305_ALT_H
#include <sodium/crypto_onetimeauth_poly1305.h>

typedef struct mbedtls_poly1305_context {
  crypto_onetimeauth_poly1305_state state;
} mbedtls_poly1305_context;

#endif
