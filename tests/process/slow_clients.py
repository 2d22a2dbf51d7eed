"""slow_clients.py PORT CA COUNT: keeps so many connections to a node of this machine: half of them say nothing, half send a request byte by
byte. Those that the node ends are opened again, from several addresses of the loopback. A process of its own, since two threads of one
interpreter wait for each other, and one that takes of this machine what the others leave: clients have machines of their own. Prints a line
of JSON about once a second, and ends when its standard input does."""
import json
import os
import select
import socket
import ssl
import sys
import time


class SlowClients:
    def __init__(self, port, ca, count):
        self.port, self.count = port, count
        self.context = ssl.create_default_context(cafile=ca)
        self.opened, self.ended, self.most, self.asked = 0, 0, 0, 0
        self.held, self.asking = {}, set()

    def connect(self, number):
        try:
            s = socket.create_connection(("127.0.0.1", self.port), timeout=2, source_address=(f"127.0.1.{1 + number % 8}", 0))
        except OSError:
            return None
        try:
            s.setblocking(False)
            if number % 2:
                s = self.context.wrap_socket(s, server_hostname="127.0.0.1", do_handshake_on_connect=False)
            self.opened += 1
            return s
        except OSError:
            s.close()
            return None

    def step(self, s, number):
        """False: the node has ended it."""
        try:
            if number % 2:
                if number not in self.asking:
                    s.do_handshake()
                    s.send(b"GET /readyz HTTP/1.1\r\nHost: x\r\nA: ")
                    self.asking.add(number)
                    self.asked += 1
                s.send(b"a")
            return s.recv(1) != b""
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        except OSError:
            return False

    def round(self):
        for number in range(self.count):
            if self.held.get(number) is None:
                self.held[number] = self.connect(number)
            if self.held[number] is not None and not self.step(self.held[number], number):
                self.held.pop(number).close()
                self.asking.discard(number)
                self.ended += 1
        self.most = max(self.most, sum(s is not None for s in self.held.values()))


def main():
    os.nice(19)
    clients, told = SlowClients(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])), 0
    while not select.select([sys.stdin], [], [], 0.8)[0]:
        clients.round()
        if time.monotonic() > told + 1:
            print(json.dumps({"opened": clients.opened, "ended": clients.ended, "most": clients.most, "asked": clients.asked}), flush=True)
            told = time.monotonic()


if __name__ == "__main__":
    main()
