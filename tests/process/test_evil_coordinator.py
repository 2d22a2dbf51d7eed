"""node3 is run by somebody who has patched it (tests/evil_coordinator): it proposes what its policy forbids, with a lie in every proposal. The other
two decide by themselves: not one message of a signing session comes from them for what the policy does not allow. docs/threat-model.md"""
import json
import queue
import subprocess
import threading
import time
import unittest

from cluster import ECDSA, ED25519, QUORATED, SLOWNESS, ClusterTest, eventually
from ed25519 import SigningKey

EVIL = QUORATED.parent / "evil_coordinator"
HONEST = ["node1", "node2"]
TWO_ROUNDS = 10  # seconds: limits::kSignRoundTimeout, twice
ROOM = 3
TO = "0x3535353535353535353535353535353535353535"
POLICY = {
    "users": [{"id": "admin", "groups": ["admins"]}, {"id": "bot", "groups": ["bots"]}, {"id": "clerk", "groups": ["clerks", "treasury"]},
              {"id": "bob", "groups": ["treasury"]}, {"id": "carol", "groups": ["treasury"]}, {"id": "eve", "groups": []}],
    "admins": {"group": "admins", "min": 1, "delay_hours": 0}, "readers": ["admins"],
    "rules": [
        {"id": "keys", "if": {"kind": "create_key", "by": ["group:admins"]}, "then": "allow"},
        {"id": "small", "if": {"kind": "sign", "by": ["group:bots"], "payload": ["eth_transaction"], "asset": ["eip155:1/slip44:60"], "max": "1000"}, "then": "allow"},
        {"id": "messages", "if": {"kind": "sign", "by": ["group:bots"], "payload": ["message"], "window": {"hours": 24, "count": ROOM, "per": "key"}}, "then": "allow"},
        {"id": "people", "if": {"kind": "sign", "by": ["group:clerks"]}, "then": {"approve": [{"group": "treasury", "min": 2}]}}],
    "default": "deny"}


def jcs(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class EvilCoordinator(ClusterTest):
    def setUp(self):
        super().setUp()
        self.c = self.cluster(3, POLICY).up()
        self.key = self.c.create("ed", ED25519)
        self.n = 0

    def patch(self):
        """From here on node3 is the other program."""
        self.c.kill("node3")
        self.lines, self.heard, self.up = queue.Queue(), [], set()
        with open(self.c.dir / "node3" / "log", "ab") as log:
            self.evil = subprocess.Popen([EVIL, "--dir", self.c.dir, "--node", "node3"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=log, text=True)
        self.c.processes["node3"] = self.evil
        self.addCleanup(self.evil.stdout.close)
        self.addCleanup(self.evil.stdin.close)
        threading.Thread(target=lambda: [self.lines.put(json.loads(line)) for line in self.evil.stdout], daemon=True).start()
        self.hear(lambda: set(HONEST) <= {line.get("up") for line in self.heard}, "both are connected")

    def hear(self, until, what, timeout=30):
        end = time.monotonic() + timeout * SLOWNESS
        while not until():
            try:
                line = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                self.fail(f"not within {timeout} s: {what}; heard {self.heard[-5:]}")
            self.assertNotIn("error", line)
            self.heard.append(line)

    def tell(self, what, **more):
        self.n += 1
        self.evil.stdin.write(json.dumps({"do": what, "n": self.n, **more}) + "\n")
        self.evil.stdin.flush()
        return self.n

    def about(self, n):
        return [line for line in self.heard if line.get("n") == n]

    # ---- requests

    def call(self, text="a message", user="bot", key="ed", payload=None, signer=None, **more):
        payload = payload or {"kind": "message", "utf8": text}
        more.setdefault("idempotency_key", f"{user} {text}".replace(" ", "-"))
        return self.c.make_call("POST", f"/v1/keys/{key}/signatures", {"payload": payload}, user=user, key=signer, **more)

    @staticmethod
    def wire(call):
        return {"method": call.method, "target": call.target, "headers": call.headers, "body": call.body.hex()}

    def propose(self, call, honest, signers=None, sent=None, **change):
        more = {} if sent is None else {"sent": self.wire(sent)}
        return self.tell("propose", original=self.wire(call), to=[honest], signers=signers or [honest, "node3"], change=change, **more)

    def refused(self, call, code, nodes=HONEST, detail="", **more):
        """Proposed to each of them: refused with this code by each, and no word more."""
        proposed = {node: self.propose(call, node, **more) for node in nodes}
        for node, n in proposed.items():
            self.hear(lambda n=n: self.about(n), f"{node} answers {more}")
        # That all have accepted is what it says then.
        for node, n in proposed.items():
            self.tell("begin", of=n, to=[node])
        time.sleep(0.3 * SLOWNESS)
        self.hear(lambda: self.lines.empty(), "all is read")
        for node, n in proposed.items():
            answers = self.about(n)
            self.assertEqual([(a["from"], a["tag"].rsplit("/", 1)[0], a.get("code")) for a in answers], [(node, "node/refuse", code)], (more, answers))
            self.assertIn(detail, answers[0]["detail"], more)

    def taken(self, call, node="node1"):
        """Accepted, and begun: there are messages of the session."""
        n = self.propose(call, node)
        self.hear(lambda: any(a["tag"].startswith("node/accept") for a in self.about(n)), f"{node} accepts")
        self.tell("begin", of=n, to=[node])
        self.hear(lambda: any(a["tag"].startswith("frost/") for a in self.about(n)), f"{node} begins")

    def audits_verify(self):
        files = []
        for name in HONEST:
            files.append(self.c.directory / f"{name}.audit")
            files[-1].write_text(self.c.quorate("audit", "export", "--node", name).stdout)
        self.c.quorate("audit", "verify", *map(str, files))

    # ---- what it can do

    def test_what_is_allowed_is_begun_and_ends_without_it(self):
        self.patch()
        call = self.call("held up")
        self.taken(call)
        # It says nothing more. The client asks another node for the same.
        began = time.monotonic()
        reply = self.c.send(self.call("held up", prefer=60), "node2")
        self.assertEqual(reply.status, 201, reply)
        self.assertLess(time.monotonic() - began, TWO_ROUNDS * SLOWNESS)
        self.audits_verify()

    # attack 61, attack 65
    def test_what_is_decided_is_what_is_signed(self):
        self.c.create("ec", ECDSA)
        self.patch()
        # Its own policy is nobody's.
        self.refused(self.call(user="eve"), "denied")
        allowed, other = self.call("allowed"), self.call("another")
        self.refused(allowed, "digest_mismatch", body=other.body.hex())
        mixed = self.call("another")
        mixed.headers.update({name: allowed.headers[name] for name in ("Signature", "Signature-Input")})
        self.refused(allowed, "signature_invalid", sent=mixed)
        self.refused(allowed, "context_mismatch", detail="intent", sent=other)
        self.refused(allowed, "context_mismatch", detail="intent", random="intent")
        # Amounts and destinations are what the node itself reads in the transaction.
        fields = {"chain_id": 1, "nonce": 9, "gas": 21000, "gas_price": 20000000000, "to": TO, "value": "1000"}
        def transfer(**more):
            return self.call("transfer " + repr(sorted(more)), key="ec", payload={"kind": "eth_transaction", "fields": dict(fields, **more)})
        self.refused(transfer(value="1001"), "denied")
        self.refused(transfer(), "context_mismatch", detail="intent", sent=transfer(value="1001"))
        self.refused(transfer(value="0", data="0xa9059cbb" + "00" * 12 + TO[2:] + "ff" * 32), "denied")
        self.refused(transfer(value="0", data="0x12345678"), "denied")
        self.audits_verify()

    # attack 62, attack 63
    def test_what_it_hides_counts(self):
        self.patch()
        # It signs with one of them, and tells all that nothing came of it.
        n = self.tell("submit", original=self.wire(self.call("hidden")), denies=True)
        self.hear(lambda: self.about(n), "it has its signature")
        self.assertEqual(self.about(n)[-1].get("state"), "succeeded", self.about(n))
        request = next(r for node in HONEST for r in self.c.get("/v1/requests?limit=1&kind=sign", node=node).body["items"])
        for what, more in (("fail", {"original": self.wire(self.call("hidden"))}), ("forget", {})):
            n = self.tell(what, request=request["id"], to=HONEST, **more)
            self.hear(lambda n=n: self.about(n), what)
        signed = 1
        for k in range(ROOM + 2):
            for node in HONEST:
                reply = self.c.send(self.call(f"later {k} {node}", prefer=30), node)
                signed += reply.status == 201
                if reply.status != 201:
                    self.assertProblem(reply, 403, "denied")
        self.assertEqual(signed, ROOM)
        self.refused(self.call("once more"), "window_exceeded")
        self.audits_verify()

    # attack 64
    def test_approvals_are_of_one_intent(self):
        def ask(text):
            call = self.call(text, user="clerk", prefer=5)
            reply = self.c.send(call, "node1")
            self.assertEqual((reply.status, reply.body["state"]), (202, "pending_approval"), reply)
            return call, reply.body["id"], self.c.get(f"/v1/requests/{reply.body['id']}").body["intent"]
        def vote(user, intent, decision="approve"):
            text = "quorate/approval/v1\n" + jcs({"decision": decision, "approver": user, "intent": intent})
            return {"approver": user, "signature": self.c.user_key(user).sign(text.encode()).hex()}
        done, first, intent = ask("approved")
        for user in ("bob", "carol"):
            given = {"decision": "approve", "signature": vote(user, intent)["signature"]}
            self.assertIn(self.c.post(f"/v1/requests/{first}/approvals", given, user=user).status, (200, 201, 202))
        for node in self.c.names:
            eventually(lambda node=node: self.c.get(f"/v1/requests/{first}", node=node).body["state"] == "succeeded", 20, f"{node}: it is signed")
        call, second, other = ask("not approved")
        self.patch()
        self.refused(done, "needs_approval")
        self.refused(done, "already_final", approvals_of=first)
        self.refused(call, "needs_approval")
        bob = vote("bob", other)
        for forged in ([bob],                                                 # one of two
                       [bob, bob],                                            # counts once
                       [bob, vote("clerk", other)],                           # it is the clerk's own request
                       [bob, vote("carol", intent)],                          # carol's yes to another request
                       [bob, vote("carol", other, decision="reject")],
                       [bob, {"approver": "carol", "signature": bob["signature"]}],
                       [bob, vote("eve", other)],                             # who is in no group
                       [bob, {"approver": "nobody", "signature": "11" * 64}]):
            self.refused(call, "needs_approval", approvals=forged)
        self.refused(call, "needs_approval", approvals_of=first)
        self.audits_verify()

    # attack 66
    def test_another_policy_is_none(self):
        self.patch()
        for change in ({"random": "policy"}, {"policy_ahead": 1}):
            self.refused(self.call(user="eve"), "context_mismatch", detail="policy", **change)

    # attack 67, and nonces
    def test_what_is_old_or_has_been(self):
        once = self.call("once", prefer=30)
        self.assertEqual(self.c.send(once).status, 201)
        self.patch()
        self.refused(once, "already_final")
        self.refused(once, "already_final", attempt=7)
        self.refused(self.call("twice", nonce=once.nonce), "nonce_replayed")
        for created, code in ((-86400, "expired"), (-120, "expired"), (86400, "clock_skew")):
            self.refused(self.call(f"at {created}", created=int(time.time()) + created), code)

    def test_nobody_asks_in_anothers_name(self):
        good = self.call("mine")
        self.patch()
        forged = self.call("mine", signer=SigningKey(bytes(32)))
        self.refused(good, "signature_invalid", sent=forged)
        stranger = self.call("mine", user="stranger", signer=SigningKey(bytes(32)))
        self.refused(good, "unknown_user", sent=stranger)

    def test_signers_are_as_many_as_the_key_says(self):
        other = self.c.create("other", ED25519)
        self.patch()
        call = self.call("signers")
        for node in HONEST:
            for signers in ([node], ["node3"], HONEST + ["node3"]):
                self.refused(call, "context_mismatch", [node], detail="number of signers", signers=signers)
            for signers in ([node, node], [node, "nobody"]):
                self.refused(call, "context_mismatch", [node], detail="signer set", signers=signers)
        self.refused(call, "context_mismatch", detail="threshold", threshold=1)
        for field, detail in (("cluster", "cluster document"), ("committee", "committee")):
            self.refused(call, "context_mismatch", detail=detail, random=field)
        self.refused(call, "other_certificate", random="certificate")
        self.refused(call, "context_mismatch", detail="key", key=other["id"])
        self.audits_verify()


if __name__ == "__main__":
    unittest.main()
