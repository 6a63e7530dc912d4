"""The program on the oldest ONNX Runtime that will do, and on none that is older; what `check` says of the machine."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OLDEST = ROOT / ".deps/onnxruntime-oldest/libonnxruntime.so"

# A library that says only that it is an ONNX Runtime of another version.
OTHER_VERSION = """
struct base { const void* (*get_api)(unsigned); const char* (*version)(void); };
static const void* get_api(unsigned version) { (void)version; return 0; }
static const char* version(void) { return VERSION; }
static const struct base the_base = { get_api, version };
const struct base* OrtGetApiBase(void) { return &the_base; }
"""


@pytest.fixture
def oldest():
    if not OLDEST.exists():
        pytest.skip(f"{OLDEST} is missing: `python3 scripts/setup onnxruntime-oldest`, which `make test` does")
    return {"ORT_DYLIB_PATH": str(OLDEST)}


@pytest.fixture
def other_version(tmp_path):
    def make(version):
        if shutil.which("cc") is None:
            pytest.skip("there is no C compiler")
        source = tmp_path / "other.c"
        source.write_text(OTHER_VERSION)
        library = tmp_path / "libonnxruntime.so"
        command = ["cc", "-shared", "-fPIC", f'-DVERSION="{version}"', source, "-o", library]
        subprocess.run(command, check=True)
        return {"ORT_DYLIB_PATH": str(library)}

    return make


def by_subject(done):
    return {finding["subject"]: finding for finding in json.loads(done.stdout)}


def test_the_oldest_runtime_runs_the_detector_and_says_what_it_does_not_tell(vedette, model, oldest):
    findings = by_subject(vedette("check", "--json", "-p", f"model:={model}", env=oldest))
    assert findings["onnxruntime"]["details"]["version"] == "1.20.1"
    assert "does not say which nodes a provider holds" in findings["onnxruntime lacks"]["text"]
    proof = findings["providers"]
    assert proof["ok"] and proof["details"]["running"] == "cpu" and proof["details"]["nodes"] is None
    assert "which nodes it holds is unknown before ONNX Runtime 1.24" in proof["text"]
    assert findings["picture"]["ok"]


def test_a_replay_on_the_oldest_runtime_sees_what_that_on_ours_sees(vedette, model, ten_frames, oldest):
    args = ("replay", ten_frames, "--discard", "--json", "-p", f"model:={model}", "-p", "providers:=[cpu]")
    reports = [json.loads(vedette(*args, env=env).stdout) for env in (oldest, None)]
    seen = [{key: report[key] for key in ("processed", "classes") if key in report} for report in reports]
    assert seen[0] == seen[1] and seen[0]


def test_a_runtime_that_is_too_old_is_named_with_its_version_and_what_is_expected(vedette, model, other_version):
    env = other_version("1.19.2")
    told = by_subject(vedette("check", "--json", "-p", f"model:={model}", code=1, env=env))["onnxruntime"]["text"]
    assert told == f"ONNX Runtime {env['ORT_DYLIB_PATH']} has version 1.19.2, expected 1.20 or later"


def test_a_library_without_that_table_is_refused(vedette, model, other_version):
    done = vedette("check", "--json", "-p", f"model:={model}", code=1, env=other_version("1.30.0"))
    told = by_subject(done)["onnxruntime"]["text"]
    assert "version 1.30.0 has no API 20" in told


def test_check_gpu_without_a_gpu_says_so_and_fails(vedette, model):
    if shutil.which("nvidia-smi"):
        pytest.skip("this machine has a GPU")
    findings = by_subject(vedette("check", "--gpu", "--json", "-p", f"model:={model}", code=1))
    assert findings["providers"]["ok"], "the node itself starts"
    cpu = findings["on cpu"]["details"]
    assert cpu["runs"] and 0 < cpu["p50_ms"] <= cpu["p99_ms"]
    assert not findings["on cuda"]["details"]["runs"] and not findings["on tensorrt"]["details"]["runs"]
    (failed,) = [finding for finding in findings.values() if not finding["ok"]]
    assert failed["subject"] == "no gpu provider" and "for the reasons above" in failed["text"]
    assert findings["on cuda"]["cure"] and findings["on tensorrt"]["cure"]
    for subject in ("gpu", "cuda", "cudnn", "tensorrt"):
        assert findings[subject]["ok"], subject
