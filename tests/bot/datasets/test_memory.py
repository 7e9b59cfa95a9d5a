"""However a file tries to fill the memory, the whole process of a check stays under 80 MiB, and soon ends.

Each file is made and checked in a process of its own, which prints its peak; the bytes are never held together.
Work that grows with the square of a row or of a table takes minutes or hours here; the process is ended before.
"""

import subprocess
import sys
from pathlib import Path

import pytest

MOST_MIB = 80
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc"),
]
CHILD = """
import itertools, json, resource, sys, zlib
from bot.datasets import DatasetChecker, Repairer
from bot.domain.datasets import Dialect, FieldMapping
from bot.domain.backend_profile import DatasetLimits

resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
MEGABYTE = 1024 * 1024
def row(value):
    return json.dumps(value).encode() + b"\\n"
def lines(row, count):
    for first in range(0, count, 1000):
        yield b"".join(row % i for i in range(first, first + 1000))
def packed(chunks):
    pack = zlib.compressobj(wbits=31)
    for chunk in chunks:
        yield pack.compress(chunk)
    yield pack.flush()
FILES = {
    "good rows": lambda: lines(b'{"text_input": "question %d", "output": "yes or no"}\\n', 200_000),
    "one endless line": lambda: itertools.repeat(b"x" * MEGABYTE, 60),
    "one endless text": lambda: itertools.chain([b'{"text_input": "'], itertools.repeat(b"x" * MEGABYTE, 60)),
    "one endless item": lambda: itertools.chain([b'[{"text_input": "'], itertools.repeat(b"x" * MEGABYTE, 60)),
    "an endless quoted field": lambda: itertools.chain(
        [b'text_input,output\\n"'], itertools.repeat(b"x,y\\n" * 225_000, 5)
    ),
    "zeros in gzip": lambda: packed(itertools.repeat(bytes(MEGABYTE), 300)),
    "empty lists by the million": lambda: itertools.repeat(b'{"messages":[' + b"[]," * 650_000 + b"[]]}\\n", 4),
    "empty objects by the million": lambda: itertools.repeat(b'{"contents":[' + b"{}," * 650_000 + b"{}]}\\n", 4),
    "keys by the million": lambda: (
        b"{" + b",".join(b'"%d":1' % i for i in range(150_000)) + b"}\\n" for _ in range(4)
    ),
    "rows that are all wrong": lambda: lines(b'{"text_input": "%d", "output": ""}\\n', 50_000),
    "keys that are all different": lambda: lines(b'{"text_input": "1", "output": "2", "k%d": 1}\\n', 50_000),
    "orders of roles that are all different": lambda: (
        b'{"messages":[' + b",".join(
            b'{"role":"%s","content":"x"}' % (b"user" if i >> bit & 1 else b"assistant") for bit in range(16)
        ) + b"]}\\n" for i in range(15_000)
    ),
    "no line ends but blank lines": lambda: itertools.repeat(b"\\n" * MEGABYTE, 3),
    "comments by the million": lambda: [b"[x", b"\\n//" * 600_000, b"\\ny]"],
    "comments that are never closed": lambda: [b"[x", b"/* " * 600_000, b"*/y]"],
    "odd spaces by the million": lambda: [b"[x", b"\\xc2\\xa0" * 900_000, b"y]"],
    "marks of pictures": lambda: [row({"text_input": "<image>" * 250_000, "output": "b"})],
    "rows that begin like the names of many columns": lambda: itertools.chain(
        [b"prompt,completion" + b"".join(b",%d" % i for i in range(9_000)) + b"\\n"],
        itertools.repeat(b"prompt\\n" * 30_000, 10),
    ),
}
name, work = sys.argv[1:]
if work == "check":
    checker = DatasetChecker("rows", DatasetLimits(), Dialect.VERTEX)
    for chunk in FILES[name]():
        checker.feed(chunk)
    checker.finish()
else:
    repairer = Repairer("rows", DatasetLimits(), Dialect.VERTEX)
    for chunk in FILES[name]():
        for part in repairer.feed(chunk):
            del part
    for part in repairer.finish():
        del part
for line in open("/proc/self/status"):
    if line.startswith("VmHWM:"):
        print(int(line.split()[1]) / 1024)
"""
NAMES = [line.split('"')[1] for line in CHILD.splitlines() if line.startswith('    "')]


@pytest.mark.parametrize("work", ["check", "repair"])
@pytest.mark.parametrize("name", NAMES)
def test_no_file_fills_the_memory(name: str, work: str) -> None:
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, name, work], cwd=root, capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < MOST_MIB
