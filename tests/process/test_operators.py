"""docs/operators.md, command by command: three operators, a folder each, and only public files pass between them."""
import base64
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from cluster import BINARIES, SLOWNESS, eventually, free_base_port, require_binaries

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "operators.md"
NAMES = ["alpha", "beta", "gamma"]
PUBLIC = (".card", ".user", ".founding", ".signature", ".founded")  # what the page says to send
WAITING = 4


def blocks_of(page):
    """(who, text) of every block of commands."""
    return re.findall(r"^```sh ([a-z ]+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


class Operators(unittest.TestCase):
    def setUp(self):
        require_binaries()
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="quorate-operators-"))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.base = free_base_port()
        self.hosts = dict.fromkeys(NAMES, "127.0.0.1")
        if has_ipv6():
            self.hosts["gamma"] = "[::1]"
        self.services = {}
        self.addCleanup(self.stop)
        self.request = None
        for name in NAMES:
            (self.root / name / "home").mkdir(parents=True)

    def stop(self):
        for process in self.services.values():
            process.kill()
            process.wait()
        self.services = {}

    def environment(self, name):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("QUORATE")}
        return dict(clean, ME=name, HOME=str(self.root / name / "home"), PATH=f"{BINARIES}:{os.environ['PATH']}")

    def here(self, name, text):
        """The page's words with this machine's addresses, and the request that waits, in their places."""
        def address(match):
            who = match[1].replace("$ME", name)
            return f"{self.hosts[who]}:{self.base + NAMES.index(who) + 1 + (100 if match[2] == '7101' else 0)}"
        text = re.sub(r"(\$ME|[a-z]+)\.example:(7[01]01)", address, text)
        return text.replace("req_…", self.request or "req_…")

    def run_block(self, name, text):
        script = self.root / name / "home" / "script"
        script.write_text("set -e -o pipefail\n" + self.here(name, text))
        done = subprocess.run(["bash", script], input="yes\n", cwd=self.root / name, capture_output=True, text=True,
                              env=self.environment(name), timeout=120 * SLOWNESS)
        script.unlink()
        found = re.search(r"req_[0-9a-f]{32}", done.stdout)
        if done.returncode == WAITING and found:
            self.request = found[0]
        elif done.returncode != 0:
            self.fail(f"{name}: exit {done.returncode}\n{text}\n{done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def send_public_files(self, name):
        for file in (self.root / name).iterdir():
            if file.suffix in PUBLIC:
                for other in NAMES:
                    if other != name and not (self.root / other / file.name).exists():
                        shutil.copy(file, self.root / other / file.name)

    def start(self, name, text):
        words = self.here(name, text).split()
        self.assertEqual(words[0], "quorated")
        with open(self.root / name / "home" / "log", "ab") as log:
            self.services[name] = subprocess.Popen([BINARIES / "quorated", *words[1:]], cwd=self.root / name, stdin=subprocess.DEVNULL,
                                                   stdout=log, stderr=log, env=self.environment(name))

    def log(self, name):
        return (self.root / name / "home" / "log").read_text(errors="replace")

    def await_mesh(self):
        def connected():
            for name, process in self.services.items():
                self.assertIsNone(process.poll(), self.log(name)[-1500:])
            done = subprocess.run([BINARIES / "quorate", "--dir", "user", "node", "status"], cwd=self.root / "alpha",
                                  capture_output=True, text=True, env=self.environment("alpha"), timeout=60 * SLOWNESS)
            return done.stdout.count("2 of 2 peers connected") == 3
        eventually(connected, 60, "the three nodes are connected")

    def await_request(self):
        def done():
            shown = subprocess.run([BINARIES / "quorate", "--json", "--dir", "user", "--node", "alpha", "request", "show", self.request],
                                   cwd=self.root / "gamma", capture_output=True, text=True, env=self.environment("gamma"),
                                   timeout=60 * SLOWNESS)
            return shown.returncode == 0 and json.loads(shown.stdout)["state"] == "succeeded"
        eventually(done, 60, "the key is made")

    def secrets(self):
        """(file, forms in which its content could lie elsewhere)."""
        for name in NAMES:
            folder = self.root / name
            for file in [*folder.glob("node/*.pem"), *folder.glob("node/ca/*.pem"), *folder.glob("user/users/*.pem"),
                         folder / "node" / "database.key"]:
                raw = file.read_bytes()
                if b"CERTIFICATE" in raw:
                    continue
                if raw.startswith(b"-----"):
                    raw = base64.b64decode(b"".join(line for line in raw.splitlines() if b"-----" not in line))
                    # PKCS #8 of Ed25519: the seed is at the end; SEC 1 of P-256: the scalar is near the beginning.
                    raw = raw[16:48] if len(raw) == 48 else raw[7:39]
                self.assertEqual(len(raw), 32, file)
                yield file, (raw, raw.hex().encode(), base64.b64encode(raw)[:40])

    def expect_secrets_stay(self):
        secrets = list(self.secrets())
        self.assertEqual(len(secrets), 3 * 5)
        files = {file: file.read_bytes() for name in NAMES for file in (self.root / name).rglob("*") if file.is_file()}
        for secret, forms in secrets:
            for file, content in files.items():
                if file != secret:
                    self.assertFalse(any(form in content for form in forms), f"{secret} is in {file}")

    def test_every_command_of_the_page(self):
        blocks = blocks_of(PAGE.read_text())
        commands = [line for _, text in blocks for line in text.splitlines() if line.startswith("quorate")]
        # What a cluster does later is run by test_membership.py.
        later = re.findall(r"^```sh-later [a-z]+\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
        self.assertEqual(len(commands) + sum(text.count("quorate") for text in later), PAGE.read_text().count("\nquorate"),
                         "every command is in a block that is run")
        self.assertGreater(len(commands), 15)
        told = {}
        for who, text in blocks:
            for name in NAMES if who.startswith("everyone") else [who]:
                if who == "everyone service":
                    self.start(name, text)
                else:
                    told[name, text] = self.run_block(name, text)
            for name in NAMES:
                self.send_public_files(name)
            if who == "everyone service":
                self.await_mesh()
            if "request approve" in text:
                self.await_request()
        self.assertIsNotNone(self.request, "the key waited for an approval")

        # The fingerprint was the same at all three, and the signature was one of two of the three.
        fingerprints = {fingerprint for text in told.values() for fingerprint in re.findall(r"fingerprint ([0-9a-f]{64})", text)}
        self.assertEqual(len(fingerprints), 1, fingerprints)
        signature = self.run_block("beta", 'quorate --json --dir user sign --key treasury --message "again"')
        self.assertIn('"signers"', signature)
        self.expect_secrets_stay()

        # The renewed certificates and beta's new TLS key, after a restart of all.
        for name in NAMES:
            self.services[name].send_signal(signal.SIGTERM)
            self.assertEqual(self.services.pop(name).wait(30 * SLOWNESS), 0)
        (service,) = [text for who, text in blocks if who == "everyone service"]
        for name in NAMES:
            self.start(name, service)
        self.await_mesh()
        self.run_block("gamma", 'quorate --dir user sign --key treasury --message "after a restart"')

    def test_a_node_runs_only_the_cluster_that_it_was_founded_with(self):
        blocks = blocks_of(PAGE.read_text())
        for who, text in blocks[:[who for who, _ in blocks].index("everyone service")]:
            for name in NAMES if who == "everyone" else [who]:
                self.run_block(name, text)
            for name in NAMES:
                self.send_public_files(name)
        # Somebody bends the policy in the folder; another node's document is put there.
        policy = self.root / "beta" / "node" / "policy.json"
        policy.write_text(policy.read_text().replace('"min": 2', '"min": 1'))
        done = subprocess.run([BINARIES / "quorated", "--config", "node/config.toml"], cwd=self.root / "beta", capture_output=True,
                              text=True, env=self.environment("beta"), timeout=30 * SLOWNESS)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is not the policy", done.stdout + done.stderr)

    def test_operators_recover_the_admins_and_one_admin_vetoes_it(self):
        blocks = blocks_of(PAGE.read_text())
        for who, text in blocks[:[who for who, _ in blocks].index("everyone service") + 1]:
            for name in NAMES if who.startswith("everyone") else [who]:
                self.start(name, text) if who == "everyone service" else self.run_block(name, text)
            for name in NAMES:
                self.send_public_files(name)
        self.await_mesh()
        self.run_block("alpha", "quorate user init --dir zoe --id zoe > zoe.user\n"
                       "quorate recover-admins create --dir node --user zoe.user --member gamma-admin --group rescue --min 1 --out rescue")
        shutil.copy(self.root / "alpha" / "rescue", self.root / "beta" / "rescue")
        for name in ("alpha", "beta"):
            shown = self.run_block(name, f"quorate recover-admins sign rescue --dir node > {name}.rescue")
            self.assertIn("new user  zoe", shown)
        shutil.copy(self.root / "beta" / "beta.rescue", self.root / "alpha" / "beta.rescue")
        told = self.run_block("alpha", "quorate recover-admins assemble rescue --signature alpha.rescue --signature beta.rescue --out both\n"
                              "quorate recover-admins submit both --dir node || test $? = 4")
        (recovery,) = set(re.findall(r"rec_[0-9a-f]{32}", told.split("unless")[0]))

        def node(name, member):
            shown = self.run_block("gamma", f"quorate --dir user --node {name} api GET /v1/node")
            return json.loads(shown)[member]

        def ready(name):
            shown = self.run_block("gamma", f"curl -sk https://{self.hosts[name]}:{self.base + NAMES.index(name) + 1}/readyz")
            return json.loads(shown)
        for name in NAMES:
            eventually(lambda n=name: [r["state"] for r in node(n, "recoveries")] == ["pending"], 30, f"{name} knows of it")
            self.assertEqual((ready(name)["ready"], ready(name)["checks"]["recovery"]), (True, "pending"))
            eventually(lambda n=name: "RECOVERY OF THE ADMINS: 1 of zoe, gamma-admin" in self.log(n), 10, f"{name} says so in its log")
        self.run_block("gamma", f"quorate --dir user recover-admins veto {recovery}")
        for name in NAMES:
            eventually(lambda n=name: [r["state"] for r in node(n, "recoveries")] == ["vetoed"], 30, f"{name} knows of the veto")
            self.assertEqual(ready(name)["checks"]["recovery"], "ok")
        again = self.run_block("alpha", "quorate --json recover-admins submit both --dir node || test $? = 4")
        self.assertIn("vetoed", again)


if __name__ == "__main__":
    unittest.main()
