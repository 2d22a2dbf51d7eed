// The helper as a function, a reproducible source of random values, keys.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import assert from 'node:assert/strict';

export const hex = (bytes) => Buffer.from(bytes).toString('hex');
export const unhex = (text) => new Uint8Array(Buffer.from(text.replace(/^0x/, ''), 'hex'));
export const toBig = (bytes) => BigInt('0x' + (hex(bytes) || '0'));
export const be32 = (n) => unhex(n.toString(16).padStart(64, '0'));

export function helper(program) {
  const child = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = [];
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()(JSON.parse(line)));
  child.on('exit', (code) => { if (code || waiting.length) { console.error(`the helper ended with ${code}`); process.exit(1); } });
  const ask = (request) => new Promise((resolve) => { waiting.push(resolve); child.stdin.write(JSON.stringify(request) + '\n'); });
  ask.end = () => child.stdin.end();
  return ask;
}

// SHA-256 in counter mode over a seed: the same run every time for one seed.
export class Random {
  constructor(seed) { this.seed = seed; this.counter = 0; this.pool = Buffer.alloc(0); }
  bytes(n) {
    while (this.pool.length < n) this.pool = Buffer.concat([this.pool, sha256(Buffer.from(`${this.seed}/${this.counter++}`))]);
    const out = new Uint8Array(this.pool.subarray(0, n));
    this.pool = this.pool.subarray(n);
    return out;
  }
  below(n) { return Number(toBig(this.bytes(6)) % BigInt(n)); }
  coin(odds = 2) { return this.below(odds) === 0; }
  pick(list) { return list[this.below(list.length)]; }
  // Often small, at the edges or with leading zeros, sometimes of full width.
  big(bits) {
    const max = (1n << BigInt(bits)) - 1n;
    switch (this.below(6)) {
      case 0: return 0n;
      case 1: return BigInt(this.below(300)) & max;
      case 2: return max - BigInt(this.below(2));
      default: return toBig(this.bytes(32)) >> BigInt(256 - this.below(bits + 1));
    }
  }
  hexString(n) { return '0x' + hex(this.bytes(n)); }
}

export const n = secp256k1.Point.Fn.ORDER;
export const L = ed25519.Point.Fn.ORDER;

// A key of two hidden halves would sign with x + τ; here x is known.
export function makeKey(random, scheme) {
  const x = (toBig(random.bytes(32)) % ((scheme === 'eddsa' ? L : n) - 1n)) + 1n;
  const Point = scheme === 'eddsa' ? ed25519.Point : secp256k1.Point;
  return { scheme, x, facts: { scheme, public_key: hex(Point.BASE.multiply(x).toBytes()), chain_code: hex(random.bytes(32)), path: 'm' } };
}

export function childSecret(key, item) {
  const q = key.scheme === 'eddsa' ? L : n;
  const tau = key.scheme === 'eddsa' ? toBig(unhex(item.tau).reverse()) : toBig(unhex(item.tau));
  const x = (key.x + tau) % q;
  const Point = key.scheme === 'eddsa' ? ed25519.Point : secp256k1.Point;
  assert.equal(hex(Point.BASE.multiply(x).toBytes()), item.public_key);
  return x;
}

export function signEcdsa(x, digest) {
  const signature = secp256k1.sign(digest, be32(x), { prehash: false, format: 'recovered', lowS: true });
  return { hex: hex(signature.subarray(1)), recovery_id: signature[0] };
}

// `judge(random, round)` for every round, each with a source of its own, many at a time.
export async function rounds(random, count, judge) {
  const seed = `${random.seed}/${hex(random.bytes(8))}`;
  for (let begin = 0; begin < count; begin += 100)
    await Promise.all(Array.from({ length: Math.min(100, count - begin) }, (_, i) => judge(new Random(`${seed}/${begin + i}`), begin + i)));
  return count;
}
