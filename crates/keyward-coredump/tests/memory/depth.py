"""Run by gdb on `keyward-coredump-depths ROUNDS`: see depth.rs.

An operation is over, and its stack about to be overwritten, where `overwrite` begins. The stack is
read there: how far down its paint has gone is how deep the operation went. It is read again where
`overwrite` ends. Each round but the first clears some of the flags by which the libraries choose
their code: all from one of them upwards, or all up to one.
"""

import gdb

PAINT = b"\xa5"
SEEN = 48 * 1024


def quiet(command):
    return gdb.execute(command, to_string=True)


def symbols(kind, pattern):
    """The addresses of symbols and their names, without the hash at the end."""
    lines = [line.split() for line in quiet(f"info {kind} {pattern}").splitlines()]
    return [(int(words[0], 16), words[1].split("::h")[0])
            for words in lines if words and words[0].startswith("0x")]


def read(address, length):
    return bytes(gdb.selected_inferior().read_memory(address, length))


def write(address, number, length):
    gdb.selected_inferior().write_memory(address, number.to_bytes(length, "little"))


def number(address, length):
    return int.from_bytes(read(address, length), "little")


def register(name):
    return int(gdb.newest_frame().read_register(name)) & (1 << 64) - 1


def touched():
    """How far below its top the stack holds something else than paint."""
    return len(read(register("rsp") - SEEN, SEEN).lstrip(PAINT))


def clearings(count):
    """Which of `count` flags are cleared, a set for each round."""
    yield set()
    yield from (set(range(at, count)) for at in range(count))
    yield from (set(range(at + 1)) for at in range(count - 1))


class Flags:
    """What the libraries found the processor to have."""

    def __init__(self):
        # RustCrypto: bytes that are 1 where an instruction is used.
        of_ours = [(a, name) for a, name in symbols("variables", "STORAGE")
                   if name.split("::")[0] in ("aes", "ghash", "polyval", "sha1", "sha2")]
        of_ours = [(a, name) for a, name in of_ours if number(a, 1) == 1]
        self.ours = [a for a, _ in of_ours]
        # No processor has the wide instructions of AES without the narrow ones, and the library
        # takes the keys of the one for the other.
        self.aes = {at for at, (_, name) in enumerate(of_ours) if "features_aes" in name}
        self.wide = {at for at, (_, name) in enumerate(of_ours) if "features_vaes" in name}
        # ring: one word of bits, the highest of which says that it was set; words of its C code.
        [(self.ring, _)] = symbols("variables", "featureflags::FEATURES")
        self.word = number(self.ring, 4)
        self.bits = [1 << at for at in range(32) if self.word >> at & 1][:-1]
        of_c = [a for a, _ in symbols("variables", "ring_core.*_available")]
        self.c = [a for a in of_c if number(a, 4) == 1]
        self.ours_cleared = list(clearings(len(self.ours)))
        self.bits_cleared = list(clearings(len(self.bits)))
        self.rounds = max(len(self.ours_cleared), len(self.bits_cleared))
        print("FLAGS", len(self.ours), len(self.bits), len(self.c), "in", self.rounds, "rounds")

    def force(self, turn):
        cleared = self.ours_cleared[turn % len(self.ours_cleared)]
        cleared = cleared | self.wide if cleared & self.aes else cleared
        for at, address in enumerate(self.ours):
            write(address, 0 if at in cleared else 1, 1)
        cleared = self.bits_cleared[turn % len(self.bits_cleared)]
        write(self.ring, self.word - sum(self.bits[at] for at in cleared), 4)
        for at, address in enumerate(self.c):
            write(address, 0 if turn >> at & 1 else 1, 4)


class At(gdb.Breakpoint):
    """Calls `met` whenever the program comes by; it goes on unless that says True."""

    def __init__(self, address, met):
        super().__init__(f"*{address}", internal=True)
        self.met = met

    def stop(self):
        return self.met() is True


class Measured:
    """One operation: the top of its stack and how deep it went, once it is over."""

    def __init__(self, name):
        self.name = name
        self.top = None
        self.depth = None


flags = None
turn = 0
now = None


def at_round():
    global flags, turn
    flags = flags or Flags()
    if turn == flags.rounds:
        return True
    flags.force(turn)
    turn += 1
    return False


def at_operation():
    global now
    now = Measured(read(register("rdi"), register("rsi")).decode())


def at_end():
    # It calls itself for each piece: the first call is where the operation is over.
    if now and not now.top:
        now.top, now.depth = register("rsp"), touched()


def at_overwritten():
    global now
    if now and register("rsp") == now.top:
        deep = touched()
        left = read(now.top - deep, deep).count(PAINT)
        print(f"DEPTH|{now.name}|{now.depth}|{deep}|{left}")
        now = None


quiet("set pagination off")
quiet("set confirm off")
quiet("tbreak main")
quiet("run")
for address, _ in symbols("functions", "depths::round"):
    At(address, at_round)
for address, _ in symbols("functions", "depths::operation"):
    At(address, at_operation)
for address, _ in symbols("functions", "wipe::overwrite"):
    At(address, at_end)
    for line in quiet(f"disassemble {address}").splitlines():
        words = line.replace("=>", "").split()
        if "ret" in words:
            At(int(words[0], 16), at_overwritten)
gdb.execute("continue")
quiet("kill")
