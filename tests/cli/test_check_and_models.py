"""`vedette check` and `vedette models`: what is there, and what is wrong with it."""

import json
import os
import random
import re
import shutil
import struct
import subprocess
import zlib

import pytest
from models import MODELS, write_answering_model, write_model


# What is found of any machine; a Jetson has its release too.
MACHINE = ["machine", "onnxruntime", "onnxruntime lacks", "gpu", "cuda", "cudnn", "tensorrt"]


@pytest.fixture
def check(vedette):
    """The findings of `vedette check --json` by subject."""

    def run(model, *args, code=0, **kwargs):
        done = vedette("check", "--json", "-p", f"model:={model}", *args, code=code, **kwargs)
        findings = {finding["subject"]: finding for finding in json.loads(done.stdout)}
        assert all(finding["ok"] for finding in findings.values()) == (code == 0)
        return findings

    return run


def assert_all_nodes_on_the_cpu(finding):
    assert finding["ok"] and finding["details"]["running"] == "cpu"
    (nodes,) = finding["details"]["nodes"]
    assert nodes["provider"] == "CPUExecutionProvider" and nodes["nodes"] > 0


def test_check_proves_the_provider_with_node_counts(check, model):
    findings = check(model, "-p", "providers:=[cpu]")
    assert list(findings) == [*MACHINE, "model", "providers", "picture", "ros"]
    assert_all_nodes_on_the_cpu(findings["providers"])
    assert findings["providers"]["details"]["fallback"] is False and findings["providers"]["details"]["refused"] == []
    assert findings["onnxruntime"]["details"]["version"].startswith("1.")
    assert findings["model"]["details"]["name"] == "colours" and "files whole" in findings["model"]["text"]


def test_check_of_the_gpu_says_of_each_provider_why_it_does_not_run(vedette, check, model):
    findings = check(model, "--gpu", code=1)
    for provider in ("tensorrt", "cuda"):
        row = findings[f"on {provider}"]
        assert row["ok"] and row["details"] == {"runs": False}, "it keeps no node from starting"
        assert row["text"].startswith("does not run: ") and row["cure"]
    cpu = findings["on cpu"]["details"]
    assert 0 < cpu["p50_ms"] <= cpu["p99_ms"] and cpu["agreement"] is None
    assert not findings["no gpu provider"]["ok"]
    told = vedette("check", "--gpu", "-p", f"model:={model}", code=1).stdout
    assert "note on cuda" in told and "FAIL no gpu provider" in told


def test_check_passes_on_what_make_setup_made(vedette, weights):
    told = vedette("check").stdout
    assert "FAIL" not in told and "yolov12n (yolo), files whole, license AGPL-3.0" in told
    assert re.search(r"runs the model \(.*ExecutionProvider \d+ nodes", told)


@pytest.mark.parametrize("content", [None, b"not an ELF file"], ids=["missing", "no library"])
def test_a_library_that_does_not_load_is_named(vedette, check, model, tmp_path, content):
    library = tmp_path / "libonnxruntime.so"
    if content:
        library.write_bytes(content)
    env = {"ORT_DYLIB_PATH": str(library)}
    findings = check(model, code=1, env=env)
    for subject in ("onnxruntime", "providers"):
        assert f"no ONNX Runtime: {library} (" in findings[subject]["text"]
        assert "run `make setup`, put a libonnxruntime.so beside the program, or set ORT_DYLIB_PATH to one" in findings[subject]["text"]
    assert findings["model"]["ok"]
    assert "FAIL onnxruntime" in vedette("check", "-p", f"model:={model}", code=1, env=env).stdout


def test_a_corrupt_model_file_is_named(check, tmp_path):
    folder = write_model(tmp_path / "corrupt", weights=b"\x08\x08garbage" * 20)
    findings = check(folder, code=1)
    assert findings["model"]["ok"], "the manifest is true to the garbage"
    text = findings["providers"]["text"]
    assert f"model corrupt: model file {folder / 'model.onnx'} does not load: " in text
    assert text.count(" does not load: ") == 1, "the cause is said twice"


def test_a_model_of_another_size_than_its_manifest_says_is_refused(check, tmp_path):
    folder = write_model(tmp_path / "larger", width_px=640, height_px=640)
    text = check(folder, code=1)["providers"]["text"]
    assert text == "model larger: model takes pictures of 64x64 px, the manifest says 640x640 px"


def test_check_says_how_long_a_picture_takes_and_what_came_out(check, model, tmp_path):
    found = check(model, "-p", "providers:=[cpu]")["picture"]
    assert re.fullmatch(r"a picture of nothing \(640x480\) in [0-9.]+ ms: .*", found["text"])
    assert found["details"]["size"] == [640, 480] and found["details"]["median_ms"] > 0
    picture = tmp_path / "red.png"
    picture.write_bytes(png(96, 64, (255, 0, 0)))
    found = check(model, "-p", "providers:=[cpu]", "--picture", picture)["picture"]
    assert found["text"].startswith(f"{picture} (96x64) in ") and "boxes: red 0.82" in found["text"]
    assert {box["class"] for box in found["details"]["boxes"]} == {"red"}
    found = check(model, "-p", "providers:=[cpu]", "--picture", tmp_path / "nowhere.png", code=1)["picture"]
    assert f"cannot read the picture {tmp_path / 'nowhere.png'}" in found["text"]


def png(width, height, rgb):
    """A picture of one colour."""

    def chunk(kind, content):
        crc = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)

    rows = (b"\0" + bytes(rgb) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("double_input", 'tensor "images" is float64, expected a tensor of float32, float16, int64, int32, uint8 or bool'),
        ("strange_columns", "there are 3, from the model's metadata; output0 float32 [1, 9, 9] has scores of 5 as rows or 4"),
    ],
)
def test_a_model_of_another_kind_than_its_manifest_says_is_refused(check, tmp_path, name, words):
    text = check(write_model(tmp_path / name, name), code=1)["providers"]["text"]
    assert text.startswith(f"model {name}: ") and words in text


def test_a_model_that_was_not_fetched_is_named_with_the_cure(check, tmp_path):
    folder = write_model(tmp_path / "absent")
    (folder / "model.onnx").unlink()
    findings = check(folder, code=1)
    words = f"model absent: file {folder / 'model.onnx'} is missing; `make setup` fetches it"
    assert words in findings["model"]["text"] and findings["providers"]["text"] == "not opened: see model"


def test_an_unknown_model_is_named(check, tmp_path):
    write_model(tmp_path / "colours")
    text = check("colors", "-p", f"model_dirs:=[{tmp_path}]", code=1)["model"]["text"]
    assert text.startswith('no model "colors": ') and "colours" in text and str(tmp_path) in text


def test_check_opens_the_reason_model_too_and_proves_its_provider(check, vedette, model, tmp_path):
    folder = write_answering_model(tmp_path / "talker", "smolvlm")
    findings = check(model, "-p", f"reason_model:={folder}", "-p", "providers:=[cpu]")
    sessions = [f"reasoning/{role}" for role in ("vision_encoder", "embed_tokens", "decoder_model_merged")]
    subjects = [*MACHINE, "model", "providers", "picture", "reason_model", *sessions, "ros"]
    assert list(findings) == subjects
    assert findings["reason_model"]["details"]["name"] == "talker"
    for session in sessions:
        assert_all_nodes_on_the_cpu(findings[session])
    steps = vedette("check", "-p", f"model:={model}", "-p", f"reason_model:={folder}").stderr
    assert f"vedette check: opening {folder} ..." in steps


def test_a_reason_model_that_does_not_open_is_named(check, model, tmp_path):
    """Each keeps the node from starting: one that nobody knows, one not fetched, one of random bytes, a detector."""
    absent = write_answering_model(tmp_path / "absent", "smolvlm")
    next(absent.rglob("*.onnx")).unlink()
    garbage = write_answering_model(tmp_path / "garbage", "smolvlm")
    for graph in garbage.rglob("*.onnx"):
        graph.write_bytes(random.Random(7).randbytes(5000))
    for reason_model, words in [
        ("nosuch", 'no model "nosuch": '),
        (absent, " is missing; "),
        (garbage, " no ONNX model: "),
        (model, "family yolo is for detect, expected a model for answer"),
    ]:
        findings = check(model, "-p", f"reason_model:={reason_model}", "-p", "providers:=[cpu]", code=1)
        assert findings["providers"]["ok"] and not findings["reasoning"]["ok"]
        assert words in findings["reasoning"]["text"], reason_model


def test_a_text_model_that_does_not_open_is_named_where_prompts_need_it(check, model, tmp_path):
    garbage = write_model(tmp_path / "garbage", weights=b"garbage")
    for text_model, words in [("nosuch", 'no model "nosuch": '), (garbage, "family yolo")]:
        args = ("-p", f"text_model:={text_model}", "-p", "providers:=[cpu]")
        check(model, *args)
        findings = check(model, *args, "-p", "prompts:=[red box]", code=1)
        told = findings["prompts"]["text"]
        assert words in findings["text_model" if told == "not opened: see text_model" else "prompts"]["text"], text_model


def test_a_class_that_the_model_does_not_have_is_named(check, model):
    for parameter in ("classes", "obstacle_classes"):
        findings = check(model, "-p", f"{parameter}:=[whale]", "-p", "providers:=[cpu]", code=1)
        assert f'parameter {parameter}: the model has no class "whale"' in findings["parameters"]["text"]


@pytest.fixture
def zoo(vedette, tmp_path):
    """`vedette models` over the models in `tmp_path`."""

    def run(*args, **kwargs):
        return vedette("models", "-p", f"model_dirs:=[{tmp_path}]", *args, **kwargs).stdout

    return run


def test_models_lists_what_is_there(zoo, tmp_path):
    write_model(tmp_path / "whole")
    (write_model(tmp_path / "absent") / "model.onnx").unlink()
    rows = {row["name"]: row for row in json.loads(zoo("list", "--json"))}
    assert {name: row["state"] for name, row in rows.items()} == {"absent": "not fetched", "whole": "fetched"}
    assert rows["whole"]["family"] == "yolo" and rows["whole"]["folder"] == str(tmp_path / "whole")
    lines = zoo("list").splitlines()
    assert len(lines) == 2 and "not fetched" in lines[0] and lines[1].startswith("whole ")


def test_models_lists_a_broken_manifest_with_its_fault_beside_the_others(zoo, tmp_path):
    write_model(tmp_path / "whole")
    write_model(tmp_path / "broken", more="licence = 1")
    told = zoo("list", code=1)
    assert "whole " in told and f"broken: manifest {tmp_path / 'broken/model.toml'}: unknown key " in told


def test_all_faults_of_a_manifest_are_told_at_once(zoo, tmp_path):
    folder = write_model(tmp_path / "broken", width_px=0, more='licence = 1\nlabels = "person"')
    told = zoo("list", code=1)
    faults = [
        'unknown key "licence", did you mean "license"?',
        "input.width_px is 0, expected 1 to 8192",
        'labels is "person", expected a sequence',
    ]
    assert f"broken: manifest {folder / 'model.toml'}: 3 faults: {'; '.join(faults)}" in told


def test_models_says_where_there_are_none(zoo, tmp_path):
    assert str(tmp_path) in zoo("list") and json.loads(zoo("list", "--json")) == []


def file_roles(found):
    return [file["role"] for file in found["files"]]


def test_models_of_which_nobody_has_run_the_files_are_called_unverified(zoo, tmp_path):
    """With their size and hash in the manifest, and without."""
    known = write_model(tmp_path / "known", more="verified = false")
    unknown = write_model(tmp_path / "unknown", more="verified = false")
    lines = (unknown / "model.toml").read_text().splitlines(keepends=True)
    (unknown / "model.toml").write_text("".join(line for line in lines if not line.startswith(("bytes", "sha256"))))
    assert not any(row["verified"] for row in json.loads(zoo("list", "--json")))
    assert all(" unverified " in line for line in zoo("list").splitlines())
    verdicts = {row["name"]: row["verdict"] for row in json.loads(zoo("verify", "--json"))}
    assert verdicts["known"] == "whole, unverified: nobody has run these files with Vedette yet"
    assert verdicts["unknown"] == "unverified: no size and hash in the manifest"
    assert "model.onnx (role model, size and hash unknown)" in zoo("info", unknown)
    assert "state     fetched, unverified: " in zoo("info", known)
    assert not json.loads(zoo("info", unknown, "--json"))["verified"]


def test_check_says_that_a_model_is_unverified(check, tmp_path):
    folder = write_model(tmp_path / "unknown", more="verified = false")
    lines = (folder / "model.toml").read_text().splitlines(keepends=True)
    (folder / "model.toml").write_text("".join(line for line in lines if not line.startswith(("bytes", "sha256"))))
    assert "files unverified: no size and hash in the manifest" in check(folder)["model"]["text"]


def test_models_verify_lets_models_be_that_were_not_fetched_unless_it_is_asked_for_one(zoo, tmp_path):
    (write_model(tmp_path / "absent") / "model.onnx").unlink()
    assert zoo("verify").split() == ["absent", "not", "fetched"]
    assert "model.onnx is missing; " in zoo("verify", "absent", code=1)


def test_models_info_tells_the_manifest(zoo, tmp_path):
    folder = write_model(tmp_path / "whole")
    found = json.loads(zoo("info", "whole", "--json"))
    assert (found["name"], found["family"], found["task"]) == ("whole", "yolo", "detect")
    assert found["verified"] and file_roles(found) == ["model"]
    assert found["input"] == [64, 64] and found["license"] == "Apache-2.0" and found["state"] == "fetched"
    (file,) = found["files"]
    size = (MODELS / "yolo_rows.onnx").stat().st_size
    assert file["path"] == "model.onnx" and file["bytes"] == size and len(file["sha256"]) == 64
    told = zoo("info", folder)
    assert f"folder    {folder}" in told and f"model.onnx (role model, {size} bytes, sha256 {file['sha256']})" in told


def test_models_info_of_an_unknown_model_names_those_that_there_are(vedette, tmp_path):
    write_model(tmp_path / "whole")
    done = vedette("models", "info", "whale", "-p", f"model_dirs:=[{tmp_path}]", code=1)
    assert 'no model "whale": ' in done.stderr and "whole" in done.stderr


def test_models_verify_says_which_are_whole(zoo, tmp_path):
    write_model(tmp_path / "one")
    write_model(tmp_path / "two")
    rows = [{"name": "one", "verdict": "whole"}, {"name": "two", "verdict": "whole"}]
    assert json.loads(zoo("verify", "--json")) == rows
    assert zoo("verify", "one").split() == ["one", "whole"]


def test_models_verify_tells_the_sizes_of_a_truncated_file(zoo, tmp_path):
    write_model(tmp_path / "whole")
    file = write_model(tmp_path / "cut") / "model.onnx"
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[:100])
    told = zoo("verify", code=1)
    assert f"model cut: file {file} holds 100 bytes, expected {size}; remove it and run `make setup`" in told
    assert "whole                        whole" in told
    assert "holds 100 bytes" in zoo("verify", "cut", code=1)


def test_models_verify_tells_the_hashes_of_a_changed_file(zoo, tmp_path):
    file = write_model(tmp_path / "changed") / "model.onnx"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    (row,) = json.loads(zoo("verify", "--json", code=1))
    assert row["verdict"].startswith(f"model changed: file {file} has sha256 ") and ", expected " in row["verdict"]


def test_models_are_found_in_the_environments_folders_and_beside_the_binary(vedette, binary, tmp_path):
    """In this order, behind `model_dirs`; a name that is nowhere lists them all."""
    write_model(tmp_path / "elsewhere/colours")
    write_model(tmp_path / "prefix/share/vedette/models/shapes")
    installed = tmp_path / "prefix/bin/vedette"
    installed.parent.mkdir()
    shutil.copy(binary, installed)
    environment = os.environ | {"VEDETTE_MODELS": f"{tmp_path / 'elsewhere'}:{tmp_path / 'more'}"}

    def run(*args):
        command = [installed, "models", *args, "-p", f"model_dirs:=[{tmp_path / 'given'}]"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    folders = [row["folder"] for row in json.loads(run("list", "--json").stdout)]
    assert folders == [str(tmp_path / "elsewhere/colours"), str(tmp_path / "prefix/share/vedette/models/shapes")]
    assert json.loads(run("info", "shapes", "--json").stdout)["name"] == "shapes"
    refused = run("info", "whale")
    places = ["given", "elsewhere", "more", "prefix/bin/models", "prefix/share/vedette/models"]
    assert refused.returncode == 1
    assert f"there are colours, shapes in {', '.join(str(tmp_path / place) for place in places)}" in refused.stderr


@pytest.mark.parametrize("args", [(), ("info",), ("remove", "x"), ("list", "x")])
def test_wrong_usage_of_models_is_exit_code_2(vedette, binary, args):
    assert f"Usage: {binary.name} models" in vedette("models", *args, code=2).stderr
