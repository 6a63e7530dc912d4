"""Model weights that a package registry carries: YOLOv12n for COCO, out of the crate `easy-yolo`.

The crate is fetched by cargo itself, as a dependency of a manifest made for that, so cargo's own
configuration (mirror, proxy, offline) holds and cargo checks the crate against the registry's hash.
"""

import json
import os
import tempfile
import zipfile
from pathlib import Path

import checksum
import layout
import process
from steps import SetupError, Step

CRATE = "easy-yolo"
CRATE_VERSION = "0.1.3"
ARCHIVE = "yolov12n.onnx.zip"
ONNX_BYTES = 10_678_697
ONNX_SHA256 = "e548ab3a406227202334bf5a6623c9814ac6286ff04e68aeb4dc2357732d1a4f"
MANIFEST = f"""\
[package]
name = "weights"
version = "0.0.0"
edition = "2021"

[lib]
path = "empty.rs"

[dependencies]
{CRATE} = {{ version = "={CRATE_VERSION}", default-features = false }}

[workspace]
"""
NOTICE = "YOLOv12n's weights are AGPL-3.0: fetched for use on this machine, not part of this project"


def step() -> Step:
    """The step that puts the weights where the model's manifest names them."""
    return Step("weights", fetch, [layout.HERE / "weights.py"], [layout.YOLOV12N])


def fetch() -> str:
    """Fetch, unpack and check the weights, unless they are there."""
    target = layout.YOLOV12N
    if not checksum.matches(target, ONNX_BYTES, ONNX_SHA256):
        with tempfile.TemporaryDirectory(dir=layout.DEPS) as scratch:
            archive = crate_folder(Path(scratch)) / ARCHIVE
            unpacked = Path(scratch) / target.name
            with zipfile.ZipFile(archive) as zipped:
                unpacked.write_bytes(zipped.read(target.name))
            checksum.require(unpacked, ONNX_BYTES, ONNX_SHA256)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(unpacked, target)
    return f"{layout.shown(target)} ({NOTICE})"


def crate_folder(scratch: Path) -> Path:
    """Where cargo unpacked the crate."""
    manifest = scratch / "Cargo.toml"
    manifest.write_text(MANIFEST)
    (scratch / "empty.rs").touch()
    cure = "cargo must be installed and reach its registry (a mirror set in its configuration is fine); then run again"
    process.run("weights", ["cargo", "fetch", "--manifest-path", manifest], cure=cure)
    command = ["cargo", "metadata", "--format-version", "1", "--offline", "--manifest-path", manifest]
    metadata = json.loads(process.output(command) or '{"packages": []}')
    for package in metadata["packages"]:
        if package["name"] == CRATE:
            return Path(package["manifest_path"]).parent
    raise SetupError(f"cargo knows no folder of the crate {CRATE} {CRATE_VERSION}", cure)
