/* What mbedtls/chacha20.h and mbedtls/poly1305.h promise, by libsodium. */
#include "common.h"

#include <sodium.h>
#include <string.h>

#include "mbedtls/chacha20.h"
#include "mbedtls/poly1305.h"

#define BLOCK sizeof(((mbedtls_chacha20_context *) 0)->keystream)

void mbedtls_chacha20_init(mbedtls_chacha20_context *ctx) { memset(ctx, 0, sizeof *ctx); }
void mbedtls_chacha20_free(mbedtls_chacha20_context *ctx) {
  if (ctx != NULL) sodium_memzero(ctx, sizeof *ctx);
}

int mbedtls_chacha20_setkey(mbedtls_chacha20_context *ctx, const unsigned char key[32]) {
  memcpy(ctx->key, key, sizeof ctx->key);
  return 0;
}

int mbedtls_chacha20_starts(mbedtls_chacha20_context *ctx, const unsigned char nonce[12], uint32_t counter) {
  memcpy(ctx->nonce, nonce, sizeof ctx->nonce);
  sodium_memzero(ctx->keystream, sizeof ctx->keystream);
  ctx->counter = counter;
  ctx->left = 0;
  return 0;
}

static void use_rest(mbedtls_chacha20_context *ctx, size_t *size, const unsigned char **input, unsigned char **output) {
  while (ctx->left > 0 && *size > 0) {
    *(*output)++ = *(*input)++ ^ ctx->keystream[BLOCK - ctx->left];
    --ctx->left;
    --*size;
  }
}

int mbedtls_chacha20_update(mbedtls_chacha20_context *ctx, size_t size, const unsigned char *input,
                            unsigned char *output) {
  size_t whole;
  use_rest(ctx, &size, &input, &output);
  whole = size - size % BLOCK;
  if (whole > 0) {
    crypto_stream_chacha20_ietf_xor_ic(output, input, whole, ctx->nonce, ctx->counter, ctx->key);
    ctx->counter += (uint32_t) (whole / BLOCK);
    input += whole;
    output += whole;
    size -= whole;
  }
  if (size > 0) {
    memset(ctx->keystream, 0, BLOCK);
    crypto_stream_chacha20_ietf_xor_ic(ctx->keystream, ctx->keystream, BLOCK, ctx->nonce, ctx->counter++, ctx->key);
    ctx->left = BLOCK;
    use_rest(ctx, &size, &input, &output);
  }
  return 0;
}

int mbedtls_chacha20_crypt(const unsigned char key[32], const unsigned char nonce[12], uint32_t counter, size_t size,
                           const unsigned char *input, unsigned char *output) {
  mbedtls_chacha20_context ctx;
  mbedtls_chacha20_init(&ctx);
  mbedtls_chacha20_setkey(&ctx, key);
  mbedtls_chacha20_starts(&ctx, nonce, counter);
  mbedtls_chacha20_update(&ctx, size, input, output);
  mbedtls_chacha20_free(&ctx);
  return 0;
}

void mbedtls_poly1305_init(mbedtls_poly1305_context *ctx) { memset(ctx, 0, sizeof *ctx); }
void mbedtls_poly1305_free(mbedtls_poly1305_context *ctx) {
  if (ctx != NULL) sodium_memzero(ctx, sizeof *ctx);
}
int mbedtls_poly1305_starts(mbedtls_poly1305_context *ctx, const unsigned char key[32]) {
  return crypto_onetimeauth_poly1305_init(&ctx->state, key);
}
int mbedtls_poly1305_update(mbedtls_poly1305_context *ctx, const unsigned char *input, size_t size) {
  return crypto_onetimeauth_poly1305_update(&ctx->state, input, size);
}
int mbedtls_poly1305_finish(mbedtls_poly1305_context *ctx, unsigned char mac[16]) {
  return crypto_onetimeauth_poly1305_final(&ctx->state, mac);
}
int mbedtls_poly1305_mac(const unsigned char key[32], const unsigned char *input, size_t size, unsigned char mac[16]) {
  return crypto_onetimeauth_poly1305(mac, input, size, key);
}
