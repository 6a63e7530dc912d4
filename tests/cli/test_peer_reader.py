"""Recordings are read by libraries that nobody of Vedette wrote: those of Foxglove, in JavaScript, message by message."""

import hashlib
import json
import math
import os
import subprocess
from pathlib import Path

import pytest
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory

ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / ".deps/node/bin/node"
MODULES = ROOT / ".deps/node/peer/node_modules"


@pytest.fixture(scope="session")
def read_by_peer():
    """All messages of a file, as the peer decodes them."""
    if not NODE.exists() or not MODULES.exists():
        pytest.skip(f"{NODE} or its packages are missing: python3 scripts/setup node")

    def read(path):
        environment = {**os.environ, "NODE_PATH": str(MODULES)}
        command = [NODE, ROOT / "tests/cli/peer/read.cjs", path]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return read


def plain(value):
    """A decoded message of the Python reader in the words of the peer's."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}[str(value)]
    if hasattr(value, "__slots__"):
        return {name: plain(getattr(value, name)) for name in value.__slots__}
    return value


def same(ours, theirs):
    """Whether two values are the same number, text, list or message; 64 bits are a string at the peer's end."""
    if isinstance(theirs, dict):
        return isinstance(ours, dict) and ours.keys() == theirs.keys() and all(same(ours[k], theirs[k]) for k in ours)
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, int) and isinstance(theirs, str):
        return str(ours) == theirs
    return ours == theirs


def test_a_recording_of_all_outputs_is_read_by_libraries_of_others(replay, ten_frames, tmp_path, read_by_peer):
    out = tmp_path / "all.mcap"
    replay(ten_frames, "--annotate", "--markers", "--image-annotations", "--out", out)
    found = read_by_peer(out)
    with out.open("rb") as file:
        decoded = list(make_reader(file, decoder_factories=[DecoderFactory()]).iter_decoded_messages())
    assert len(found) == len(decoded) > 40
    of_peer = sorted(found, key=lambda line: (int(line["log_time"]), line["topic"]))
    ours = sorted(decoded, key=lambda row: (row[2].log_time, row[1].topic))
    for line, (schema, channel, message, value) in zip(of_peer, ours, strict=True):
        assert (line["topic"], line["type"], int(line["log_time"])) == (channel.topic, schema.name, message.log_time)
        assert same(plain(value), line["message"]), f"{channel.topic} at {message.log_time}"
    topics = {line["topic"] for line in found}
    for_people = {"/vedette/image_annotated", "/vedette/markers", "/vedette/image_annotations"}
    assert {"/vedette/detections", "/vedette/plan", "/vedette/events"} | for_people <= topics
