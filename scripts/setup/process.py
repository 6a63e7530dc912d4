"""Running other programs: quiet when they succeed, with the end of their output when they fail."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import layout
from steps import SetupError

TAIL_LINES = 25


def run(
    log_name: str,
    command: Sequence[str | Path],
    *,
    cure: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run `command`, appending all that it prints to `.deps/log/<log_name>.log`."""
    layout.LOGS.mkdir(parents=True, exist_ok=True)
    log_path = layout.LOGS / f"{log_name}.log"
    words = [str(word) for word in command]
    with log_path.open("a") as log:
        log.write(f"$ {' '.join(words)}\n")
        log.flush()
        begin = log.tell()
        try:
            status = subprocess.run(
                words, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
            ).returncode
        except FileNotFoundError:
            raise SetupError(f"there is no program `{words[0]}`", cure) from None
    if status != 0:
        with log_path.open(errors="replace") as log:
            log.seek(begin)
            tail = log.read().splitlines()[-TAIL_LINES:]
        raise SetupError(
            f"`{words[0]}` ended with status {status} (all of it in {layout.shown(log_path)}):\n    "
            + "\n    ".join(tail),
            cure,
        )


def output(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> str:
    """What `command` prints on stdout, stripped; an empty string if it fails or does not exist."""
    try:
        done = subprocess.run([str(word) for word in command], env=env, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
