// @solana/web3.js compiles messages, we tell what they do; our signature makes a transaction that it takes.
import assert from 'node:assert/strict';
import { AddressLookupTableAccount, ComputeBudgetProgram, PublicKey, SystemProgram, TransactionInstruction, TransactionMessage, VersionedTransaction } from '@solana/web3.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { childSecret, hex, L, makeKey, rounds, toBig, unhex } from './support.mjs';

const chain = 'solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp';
const token = new PublicKey('TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA'), token2022 = new PublicKey('TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb');
const UNKNOWN = { kind: 'unknown', asset: 'unknown', from: 'unknown', to: 'unknown', amount: 'unknown' };
const le = (n, width) => Buffer.from(Array.from({ length: width }, (_, i) => Number((n >> BigInt(8 * i)) & 255n)));
const le32 = (n) => new Uint8Array(le(n, 32));

export async function judgeSolana(ask, random, count, signed) {
  const key = makeKey(random, 'eddsa');
  const judge = async (random, round) => {
    const randomKey = () => new PublicKey(random.bytes(32));
    const path = random.coin() ? 'm' : `m/${random.below(100)}/${random.below(2 ** 31)}`;
    const facts = { ...key.facts, path };
    const { public_key } = await ask({ key: facts, network: 'mainnet' });
    const me = new PublicKey(unhex(public_key)), payer = random.coin(4) ? randomKey() : me;
    const instructions = [], movements = [];
    let price = 0n, limit = 1400000n;
    const tableKeys = Array.from({ length: 4 }, randomKey), useTable = random.coin(3);
    const destination = () => useTable && random.coin() ? random.pick(tableKeys) : randomKey();
    const shown = (account) => useTable && tableKeys.includes(account) ? 'unknown' : account.toBase58();
    if (random.coin()) { price = BigInt(random.below(1e9)); instructions.push(ComputeBudgetProgram.setComputeUnitPrice({ microLamports: price })); }
    if (random.coin()) { limit = BigInt(random.below(2e6)); instructions.push(ComputeBudgetProgram.setComputeUnitLimit({ units: Number(limit) })); }
    const size = 1 + random.below(4);
    for (let i = 0; i < size; ++i) {
      const to = destination(), amount = random.big(63);
      const meta = (pubkey, isWritable = true, isSigner = false) => ({ pubkey, isWritable, isSigner });
      switch (random.below(5)) {
        case 0: instructions.push(SystemProgram.transfer({ fromPubkey: me, toPubkey: to, lamports: amount }));
          movements.push({ kind: 'transfer', asset: `${chain}/slip44:501`, from: me.toBase58(), to: shown(to), amount: `${amount}` }); break;
        case 1: { const mint = destination(); instructions.push(new TransactionInstruction({ programId: random.pick([token, token2022]), keys: [meta(randomKey()), meta(mint, false), meta(to), meta(me, false, true)], data: Buffer.concat([Buffer.from([12]), le(amount, 8), Buffer.from([6])]) }));
          movements.push({ kind: 'transfer', asset: shown(mint) === 'unknown' ? 'unknown' : `${chain}/token:${mint.toBase58()}`, from: me.toBase58(), to: shown(to), amount: `${amount}`, to_owner: 'unknown' }); break; }
        case 2: instructions.push(new TransactionInstruction({ programId: token, keys: [meta(randomKey()), meta(to), meta(me, false, true)], data: Buffer.concat([Buffer.from([3]), le(amount, 8)]) }));
          movements.push({ kind: 'transfer', asset: 'unknown', from: me.toBase58(), to: shown(to), amount: `${amount}`, to_owner: 'unknown' }); break;
        case 3: instructions.push(new TransactionInstruction({ programId: randomKey(), keys: [meta(me, true, true), meta(to)], data: Buffer.from(random.bytes(random.below(60))) }));
          movements.push(UNKNOWN); break;
        default: instructions.push(SystemProgram.assign({ accountPubkey: me, programId: randomKey() })); movements.push(UNKNOWN);
      }
    }
    if (!instructions.some((i) => i.keys.some((k) => k.isSigner && k.pubkey.equals(me))) && payer !== me) return judge(random, round);
    const description = new TransactionMessage({ payerKey: payer, recentBlockhash: randomKey().toBase58(), instructions });
    const table = new AddressLookupTableAccount({ key: randomKey(), state: { deactivationSlot: 0n, lastExtendedSlot: 0, lastExtendedSlotStartIndex: 0, addresses: tableKeys } });
    const message = useTable ? description.compileToV0Message([table]) : random.coin() ? description.compileToV0Message() : description.compileToLegacyMessage();
    const bytes = message.serialize();
    if (bytes.length > 1167) return judge(random, round);
    const payload = { kind: 'solana_transaction', base64: Buffer.from(bytes).toString('base64') };
    const answer = await ask({ key: facts, payload });
    assert.ok(!answer.refusal, JSON.stringify([answer.refusal, payload]));
    assert.equal(answer.to_sign[0].bytes, hex(bytes));
    const fee = 5000n * BigInt(message.header.numRequiredSignatures) + ((limit < 1400000n ? limit : 1400000n) * price + 999999n) / 1000000n;
    assert.deepEqual(answer.facts.movements, [...movements, { kind: 'fee', asset: `${chain}/slip44:501`, from: payer.toBase58(), to: 'fee', amount: `${fee}` }]);
    assert.equal(answer.facts.details.version, message.version === 0 ? '0' : 'legacy');
    if (round >= signed) return;
    // RFC 8032 with the child's scalar x + τ; the nonce may be any secret.
    const x = childSecret(key, answer.to_sign[0]), r = toBig(random.bytes(32)) % L;
    const R = ed25519.Point.BASE.multiply(r).toBytes();
    const c = toBig(Uint8Array.from(sha512(Buffer.concat([R, unhex(public_key), bytes]))).reverse()) % L;
    const signature = Buffer.concat([R, le32((r + c * x) % L)]);
    assert.ok(ed25519.verify(signature, bytes, unhex(public_key)));
    const { finished } = await ask({ key: facts, payload, signatures: [{ hex: hex(signature) }] });
    const read = VersionedTransaction.deserialize(Buffer.from(finished.signed_transaction ?? finished.partially_signed_transaction, 'base64'));
    assert.equal('signed_transaction' in finished, message.header.numRequiredSignatures === 1);
    const place = read.message.staticAccountKeys.findIndex((k) => k.equals(me));
    assert.equal(hex(read.signatures[place]), hex(signature));
    assert.equal(hex(read.message.serialize()), hex(bytes));
  };
  return rounds(random, count, judge);
}
