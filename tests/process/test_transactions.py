"""Transactions that JavaScript libraries build are signed by a 2-of-3 key through REST and taken by those libraries.

QUORATE_JUDGE_ROUNDS is the number of transactions of each kind (default 50), QUORATE_JUDGE_SEED another seed.
"""
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

from cluster import BINARIES, BIP340, ECDSA, ED25519, SLOWNESS, ClusterTest

JUDGES = pathlib.Path(__file__).resolve().parent.parent / "transactions" / "judges"
sys.path.insert(0, str(JUDGES))
import run as judges  # noqa: E402  tests/transactions/judges/run.py

ROUNDS, SEED = os.environ.get("QUORATE_JUDGE_ROUNDS", "50"), os.environ.get("QUORATE_JUDGE_SEED", "remote")
TO = "0x3535353535353535353535353535353535353535"
# A transfer of one ether on chain 1 that costs 21000 · 20 gwei at most, and the bytes of the published example of EIP-155.
FIELDS = {"chain_id": 1, "nonce": 9, "gas": 21000, "gas_price": 20000000000, "to": TO, "value": "1000000000000000000"}
EIP155 = "0xec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080"


def node(directory, *words, given):
    done = subprocess.run(["node", "remote.mjs", *words], cwd=directory, input=json.dumps(given), capture_output=True,
                          text=True, timeout=120 * SLOWNESS, check=False)
    if done.returncode != 0:
        raise AssertionError(f"remote.mjs {words}: {done.stderr[-4000:]}")
    return json.loads(done.stdout)


class Transactions(ClusterTest):
    def setUp(self):
        super().setUp()
        self.c = self.cluster().up()

    def views(self, *algorithms):
        names = {ECDSA: "ecdsa", BIP340: "schnorr", ED25519: "eddsa"}
        for algorithm in algorithms:
            self.c.create(names[algorithm], algorithm)
        return {names[a]: self.c.get(f"/v1/keys/{names[a]}").body for a in algorithms}

    def sign(self, key, payload, path=None, **more):
        body = {"payload": payload} | ({"path": path} if path else {})
        return self.c.post(f"/v1/keys/{key}/signatures", body, **more)

    def install(self):
        if shutil.which("node") is None or shutil.which("npm") is None:
            self.skipTest("node and npm are not installed")
        directory = BINARIES / "judges"
        try:
            judges.install(directory)
        except SystemExit as e:
            if e.code != 77:
                raise AssertionError(e.code) from e
            self.skipTest("npm's registry cannot be reached")
        scripts = directory / "remote"  # its own copies: the judges' test may run at the same time
        scripts.mkdir(exist_ok=True)
        for script in JUDGES.glob("*.mjs"):
            shutil.copy(script, scripts / script.name)
        return scripts

    def test_what_libraries_build_is_signed_and_taken_by_them(self):
        directory = self.install()
        views = self.views(ECDSA, BIP340, ED25519)
        keys = {name: {"public_key": views[name]["public_key"]["hex"], "xpub": views[name]["xpub"]}
                for name in ("ecdsa", "schnorr")}
        keys["eddsa"] = {}
        for path in ("m", "m/0/5", "m/7"):
            child = self.c.get(f"/v1/keys/eddsa/derive?path={path}", node="node2").body
            keys["eddsa"][path] = child["public_key"]["hex"]
        cases = node(directory, "make", ROUNDS, SEED, given=keys)

        def signed(number):
            case = cases[number]
            through = self.c.names[number % len(self.c.names)]
            reply = self.c.post(f"/v1/keys/{case['key']}/signatures", case["body"], node=through)
            if reply.status != 201:
                raise AssertionError(f"{case} through {through}: {reply}")
            return case | {"result": reply.body["result"], "facts": reply.body.get("facts")}

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            results = list(pool.map(signed, range(len(cases))))
        counts = node(directory, "check", given=results)
        kinds = [f"eth_transaction {t}" for t in range(5)] + ["eth_message", "eth_typed_data", "btc_psbt ecdsa",
                                                             "btc_psbt schnorr", "solana_transaction"]
        self.assertEqual({kind: counts[kind] for kind in kinds}, {kind: int(ROUNDS) for kind in kinds})
        self.assertEqual(sum(counts.values()), len(cases))
        # 50 children each, that whoever has the xpub derives alone.
        self.assertEqual([counts[f"message of a child ({name})"] for name in ("ecdsa", "schnorr")], [50, 50])
        for i in (0, 49):
            child = self.c.get(f"/v1/keys/ecdsa/derive?path=m/0/{i}", node="node3").body
            case = next(r for r in results if r["key"] == "ecdsa" and r["body"].get("path") == f"m/0/{i}"
                        and r["body"]["payload"]["kind"] == "message")
            self.assertEqual(child["public_key"]["hex"], case["check"]["pubkey"])

    def test_facts_intent_and_audit_say_what_was_signed(self):
        self.views(ECDSA)
        payload = {"kind": "eth_transaction", "fields": FIELDS}
        seen = self.c.post("/v1/transactions/inspect", {"key": "ecdsa", "payload": payload, "path": "m/0/5"}, node="node2")
        self.assertEqual(seen.status, 200, seen)
        self.assertEqual(seen.body["policy"]["decision"], "allow")
        reply = self.sign("ecdsa", payload, "m/0/5")
        self.assertEqual(reply.status, 201, reply)
        request = reply.body
        child = self.c.get("/v1/keys/ecdsa/derive?path=m/0/5").body
        self.assertEqual(request["facts"], seen.body["facts"])
        self.assertEqual([(m["kind"], m["to"], m["amount"]) for m in request["facts"]["movements"]],
                         [("transfer", TO, "1000000000000000000"), ("fee", "fee", "420000000000000")])
        intent = request["intent"]
        for name in ("facts_digest", "payload_digest", "decoder", "public_key", "path"):
            self.assertEqual(intent[name], seen.body[name], name)
        self.assertEqual(intent["public_key"], child["public_key"]["hex"])
        self.assertEqual(request["result"]["public_key"], child["public_key"]["hex"])
        self.assertEqual(request["result"]["path"], "m/0/5")
        # On every signer's own log, with the same words.
        for name in request["result"]["signers"]:
            entries = [e for e in self.c.get("/v1/audit?limit=200", node=name).body["items"] if e["request"] == request["id"]]
            self.assertTrue({"released", "succeeded"} <= {e["kind"] for e in entries}, entries)
            for entry in entries:
                self.assertEqual({k: entry["entry"][k] for k in ("path", "public_key", "facts_digest", "payload_digest")},
                                 {k: intent[k] for k in ("path", "public_key", "facts_digest", "payload_digest")})
                self.assertEqual(entry["entry"]["facts"], request["facts"])

    def test_what_is_malformed_or_lies_names_the_field(self):
        self.views(ECDSA, ED25519)
        cases = [
            ("ecdsa", {"kind": "eth_transaction", "raw": EIP155 + "00"}, None, "payload_malformed", "/payload/raw"),
            ("ecdsa", {"kind": "eth_transaction", "raw": EIP155[:-2]}, None, "payload_malformed", "/payload/raw"),
            ("ecdsa", {"kind": "eth_transaction", "raw": EIP155, "chain": "eip155:5"}, None, "payload_invalid", "/payload/chain"),
            ("ecdsa", {"kind": "eth_transaction", "fields": FIELDS | {"gas": "x"}}, None, "payload_malformed", "/payload/fields/gas"),
            ("ecdsa", {"kind": "eth_transaction", "fields": FIELDS, "colour": 1}, None, "payload_malformed", "/payload/colour"),
            ("ecdsa", {"kind": "eth_typed_data", "typed_data": {"types": {}, "primaryType": "A", "domain": {}, "message": {}}},
             None, "payload_malformed", "/payload/typed_data/primaryType"),
            ("ecdsa", {"kind": "btc_psbt", "base64": "AAAA"}, None, "payload_malformed", "/payload/base64"),
            ("ecdsa", {"kind": "solana_transaction", "base64": "AAAA"}, None, "payload_malformed", "/payload/base64"),
            ("eddsa", {"kind": "eth_transaction", "raw": EIP155}, None, "algorithm_mismatch", "/payload/kind"),
            ("eddsa", {"kind": "solana_transaction", "base64": "AAAA"}, None, "payload_malformed", "/payload/base64"),
            ("ecdsa", {"kind": "eth_transaction", "raw": EIP155}, "m/0'", "path_invalid", "/path"),
            ("ecdsa", {"kind": "message", "utf8": "x"}, "m/00", "path_invalid", "/path"),
            ("ecdsa", {"kind": "message", "utf8": "x"}, "m/2147483648", "path_invalid", "/path"),
        ]
        for key, payload, path, code, pointer in cases:
            with self.subTest(payload=payload, path=path):
                inspected = self.c.post("/v1/transactions/inspect", {"key": key, "payload": payload} | ({"path": path} if path else {}))
                for reply in (self.sign(key, payload, path), inspected):
                    self.assertProblem(reply, 422, code)
                    self.assertEqual(reply.body["pointer"], pointer)
        # Nothing of it was kept, and a blind digest is still denied.
        self.assertEqual(self.c.get("/v1/requests?kind=sign").body["items"], [])
        self.assertProblem(self.sign("ecdsa", {"kind": "digest", "hex": "11" * 32}), 403, "denied")

    def test_the_commands(self):
        self.views(ECDSA)
        seen = self.c.quorate("inspect", "--key", "ecdsa", "--eth-tx", EIP155).stdout
        self.assertRegex(seen, f"transfer   1000000000000000000 of eip155:1/slip44:60 from 0x[0-9a-f]{{40}} to {TO}\n")
        self.assertIn("policy     allow, rule admin-signs", seen)
        fields = self.c.directory / "tx.json"
        fields.write_text(json.dumps(FIELDS), encoding="utf-8")
        request = self.c.quorate_json("sign", "--key", "ecdsa", "--eth-tx", str(fields), "--path", "m/0/5")
        child = self.c.quorate_json("key", "derive", "ecdsa", "--path", "m/0/5")
        self.assertEqual(request["facts"]["details"]["from"], child["addresses"]["ethereum"].lower())
        self.assertTrue(request["result"]["signed_transaction"].startswith("0xf8"))
        self.assertIn(child["xpub"], self.c.quorate("key", "derive", "ecdsa", "--path", "m/0/5").stdout)
        again = self.c.quorate_json("sign", "--key", "ecdsa", "--eth-message", "hello")
        self.assertEqual(len(again["result"]["signature"]["ethereum"]), 2 + 130)
        refused = self.c.quorate("sign", "--key", "ecdsa", "--eth-tx", EIP155[:-2], check=False)
        self.assertEqual(refused.returncode, 1, refused)


if __name__ == "__main__":
    unittest.main()
