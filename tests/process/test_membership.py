"""A cluster of three operators becomes one of five, a node leaves, another changes its TLS key: five folders, one process
each, and only public files pass between them."""
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import unittest

from cluster import BINARIES, SLOWNESS, eventually, free_base_port, require_binaries
from ed25519 import verify_ed25519

FOUNDERS, LATER = ["alpha", "beta", "gamma"], ["delta", "epsilon"]
NAMES = FOUNDERS + LATER
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operators.md"


def form_of(words):
    """A command without its values: its two words and its own options."""
    verbs, options, words = [], set(), iter(words)
    for word in words:
        if word in ("--dir", "--as", "--node"):
            next(words)
        elif word.startswith("--"):
            options.add(word)
        elif len(verbs) < 2:
            verbs.append(word)
    return tuple(verbs), frozenset(options - {"--json", "--yes"})


class Membership(unittest.TestCase):
    def setUp(self):
        require_binaries()
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="quorate-membership-"))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.base = free_base_port(len(NAMES))
        self.services = {}
        self.addCleanup(self.stop)
        self.forms = set()
        for name in NAMES:
            (self.root / name).mkdir()

    def stop(self):
        for process in self.services.values():
            process.kill()
            process.wait()

    def quorate(self, who, *words, codes=(0,)):
        self.forms.add(form_of(words))
        clean = {k: v for k, v in os.environ.items() if not k.startswith("QUORATE")}
        done = subprocess.run([BINARIES / "quorate", *words], input="yes\n", cwd=self.root / who, capture_output=True, text=True,
                              env=dict(clean, HOME=str(self.root / who)), timeout=120 * SLOWNESS)
        if done.returncode not in codes:
            logs = "".join(f"\n---- {name}\n{self.log(name)[-1500:]}" for name in self.services)
            self.fail(f"{who}: quorate {' '.join(words)}: exit {done.returncode}: {done.stdout}{done.stderr}{logs}")
        return done.stdout

    def user(self, who, *words, codes=(0,), node=None):
        return json.loads(self.quorate(who, "--json", "--dir", "user", "--as", f"{who}-admin", *(["--node", node] if node else []), *words,
                                       codes=codes))

    def give(self, source, name, text=None):
        """A public file to everybody."""
        content = text if text is not None else (self.root / source / name).read_text()
        for who in NAMES:
            (self.root / who / name).write_text(content)

    def start(self, name):
        with open(self.root / name / "log", "ab") as log:
            self.services[name] = subprocess.Popen([BINARIES / "quorated", "--config", self.root / name / "node" / "config.toml"],
                                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def restart(self, name):
        process = self.services.pop(name)
        process.send_signal(signal.SIGTERM)
        process.wait(30 * SLOWNESS)
        self.start(name)

    def log(self, name):
        file = self.root / name / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def await_nodes(self, who, names, peers):
        def connected():
            for name in names:
                self.assertIsNone(self.services[name].poll(), self.log(name)[-1500:])
            shown = {n["node"]: n.get("status", {}) for n in self.user(who, "node", "status", codes=(0, 1))["nodes"]}
            return all(sum(p["connected"] for p in shown.get(name, {}).get("peers", [])) == peers for name in names)
        eventually(connected, 90, f"{names} are connected with {peers} others", every=0.5)

    def request(self, proposed, *approvers):
        for who in approvers:
            self.user(who, "request", "approve", "--yes", proposed["id"], codes=(0, 4))
        def done():
            return self.user(approvers[0] if approvers else "alpha", "request", "show", proposed["id"], codes=(0, 1, 4))["state"] == "succeeded"
        eventually(done, 90, f"{proposed['kind']} is done", every=0.5)

    def node_init(self, name):
        k = NAMES.index(name) + 1
        self.quorate(name, "node", "init", "--dir", "node", "--id", name, "--peers", f"127.0.0.1:{self.base + 100 + k}",
                     "--rest", f"127.0.0.1:{self.base + k}")

    def found(self):
        users = []
        for name in FOUNDERS:
            self.node_init(name)
            self.give(name, f"{name}.card", self.quorate(name, "node", "card", "--dir", "node"))
            users.append(json.loads(self.quorate(name, "user", "init", "--dir", "user", "--id", f"{name}-admin", "--groups", "admins")))
        policy = {"users": users, "admins": {"group": "admins", "min": 2, "delay_hours": 0}, "readers": ["admins"], "default": "deny",
                  "rules": [{"id": "all", "if": {"kind": ["create_key", "reshare", "sign"], "by": ["group:admins"]}, "then": "allow"}]}
        (self.root / "alpha" / "policy.json").write_text(json.dumps(policy))
        cards = [word for name in FOUNDERS for word in ("--card", f"{name}.card")]
        self.quorate("alpha", "cluster", "create", *cards, "--policy", "policy.json", "--name", "acme", "--out", "acme.founding")
        (self.root / "alpha" / "policy.json").unlink()
        self.give("alpha", "acme.founding", (self.root / "alpha" / "acme.founding").read_text())
        for name in FOUNDERS:
            self.give(name, f"{name}.signature", self.quorate(name, "cluster", "sign", "acme.founding", "--dir", "node", "--yes"))
        signatures = [word for name in FOUNDERS for word in ("--signature", f"{name}.signature")]
        self.quorate("alpha", "cluster", "assemble", "acme.founding", *signatures, "--out", "acme.founded")
        self.give("alpha", "acme.founded", (self.root / "alpha" / "acme.founded").read_text())
        for name in FOUNDERS:
            self.quorate(name, "cluster", "accept", "acme.founded", "--dir", "node")
            self.quorate(name, "cluster", "accept", "acme.founded", "--dir", "user")
            self.start(name)
        self.cluster = json.loads((self.root / "alpha" / "user" / "cluster.json").read_text())["id"]

    def join(self, name, members):
        self.node_init(name)
        self.quorate(name, "cluster", "accept", "acme.founded", "--joining", "--fingerprint", self.cluster, "--dir", "node")
        self.give(name, f"{name}.offer", self.quorate(name, "node", "card", "--join", self.cluster, "--dir", "node"))
        self.start(name)
        self.request(self.user("alpha", "cluster", "join", "--yes", f"{name}.offer", codes=(4,)), "alpha", "beta")
        for who in FOUNDERS:
            self.assertEqual(len(self.user(who, "cluster", "update")["nodes"]), members)

    def sign(self, who, node, text):
        done = self.user(who, "sign", "--key", "treasury", "--message", text, node=node)
        signature = done.get("result", done)["signature"]["hex"]
        self.assertTrue(verify_ed25519(bytes.fromhex(self.public_key), text.encode(), bytes.fromhex(signature)), done)

    def test_from_three_to_five_to_four(self):
        self.found()
        self.await_nodes("alpha", FOUNDERS, 2)
        key = self.user("alpha", "key", "create", "--name", "treasury", "--algorithm", "eddsa-ed25519", "--threshold", "2")
        self.public_key = self.user("gamma", "key", "show", "treasury")["public_key"]["hex"]
        self.sign("alpha", "alpha", "of three")

        self.join("delta", 4)
        self.await_nodes("beta", FOUNDERS + ["delta"], 3)
        self.join("epsilon", 5)
        self.await_nodes("gamma", NAMES, 4)
        self.user("alpha", "key", "reshare", "treasury", "--threshold", "3", "--participants", ",".join(NAMES))
        self.assertEqual(self.user("alpha", "key", "show", "treasury", node="epsilon")["public_key"]["hex"], self.public_key)
        for node in NAMES:
            self.sign("alpha", node, f"of five, through {node}")

        # It has a share: it stays.
        refused = self.quorate("alpha", "--dir", "user", "--as", "alpha-admin", "cluster", "remove", "--yes", "gamma", codes=(1,))
        self.user("alpha", "key", "reshare", "treasury", "--threshold", "3", "--participants", "alpha,beta,delta,epsilon")
        self.request(self.user("alpha", "cluster", "remove", "--yes", "gamma", codes=(4,)), "alpha", "beta")
        eventually(lambda: "this node is not in it" in self.log("gamma"), 30, "gamma knows that it has left")
        for who in ("alpha", "beta"):
            self.user(who, "cluster", "update")
        rest = [name for name in NAMES if name != "gamma"]
        self.await_nodes("alpha", rest, 3)
        self.sign("beta", "epsilon", "without gamma")

        # Another TLS key: the others learn it from each other, and only its own node is started again.
        self.quorate("beta", "node", "renew", "--dir", "node", "--new-key")
        self.give("beta", "beta-2.card", self.quorate("beta", "node", "card", "--dir", "node"))
        self.user("alpha", "cluster", "rotate", "beta-2.card", node="delta")
        self.restart("beta")
        for who in ("alpha", "beta"):
            self.user(who, "cluster", "update", node="alpha")
        self.await_nodes("alpha", rest, 3)
        self.sign("beta", "beta", "with another TLS key")

        # All of it is on the disks.
        for name in rest:
            self.restart(name)
        self.await_nodes("beta", rest, 3)
        self.sign("alpha", "delta", "after a restart of all")

        for block in re.findall(r"^```sh-later [a-z]+\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL):
            for line in block.splitlines():
                if line.startswith("quorate "):
                    words = shlex.split(line.split(" > ")[0])[1:]
                    self.assertIn(form_of(words), self.forms, f"docs/operators.md says {line}, which is not run here")


if __name__ == "__main__":
    unittest.main()
