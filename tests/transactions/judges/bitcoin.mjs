// bitcoinjs-lib and @scure/btc-signer build PSBTs; the digests that bitcoinjs hands to a signer are ours, and what both extract is what we finish.
import assert from 'node:assert/strict';
import * as bitcoin from 'bitcoinjs-lib';
import * as ecc from '@bitcoinerlab/secp256k1';
import { BIP32Factory } from 'bip32';
import * as btc from '@scure/btc-signer';
import { schnorr } from '@noble/curves/secp256k1.js';
import { be32, childSecret, hex, makeKey, n, rounds, signEcdsa, toBig, unhex } from './support.mjs';

bitcoin.initEccLib(ecc);
const bip32 = BIP32Factory(ecc);
export const networks = { mainnet: bitcoin.networks.bitcoin, testnet: bitcoin.networks.testnet, signet: bitcoin.networks.testnet, regtest: bitcoin.networks.regtest };
// A signature is as good on every network: movements are judged as mainnet's, whatever network the client names.
const asset = 'bip122:000000000019d6689c085ae165831e93/slip44:0';
const { p2pkh, p2wpkh, p2sh, p2wsh, p2pk, p2tr } = bitcoin.payments;

function rootOf(key, network) {
  const root = bip32.fromPrivateKey(be32(key.x), unhex(key.facts.chain_code), network);
  assert.equal(hex(root.publicKey), key.facts.public_key);
  return root;
}

// An output of ours for this child: its script, and what an input or output says of it.
export function ours(random, kind, child, root, path, network) {
  const pubkey = child.publicKey, common = { network };
  const bip32Derivation = [{ masterFingerprint: root.fingerprint, pubkey, path }];
  switch (kind) {
    case 'p2pkh': return { output: p2pkh({ pubkey, ...common }), info: { bip32Derivation }, outInfo: { bip32Derivation } };
    case 'p2wpkh': return { output: p2wpkh({ pubkey, ...common }), info: { bip32Derivation }, outInfo: { bip32Derivation } };
    case 'p2sh-p2wpkh': { const redeem = p2wpkh({ pubkey, ...common }); return { output: p2sh({ redeem, ...common }), info: { bip32Derivation, redeemScript: redeem.output }, outInfo: { bip32Derivation, redeemScript: redeem.output } }; }
    case 'p2wsh': { const redeem = random.coin() ? p2pk({ pubkey, ...common }) : p2pkh({ pubkey, ...common }); return { output: p2wsh({ redeem, ...common }), info: { bip32Derivation, witnessScript: redeem.output }, outInfo: { bip32Derivation, witnessScript: redeem.output } }; }
    case 'p2tr': {
      const internalPubkey = pubkey.subarray(1);
      const tapMerkleRoot = random.coin(4) ? random.bytes(32) : undefined;
      const tapBip32Derivation = [{ masterFingerprint: root.fingerprint, pubkey: internalPubkey, path, leafHashes: [] }];
      return { output: p2tr({ internalPubkey, hash: tapMerkleRoot, ...common }), merkleRoot: tapMerkleRoot, info: { tapInternalKey: internalPubkey, tapBip32Derivation, ...(tapMerkleRoot ? { tapMerkleRoot } : {}) }, outInfo: { tapInternalKey: internalPubkey, tapBip32Derivation } };
    }
  }
}

export function previousTransaction(random, script, value) {
  const tx = new bitcoin.Transaction();
  tx.version = 2;
  tx.addInput(random.bytes(32), random.below(5), 0xfffffffe, random.coin() ? random.bytes(random.below(80)) : undefined);
  if (random.coin()) tx.setWitness(0, [random.bytes(random.below(72)), random.bytes(33)]);
  const before = random.below(3);
  for (let i = 0; i < before; ++i) tx.addOutput(random.bytes(22), BigInt(random.below(1e9)));
  tx.addOutput(script, value);
  if (random.coin()) tx.addOutput(random.bytes(25), 1000n);
  return { tx, index: before };
}

export function foreignScript(random, network) {
  switch (random.below(5)) {
    case 0: return p2pkh({ hash: random.bytes(20), network });
    case 1: return p2wpkh({ hash: random.bytes(20), network });
    case 2: return p2sh({ hash: random.bytes(20), network });
    case 3: return p2wsh({ hash: random.bytes(32), network });
    default: return p2tr({ pubkey: schnorr.getPublicKey(be32((toBig(random.bytes(32)) % (n - 1n)) + 1n)), network });
  }
}

export async function judgePsbt(ask, random, count, signed, scheme) {
  const key = makeKey(random, scheme);
  const kinds = scheme === 'schnorr' ? ['p2tr'] : ['p2pkh', 'p2wpkh', 'p2sh-p2wpkh', 'p2wsh'];
  return rounds(random, count, async (random, round) => {
    const name = random.pick(Object.keys(networks)), network = networks[name], root = rootOf(key, network);
    const randomPath = () => random.coin(4) ? 'm' : `m/${random.below(2)}/${random.below(1000)}`;
    const at = (path) => path === 'm' ? root : root.derivePath(path);
    const psbt = new bitcoin.Psbt({ network });
    psbt.setVersion(2).setLocktime(random.coin() ? random.below(800000) : 0);
    const scure = { inputs: [], outputs: [] };
    const inputs = [];
    let total = 0n, allOurs = true;
    const size = 1 + random.below(4);
    for (let i = 0; i < size; ++i) {
      const foreign = i > 0 && random.coin(6), value = BigInt(10000 + random.below(1e10)), path = randomPath();
      const own = foreign ? null : ours(random, random.pick(kinds), at(path), root, path, network);
      const output = foreign ? foreignScript(random, network) : own.output;
      const previous = previousTransaction(random, output.output, value);
      const both = scheme === 'schnorr' ? random.coin() : true;
      const utxo = { ...(both ? { nonWitnessUtxo: previous.tx.toBuffer() } : {}), ...(scheme === 'schnorr' || random.coin(3) ? { witnessUtxo: { script: output.output, value } } : {}) };
      const sighashType = random.coin(4) ? 1 : undefined;
      const input = { hash: previous.tx.getId(), index: previous.index, sequence: random.coin() ? 0xfffffffd : 0xffffffff, ...utxo, ...(own ? own.info : {}), ...(sighashType ? { sighashType } : {}) };
      psbt.addInput(input);
      inputs.push({ own, path, value, address: output.address });
      total += value;
      allOurs &&= !foreign;
    }
    let left = total;
    const expected = [];
    const outputs = 1 + random.below(3);
    for (let i = 0; i < outputs; ++i) {
      const value = left * BigInt(1 + random.below(40)) / 100n;
      left -= value;
      const path = randomPath();
      const own = random.coin(3) ? ours({ coin: () => false }, random.pick(kinds), at(path), root, path, network) : null;
      const output = own ? own.output : foreignScript(random, network);
      psbt.addOutput({ script: output.output, value, ...(own ? own.outInfo : {}) });
      if (!own) expected.push({ kind: 'transfer', asset, to: bitcoin.address.fromOutputScript(output.output, networks.mainnet), amount: `${value}` });
    }
    expected.push({ kind: 'fee', asset, to: 'fee', amount: `${left}` });
    const payload = { kind: 'btc_psbt', base64: psbt.toBase64(), network: name };
    const answer = await ask({ key: key.facts, payload });
    assert.ok(!answer.refusal, JSON.stringify([answer.refusal, payload]));
    assert.deepEqual(answer.facts.movements.map(({ from, ...rest }) => rest), expected);
    const own = inputs.map((input, i) => ({ ...input, i })).filter((input) => input.own);
    assert.deepEqual(answer.to_sign.map((item) => item.path), own.map((input) => input.path));

    // The same as PSBT version 2, by another library.
    const again = btc.Transaction.fromPSBT(unhex(hex(Buffer.from(payload.base64, 'base64'))), { allowUnknown: true, allowUnknownOutputs: true, allowLegacyWitnessUtxo: true, disableScriptCheck: true });
    const version2 = { ...payload, base64: Buffer.from(again.toPSBT(2)).toString('base64') };
    const second = await ask({ key: key.facts, payload: version2 });
    assert.ok(!second.refusal, JSON.stringify([second.refusal, version2]));
    assert.deepEqual(second.to_sign, answer.to_sign);

    // Every digest is the one that the library asks for.
    const signatures = [];
    for (const [k, { i, own: spent }] of own.entries()) {
      const item = answer.to_sign[k];
      const sign = (h) => {
        assert.equal(hex(h), item.bytes);
        if (round >= signed) throw new Error('compared');
        return scheme === 'schnorr' ? signatures[k].signature : unhex(signatures[k].hex);
      };
      let publicKey = unhex(item.public_key);
      if (scheme === 'schnorr') {
        assert.equal(item.merkle_root, spent.merkleRoot ? hex(spent.merkleRoot) : '');
        publicKey = new Uint8Array([2, ...spent.output.pubkey]);
      }
      if (round < signed) {
        let x = childSecret(key, item);
        if (scheme === 'schnorr') {
          if (item.public_key.startsWith('03')) x = n - x;
          x = (x + toBig(bitcoin.crypto.taggedHash('TapTweak', unhex(item.public_key.slice(2) + item.merkle_root)))) % n;
          const signature = schnorr.sign(unhex(item.bytes), be32(x), new Uint8Array(32));
          signatures.push({ hex: hex(signature), signature });
        } else {
          signatures.push(signEcdsa(x, unhex(item.bytes)));
        }
      }
      const attempt = () => psbt.signInput(i, { publicKey, sign, signSchnorr: sign }, [0, 1]);
      if (round < signed) attempt();
      else assert.throws(attempt, /compared/);
    }
    if (round >= signed) return;
    const { finished } = await ask({ key: key.facts, payload, signatures: signatures.map(({ signature, ...rest }) => rest) });
    if (allOurs) {
      psbt.finalizeAllInputs();
      const tx = psbt.extractTransaction(true);
      assert.equal(finished.signed_transaction, tx.toHex());
      assert.equal(finished.transaction_hash, tx.getId());
      assert.equal(bitcoin.Psbt.fromBase64(finished.psbt).extractTransaction(true).toHex(), tx.toHex());
    } else {
      assert.ok(!finished.signed_transaction);
      const read = bitcoin.Psbt.fromBase64(finished.psbt);
      assert.deepEqual(read.data.inputs.map((input) => input.partialSig ?? input.tapKeySig), psbt.data.inputs.map((input) => input.partialSig ?? input.tapKeySig));
    }

    const done = (await ask({ key: key.facts, payload: version2, signatures: signatures.map(({ signature, ...rest }) => rest) })).finished;
    assert.equal(done.signed_transaction, finished.signed_transaction);
  });
}

export async function judgeKeys(ask, random, count) {
  return rounds(random, count, async (random) => {
    const key = makeKey(random, random.coin() ? 'ecdsa' : 'schnorr');
    const name = random.pick(Object.keys(networks)), network = networks[name];
    const path = ['m', ...Array.from({ length: random.below(5) }, () => random.below(2 ** 31))].join('/');
    const answer = await ask({ key: { ...key.facts, path }, network: name });
    const root = rootOf(key, network), child = path === 'm' ? root : root.derivePath(path);
    assert.equal(answer.public_key, hex(child.publicKey));
    assert.equal(answer.xpub, child.neutered().toBase58());
    assert.equal(toBig(child.privateKey), (key.x + toBig(unhex(answer.tau))) % n);
    // Whoever has the extended key only derives the same addresses.
    const outside = bip32.fromBase58(answer.xpub, network), pubkey = outside.publicKey;
    const expected = key.scheme === 'schnorr' ? { bitcoin_p2tr: p2tr({ internalPubkey: pubkey.subarray(1), network }).address }
      : { bitcoin_p2pkh: p2pkh({ pubkey, network }).address, bitcoin_p2wpkh: p2wpkh({ pubkey, network }).address, bitcoin_p2sh_p2wpkh: p2sh({ redeem: p2wpkh({ pubkey, network }), network }).address };
    const { ethereum, ...bitcoinAddresses } = answer.addresses;
    assert.deepEqual(bitcoinAddresses, expected);
  });
}
