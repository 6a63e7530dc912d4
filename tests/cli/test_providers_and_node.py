"""The provider policy where the GPU build of ONNX Runtime meets a machine without a GPU; and how the node begins and
ends on the command line."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GPU_LIBRARY = ROOT / ".deps/onnxruntime-gpu/libonnxruntime.so"
GPU_DEVICES = [Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/dev/nvgpu"), Path("/dev/nvhost-gpu")]
START_S = 30.0

# What the loader or CUDA says on such a machine: with and without the CUDA and TensorRT libraries.
REASON = r"(\S+\.so[.\d]*: cannot open shared object file|CUDA failure \d+: [^;]+|[^;]*CUDA[^;]*)"
STRICT = re.compile(rf"provider tensorrt does not run: {REASON}; cure: [^\n]+ \(or provider_policy: fallback\)")


@pytest.fixture(scope="module")
def gpu_build(binary):
    """The environment in which the GPU build is loaded."""
    if not GPU_LIBRARY.exists():
        pytest.skip(f"{GPU_LIBRARY} is missing: make setup GPU=1, or `make test`, which fetches the wheel")
    present = [str(device) for device in GPU_DEVICES if device.exists()]
    if present:
        pytest.skip(f"this machine has a GPU ({', '.join(present)})")
    return {"ORT_DYLIB_PATH": str(GPU_LIBRARY)}


@pytest.fixture
def check(vedette, model, gpu_build):
    def run(*args, **kwargs):
        done = vedette("check", "--json", "-p", f"model:={model}", *args, env=gpu_build, **kwargs)
        return {finding["subject"]: finding for finding in json.loads(done.stdout)}

    return run


def test_check_strict_fails_with_reason_and_cure(check):
    findings = check("-p", "provider_policy:=strict", code=1)
    assert {"tensorrt", "cuda", "cpu"} == set(findings["onnxruntime"]["details"]["providers"])
    text = findings["providers"]["text"]
    assert not findings["providers"]["ok"] and STRICT.search(text), text
    assert text.count("does not run") == 1, "the cause is said twice"


def test_check_strict_is_content_with_the_cpu_alone(check):
    details = check("-p", "provider_policy:=strict", "-p", "providers:=[cpu]")["providers"]["details"]
    assert details["running"] == "cpu" and details["fallback"] is False


def test_check_falls_back_to_the_cpu_and_says_so_with_node_counts(check):
    finding = check()["providers"]
    details = finding["details"]
    assert finding["ok"] and details["running"] == "cpu" and details["fallback"] is True
    (nodes,) = details["nodes"]
    assert nodes["provider"] == "CPUExecutionProvider" and nodes["nodes"] > 0
    assert [refused["provider"] for refused in details["refused"]] == ["tensorrt", "cuda"]
    assert all(refused["reason"] and refused["cure"] for refused in details["refused"])
    assert f"cpu runs the model (CPUExecutionProvider {nodes['nodes']} nodes); tensorrt refused: " in finding["text"]


def test_replay_strict_fails_before_it_writes(vedette, model, ten_frames, gpu_build, tmp_path):
    args = ("replay", ten_frames, "--out", tmp_path / "out.mcap", "-p", f"model:={model}")
    told = vedette(*args, "-p", "provider_policy:=strict", code=1, env=gpu_build).stderr
    assert STRICT.search(told), told
    assert list(tmp_path.iterdir()) == []


def test_replay_fallback_reports_the_proof(vedette, model, ten_frames, gpu_build):
    told = vedette("replay", ten_frames, "--discard", "-p", f"model:={model}", env=gpu_build).stdout
    assert "provider    cpu runs the model (CPUExecutionProvider " in told and "tensorrt refused: " in told


@pytest.fixture(scope="module")
def ros_env(vedette):
    """The environment of a node that only this machine sees; a skip where there can be no node."""
    (ros,) = [
        f for f in json.loads(vedette("check", "--json", "-p", "model:=none", code=1).stdout) if f["subject"] == "ros"
    ]
    if not ros["details"]["node"]:
        pytest.skip("the binary was built without the node: make build")
    if not ros["details"]["distro"]:
        pytest.skip("no ROS environment: . .deps/env.sh")
    domain = 100 + os.getpid() % 100
    return {"ROS_DOMAIN_ID": str(domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}


def test_the_node_ends_at_start_under_strict_with_reason_and_cure(vedette, model, gpu_build, ros_env):
    args = ("node", "--ros-args", "-p", f"model:={model}", "-p", "provider_policy:=strict")
    told = vedette(*args, code=1, env=gpu_build | ros_env).stderr
    assert STRICT.search(told), told


def test_the_node_falls_back_and_says_so_in_its_log(binary, model, gpu_build, ros_env, tmp_path):
    log = tmp_path / "node.log"
    command = [binary, "node", "--ros-args", "-p", f"model:={model}"]
    with log.open("w") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | gpu_build | ros_env, stdout=subprocess.DEVNULL, stderr=file
        )
    try:
        deadline = time.monotonic() + START_S
        while not ("cpu runs the model" in log.read_text() and "saying stop" in log.read_text()):
            assert process.poll() is None, f"the node ended with {process.returncode}:\n{log.read_text()}"
            assert time.monotonic() < deadline, f"nothing about the provider after {START_S} s:\n{log.read_text()}"
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    told = log.read_text()
    assert re.search(r"cpu runs the model \(CPUExecutionProvider \d+ nodes\); tensorrt refused: [^\n]+, cure: ", told)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--no-such",), '"--no-such" is no argument of the node, expected --ros-args'),
        (("--ros-args", "-r", "image"), 'remap rule "image" has nothing on one side or no :=, expected from:=to'),
        (("--ros-args", "-p"), "-p is followed by nothing, expected key:=value"),
        (("--ros-args", "-p", "score_threshold"), 'parameter override "score_threshold": '),
        (("--ros-args", "--params-file"), "--params-file is followed by nothing, expected"),
        (("--ros-args", "--log-level", "loud"), '--log-level "loud" names no level, expected debug, info, warn'),
    ],
)
def test_wrong_ros_arguments_are_exit_code_2(vedette, ros_env, args, words):
    assert words in vedette("node", *args, code=2, env=ros_env).stderr


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("score_treshold:=0.3", "there is no parameter score_treshold, the nearest is score_threshold"),
        ("score_threshold:=1.5", "score_threshold is 1.5, expected a number from 0 to 1"),
        ("model:=no_such_model", 'no model "no_such_model": '),
    ],
)
def test_the_node_does_not_start_with_a_bad_parameter(vedette, ros_env, override, words):
    assert words in vedette("node", "--ros-args", "-p", override, code=1, env=ros_env).stderr


def in_a_clean_shell(binary, *args):
    """Runs the command in an environment that knows neither ROS nor this project."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}
    return subprocess.run([binary, *args], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def test_all_but_the_node_runs_in_a_shell_without_ros(binary, model, ten_frames):
    assert in_a_clean_shell(binary, "--version").stdout.startswith("vedette ")
    assert in_a_clean_shell(binary, "models", "list").returncode == 0
    checked = in_a_clean_shell(binary, "check", "--json", "-p", f"model:={model}", "-p", "providers:=[cpu]")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    replayed = in_a_clean_shell(
        binary, "replay", str(ten_frames), "--discard", "-p", f"model:={model}", "-p", "providers:=[cpu]"
    )
    assert replayed.returncode == 0, replayed.stderr


def test_the_node_without_ros_says_what_to_source(binary):
    done = in_a_clean_shell(binary, "node", "--ros-args")
    assert done.returncode != 0 and "no ROS environment here: source ROS's setup.bash" in done.stderr


def test_without_the_nodes_program_the_cure_is_told(binary, tmp_path):
    alone = tmp_path / "vedette"
    alone.write_bytes(binary.read_bytes())
    alone.chmod(0o755)
    done = in_a_clean_shell(alone, "node")
    assert done.returncode == 1
    assert f"no vedette_node in {tmp_path}: `make build` builds it, with ROS" in done.stderr
