/* ChaCha20 of mbedTLS by libsodium, which has it for vector instructions: scripts/deps builds it in. */
#ifndef QUORATE_CHACHA20_ALT_H
#define QUORATE_CHACHA20_ALT_H
#include <stddef.h>
#include <stdint.h>

typedef struct mbedtls_chacha20_context {
  unsigned char key[32], nonce[12];
  unsigned char keystream[64]; /* the block that is being used */
  uint32_t counter;            /* of the next one */
  size_t left;                 /* bytes at the end of `keystream` that nothing has used */
} mbedtls_chacha20_context;

#endif
