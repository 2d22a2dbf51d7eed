"""What a node refuses, and how it says so."""
import json
import time
import unittest
import urllib.parse

from cluster import BIP340, ED25519, ClusterTest, content_digest
from ed25519 import SigningKey


class Errors(ClusterTest):
    """One cluster for all: none of these calls may leave a trace that disturbs another."""

    @classmethod
    def setUpClass(cls):
        from cluster import Cluster
        cls.c = Cluster()
        cls.addClassCleanup(cls.c.close)
        cls.c.up()
        cls.key = cls.c.create("ed")
        cls.taproot = cls.c.create("taproot", BIP340)

    def tearDown(self):
        # Whatever was sent, all three still work together.
        self.c.sign_verified(self.key, "still there", node="node2")

    # ---- create_key

    def test_threshold_out_of_range(self):
        for threshold in (-1, 0, 1, 4, 33, 2**31, "2", 2.5, None):
            reply = self.c.create_key("bad", threshold=threshold)
            self.assertProblem(reply, 400)
            self.assertIn("/threshold", reply.raw.decode())

    def test_participants(self):
        for participants in ([], ["node1"], ["node1", "node1"], ["node1", "node2", "node2"], "node1", [1, 2], ["node1", "NODE2"]):
            reply = self.c.create_key("bad", participants=participants)
            self.assertProblem(reply, 400)
            self.assertIn("/participants", reply.raw.decode())

    def test_unknown_participant_is_named(self):
        reply = self.c.create_key("bad", participants=["node1", "node2", "node9"])
        self.assertIn(reply.status, (400, 422), reply)
        self.assertIn("node9", reply.body["detail"])

    def test_names(self):
        for name in ("", "Upper", "-x", "a b", "x" * 64, "a/b", "ü", None, 7):
            reply = self.c.create_key(name)
            self.assertProblem(reply, 400)
            self.assertIn("/name", reply.raw.decode())

    def test_taken_name(self):
        for node in self.c.names:
            self.assertProblem(self.c.create_key("ed", node=node), 409, "name_taken")

    def test_algorithms(self):
        self.assertProblem(self.c.create_key("bad", algorithm="rsa"), 400)
        self.assertProblem(self.c.create_key("bad", algorithm="ecdsa"), 400)

    def test_keys_that_are_not_there(self):
        self.assertProblem(self.c.get("/v1/keys/nothing"), 404)
        self.assertProblem(self.c.sign("nothing", "x"), 404)
        self.assertProblem(self.c.get("/v1/requests/req_" + 32 * "0"), 404)

    # ---- policy

    def test_policy_denies(self):
        digest = {"payload": {"kind": "digest", "hex": "ab" * 32}}
        self.assertProblem(self.c.post("/v1/keys/taproot/signatures", digest), 403)
        self.assertProblem(self.c.create_key("bad", user="approver"), 403)
        self.assertProblem(self.c.sign("ed", "x", user="approver"), 403)
        # The command says so with its exit code.
        done = self.c.quorate("sign", "--key", "taproot", "--digest", "ab" * 32, check=False)
        self.assertEqual(done.returncode, 3, done.stderr)
        done = self.c.quorate("--as", "approver", "sign", "--key", "ed", "--message", "x", check=False)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)

    # ---- bodies

    def test_malformed_bodies(self):
        for body in (b"", b"{", b"[]", b"null", b'{"payload": {"kind": "message", "utf8": "x"}, "extra": 1}',
                     b'{"payload": {"kind": "message"}}', b'{"payload": {"kind": "message", "utf8": "a", "base64": "YQ=="}}',
                     b'{"payload": {"kind": "message", "utf8": "a", "utf8": "b"}}',
                     b'{"payload": {"kind": "message", "base64": "YQ"}}', b"[" * 5000, b'{"a":' * 40 + b"1" + b"}" * 40,
                     b'{"payload": {"kind": "message", "utf8": "\xff"}}'):
            self.assertProblem(self.c.post("/v1/keys/ed/signatures", body), 400)

    def test_a_body_of_300_kib(self):
        body = b'{"payload": {"kind": "message", "utf8": "' + b"x" * (300 * 1024) + b'"}}'
        try:
            reply = self.c.post("/v1/keys/ed/signatures", body)
        except (ConnectionError, OSError):
            return  # closed while we were still sending: as good a refusal
        self.assertEqual(reply.status, 413, reply)

    def test_the_longest_message(self):
        most = 128 * 1024
        self.c.sign_verified(self.key, "x" * most, node="node3")
        reply = self.c.sign("ed", "x" * (most + 1))
        self.assertIn(reply.status, (400, 413), reply)

    def test_paths_and_methods(self):
        self.assertProblem(self.c.get("/v1/nothing"), 404)
        self.assertProblem(self.c.send(self.c.make_call("DELETE", "/v1/keys/ed")), 405)
        for target in ("/v1/keys/", "/v1//keys", "/v1/keys/%2e%2e", "/v1/keys/a%2fb", "/v1/keys?limit=0", "/v1/keys?x=1"):
            self.assertIn(self.c.get(target).status, (400, 404), target)

    # ---- who is asking

    def test_nothing_without_a_signature(self):
        for method, target in (("GET", "/v1/keys"), ("GET", "/v1/node"), ("POST", "/v1/keys/ed/signatures")):
            self.assertProblem(self.c.raw(method, target, b"{}"), 401)
        for target in ("/healthz", "/readyz", "/openapi.json"):
            self.assertEqual(self.c.get(target, signed=False).status, 200, target)

    def sign_call(self, text="x", **more):
        return self.c.make_call("POST", "/v1/keys/ed/signatures", {"payload": {"kind": "message", "utf8": text}}, **more)

    def test_a_key_that_is_not_the_users(self):
        stranger = SigningKey(bytes(range(32)))
        self.assertProblem(self.c.send(self.sign_call(key=stranger)), 401)
        self.assertProblem(self.c.send(self.sign_call(key=self.c.user_key("approver"))), 401)
        self.assertProblem(self.c.send(self.sign_call(user="nobody", key=stranger)), 401)

    def test_another_body_than_the_signed_one(self):
        call = self.sign_call("pay alice")
        call.body = call.body.replace(b"alice", b"mallo")
        self.assertProblem(self.c.send(call), 401)
        call.headers["Content-Digest"] = content_digest(call.body)  # covered by the signature
        self.assertProblem(self.c.send(call), 401)

    def test_every_covered_part_is_covered(self):
        def changed(change, **more):
            call = self.sign_call("covered", **more)
            change(call)
            return self.c.send(call)

        def set_target(call, target):
            call.target = target

        def swap(name, old, new):
            def change(call):
                self.assertIn(old, call.headers[name])
                call.headers[name] = call.headers[name].replace(old, new, 1)
            return change
        self.assertProblem(changed(lambda call: set_target(call, "/v1/keys/taproot/signatures")), 401)
        self.assertIn(changed(lambda call: set_target(call, call.target + "?a=1")).status, (400, 401))
        self.assertProblem(changed(lambda call: call.headers.update({"Idempotency-Key": "added"})), 401)
        self.assertProblem(changed(swap("Idempotency-Key", "k1", "k2"), idempotency_key="k1"), 401)
        self.assertProblem(changed(swap("Signature-Input", "admin", "approver")), 401)
        self.assertProblem(changed(swap("Signature-Input", '"@method" ', "")), 401)
        self.assertProblem(changed(swap("Signature-Input", "created=1", "created=2")), 401)
        self.assertProblem(changed(lambda call: call.headers.pop("Content-Digest")), 401)
        self.assertProblem(changed(lambda call: call.headers.pop("Signature")), 401)

    def test_another_cluster(self):
        self.assertProblem(self.c.send(self.sign_call(tag="quorate-v1:" + "0" * 64)), 401)

    def test_clocks(self):
        now = int(time.time())
        for created in (now - 70, now + 20, 0):
            self.assertProblem(self.c.send(self.sign_call(created=created)), 401, "clock_skew")
        self.assertEqual(self.c.send(self.sign_call(created=now - 40)).status, 201)

    # ---- replay and resending

    def test_a_nonce_counts_once(self):
        call = self.c.make_call("GET", "/v1/keys")
        self.assertEqual(self.c.send(call).status, 200)
        self.assertProblem(self.c.send(call), 401, "nonce_replayed")
        # The same nonce for another mutation.
        call = self.sign_call("first")
        self.assertEqual(self.c.send(call).status, 201)
        other = self.c.make_call("POST", "/v1/keys/taproot/signatures",
                                 {"payload": {"kind": "message", "utf8": "second"}}, nonce=call.nonce)
        self.assertProblem(self.c.send(other), 401, "nonce_replayed")

    def test_a_resend_is_the_same_request_everywhere(self):
        for idempotency_key in (None, "order-7"):
            call = self.sign_call("resent", idempotency_key=idempotency_key)
            first = self.c.send(call)
            self.assertEqual(first.status, 201)
            for node in ("node1", "node2", "node3"):
                again = self.c.send(call, node)
                self.assertEqual(again.status, 201, again)
                self.assertEqual(again.body["id"], first.body["id"])
                self.assertEqual(again.body["result"]["signature"], first.body["result"]["signature"])
        # A new signature of the call, the same Idempotency-Key.
        again = self.c.send(self.sign_call("resent", idempotency_key="order-7"), "node2")
        self.assertEqual((again.status, again.body["id"]), (201, first.body["id"]))
        # Another body under it.
        self.assertProblem(self.c.send(self.sign_call("other", idempotency_key="order-7"), "node3"), 409)

    def test_create_key_resent(self):
        body = {"name": "once", "algorithm": ED25519, "threshold": 2, "participants": self.c.names}
        call = self.c.make_call("POST", "/v1/keys", body, idempotency_key="create-once", prefer=30)
        first = self.c.send(call)
        self.assertEqual(first.status, 201, first)
        for node in self.c.names:
            again = self.c.send(call, node)
            self.assertEqual(again.status, 201, again)
            self.assertEqual(again.body["result"]["key"]["id"], first.body["result"]["key"]["id"])

    def test_resends_at_the_same_time_sign_once(self):
        import concurrent.futures
        call = self.sign_call("at once", idempotency_key="at-once")
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            replies = list(pool.map(lambda i: self.c.send(call, self.c.names[i % 3]), range(6)))
        self.assertEqual({r.status for r in replies}, {201}, replies)
        self.assertEqual(len({r.body["result"]["signature"]["hex"] for r in replies}), 1)

    def test_one_name_asked_for_twice_at_once(self):
        import concurrent.futures
        for i in range(4):
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                replies = list(pool.map(lambda node: self.c.create_key(f"both-{i}", node=node), ("node1", "node2")))
            made = [r.body["result"]["key"]["id"] for r in replies if r.status == 201]
            self.assertEqual(len(made), 1, replies)
            for r in replies:
                if r.status != 201:
                    self.assertProblem(r, 409, "name_taken")

    # ---- answers

    def test_accepted_when_the_client_does_not_wait(self):
        call = self.sign_call("later", prefer=0)
        reply = self.c.send(call)
        self.assertIn(reply.status, (201, 202), reply)
        location = reply.headers.get("Location", "/v1/requests/" + reply.body["id"])
        for _ in range(100):
            state = self.c.get(location).body["state"]
            if state == "succeeded":
                break
            time.sleep(0.05)
        self.assertEqual(state, "succeeded")

    def test_others_do_not_see_a_users_payload(self):
        done = self.sign_call("for the admin's eyes")
        reply = self.c.send(done)
        shown = self.c.get("/v1/requests/" + reply.body["id"], user="approver")
        self.assertNotIn("for the admin's eyes", shown.raw.decode())

    def test_lists_page_through(self):
        for i in range(3):
            self.c.sign_verified(self.key, f"page {i}")
        seen, cursor = [], None
        for _ in range(200):
            target = "/v1/requests?limit=2" + (f"&cursor={urllib.parse.quote(cursor)}" if cursor else "")
            page = self.c.get(target).body
            self.assertLessEqual(len(page["items"]), 2)
            seen += [item["id"] for item in page["items"]]
            cursor = page["next"]
            if not cursor:
                break
        self.assertEqual(len(seen), len(set(seen)))
        self.assertGreaterEqual(len(seen), 5)

    def test_audit_is_a_chain(self):
        head = self.c.get("/v1/audit/head").body
        self.assertGreater(head["seq"], 0)
        items = self.c.get("/v1/audit?after=0&limit=200").body["items"]
        self.assertEqual([item["seq"] for item in items], list(range(1, len(items) + 1)))

    def test_every_nodes_log_verifies_offline_and_a_changed_one_does_not(self):
        exports = []
        for node in ("node1", "node2", "node3"):
            path = self.c.dir.parent / f"{node}.audit"
            path.write_text(self.c.quorate("audit", "export", "--node", node).stdout)
            exports.append(str(path))
        verdict = self.c.quorate_json("audit", "verify", *exports)
        self.assertTrue(verdict["ok"])
        self.assertEqual([log["node"] for log in verdict["logs"]], ["node1", "node2", "node3"])
        changed = self.c.dir.parent / "changed.audit"
        changed.write_text(open(exports[0]).read().replace('"user":"admin"', '"user":"nobody"', 1))
        result = self.c.quorate("audit", "verify", str(changed), check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("was changed", result.stdout)


class ParticipantsDown(ClusterTest):
    def test_a_key_needs_all_its_participants(self):
        c = self.cluster()
        c.start("node1", "node2")
        c.wait_ready("node1", "node2")
        start = time.monotonic()
        reply = c.create_key("ed", prefer=60)
        self.assertIn(reply.status, (422, 504), reply)
        self.assertIn("node3", reply.body["detail"])
        self.assertLess(time.monotonic() - start, 75)
        # The name is free again, for those who are there.
        key = c.create("ed", participants=["node1", "node2"])
        c.sign_verified(key, "two of two")

    def test_no_quorum_is_said_so(self):
        c = self.cluster().up()
        c.create("ed")
        c.kill("node2")
        c.kill("node3")
        start = time.monotonic()
        done = c.quorate("--node", "node1", "--json", "sign", "--key", "ed", "--message", "alone", check=False)
        self.assertEqual(done.returncode, 5, done.stdout)
        self.assertIn(json.loads(done.stdout)["error"]["status"], (503, 504))
        self.assertLess(time.monotonic() - start, 75)


if __name__ == "__main__":
    unittest.main(verbosity=2)
