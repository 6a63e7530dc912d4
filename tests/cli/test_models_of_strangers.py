"""Models as anybody may give them: nothing outside of their folder is touched, nothing hangs, nothing reaches a terminal
but words."""

import json
import os
import shutil
import subprocess

import pytest
from models import MODELS

ROOT = MODELS.parents[2]
PARITY = MODELS.parent / "parity"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 300000\n"


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def message(field, content):
    """A field of protobuf that holds bytes."""
    return varint(field << 3 | 2) + varint(len(content)) + content


def number(field, value):
    return varint(field << 3) + varint(value)


def pair(field, key, text):
    return message(field, message(1, key.encode()) + message(2, text.encode()))


def with_weights_at(location, length=16):
    """A detector with one more tensor, whose numbers are in a file: messages behind each other are one."""
    where = pair(13, "location", str(location)) + pair(13, "length", str(length))
    tensor = number(1, 4) + number(2, 1) + message(8, b"weights_elsewhere") + where + number(14, 1)
    return (MODELS / "yolo_rows.onnx").read_bytes() + message(7, message(5, tensor))


def with_notes(**notes):
    """A detector whose metadata says this."""
    return (MODELS / "yolo_rows.onnx").read_bytes() + b"".join(pair(14, key, text) for key, text in notes.items())


def without_names():
    return (MODELS / "yolo_rows.onnx").read_bytes().replace(b"names", b"label")


@pytest.fixture
def dirs(tmp_path):
    return ("-p", f"model_dirs:=[{tmp_path / 'models'}]")


@pytest.mark.parametrize("how", ["copy", "link"])
@pytest.mark.parametrize("location", ["{tmp}/precious", "../precious", "a/../../precious", "../models/theirs/theirs.onnx"])
def test_weights_outside_of_the_models_folder_are_refused_and_nothing_is_touched(
    vedette, file, dirs, tmp_path, location, how
):
    theirs = [tmp_path / "precious", tmp_path / "models/theirs/theirs.onnx"]
    for path in theirs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"precious" * 100)
    location = location.format(tmp=tmp_path)
    file.write_bytes(with_weights_at(location))
    told = vedette("models", "add", file, "--files", how, *dirs, code=1).stderr
    assert f'has its weights at "{location}", expected a path below its own folder' in told
    assert all(path.read_bytes() == b"precious" * 100 for path in theirs)
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["theirs"]
    assert "has its weights at" in vedette("models", "info", file, code=1).stderr


def test_weights_beside_a_model_come_along(vedette, file, dirs, tmp_path):
    for at, location in enumerate(["best.onnx_data", "./best.onnx_data", "weights/best.data"]):
        file.write_bytes(with_weights_at(location))
        weights = file.parent / location
        weights.parent.mkdir(exist_ok=True)
        weights.write_bytes(bytes(16))
        vedette("models", "add", file, "--name", f"m{at}", *dirs)
        assert (tmp_path / f"models/m{at}" / location).read_bytes() == bytes(16)
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["m0", "m1", "m2"]
    mode = (tmp_path / "models").stat().st_mode
    assert (tmp_path / "models/m0").stat().st_mode == mode, "it is as open as any folder"


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (None, "has its weights in files that are missing beside it: w.data; copy or fetch them too"),
        (POINTER, "are a Git LFS pointer, not the file it stands for: run `git lfs pull`"),
        (b"short", "w.data hold 5 bytes, expected at least 16: fetch or copy them again"),
        ("pipe", "has its weights in files that are missing beside it: w.data"),
    ],
    ids=["missing", "pointer", "short", "pipe"],
)
def test_weights_that_are_none_are_told_in_the_same_words_everywhere(vedette, file, dirs, tmp_path, weights, words):
    file.write_bytes(with_weights_at("w.data"))
    if weights == "pipe":
        os.mkfifo(file.parent / "w.data")
    elif weights is not None:
        (file.parent / "w.data").write_bytes(weights)
    assert words in vedette("models", "add", file, *dirs, code=1).stderr
    assert not (tmp_path / "models").exists()
    told = vedette("check", "-p", f"model:={file}", code=1).stdout
    assert told.count(words) == 1, "it is told, and once"
    assert words in vedette("models", "verify", file, code=1).stdout


def test_a_link_that_leads_nowhere_is_there_too(vedette, file, dirs, tmp_path):
    link = tmp_path / "models/best"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "nowhere")
    assert f"{link} is there already" in vedette("models", "add", file, *dirs, code=1).stderr
    assert link.is_symlink() and [path.name for path in link.parent.iterdir()] == ["best"]


@pytest.mark.parametrize(
    "name",
    ["foo.onnx", "model.toml", "123", "true", "yes", "0x10", "1e5", "[x]", '"q"', "a/", "a b", "a\nb", "a\x1b[2J", "~", "-x", "1.5"],
)
def test_a_name_by_which_no_model_can_be_named_is_refused(vedette, file, dirs, tmp_path, name):
    told = vedette("models", "add", file, f"--name={name}", *dirs, code=1).stderr
    assert "is no name of a model" in told and "with --name" in told and "\x1b" not in told
    assert not (tmp_path / "models").exists()


def test_a_files_own_name_is_held_to_the_same(vedette, file, dirs, tmp_path):
    twice = file.rename(file.parent / "x.onnx.onnx")
    assert 'the name "x.onnx" is no name of a model' in vedette("models", "add", twice, *dirs, code=1).stderr
    for name in ["yolo11n-seg.v2", "größe_1", "v8"]:
        vedette("models", "add", twice, "--name", name, *dirs)
        assert vedette("models", "verify", name, *dirs).stdout.startswith(name)


def test_a_changed_file_of_an_added_model_is_not_sent_to_set_up(vedette, file, dirs, tmp_path):
    vedette("models", "add", file, *dirs)
    copied = tmp_path / "models/best/best.onnx"
    copied.write_bytes(copied.read_bytes() + b"\0")
    told = vedette("models", "verify", "best", *dirs, code=1).stdout
    assert "copy the old one there again, or, if the new one is meant, remove the folder and add the model again" in told
    copied.unlink()
    told = vedette("models", "verify", "best", *dirs, code=1).stdout
    assert "is missing; copy it there again" in told and "make setup" not in told


@pytest.mark.parametrize("name", ["labels.txt", "best.names", "data.yaml"])
def test_a_pipe_beside_a_model_is_left_alone(vedette, file, name):
    file.write_bytes(without_names())
    os.mkfifo(file.parent / name)
    assert "class names: " in vedette("models", "info", file, code=1).stderr


def test_no_pipe_is_waited_for(vedette, file, model, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (file.parent / "config.json", file.parent / "other.onnx"):
        os.mkfifo(path)
    told = vedette("models", "info", file, code=1).stderr
    assert "config.json beside it cannot be read: a pipe, socket or device, expected a file" in told
    assert "no model" in vedette("models", "info", file.parent / "other.onnx", code=1).stderr
    told = vedette("check", "--picture", pipe, "-p", f"model:={model}", "-p", "providers:=[cpu]", code=1).stdout
    assert f"cannot read the picture {pipe}: a pipe, socket or device, expected a file" in told


def test_a_mirrors_pipe_is_no_file(vedette, dirs, tmp_path):
    folder = tmp_path / "models/far"
    folder.mkdir(parents=True)
    (folder / "model.toml").write_text(
        "family = 'yolo'\ntask = 'detect'\nsource = 's'\nverified = false\nlicense = { name = 'MIT' }\n"
        "[[files]]\npath = 'far.onnx'\nurl = 'https://example.org/far.onnx'\n"
    )
    mirror = tmp_path / "mirror/far"
    mirror.mkdir(parents=True)
    os.mkfifo(mirror / "far.onnx")
    told = vedette("models", "fetch", "far", "--from", tmp_path / "mirror", "--retries", 0, *dirs, code=1).stdout
    assert "a pipe, socket or device, expected a file" in told


def test_a_mirror_that_is_not_there_is_wrong_usage(vedette):
    assert "is no folder and no http(s) address" in vedette("models", "fetch", "--from", "/nowhere", code=2).stderr


@pytest.mark.parametrize("what", [("models", "list"), ("models", "list", "--json"), ("models", "info", "{file}"), ("check",)])
def test_a_reader_that_leaves_ends_a_command_without_a_word(binary, file, what):
    read, write = os.pipe()
    os.close(read)
    command = [binary, *(word.format(file=file) for word in what)]
    done = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, timeout=600)
    os.close(write)
    assert done.returncode == -13 and "panicked" not in done.stderr and "RUST_BACKTRACE" not in done.stderr


def test_a_full_disk_under_stdout_is_an_error(binary, file):
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary, "models", "info", file], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and done.stderr == "vedette: cannot write to stdout: No space left on device (os error 28)\n"


def test_a_name_of_megabytes_is_shown_in_part(vedette, file):
    file.write_bytes(with_notes(names=f"{{0: '{'x' * (5 << 20)}', 1: 'green', 2: 'blue'}}"))
    told = vedette("models", "info", file).stdout
    assert f"0 {'x' * 80}…" in told and len(told) < 10_000


def test_no_model_commands_a_terminal(vedette, file, dirs, tmp_path):
    ring = "\x1b]0;owned\x07\x1b[2J\u202e"
    names = r'{0: "a\e]0;owned\a\e[2J\u202e", 1: "b", 2: "c"}'
    notes = with_notes(license=f"MIT{ring}", names=names, description=ring, date=ring)
    file.write_bytes(notes.replace(b"output0", b"out\x1b[2J"))
    shown = [vedette("models", "info", file).stdout]
    shown.append(vedette("models", "add", file, "--license", f"X{ring}", *dirs).stdout)
    odd = tmp_path / f"models/odd{ring}\nx"
    shutil.copytree(tmp_path / "models/best", odd)
    shown += [vedette("models", "list", *dirs).stdout, vedette("models", "verify", *dirs).stdout]
    for text in shown:
        assert "\ufffd" in text and not set(text) & {"\x1b", "\x07", "\u202e"}
    assert shown[2].count("\n") == 2, "a line for each model"


def test_a_checkpoint_is_read_alike_from_any_working_folder(vedette, tmp_path):
    copy = tmp_path / "rtdetr"
    shutil.copytree(PARITY / "rtdetr/checkpoint", copy)
    expected = json.loads(vedette("models", "info", copy / "onnx/model.onnx", "--json").stdout)
    assert expected["name"] == "rtdetr" and len(expected["files"]) == 3
    for folder, path in [("onnx", "./model.onnx"), ("onnx", "model.onnx"), (".", "onnx/model.onnx"), ("onnx", "."), ("onnx", "../onnx/model.onnx")]:
        assert json.loads(vedette("models", "info", path, "--json", cwd=copy / folder).stdout) == expected, path


def test_a_place_in_a_hubs_cache_is_a_path(vedette, tmp_path):
    repository = tmp_path / "hub/models--some--rtdetr-ONNX"
    for revision in ("0a1b", "9f9f"):
        shutil.copytree(PARITY / "rtdetr/checkpoint", repository / "snapshots" / revision)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("0a1b")
    told = json.loads(vedette("models", "info", repository, "--json").stdout)
    assert told["name"] == "rtdetr-ONNX" and told["folder"].endswith("snapshots/0a1b")


def test_a_file_in_the_working_folder_is_no_model_of_its_name(vedette, file, dirs, tmp_path):
    vedette("models", "add", file, *dirs)
    (tmp_path / "best").touch()
    assert json.loads(vedette("models", "info", "best", "--json", *dirs, cwd=tmp_path).stdout)["written"]


@pytest.mark.parametrize("content", [b"rot;gr\xc3\xbcn;Ampel\n", "rot\r\ngrün\r\nAmpel\r\n".encode("utf-16")])
def test_lists_of_names_are_read_as_tools_write_them(vedette, file, content):
    file.write_bytes(without_names())
    (file.parent / "labels.txt").write_bytes(content)
    told = json.loads(vedette("models", "info", file, "--json").stdout)
    assert told["understood"]["classes"] == ["rot", "grün", "Ampel"]


def test_a_list_that_does_not_fit_is_named(vedette, file):
    file.write_bytes(without_names())
    (file.parent / "labels.txt").write_text("one\ntwo\nthree\nfour\nfive\n")
    told = vedette("models", "info", file, code=1).stderr
    assert f"(the class names are the lines of {file.parent / 'labels.txt'}, which lies beside it)" in told


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_what_compares_pictures_with_texts_is_told_as_that(vedette, tmp_path, kind):
    (tmp_path / "onnx").mkdir()
    for name in ("text_model.onnx", "vision_model.onnx"):
        shutil.copy(MODELS / "yolo_rows.onnx", tmp_path / "onnx" / name)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    told = vedette("models", "info", tmp_path, code=1).stderr
    assert f'says model_type "{kind}", which is none of a detector' in told and "text_model" in told


def test_what_is_no_model_is_told_as_what_it_is(vedette, file):
    file.write_bytes(b"[net]\nbatch=64\nwidth=608\n")
    assert "is no ONNX model but a file of settings, as Darknet's .cfg are" in vedette("models", "info", file, code=1).stderr
