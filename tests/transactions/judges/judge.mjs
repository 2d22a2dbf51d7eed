// usage: node judge.mjs HELPER [ROUNDS [SEED [JUDGE]]]. Exit 0: every judge agrees.
import { judgeKeys, judgePsbt } from './bitcoin.mjs';
import { judgeSolana } from './solana.mjs';
import { helper, Random } from './support.mjs';
import { judgeMessages, judgeTransactions, judgeTypedData } from './ethereum.mjs';

const [program, rounds = '1000', seed = 'quorate', only] = process.argv.slice(2);
const count = Number(rounds);
const ask = helper(program);
const random = new Random(seed);
const judges = [
  ['Ethereum transactions', () => judgeTransactions(ask, random, count, 50)],
  ['Ethereum messages', () => judgeMessages(ask, random, Math.min(count, 200))],
  ['typed data', () => judgeTypedData(ask, random, count)],
  ['child keys', () => judgeKeys(ask, random, Math.min(count, 200))],
  ['PSBTs of an ECDSA key', () => judgePsbt(ask, random, count, 50, 'ecdsa')],
  ['PSBTs of a BIP-340 key', () => judgePsbt(ask, random, count, 50, 'schnorr')],
  ['Solana messages', () => judgeSolana(ask, random, count, 50)],
];
for (const [name, judge] of judges.filter(([name]) => !only || name.includes(only))) {
  const begin = Date.now();
  const done = await judge();
  console.log(`${name}: ${done} agree, ${Date.now() - begin} ms`);
}
ask.end();
