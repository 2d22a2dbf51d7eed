"""The Debian package: what is in it, that it works from another place, and that the unit is what it promises."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from cluster import BINARIES, QUORATED, SLOWNESS, free_base_port, require_binaries

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT = ROOT / "packaging" / "systemd" / "quorated@.service"
# What the unit has to say, word for word: dropping any of them makes a break-in worth more.
PROMISED = {
    "NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "AmbientCapabilities": "", "PrivateTmp": "yes", "PrivateDevices": "yes",
    "ProtectSystem": "strict", "ProtectHome": "yes", "ProtectClock": "yes", "ProtectControlGroups": "yes", "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes", "ProtectKernelTunables": "yes", "ProtectProc": "invisible", "RestrictNamespaces": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "RestrictRealtime": "yes", "RestrictSUIDSGID": "yes", "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes", "SystemCallArchitectures": "native", "UMask": "0077", "LimitCORE": "0", "LimitMEMLOCK": "infinity",
    "LimitNOFILE": "16384", "User": "quorate", "StateDirectoryMode": "0700", "Restart": "on-failure", "KillSignal": "SIGTERM",
}


class Unit(unittest.TestCase):
    def test_promises(self):
        settings = {}
        for line in UNIT.read_text().splitlines():
            if line and line[0] not in "#[":
                name, value = line.split("=", 1)
                settings.setdefault(name, []).append(value)
        for name, value in PROMISED.items():
            self.assertEqual(settings.get(name), [value], name)
        self.assertEqual(settings["SystemCallFilter"], ["@system-service", "~@privileged"])

    def test_systemd_reads_it(self):
        with tempfile.TemporaryDirectory() as directory:
            # With a program that is there, for what it says must be about the unit.
            unit = pathlib.Path(directory) / UNIT.name
            unit.write_text(UNIT.read_text().replace("/usr/bin/quorated", "/bin/true"))
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=60 * SLOWNESS)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        require_binaries()
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="quorate-package-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, True)
        done = subprocess.run(["cpack", "-G", "DEB", "--config", BINARIES / "CPackConfig.cmake", "-B", cls.directory],
                              cwd=cls.directory, capture_output=True, text=True, timeout=600 * SLOWNESS)
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        cls.package, = cls.directory.glob("*.deb")
        cls.root = cls.directory / "root"
        subprocess.run(["dpkg-deb", "-R", cls.package, cls.root], check=True, timeout=120)

    def test_what_is_in_it(self):
        listing = subprocess.run(["dpkg-deb", "-c", self.package], check=True, capture_output=True, text=True).stdout
        files = {}
        for line in listing.splitlines():
            mode, owner, _, _, _, path = line.split(None, 5)
            self.assertEqual(owner, "root/root", line)
            self.assertNotRegex(mode, r"^(.....w|........w|...s|......s)", line)
            files[path.lstrip(".")] = mode
        for path in ("/usr/bin/quorate", "/usr/bin/quorated"):
            self.assertEqual(files[path], "-rwxr-xr-x")
        for path in ("/usr/lib/systemd/system/quorated@.service", "/etc/default/quorated", "/usr/share/doc/quorate/operations.md",
                     "/usr/share/doc/quorate/runbook.md", "/usr/share/doc/quorate/copyright", "/usr/share/quorate/grafana/quorate.json",
                     "/usr/share/quorate/openapi.yaml"):
            self.assertEqual(files[path], "-rw-r--r--")
        for path in files:
            self.assertRegex(path, r"^/$|^/(etc|lib|usr)/", "nothing lies elsewhere")
            self.assertFalse(re.search(r"test|evil|\.a$|\.h$", path), path)

    def test_what_it_says_of_itself(self):
        fields = dict(line.split(": ", 1) for line in subprocess.run(["dpkg-deb", "-f", self.package], check=True, capture_output=True,
                                                                      text=True).stdout.splitlines() if re.match(r"\S+: ", line))
        self.assertEqual(fields["Package"], "quorate")
        version = subprocess.run([QUORATED, "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
        self.assertEqual(fields["Version"], version)
        for library in ("libc6", "libsodium", "libstdc++6", "passwd"):
            self.assertIn(library, fields["Depends"])
        self.assertEqual((self.root / "DEBIAN" / "conffiles").read_text(), "/etc/default/quorated\n")

    def test_its_scripts(self):
        for name in ("postinst", "prerm", "postrm"):
            script = self.root / "DEBIAN" / name
            subprocess.run(["sh", "-n", script], check=True)
            self.assertEqual(script.stat().st_mode & 0o777, 0o755)
            # It never takes shares away.
            self.assertNotRegex(script.read_text(), r"\brm\b|rmdir|deluser|userdel")
        self.assertIn("useradd --system", (self.root / "DEBIAN" / "postinst").read_text())

    def test_a_demo_from_it(self):
        environment = dict(os.environ, HOME=str(self.directory), PATH=f"{self.root}/usr/bin:{os.environ['PATH']}")
        done = subprocess.run([self.root / "usr/bin/quorate", "demo", "--json", "--dir", self.directory / "demo", "--base-port",
                               str(free_base_port())], env=environment, capture_output=True, text=True, timeout=300 * SLOWNESS)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
