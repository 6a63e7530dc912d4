"""Models without a manifest: `model: best.onnx`, `vedette models info FILE`, `vedette models add`."""

import json
import os
import shutil

import pytest
from mcap.reader import make_reader
from models import MODELS, write_model

ROOT = MODELS.parents[2]
CHECKPOINT = MODELS.parent / "parity/dfine/checkpoint"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 300000\n"


@pytest.fixture
def add(vedette, tmp_path):
    """Adds a model to the first of two folders; gives what was told as JSON."""

    def run(*args, code=0):
        dirs = f"model_dirs:=[{tmp_path / 'models'}, {tmp_path / 'other'}]"
        done = vedette("models", "add", *args, "--json", "-p", dirs, code=code)
        return json.loads(done.stdout) if code == 0 else done.stderr

    return run


def results(vedette, out, model, bag, *more):
    """The messages of a replay's recording, but for its events: those tell the parameter `model` as it was given."""
    vedette("replay", bag, "--out", out, "-p", f"model:={model}", "-p", "providers:=[cpu]", *more)
    with out.open("rb") as file:
        messages = [(channel.topic, message.log_time, message.data) for _, channel, message in make_reader(file).iter_messages()]
    assert messages
    return [message for message in messages if message[0] != "/vedette/events"]


def test_a_file_alone_gives_the_bytes_that_its_manifest_gives(vedette, file, ten_frames, tmp_path):
    alone = results(vedette, tmp_path / "alone.mcap", file, ten_frames)
    by_manifest = results(vedette, tmp_path / "manifest.mcap", write_model(tmp_path / "best"), ten_frames)
    assert alone == by_manifest


def test_a_trained_export_alone_gives_the_bytes_that_its_manifest_gives(vedette, weights, bag, tmp_path):
    """By its path in a folder of its own, where no manifest is: the name that is published is the file's."""
    copy = tmp_path / "yolov12n.onnx"
    shutil.copy(weights, copy)
    few = ("--params", ROOT / "config/vtest.yaml", "--limit", 4)
    alone = results(vedette, tmp_path / "alone.mcap", copy, bag, *few)
    assert alone == results(vedette, tmp_path / "manifest.mcap", "yolov12n", bag, *few)


def test_info_tells_what_is_understood_of_a_file(vedette, file):
    told = vedette("models", "info", file).stdout
    for line in [
        "name      best",
        "family    yolo, task detect",
        "layout    rows",
        "takes     images float32 [1, 3, 64, 64]",
        "gives     output0 float32 [1, 7, 6]",
        "input     64x64 px (images), letterbox, rgb, 0..1",
        "trained   detect",
        "license   unknown",
        "classes   3, named by the model's metadata",
        "  0 red              1 green            2 traffic light",
    ]:
        assert line in told, line
    assert "state     fetched, read from the files themselves: there is no manifest" in told
    found = json.loads(vedette("models", "info", file, "--json").stdout)
    assert not found["written"] and found["understood"]["classes"] == ["red", "green", "traffic light"]
    assert (found["understood"]["layout"], found["understood"]["size"]) == ("rows", [64, 64])
    assert found["understood"]["classes_from"] == "metadata" and found["understood"]["ir_version"] == 8


def test_info_shows_a_trained_models_notes_and_names(vedette, weights):
    told = vedette("models", "info", "yolov12n").stdout
    assert "classes   80, named by the model's metadata" in told and "79 toothbrush" in told
    assert "stride    32" in told and "layout    rows" in told


def test_info_shows_a_checkpoint_with_its_configuration(vedette):
    told = vedette("models", "info", CHECKPOINT).stdout
    assert "family    detr, task detect" in told and "layout    logits" in told and "pixels as preprocessor_config.json says" in told
    assert "named by the manifest, config.json or a list beside the file" in told


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (POINTER, "is no ONNX model but a Git LFS pointer, not the file it stands for: run `git lfs pull`"),
        (b"<!DOCTYPE html>", "is no ONNX model but an HTML page: the download brought a page in place of the file"),
        (b"", "is no ONNX model but empty: fetch it again"),
        (b"PK\x03\x04best/data.pkl", "is no ONNX model but a zip archive, as PyTorch (.pt, .pth) and Keras write"),
    ],
    ids=["pointer", "page", "empty", "checkpoint"],
)
def test_what_is_no_model_is_named_with_the_cure(vedette, ten_frames, tmp_path, content, words):
    path = tmp_path / "best.onnx"
    path.write_bytes(content)
    replay = ("replay", ten_frames, "--discard", "-p", f"model:={path}")
    for args in [("models", "info", path), ("models", "add", path), replay]:
        assert f"model file {path} {words}" in vedette(*args, code=1).stderr
    assert words in vedette("check", "-p", f"model:={path}", code=1).stdout


def test_a_model_that_is_too_new_is_told_in_one_line(vedette, file):
    content = bytearray(file.read_bytes())
    assert content[:2] == b"\x08\x08"
    content[1] = 99
    file.write_bytes(content)
    told = vedette("check", "-p", f"model:={file}", code=1).stdout
    line = next(line for line in told.splitlines() if line.startswith("FAIL providers"))
    assert "IR version 99, this ONNX Runtime (" in line
    assert line.endswith(": export with an older opset or take a newer runtime")


def test_an_added_model_is_checked_and_replayed_by_its_name(vedette, add, file, ten_frames, tmp_path):
    told = add(file, "--name", "lights")
    folder = tmp_path / "models/lights"
    assert told["name"] == "lights" and told["manifest"] == str(folder / "model.toml") and told["how"] == "copied"
    assert told["files"] == [str(folder / "best.onnx")] and told["license"] == "unknown"
    assert (folder / "best.onnx").stat().st_nlink == 1 and file.exists()
    dirs = f"model_dirs:=[{tmp_path / 'models'}]"
    verified = vedette("models", "verify", "lights", "-p", dirs).stdout
    assert "whole, unverified: nobody has run these files with Vedette yet" in verified
    assert "lights (yolo), files whole, license unknown" in vedette("check", "-p", "model:=lights", "-p", dirs).stdout
    added = results(vedette, tmp_path / "added.mcap", "lights", ten_frames, "-p", dirs)
    assert added == results(vedette, tmp_path / "named.mcap", write_model(tmp_path / "x/lights"), ten_frames)


def test_the_manifest_that_is_written_pins_what_was_understood(add, file, tmp_path):
    add(file)
    text = (tmp_path / "models/best/model.toml").read_text()
    for line in ['layout = "rows"', 'name = "images"', "width_px = 64", "height_px = 64", "verified = false"]:
        assert f"\n{line}\n" in text, line
    assert 'name = "unknown"' in text and "find out before you use them" in text
    assert f"bytes = {file.stat().st_size}" in text and "labels" not in text


def test_what_is_said_of_the_license_is_written(add, file, tmp_path):
    assert add(file, "--license", "MIT")["license"] == "MIT"
    assert 'name = "MIT"' in (tmp_path / "models/best/model.toml").read_text()


def test_files_are_linked_or_stay_on_request(add, file, tmp_path, vedette):
    assert add(file, "--name", "linked", "--files", "link")["how"] == "linked"
    assert os.path.samefile(file, tmp_path / "models/linked/best.onnx")
    assert add(file, "--files", "stay")["manifest"] == str(file.parent / "model.toml")
    assert json.loads(vedette("models", "info", file, "--json").stdout)["written"]


def test_a_checkpoint_is_added_with_its_configuration(add, vedette, tmp_path):
    """Through the links of a hub's cache, whose files are copied, under the repository's name."""
    repository = tmp_path / "hub/models--some--dfine-ONNX"
    for path in ("onnx/model.onnx", "config.json", "preprocessor_config.json"):
        blob = repository / "blobs" / path.replace("/", "-")
        blob.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKPOINT / path, blob)
        link = repository / "snapshots/0a1b" / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    told = add(repository / "snapshots/0a1b")
    folder = tmp_path / "models/dfine-ONNX"
    assert told["name"] == "dfine-ONNX" and (folder / "config.json").is_file()
    assert not (folder / "onnx/model.onnx").is_symlink()
    found = vedette("check", "-p", f"model:={folder}", "-p", "providers:=[cpu]").stdout
    assert "dfine-ONNX (detr), files whole" in found


def test_names_that_lie_beside_a_file_are_taken(vedette, tmp_path):
    path = tmp_path / "best.onnx"
    path.write_bytes((MODELS / "yolo_rows.onnx").read_bytes().replace(b"names", b"label"))
    assert "class names: " in vedette("models", "info", path, code=1).stderr
    (tmp_path / "labels.txt").write_text("rot\ngrün\nAmpel\n")
    told = vedette("models", "info", path).stdout
    assert "classes   3, named by the manifest, config.json or a list beside the file" in told and "2 Ampel" in told


def test_nothing_of_a_file_without_a_manifest_is_fetched_or_recorded(vedette, file):
    assert json.loads(vedette("models", "fetch", file, "--json").stdout) == []
    assert "taken as they are: no manifest" in vedette("models", "verify", file).stdout
    assert [path.name for path in file.parent.iterdir()] == ["best.onnx"]


def test_nothing_is_overwritten_and_nothing_is_left_of_what_failed(add, file, tmp_path):
    add(file)
    assert f"{tmp_path / 'models/best'} is there already: give the model another --name" in add(file, code=1)
    assert "has a manifest already" in add(tmp_path / "models/best/best.onnx", code=1)
    for name in ("..", "a/b", ".hidden", ""):
        assert "is no name of a model" in add(file, "--name", name, code=1)
    pointer = tmp_path / "runs/pointer.onnx"
    pointer.write_bytes(POINTER)
    assert "a Git LFS pointer" in add(pointer, code=1)
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["best"]


def test_a_person_is_told_what_was_done_and_what_to_do_next(vedette, file, tmp_path):
    told = vedette("models", "add", file, "-p", f"model_dirs:=[{tmp_path / 'models'}]").stdout
    assert "files     copied: best.onnx" in told and "license   unknown: nobody has said it (--license)" in told
    assert "2 traffic light" in told and told.rstrip().endswith("vedette check -p model:=best")
