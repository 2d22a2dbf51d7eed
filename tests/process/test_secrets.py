"""No secret of a node is found where it should not be: files, logs, memory. security.md 33, 55, 58, 60."""
import base64
import os
import pathlib
import re
import resource
import shutil
import subprocess
import unittest
import urllib.request

from cluster import BINARIES, BIP340, ClusterTest

READ_SHARES = next((p for p in (BINARIES / "tests" / "read_shares", BINARIES / "read_shares") if p.exists()), None)


def forms(secret):
    """How the bytes could lie somewhere: raw, hex, and base64 at each of the three phases."""
    yield "raw", secret
    yield "hex", secret.hex().encode()
    yield "HEX", secret.hex().upper().encode()
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + secret)
        # Without what the neighbours share.
        start = -(-shift * 8 // 6)
        end = (shift + len(secret)) * 8 // 6
        yield "base64", text[start:end]


def find(data, secrets):
    return [f"{name} as {form}" for name, secret in secrets for form, pattern in forms(secret) if pattern in data]


class SecretsStay(ClusterTest):
    def setUp(self):
        super().setUp()
        if READ_SHARES is None:
            raise unittest.SkipTest("read_shares is not built")

    def secrets_of(self, c, name):
        """Of a node that has stopped: shares, chain codes, and its keys."""
        done = subprocess.run([READ_SHARES, c.dir / name / "quorate.db", c.dir / name / "database.key", c.id, name],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = []
        for line in done.stdout.splitlines():
            what, value = line.split()
            found.append((f"{name} {what}", bytes.fromhex(value)))
        for line in (c.dir / name / "identity.pem").read_text().splitlines():
            if "-----" not in line:
                found.append((f"{name} identity seed", base64.b64decode(line)[16:]))
        return found

    def busy_cluster(self):
        c = self.cluster().up()
        keys = [c.create("ed"), c.create("taproot", BIP340)]
        for i in range(6):
            for key in keys:
                c.sign_verified(key, f"canary {i}", node=c.names[i % 3])
        return c

    def test_the_search_itself_finds(self):
        secret = os.urandom(32)
        for data in (secret, b"x" + secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret),
                     base64.b64encode(b"ab" + secret + b"c"), base64.b64encode(b"a" + secret)):
            self.assertTrue(find(b"before " + data + b" after", [("s", secret)]), data)
        self.assertEqual(find(os.urandom(100_000), [("s", secret)]), [])

    def test_files(self):
        c = self.busy_cluster()
        # As a power cut would leave it: with a WAL that nobody has folded in.
        shown = {}
        for name in c.names:
            c.kill(name)
            for file in (c.dir / name).iterdir():
                if file.name not in ("database.key", "identity.pem", "tls.key.pem"):
                    shown[f"{name}/{file.name}"] = file.read_bytes()
        self.assertIn("node1/quorate.db", shown)
        self.assertIn("node1/log", shown)
        print("searched:", {k: len(v) for k, v in shown.items()}, flush=True)
        secrets = [s for name in c.names for s in self.secrets_of(c, name)]
        self.assertEqual(len(secrets), 3 * (1 + 2 * 3 + 1))
        for file, data in shown.items():
            self.assertEqual(find(data, secrets), [], file)
        # The database is encrypted as a whole: nothing of it can be read without the key.
        self.assertFalse(shown["node1/quorate.db"].startswith(b"SQLite format 3"))
        for word in (b"CREATE TABLE", b"taproot", c.id.encode()):
            for file, data in shown.items():
                if "quorate.db" in file:
                    self.assertNotIn(word, data, file)

    def test_temporary_files(self):
        c = self.cluster()
        temporary = c.directory / "tmp"
        temporary.mkdir()
        os.environ["TMPDIR"] = str(temporary)
        self.addCleanup(os.environ.pop, "TMPDIR")
        c.up()
        c.create("ed")
        self.assertEqual(list(temporary.rglob("*")), [])
        # Nor does a node hold a file open that has no name.
        for name, process in c.processes.items():
            for fd in os.listdir(f"/proc/{process.pid}/fd"):
                try:
                    target = os.readlink(f"/proc/{process.pid}/fd/{fd}")
                except OSError:
                    continue
                if target.startswith("/"):
                    self.assertTrue(target.startswith((str(c.dir), "/dev/")), f"{name}: {target}")

    def test_memory(self):
        """What gcore, which needs root, takes from a node that has finished its work."""
        if shutil.which("gcore") is None:
            self.skipTest("gcore is not installed")
        if os.geteuid() != 0:
            self.skipTest("needs root")
        c = self.busy_cluster()
        core = c.directory / "core"
        done = subprocess.run(["gcore", "-a", "-o", core, str(c.processes["node1"].pid)], capture_output=True, text=True,
                              timeout=300)
        file = c.directory / f"core.{c.processes['node1'].pid}"
        if done.returncode != 0 or not file.exists():
            self.skipTest(f"gcore does not work here: {done.stderr[-300:]}")
        data = file.read_bytes()
        # That it is the memory of this process at all:
        self.assertIn(c.id.encode(), data)
        for name in c.names:
            c.kill(name)
        shares = [s for name in c.names for s in self.secrets_of(c, name) if "share" in s[0] or "chain" in s[0]]
        self.assertEqual(find(data, shares), [])

    def test_no_core_file(self):
        c = self.cluster().up()
        soft, hard = resource.prlimit(c.processes["node1"].pid, resource.RLIMIT_CORE)
        self.assertEqual((soft, hard), (0, 0))
        # Not dumpable: the files below /proc/PID belong to root and not to the node's own user.
        self.assertEqual(os.stat(f"/proc/{c.processes['node1'].pid}/mem").st_uid, 0)

    def test_memory_is_locked_or_the_log_says_that_it_is_not(self):
        c = self.cluster().up()
        status = pathlib.Path(f"/proc/{c.processes['node1'].pid}/status").read_text()
        locked = int(re.search(r"^VmLck:\s+(\d+) kB", status, re.M)[1])
        self.assertNotEqual(locked > 16 * 1024, "memory is not locked" in c.log("node1"), locked)

    def test_nothing_unlocks_a_part_of_the_memory_again(self):
        c = self.cluster().up()
        if "memory is not locked" in c.log("node1"):
            self.skipTest("this system does not let the node lock its memory")
        key = c.create("hot", BIP340)
        c.sign_verified(key, "that the database has been read and written")
        regions = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", pathlib.Path(f"/proc/{c.processes['node1'].pid}/smaps").read_text(), flags=re.M)
        writable = [r for r in regions if re.match(r"\S+ rw", r)]
        self.assertGreater(len(writable), 10)
        unlocked = [r.splitlines()[0] for r in writable if " lo" not in re.search(r"^VmFlags:.*$", r, re.M)[0]]
        self.assertEqual(unlocked, [])

    def test_descriptors_for_all_connections(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
        c = self.cluster().up()
        most = 16_384 if hard == resource.RLIM_INFINITY else min(hard, 16_384)
        self.assertEqual(resource.prlimit(c.processes["node1"].pid, resource.RLIMIT_NOFILE), (most, hard))

    def test_logs_and_answers_show_no_payload(self):
        c = self.cluster().up()
        key = c.create("ed")
        c.sign_verified(key, "CANARY-payload-4711")
        c.sign("nothing-CANARY-4711", "CANARY-payload-4711")
        c.raw("GET", "/v1/keys/%43ANARY%7f")
        for name in c.names:
            log = c.log(name)
            self.assertNotIn("CANARY-payload", log)
            for letter in log:
                self.assertTrue(letter == "\n" or letter.isprintable(), repr(letter))
        self.assertNotIn("CANARY", c.get("/readyz", signed=False).raw.decode())
        with urllib.request.urlopen(f"http://127.0.0.1:{c.base + 201}/metrics", timeout=10) as reply:
            self.assertNotIn("CANARY", reply.read().decode())


if __name__ == "__main__":
    unittest.main(verbosity=2)
