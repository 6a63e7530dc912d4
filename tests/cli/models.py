"""Model folders of the small models in tests/data/models."""

import hashlib
import shutil
from pathlib import Path

MODELS = Path(__file__).resolve().parents[1] / "data/models"


def write_model(folder, model="yolo_rows", weights=None, width_px=64, height_px=64, more=""):
    """Makes a model folder; its manifest is true to `weights`, by default those of a small model."""
    folder.mkdir(parents=True)
    if weights is None:
        weights = (MODELS / f"{model}.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(weights)
    (folder / "model.toml").write_text(
        f"""family = "yolo"
task = "detect"
source = "tests/data/models/generate.py"
input = {{ width_px = {width_px}, height_px = {height_px} }}
license = {{ name = "Apache-2.0" }}
{more}
[[files]]
path = "model.onnx"
bytes = {len(weights)}
sha256 = "{hashlib.sha256(weights).hexdigest()}"
"""
    )
    return folder


def write_answering_model(folder, family, context_tokens=2048):
    """Makes a model folder of the tiny checkpoint of a generating family in tests/data/parity."""
    checkpoint = MODELS.parent / "parity" / family / "checkpoint"
    shutil.copytree(checkpoint, folder)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    files.sort(key=lambda path: path.suffix != ".onnx")
    (folder / "model.toml").write_text(
        f"""family = "{family}"
task = "answer"
source = "models/parity/{family}.py"
verified = false
generation = {{ context_tokens = {context_tokens} }}
license = {{ name = "Apache-2.0" }}
"""
        + "".join(f'[[files]]\npath = "{path}"\n' for path in files)
    )
    return folder
