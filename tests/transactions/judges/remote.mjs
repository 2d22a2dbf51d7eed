// Transactions for a running cluster to sign, and whether the libraries that built them take what it made.
//   node remote.mjs make ROUNDS SEED < keys.json  → a list of {key, body, check}
//   node remote.mjs check < signed.json           → the same list with `result` (and `facts`) of each request
// keys.json: {"ecdsa", "schnorr": {"public_key", "xpub"}, "eddsa": {path: public key}}.
import assert from 'node:assert/strict';
import { Transaction, computeAddress, hashMessage, recoverAddress, verifyTypedData } from 'ethers';
import * as bitcoin from 'bitcoinjs-lib';
import * as ecc from '@bitcoinerlab/secp256k1';
import { BIP32Factory } from 'bip32';
import { PublicKey, SystemProgram, TransactionMessage, VersionedTransaction } from '@solana/web3.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { fieldsOf, randomTransaction } from './ethereum.mjs';
import { foreignScript, networks, ours, previousTransaction } from './bitcoin.mjs';
import { Random, hex, unhex } from './support.mjs';

bitcoin.initEccLib(ecc);
const bip32 = BIP32Factory(ecc);
const lower = (text) => text.toLowerCase();
const at = (root, path) => path === 'm' ? root : root.derivePath(path.slice(2));
const rootIn = (key, network) => {
  const { publicKey, chainCode } = bip32.fromBase58(key.xpub);
  return bip32.fromPublicKey(publicKey, chainCode, network);
};
const base64 = (bytes) => Buffer.from(bytes).toString('base64');
const pathOf = (random) => random.coin(3) ? 'm' : `m/${random.below(2)}/${random.below(1000)}`;

// ---- making

function makeEthereum(keys, random, type) {
  const path = pathOf(random), sender = lower(computeAddress('0x' + hex(at(rootIn(keys.ecdsa, networks.mainnet), path).publicKey)));
  const { tx, movements } = randomTransaction(random, type, sender);
  const raw = Transaction.from(tx).unsignedSerialized;
  const payload = random.coin() ? { kind: 'eth_transaction', raw } : { kind: 'eth_transaction', fields: fieldsOf(tx, random) };
  return { key: 'ecdsa', body: { payload, path }, check: { kind: `eth_transaction ${type}`, raw, sender, movements } };
}

function makeMessage(keys, random) {
  const path = pathOf(random), bytes = random.bytes(random.below(300));
  const signer = computeAddress('0x' + hex(at(rootIn(keys.ecdsa, networks.mainnet), path).publicKey));
  return { key: 'ecdsa', body: { payload: { kind: 'eth_message', base64: base64(bytes) }, path }, check: { kind: 'eth_message', bytes: hex(bytes), signer } };
}

function makeTypedData(keys, random) {
  const path = pathOf(random), signer = computeAddress('0x' + hex(at(rootIn(keys.ecdsa, networks.mainnet), path).publicKey));
  const types = { Permit: ['owner:address', 'spender:address', 'value:uint256', 'nonce:uint256', 'deadline:uint256'].map((f) => ({ name: f.split(':')[0], type: f.split(':')[1] })) };
  const domain = { name: 'USD Coin', version: '2', chainId: 1, verifyingContract: '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48' };
  const message = { owner: lower(signer), spender: random.hexString(20), value: `${random.big(256)}`, nonce: `${random.below(1000)}`, deadline: '2000000000' };
  const movements = [{ kind: 'allowance', asset: `eip155:1/erc20:${domain.verifyingContract}`, from: message.owner, to: message.spender, amount: message.value }];
  return { key: 'ecdsa', body: { payload: { kind: 'eth_typed_data', typed_data: { types, primaryType: 'Permit', domain, message } }, path }, check: { kind: 'eth_typed_data', types, domain, message, signer, movements } };
}

function makePsbt(keys, random, scheme) {
  const name = random.pick(Object.keys(networks)), network = networks[name], root = rootIn(keys[scheme], network);
  const kinds = scheme === 'schnorr' ? ['p2tr'] : ['p2pkh', 'p2wpkh', 'p2sh-p2wpkh', 'p2wsh'];
  const psbt = new bitcoin.Psbt({ network });
  psbt.setVersion(2);
  const own = [];
  let total = 0n, complete = true;
  for (let i = 0, size = 1 + random.below(4); i < size; ++i) {
    const foreign = i > 0 && random.coin(8), value = BigInt(10000 + random.below(1e10)), path = pathOf(random);
    const spent = foreign ? { output: foreignScript(random, network), info: {} } : ours(random, random.pick(kinds), at(root, path), root, path, network);
    const previous = previousTransaction(random, spent.output.output, value);
    psbt.addInput({ hash: previous.tx.getId(), index: previous.index, nonWitnessUtxo: previous.tx.toBuffer(), ...(scheme === 'schnorr' ? { witnessUtxo: { script: spent.output.output, value } } : {}), ...spent.info });
    if (foreign) complete = false;
    else own.push({ i, path, pubkey: hex(at(root, path).publicKey) });
    total += value;
  }
  psbt.addOutput({ script: foreignScript(random, network).output, value: total * 9n / 10n });
  return { key: scheme, body: { payload: { kind: 'btc_psbt', base64: psbt.toBase64(), network: name } }, check: { kind: `btc_psbt ${scheme}`, psbt: psbt.toBase64(), network: name, own, complete, fee: `${total - total * 9n / 10n}` } };
}

function makeSolana(keys, random) {
  const path = random.pick(Object.keys(keys.eddsa)), me = new PublicKey(unhex(keys.eddsa[path])), to = new PublicKey(random.bytes(32)), lamports = random.below(2 ** 40);
  const description = new TransactionMessage({ payerKey: me, recentBlockhash: new PublicKey(random.bytes(32)).toBase58(), instructions: [SystemProgram.transfer({ fromPubkey: me, toPubkey: to, lamports })] });
  const message = base64((random.coin() ? description.compileToV0Message() : description.compileToLegacyMessage()).serialize());
  return { key: 'eddsa', body: { payload: { kind: 'solana_transaction', base64: message }, path }, check: { kind: 'solana_transaction', message, signer: keys.eddsa[path], to: to.toBase58(), lamports: `${lamports}` } };
}

// A message under each of so many children: that xpub leads to the very keys that sign.
function makeChildren(keys, scheme, count) {
  return Array.from({ length: count }, (_, i) => {
    const path = `m/0/${i}`, text = `child ${i}`;
    return { key: scheme, body: { payload: { kind: 'message', utf8: text }, path }, check: { kind: `message of a child (${scheme})`, text, pubkey: hex(at(rootIn(keys[scheme], networks.mainnet), path).publicKey) } };
  });
}

function make(keys, rounds, seed) {
  const random = new Random(seed), cases = [];
  for (let i = 0; i < rounds; ++i) {
    for (let type = 0; type <= 4; ++type) cases.push(makeEthereum(keys, random, type));
    cases.push(makeMessage(keys, random), makeTypedData(keys, random), makePsbt(keys, random, 'ecdsa'), makePsbt(keys, random, 'schnorr'), makeSolana(keys, random));
  }
  return [...cases, ...makeChildren(keys, 'ecdsa', 50), ...makeChildren(keys, 'schnorr', 50)];
}

// ---- checking

function checkPsbt({ check, result }) {
  const network = networks[check.network], psbt = bitcoin.Psbt.fromBase64(check.psbt, { network });
  assert.equal(result.signatures.length, check.own.length);
  check.own.forEach(({ i, path, pubkey }, k) => {
    const { hex: signature, path: signedAt, public_key: signedBy } = result.signatures[k];
    assert.deepEqual([signedAt, signedBy], [path, pubkey]);
    if (check.kind.endsWith('schnorr')) {
      psbt.updateInput(i, { tapKeySig: unhex(signature) });
      assert.ok(psbt.validateSignaturesOfInput(i, (key, hash, made) => schnorr.verify(made, hash, key)));
    } else {
      psbt.updateInput(i, { partialSig: [{ pubkey: unhex(pubkey), signature: bitcoin.script.signature.encode(unhex(signature), bitcoin.Transaction.SIGHASH_ALL) }] });
      assert.ok(psbt.validateSignaturesOfInput(i, (key, hash, made) => secp256k1.verify(made, hash, key, { prehash: false })));
    }
  });
  if (check.complete) {
    psbt.finalizeAllInputs();
    const tx = psbt.extractTransaction(true);
    assert.equal(result.signed_transaction, tx.toHex());
    assert.equal(result.transaction_hash, tx.getId());
    assert.equal(bitcoin.Psbt.fromBase64(result.psbt).extractTransaction(true).toHex(), tx.toHex());
  } else {
    assert.ok(!('signed_transaction' in result));
    const read = bitcoin.Psbt.fromBase64(result.psbt);
    for (const { i } of check.own) assert.deepEqual(read.data.inputs[i].partialSig ?? read.data.inputs[i].tapKeySig, psbt.data.inputs[i].partialSig ?? psbt.data.inputs[i].tapKeySig);
  }
}

const checks = {
  eth_transaction({ check, result, facts }) {
    const read = Transaction.from(result.signed_transaction);
    assert.equal(lower(read.from), check.sender);
    assert.equal(read.hash, result.transaction_hash);
    assert.equal(read.unsignedSerialized, check.raw);
    assert.deepEqual([read.signature.r, read.signature.s], ['0x' + result.signature.r, '0x' + result.signature.s]);
    assert.deepEqual(facts.movements, check.movements);
  },
  eth_message({ check, result }) { assert.equal(recoverAddress(hashMessage(unhex(check.bytes)), result.signature.ethereum), check.signer); },
  eth_typed_data({ check, result, facts }) {
    assert.equal(verifyTypedData(check.domain, check.types, check.message, result.signature.ethereum), check.signer);
    assert.deepEqual(facts.movements, check.movements);
  },
  btc_psbt(one) {
    checkPsbt(one);
    if (one.check.complete) assert.equal(one.facts.movements.at(-1).amount, one.check.fee);
  },
  solana_transaction({ check, result, facts }) {
    const read = VersionedTransaction.deserialize(Buffer.from(result.signed_transaction, 'base64'));
    assert.equal(base64(read.message.serialize()), check.message);
    assert.ok(ed25519.verify(read.signatures[0], Buffer.from(check.message, 'base64'), unhex(check.signer)));
    assert.deepEqual([facts.movements[0].to, facts.movements[0].amount], [check.to, check.lamports]);
  },
  message({ key, check, result }) {
    assert.equal(result.public_key, check.pubkey);
    const digest = sha256(Buffer.from(check.text)), signature = unhex(result.signature.hex), pubkey = unhex(check.pubkey);
    assert.ok(key === 'schnorr' ? schnorr.verify(signature, digest, pubkey.subarray(1)) : secp256k1.verify(signature, digest, pubkey, { prehash: false }));
  },
};

let input = '';
for await (const chunk of process.stdin) input += chunk;
const [mode, rounds, seed] = process.argv.slice(2);
const big = (_, v) => typeof v === 'bigint' ? `${v}` : v;
if (mode === 'make') {
  process.stdout.write(JSON.stringify(make(JSON.parse(input), Number(rounds), seed), big));
} else {
  const counts = {};
  for (const one of JSON.parse(input)) {
    try {
      checks[one.check.kind.split(' ')[0]](one);
    } catch (e) {
      console.error(JSON.stringify(one).slice(0, 3000));
      throw e;
    }
    counts[one.check.kind] = (counts[one.check.kind] ?? 0) + 1;
  }
  process.stdout.write(JSON.stringify(counts));
}
