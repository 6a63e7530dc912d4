"""The repository as a stranger clones it."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What a set-up, a build or a person leaves in a clone and nobody may pass on.
LEFT_BEHIND = {
    "models/yolov12n/yolov12n.onnx": 2_000_000,
    "models/minilm-l6-v2/onnx/model.onnx": 2_000_000,
    "models/minilm-l6-v2/tokenizer.json": 400_000,
    "models/of_a_person/weights.onnx": 10,
    "launch/__pycache__/vedette.launch.cpython-312.pyc": 10,
}


def tracked():
    """The files of a clone, with the changes of the work tree."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    return sorted(name for name in done.stdout.split("\0") if name and (ROOT / name).is_file())


def clone(folder):
    """Puts a clone into a folder, with all that may lie about in it."""
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        # With the times of the files: cargo compares them.
        shutil.copy2(ROOT / name, folder / name)
    for name, size in LEFT_BEHIND.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(os.urandom(size))
