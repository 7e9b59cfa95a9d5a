"""The dataset checker against a bare decode, and against what others use, on one file, side by side.

    python -m tests.benchmarks.datasets                     # 100,000 chat rows: the floor and ours
    python -m tests.benchmarks.datasets --peers             # and the peers, installed in environments of their own
    python -m tests.benchmarks.datasets --rows 1000000      # ten times the rows: does cost grow linearly?
    python -m tests.benchmarks.datasets --rows 2000000      # over 1 GB: does memory stay where it was?

Every line is a process of its own; seconds are the best of several runs inside it without imports (the first
column, where we can look inside) and of the whole process (the second), peak memory is the process's. The command
fails where a bound is broken. It is no part of the default test run.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

# name -> (requirement, command, file it reads). They can be given no smaller job than their whole check.
PEERS = {
    "openai tools fine_tunes.prepare_data": (
        "openai[datalib]==1.109.1",
        ["openai", "tools", "fine_tunes.prepare_data", "-q", "-f"],
        "pairs",
    ),
    "together files check": ("together==1.5.35", ["together", "files", "check"], "chat"),
}
# It asks for a key before it looks at a local file; none is ever used.
PEERS_NEED = {"TOGETHER_API_KEY": "none", "TOGETHER_NO_BANNER": "1"}
REPEATS = 9
MOST_TIMES_FLOOR = {"tunebot: full check": 2.5, "tunebot: convert to vertex": 4.0}
# CPU seconds for a megabyte of rows that are all bad, by what is wrong with them.
MOST_BAD_SECONDS = 0.5
BAD_ROWS = {
    "plain text": b"hello world %d\n",
    "no JSON": b'{"text_input": "question %d", "output": \n',
    "an empty output": b'{"text_input": "question %d", "output": ""}\n',
    "a key that is left out": b'{"text_input": "question %d", "output": "an answer", "id": 7}\n',
    "no keys": b"{}\n",
    "one unknown key": b'{"a":1}\n',
    "empty arrays": b"[]\n",
    "short keys, each another": b'{"k%d":1}\n',
    "NaN for the output": b'{"text_input": "question %d", "output": NaN}\n',
    "no output": b'{"text_input": "question %d"}\n',
    "a number for the output": b'{"text_input": "question %d", "output": %d}\n',
    "no-break spaces": b'{"text_input":\xc2\xa0"question %d", "output": "an answer"}\n',
    "bytes that are no UTF-8": b'{"text_input": "\xff %d", "output": "an answer"}\n',
    "a NUL in a text": b'{"text_input": "question %d\\u0000", "output": "an answer"}\n',
    "quotes of Python": b"{'text_input': 'question %d', 'output': 'an answer'}\n",
    "two turns of one role": b'{"messages":[{"role":"user","content":"%d"},{"role":"user","content":"b"}]}\n',
    "only an answer to prefer": b'{"chosen":"answer %d","rejected":1}\n',
    "an unknown role": b'{"messages": [{"role": "user", "content": "%d"}, {"role": "me", "content": "b"}]}\n',
    "another unknown role each": b'{"messages": [{"role": "r%d", "content": "a"}]}\n',
    "a number for messages": b'{"messages":5}\n',
    "a number for messages, each another": b'{"messages":%d}\n',
    "a number for contents": b'{"contents":5}\n',
    "a number for contents, each another": b'{"contents":%d}\n',
    "a number for conversations": b'{"conversations":%d}\n',
    "a number for an instruction": b'{"instruction":%d,"output":""}\n',
    "a number for an answer to prefer": b'{"prompt":"a","chosen":%d,"rejected":[]}\n',
    "a number for completions": b'{"contents":[],"completions":%d}\n',
    "a text for messages": b'{"messages":"text %d"}\n',
    "lists for texts": b'{"text_input":[%d],"output":[]}\n',
    "objects for texts": b'{"prompt":{"a":%d},"completion":{}}\n',
    "numbers for messages": b'{"messages":[1,2,%d]}\n',
    "nulls for turns": b'{"contents":[null,null,{"a":%d}]}\n',
    "nulls for roles and texts": b'{"messages":[{"role":null,"content":null},{"role":%d,"content":null}]}\n',
    "numbers for parts": b'{"contents":[{"role":"user","parts":%d},{"role":"model","parts":[1]}]}\n',
    "a number for a part's text": b'{"contents":[{"role":"user","parts":[{"text":%d}]}]}\n',
    "nested lists": b'{"messages":[[[[%d]]]]}\n',
    "a number for a system instruction": b'{"systemInstruction":%d,"contents":[{"role":"user","parts":[]}]}\n',
    "a thousand parts": b'{"contents":[{"role":"user","parts":[' + b'{"text":"%d"},' * 999 + b"1]}]}\n",
    "a good row before each bad one": b'{"text_input": "question %d", "output": "an answer"}\n{"a":%d}\n',
    "a good row before each blank line": b'{"instruction": "i", "input": "q%d", "output": "a"}\n\n',
    "keys that differ beside a good row": b'{"prompt": "question %d", "completion": "an answer", "k%d": 1}\n',
    "a wrapper": b'{"row":{"prompt":"t%d","completion":"a"},"row_idx":1}\n',
    "a wrapper around a wrong turn": b'{"body":{"messages":[{"role":"user","content":%d}]},"custom_id":"x"}\n',
    "a wrapper without a row": b'{"custom_id":"x","method":"POST","body":"%d"}\n',
    "a raw line end in a text": b'{"text_input": "question\n%d", "output": "an answer"}\n',
    "turns as a text": b'{"messages":"[{\\"a\\":%d}]"}\n',
    "numbers out of range": b'{"question":1e99%d,"answer":"a"}\n',
    "two answers to prefer": b'{"prompt":"t%d","chosen":"a","rejected":"b"}\n',
    "Alpaca's rows": b'{"instruction":"i","input":"q%d","output":"a"}\n',
    "ShareGPT's rows": b'{"conversations":[{"from":"human","value":"q%d"},{"from":"gpt","value":"a"}]}\n',
    "ShareGPT's rows with ids": b'{"id":%d,"conversations":[{"from":"human","value":"q"},'
    b'{"from":"gpt","value":"a"}]}\n',
    "a call in a text": b'{"messages":[{"role":"user","content":"q"},'
    b'{"role":"assistant","content":"<tool_call>%d"}]}\n',
    "a half surrogate": b'{"text_input": "\\ud83d question %d", "output": "an answer"}\n',
    "ten thousand addresses": b'{"text_input": "' + b"a@b.c " * 10_000 + b'%d", "output": "an answer"}\n',
    "ten thousand marks": b'{"text_input": "' + b"<think>" * 10_000 + b'%d", "output": "an answer"}\n',
    "ten thousand quotes": b'{"text_input": ' + b'"' * 10_000 + b"%d}\n",
    "a thousand wrong turns": b'{"messages":[' + b'{"role":"me","content":%d},' * 999 + b"1]}\n",
}
MOST_MIB = 80
FEWEST_TIMES_OPENAI = 5.0
FEWEST_TIMES_TOGETHER = 1.0
# The bound for a file of a gigabyte is that of the whole bot; the checker alone must leave room in it.
LARGE_ROWS, LARGE_MOST_MIB = 1_500_000, 100

WORDS = re.findall(
    r"\w+",
    "the of and to in is that order refund shipping invoice customer account login password reset please explain "
    "number value data train tune café naïve question answer when how why not yes thank you kindly tomorrow",
)


class Message(msgspec.Struct):
    role: Literal["system", "user", "assistant"]
    content: str


class Row(msgspec.Struct):
    messages: list[Message]


def write_rows(rows: int, chat: Path, pairs: Path) -> None:
    """The same rows as OpenAI chats and as prompt and completion: over half a kilobyte each."""
    chance = random.Random(7)

    def sentence(fewest: int, most: int) -> str:
        return " ".join(chance.choices(WORDS, k=chance.randint(fewest, most))).capitalize() + "."

    system = {"role": "system", "content": "You are a helpful agent of Example Ltd. Answer briefly."}
    with chat.open("w") as chats, pairs.open("w") as prompts:
        for i in range(rows):
            messages = [system]
            for _ in range(chance.choice((1, 1, 1, 2))):
                messages.append({"role": "user", "content": f"{i}: {sentence(8, 40)}"})
                messages.append({"role": "assistant", "content": sentence(15, 50)})
            chats.write(json.dumps({"messages": messages}) + "\n")
            prompt = "\n".join(message["content"] for message in messages[:-1])
            prompts.write(json.dumps({"prompt": prompt, "completion": messages[-1]["content"]}) + "\n")


def decode_only(path: Path) -> int:
    decode = msgspec.json.Decoder(Row).decode
    with path.open("rb") as lines:
        count = 0
        for line in lines:
            decode(line)
            count += 1
        return count


def check_fully(path: Path) -> int:
    from bot.datasets import DatasetChecker
    from bot.domain.backend_profile import DatasetLimits
    from bot.domain.datasets import Dialect

    limits = DatasetLimits(recommended_examples=100, tokens_per_example=131_072, file_bytes=1 << 40)
    checker = DatasetChecker(path.name, limits, Dialect.VERTEX)
    with path.open("rb") as file:
        while chunk := file.read(256 * 1024):
            checker.feed(chunk)
    report = checker.finish()
    if not report.ok:
        raise SystemExit(f"the benchmark's own rows are not fine: {report.errors}")
    return report.examples


def convert_fully(path: Path) -> int:
    from bot.datasets import Converter
    from bot.domain.datasets import Dialect

    converter = Converter(Dialect.OPENAI, Dialect.VERTEX)
    written = 0
    with path.open("rb") as file:
        while chunk := file.read(256 * 1024):
            written += converter.feed(chunk).count(b"\n")
    return written + converter.finish().count(b"\n")


OURS: dict[str, Callable[[Path], int]] = {
    "msgspec typed decode": decode_only,
    "tunebot: full check": check_fully,
    "tunebot: convert to vertex": convert_fully,
}


def run_inside(names: list[str], path: Path, repeats: int) -> None:
    """In the child: time the work alone, in turns, so that a busy moment hits all; print the best of each."""
    best = dict.fromkeys(names, float("inf"))
    for _ in range(repeats):
        for name in names:
            started = time.perf_counter()
            OURS[name](path)
            best[name] = min(best[name], time.perf_counter() - started)
    print(json.dumps(best))


def check_bad_rows(row: bytes) -> float:
    """Return the CPU seconds that a check of a megabyte of such rows takes, the best of three."""
    from bot.datasets import DatasetChecker
    from bot.domain.backend_profile import DatasetLimits
    from bot.domain.datasets import Dialect

    rows = max(1, 1_000_000 // len(row.replace(b"%d", b"10000")))
    data = b"".join(row.replace(b"%d", b"%d" % i) for i in range(rows))
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        checker = DatasetChecker("bad.jsonl", DatasetLimits(), Dialect.VERTEX)
        checker.feed(data)
        checker.finish()
        best = min(best, time.process_time() - started)
    return best


def measure(command: list[str], folder: Path) -> tuple[str, float, float]:
    """Output, seconds and peak MiB of a process."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | PEERS_NEED,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{text}")
    return text, time.perf_counter() - started, usage.ru_maxrss / 1024


def install(requirement: str, folder: Path) -> Path:
    """An environment with the peer in it; its folder of commands."""
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", "-q", requirement], check=True)
        (folder / "ready").touch()
    return folder / "bin"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--peers", action="store_true", help="install and run the peers, too")
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()) / "tunebot-benchmark")
    parser.add_argument("--inside", nargs=3, metavar=("NAMES", "FILE", "REPEATS"), help=argparse.SUPPRESS)
    parser.add_argument("--bad", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bad:
        print(json.dumps({name: check_bad_rows(row) for name, row in BAD_ROWS.items()}))
        return
    if options.inside:
        names, path, times = options.inside
        run_inside(json.loads(names), Path(path), int(times))
        return
    options.dir.mkdir(parents=True, exist_ok=True)
    files = {kind: options.dir / f"{kind}-{options.rows}.jsonl" for kind in ("chat", "pairs")}
    if not all(path.exists() for path in files.values()):
        write_rows(options.rows, files["chat"], files["pairs"])
    size = files["chat"].stat().st_size
    python = sys.version.split()[0]
    print(f"{options.rows:,} chat rows, {size / 1e6:,.1f} MB, Python {python}, {os.cpu_count()} cores\n")
    print(f"{'':38}{'work s':>9}{'process s':>11}{'peak MiB':>10}{'x floor':>9}{'rows/s':>12}")
    repeats = REPEATS if options.rows <= 200_000 else 2
    root = Path(__file__).resolve().parents[2]

    def ours(names: list[str], times: int) -> tuple[str, float, float]:
        inside = ["--inside", json.dumps(names), str(files["chat"]), str(times)]
        return measure([sys.executable, "-m", "tests.benchmarks.datasets", *inside], root)

    work: dict[str, float] = json.loads(ours([*OURS], repeats)[0])
    whole: dict[str, float] = {}
    peak: dict[str, float] = {}
    for name in OURS:
        _, whole[name], peak[name] = ours([name], 1)
        times = work[name] / work["msgspec typed decode"]
        rate = options.rows / work[name]
        print(f"{name:38}{work[name]:9.3f}{whole[name]:11.2f}{peak[name]:10.1f}{times:9.2f}{rate:12,.0f}")
    for name, (requirement, command, kind) in PEERS.items() if options.peers else ():
        program = install(requirement, options.dir / requirement.partition("[")[0].partition("=")[0])
        _, whole[name], peak[name] = measure(
            [str(program / command[0]), *command[1:], str(files[kind])], options.dir
        )
        print(f"{name:38}{'':9}{whole[name]:11.2f}{peak[name]:10.1f}{'':9}{options.rows / whole[name]:12,.0f}")
    bad: dict[str, float] = json.loads(
        measure([sys.executable, "-m", "tests.benchmarks.datasets", "--bad"], root)[0]
    )
    for name, seconds in bad.items():
        print(f"a megabyte of rows with {name:30}{seconds:9.3f} CPU s")
    broken = list(broken_bounds(options.rows, work, whole, peak, bad))
    print("\n" + ("\n".join(broken) if broken else "Every bound holds."))
    if broken:
        raise SystemExit(1)


def broken_bounds(
    rows: int, work: dict[str, float], whole: dict[str, float], peak: dict[str, float], bad: dict[str, float]
) -> list[str]:
    """Return a sentence for each bound that does not hold."""
    ours = "tunebot: full check"
    most = MOST_MIB if rows < LARGE_ROWS else LARGE_MOST_MIB
    found = []
    for name, most_times in MOST_TIMES_FLOOR.items():
        times = work[name] / work["msgspec typed decode"]
        if times > most_times:
            found.append(f"{name} takes {times:.2f} times the bare decode; at most {most_times} is promised.")
    for name, seconds in bad.items():
        if seconds > MOST_BAD_SECONDS:
            found.append(f"{name}: {seconds:.2f} CPU seconds a megabyte; at most {MOST_BAD_SECONDS} is promised.")
    if peak[ours] > most:
        found.append(f"The check peaks at {peak[ours]:.0f} MiB; at most {most} is promised.")
    for name, fewest in zip(PEERS, (FEWEST_TIMES_OPENAI, FEWEST_TIMES_TOGETHER), strict=True):
        if name in whole and whole[name] < fewest * whole[ours]:
            found.append(f"{name} takes {whole[name] / whole[ours]:.1f} times as long; {fewest} is promised.")
    return found


if __name__ == "__main__":
    main()
