// ethers builds, we decode; we sign, ethers reads. Facts are compared field by field.
import assert from 'node:assert/strict';
import { AbiCoder, Interface, Transaction, TypedDataEncoder, computeAddress, getCreateAddress, hashMessage, recoverAddress, verifyTypedData } from 'ethers';
import { childSecret, makeKey, rounds, signEcdsa, unhex } from './support.mjs';

const lower = (text) => text.toLowerCase();
const safe = new Interface(['function execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)']);
const tokens = new Interface([
  'function transfer(address,uint256)', 'function approve(address,uint256)', 'function transferFrom(address,address,uint256)',
  'function increaseAllowance(address,uint256)', 'function permit(address,address,uint256,uint256,uint8,bytes32,bytes32)',
  'function setApprovalForAll(address,bool)']);
const nft = new Interface(['function safeTransferFrom(address,address,uint256)']);
const nftData = new Interface(['function safeTransferFrom(address,address,uint256,bytes)']);
const many = new Interface(['function safeTransferFrom(address,address,uint256,uint256,bytes)',
  'function safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)']);

const UNKNOWN = { kind: 'unknown', asset: 'unknown', from: 'unknown', to: 'unknown', amount: 'unknown' };

// Call data, and the movements that they must be told as.
function randomCall(random, chain, from, to, depth = 0) {
  const a = random.hexString(20), b = random.hexString(20), v = random.big(256), erc20 = `${chain}/erc20:${to}`;
  const item = (standard, id) => `${chain}/${standard}:${to}/${id}`;
  switch (random.below(depth < 2 ? 14 : 13)) {
    case 0: return { data: '0x', movements: [] };
    case 1: return { data: random.hexString(1 + random.below(200)), movements: [UNKNOWN] };
    case 2: return { data: tokens.encodeFunctionData('transfer', [a, v]), movements: [{ kind: 'transfer', asset: erc20, from, to: a, amount: `${v}` }] };
    case 3: return { data: tokens.encodeFunctionData('approve', [a, v]), movements: [{ kind: 'allowance', asset: erc20, from, to: a, amount: `${v}`, or_asset: item('erc721', v) }] };
    case 4: return { data: tokens.encodeFunctionData('transferFrom', [a, b, v]), movements: [{ kind: 'transfer', asset: erc20, from: a, to: b, amount: `${v}`, or_asset: item('erc721', v) }] };
    case 5: return { data: tokens.encodeFunctionData('permit', [a, b, v, 5n, 27, random.hexString(32), random.hexString(32)]), movements: [{ kind: 'allowance', asset: erc20, from: a, to: b, amount: `${v}` }] };
    case 6: return { data: nft.encodeFunctionData('safeTransferFrom', [a, b, v]), movements: [{ kind: 'transfer', asset: item('erc721', v), from: a, to: b, amount: '1' }] };
    case 7: return { data: nftData.encodeFunctionData('safeTransferFrom', [a, b, v, random.hexString(random.below(70))]), movements: [{ kind: 'transfer', asset: item('erc721', v), from: a, to: b, amount: '1' }] };
    case 8: return { data: many.encodeFunctionData('safeTransferFrom', [a, b, 7n, v, random.hexString(random.below(70))]), movements: [{ kind: 'transfer', asset: item('erc1155', 7n), from: a, to: b, amount: `${v}` }] };
    case 9: {
      const ids = Array.from({ length: random.below(4) }, () => random.big(256)), amounts = ids.map(() => random.big(256));
      return { data: many.encodeFunctionData('safeBatchTransferFrom', [a, b, ids, amounts, '0x1234']),
        movements: ids.map((id, i) => ({ kind: 'transfer', asset: item('erc1155', id), from: a, to: b, amount: `${amounts[i]}` })) };
    }
    case 10: return { data: tokens.encodeFunctionData('setApprovalForAll', [a, true]), movements: [{ kind: 'allowance', asset: `${chain}/erc721:${to}`, from, to: a, amount: 'unknown', or_asset: `${chain}/erc1155:${to}` }] };
    case 11: return { data: tokens.encodeFunctionData('transfer', [a, v]) + '00', movements: [UNKNOWN] };
    case 12: {  // an address with something in its upper bytes
      const data = tokens.encodeFunctionData('transfer', [a, v]);
      return { data: data.slice(0, 12) + '1' + data.slice(13), movements: [UNKNOWN] };
    }
    default: {
      const inner = randomCall(random, chain, to, a, depth + 1);
      const operation = random.coin(4) ? 1 : 0;
      const movements = operation ? [UNKNOWN] : [...(v || inner.data === '0x' ? [{ kind: 'transfer', asset: `${chain}/slip44:60`, from: to, to: a, amount: `${v}` }] : []), ...inner.movements];
      return { data: safe.encodeFunctionData('execTransaction', [a, v, inner.data, operation, 0, 0, 0, a, b, random.hexString(65)]), movements };
    }
  }
}

export function randomTransaction(random, type, sender) {
  const chainId = random.pick([1n, 5n, 137n, 11155111n, 31337n, 0x7fffffffffffn]);
  const chain = `eip155:${chainId}`;
  const to = random.hexString(20), create = random.coin(8) && type < 3;
  const call = randomCall(random, chain, sender, to);
  const tx = { type, chainId, nonce: random.below(2 ** 40), gasLimit: random.big(40), value: random.big(random.pick([64, 256])), to: create ? null : to, data: create ? random.hexString(1 + random.below(300)) : call.data };
  const max = random.big(120);
  if (type < 2) tx.gasPrice = max;
  else Object.assign(tx, { maxFeePerGas: max, maxPriorityFeePerGas: max ? random.big(120) % (max + 1n) : 0n });
  if (type > 0) tx.accessList = Array.from({ length: random.below(3) }, () => ({ address: random.hexString(20), storageKeys: Array.from({ length: random.below(3) }, () => random.hexString(32)) }));
  let fee = tx.gasLimit * max;
  if (type === 3) {
    tx.maxFeePerBlobGas = random.big(100);
    tx.blobVersionedHashes = Array.from({ length: 1 + random.below(6) }, () => '0x01' + random.hexString(31).slice(2));
    fee += 131072n * BigInt(tx.blobVersionedHashes.length) * tx.maxFeePerBlobGas;
  }
  if (type === 4)
    tx.authorizationList = Array.from({ length: 1 + random.below(3) }, () => ({ chainId: random.coin() ? chainId : 0n, address: random.hexString(20), nonce: random.big(64),
      signature: { r: '0x' + (random.big(255) + 1n).toString(16).padStart(64, '0'), s: '0x' + (random.big(250) + 1n).toString(16).padStart(64, '0'), yParity: random.below(2) } }));
  const native = { asset: `${chain}/slip44:60`, from: sender };
  const movements = [];
  if (create) {
    if (tx.value) movements.push({ kind: 'transfer', ...native, to: lower(getCreateAddress({ from: sender, nonce: tx.nonce })), amount: `${tx.value}` });
    movements.push(UNKNOWN);
  } else {
    if (tx.value || tx.data === '0x') movements.push({ kind: 'transfer', ...native, to, amount: `${tx.value}` });
    movements.push(...call.movements);
  }
  if (type === 4) movements.push(UNKNOWN);
  movements.push({ kind: 'fee', ...native, to: 'fee', amount: `${fee}` });
  return { tx, movements };
}

// The same transaction as this API's `fields`.
export function fieldsOf(tx, random) {
  const number = (v) => random.coin() ? `${v}` : '0x' + BigInt(v).toString(16);
  const out = { type: tx.type, chain_id: number(tx.chainId), nonce: number(tx.nonce), gas: number(tx.gasLimit), value: number(tx.value), data: tx.data };
  if (tx.to) out.to = tx.to;
  if (tx.type < 2) out.gas_price = number(tx.gasPrice);
  else Object.assign(out, { max_fee_per_gas: number(tx.maxFeePerGas), max_priority_fee_per_gas: number(tx.maxPriorityFeePerGas) });
  if (tx.accessList) out.access_list = tx.accessList.map((e) => ({ address: e.address, storage_keys: e.storageKeys }));
  if (tx.type === 3) Object.assign(out, { max_fee_per_blob_gas: number(tx.maxFeePerBlobGas), blob_versioned_hashes: tx.blobVersionedHashes });
  if (tx.type === 4) out.authorization_list = tx.authorizationList.map((a) => ({ chain_id: number(a.chainId), address: a.address, nonce: number(a.nonce), y_parity: a.signature.yParity, r: a.signature.r, s: a.signature.s }));
  return out;
}

export async function judgeTransactions(ask, random, count, signed) {
  const key = makeKey(random, 'ecdsa');
  const jobs = [];
  for (let type = 0; type <= 4; ++type)
    for (let i = 0; i < count; ++i) jobs.push((async () => {
      const path = random.coin() ? 'm' : `m/${random.below(2 ** 31)}/${random.below(100)}`;
      const facts = { ...key.facts, path };
      const first = await ask({ key: facts, payload: { kind: 'eth_message', utf8: '' } });
      const sender = lower(computeAddress('0x' + first.to_sign[0].public_key));
      assert.equal(first.facts.details.signer, sender);
      const { tx, movements } = randomTransaction(random, type, sender);
      const judge = Transaction.from(tx);
      const payload = { kind: 'eth_transaction', raw: judge.unsignedSerialized };
      const ours = await ask({ key: facts, payload });
      assert.ok(!ours.refusal, JSON.stringify([ours.refusal, tx], (k, v) => typeof v === 'bigint' ? `${v}` : v));
      assert.equal('0x' + ours.to_sign[0].bytes, judge.unsignedHash);
      assert.equal(ours.to_sign[0].path, path);
      assert.deepEqual(ours.facts.movements, movements);
      const d = ours.facts.details;
      assert.deepEqual([ours.facts.chain, d.nonce, d.gas, d.value, d.data, d.to, d.from], [`eip155:${tx.chainId}`, `${tx.nonce}`, `${tx.gasLimit}`, `${tx.value}`, tx.data, tx.to ?? 'new', sender]);
      const again = await ask({ key: facts, payload: { kind: 'eth_transaction', fields: fieldsOf(tx, random) } });
      assert.deepEqual(again, ours);
      if (i >= signed) return;
      const signature = signEcdsa(childSecret(key, ours.to_sign[0]), unhex(ours.to_sign[0].bytes));
      const { finished } = await ask({ key: facts, payload, signatures: [signature] });
      const read = Transaction.from(finished.signed_transaction);
      assert.equal(lower(read.from), sender);
      assert.equal(read.hash, finished.transaction_hash);
      judge.signature = read.signature;
      assert.equal(judge.serialized, finished.signed_transaction);
    })());
  await Promise.all(jobs);
  return jobs.length;
}

export async function judgeMessages(ask, random, count) {
  const key = makeKey(random, 'ecdsa');
  return rounds(random, count, async (random) => {
    const bytes = random.bytes(random.pick([0, 1, 31, 32, 33, 135, 136, 137, random.below(2000)]));
    const payload = { kind: 'eth_message', base64: Buffer.from(bytes).toString('base64') };
    const ours = await ask({ key: key.facts, payload });
    assert.equal('0x' + ours.to_sign[0].bytes, hashMessage(bytes));
    const { finished } = await ask({ key: key.facts, payload, signatures: [signEcdsa(key.x, unhex(ours.to_sign[0].bytes))] });
    assert.equal(recoverAddress(hashMessage(bytes), finished.signature), computeAddress('0x' + key.facts.public_key));
  });
}

function randomType(random, structs, depth) {
  const atomic = ['address', 'bool', 'string', 'bytes', `uint${8 * (1 + random.below(32))}`, `int${8 * (1 + random.below(32))}`, `bytes${1 + random.below(32)}`];
  let type = depth && structs.length && random.coin(3) ? random.pick(structs) : random.pick(atomic);
  while (random.coin(5)) type += random.coin() ? '[]' : `[${1 + random.below(3)}]`;
  return type;
}

function randomValue(random, types, type) {
  const array = /^(.*)\[(\d*)\]$/.exec(type);
  if (array) return Array.from({ length: array[2] ? Number(array[2]) : random.below(4) }, () => randomValue(random, types, array[1]));
  if (types[type]) return Object.fromEntries(types[type].map((f) => [f.name, randomValue(random, types, f.type)]));
  if (type === 'address') return random.hexString(20);
  if (type === 'bool') return random.coin();
  if (type === 'string') return random.pick(['', 'hello', 'Grüße, 世界', '"quoted" \\ \u0001', 'x'.repeat(random.below(200))]);
  if (type === 'bytes') return random.hexString(random.below(100));
  if (type.startsWith('bytes')) return random.hexString(Number(type.slice(5)));
  if (type.startsWith('uint')) { const v = random.big(Number(type.slice(4))); return v < 1000n ? Number(v) : random.coin() ? `${v}` : '0x' + v.toString(16); }
  const v = random.big(Number(type.slice(3)) - 1), signed = random.coin() ? v : -v - 1n;
  return signed > -1000n && signed < 1000n ? Number(signed) : `${signed}`;
}

export async function judgeTypedData(ask, random, count) {
  const key = makeKey(random, 'ecdsa');
  return rounds(random, count, async (random, i) => {
    const names = ['Order', 'Item', 'Person', 'Asset_1', '$x'].slice(0, 1 + random.below(5));
    const types = {};
    names.forEach((name, at) => {  // only earlier ones use later ones, and each is used
      const later = names.slice(at + 1);
      types[name] = Array.from({ length: 1 + random.below(6) }, (_, f) => ({ name: `f${f}`, type: randomType(random, later, later.length) }));
      if (later.length) types[name].push({ name: 'next', type: later[0] });
    });
    const domain = {};
    if (random.coin()) domain.name = 'Test';
    if (random.coin()) domain.version = '1';
    if (random.coin()) domain.chainId = random.pick([1, '0x89', '31337']);
    if (random.coin()) domain.verifyingContract = random.hexString(20);
    if (random.coin(4)) domain.salt = random.hexString(32);
    const message = randomValue(random, types, 'Order');
    const document = { types: { ...types }, primaryType: 'Order', domain, message };
    if (random.coin()) document.types.EIP712Domain = TypedDataEncoder.getPayload(domain, types, message).types.EIP712Domain;
    const payload = { kind: 'eth_typed_data', typed_data: document };
    const ours = await ask({ key: key.facts, payload });
    assert.ok(!ours.refusal, JSON.stringify([ours.refusal, document]));
    assert.equal('0x' + ours.to_sign[0].bytes, TypedDataEncoder.hash(domain, types, message));
    assert.equal(ours.facts.details.domain_separator, TypedDataEncoder.hashDomain(domain));
    assert.equal(ours.facts.details.encoded_type, TypedDataEncoder.from(types).encodeType('Order'));
    if (i >= 50) return;
    const { finished } = await ask({ key: key.facts, payload, signatures: [signEcdsa(key.x, unhex(ours.to_sign[0].bytes))] });
    assert.equal(verifyTypedData(domain, types, message, finished.signature), computeAddress('0x' + key.facts.public_key));
  });
}
