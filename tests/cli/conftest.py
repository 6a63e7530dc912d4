"""Small models and small bags: these tests need neither weights nor footage."""

import json
import shutil

import pytest
from bags import CAMERA_INFO, camera_info, pictures, stamp_of, write_bag
from models import MODELS, write_model


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A model that sees red boxes in a red picture, in a millisecond; see tests/data/models/generate.py."""
    return write_model(tmp_path_factory.mktemp("models") / "colours")


@pytest.fixture(scope="session")
def ten_frames(tmp_path_factory):
    """A bag of ten pictures with their camera_info."""
    infos = [(CAMERA_INFO, stamp_of(frame), camera_info(stamp_of(frame))) for frame in range(10)]
    records = sorted(infos + pictures(10), key=lambda record: record[1])
    return write_bag(tmp_path_factory.mktemp("bags") / "ten_frames", records)


@pytest.fixture
def file(tmp_path):
    """An export, alone in a folder."""
    path = tmp_path / "runs/best.onnx"
    path.parent.mkdir()
    shutil.copy(MODELS / "yolo_rows.onnx", path)
    return path


@pytest.fixture
def replay(vedette, model):
    """Replays with the small model: `replay(bag, "--limit", 3)`; results are discarded if no --out is among them."""

    def run(*args, **kwargs):
        away = () if {"--out", "--discard"} & set(args) else ("--discard",)
        return vedette("replay", *args, *away, "-p", f"model:={model}", "-p", "providers:=[cpu]", **kwargs)

    return run


@pytest.fixture
def report(replay):
    """As `replay`, and returns the JSON report with what was logged under `stderr`."""

    def run(*args, **kwargs):
        done = replay(*args, "--json", **kwargs)
        return json.loads(done.stdout) | {"stderr": done.stderr}

    return run
