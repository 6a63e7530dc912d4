"""How the set-up decides what to do, and what it says when it cannot."""

import importlib.util
import os
import subprocess
from pathlib import Path

import checksum
import layout
import pytest
import ros
import vtest_camera
from gpu_machine import Machine
from steps import SetupError, Step

spec = importlib.util.spec_from_file_location("setup_main", layout.HERE / "__main__.py")
setup_main = importlib.util.module_from_spec(spec)
spec.loader.exec_module(setup_main)


@pytest.fixture(autouse=True)
def stamps_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "STAMPS", tmp_path / "stamps")


def counting_step(source: Path, target: Path, runs: list[str]) -> Step:
    def run() -> str:
        runs.append(source.read_text())
        target.write_text("made")
        return "made"

    return Step("counting", run, [source], [target])


def test_a_step_runs_once_and_again_when_an_input_changes_or_an_output_is_lost(tmp_path: Path) -> None:
    source, target, runs = tmp_path / "source", tmp_path / "target", []
    source.write_text("one")
    for _ in range(2):
        counting_step(source, target, runs).ensure()
    assert runs == ["one"]
    source.write_text("two")
    counting_step(source, target, runs).ensure()
    assert runs == ["one", "two"]
    target.unlink()
    counting_step(source, target, runs).ensure()
    assert runs == ["one", "two", "two"]


def test_a_step_that_fails_is_not_taken_for_done(tmp_path: Path) -> None:
    def fail() -> str:
        raise SetupError("no network")

    step = Step("failing", fail, ["input"])
    with pytest.raises(SetupError, match="no network"):
        step.ensure()
    assert not step.is_done()


def test_a_step_that_leaves_out_an_output_fails(tmp_path: Path) -> None:
    step = Step("empty", lambda: "nothing", [], [tmp_path / "absent"])
    with pytest.raises(SetupError, match="without making .*absent"):
        step.ensure()


def test_inputs_do_not_run_into_one_another() -> None:
    assert Step("a", str, ["ab", "c"]).key() != Step("a", str, ["a", "bc"]).key()


def test_a_target_brings_what_it_needs_and_nothing_else() -> None:
    assert setup_main.wanted(["bag"], gpu=False) == ["ros", "footage", "bag"]
    assert setup_main.wanted(["onnxruntime-gpu-wheel"], gpu=False) == ["onnxruntime-gpu-wheel"]


def test_gpu_packages_come_only_when_asked_for() -> None:
    assert not set(setup_main.OPTIONAL) & set(setup_main.wanted([], gpu=False))
    assert set(setup_main.FOR_A_GPU) <= set(setup_main.wanted([], gpu=True))
    assert "parity" not in setup_main.wanted([], gpu=True)


def test_an_optional_step_that_fails_holds_up_only_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []

    def make(name: str, chosen: object) -> Step:
        def run() -> str:
            ran.append(name)
            if name in failing:
                raise SetupError(f"no {name}")
            return "made"

        return Step(name, run, [name])

    monkeypatch.setattr(layout, "DEPS", tmp_path)
    monkeypatch.setattr(setup_main, "make_step", make)
    monkeypatch.setattr(setup_main, "system_needs", lambda names, chosen: [])
    monkeypatch.setattr(setup_main, "machine", lambda: Machine("x86_64", (2, 36)))
    failing = {"tensorrt"}
    assert setup_main.set_up(["cuda", "tensorrt", "env"]) == 1
    assert ran == ["cuda", "tensorrt", "env"]
    assert "step `tensorrt` failed: no tensorrt" in capsys.readouterr().err
    assert setup_main.set_up(["cuda", "tensorrt", "env"]) == 1

    ran.clear()
    failing = {"onnxruntime-gpu-wheel"}
    assert setup_main.set_up(["onnxruntime-gpu-wheel", "cuda", "weights"]) == 1
    assert ran == ["onnxruntime-gpu-wheel", "weights"]

    ran.clear()
    failing = set()
    monkeypatch.setattr(setup_main, "machine", lambda: Machine("x86_64", (2, 36), driver=(535, 1)))
    assert setup_main.set_up(["onnxruntime-gpu-wheel", "cuda", "tensorrt", "env"]) == 1
    assert ran == [], "nothing is fetched for a driver that is too old"

    ran.clear()
    failing = {"footage"}
    assert setup_main.set_up(["footage", "bag"]) == 1
    assert ran == ["footage"]


def test_a_file_of_another_size_or_content_is_refused_with_both_values(tmp_path: Path) -> None:
    path = tmp_path / "weights.onnx"
    path.write_bytes(b"abc")
    with pytest.raises(SetupError, match="weights.onnx has 3 bytes, expected 4"):
        checksum.require(path, 4, "")
    with pytest.raises(SetupError, match="SHA-256 ba7816bf.*, expected 00"):
        checksum.require(path, 3, "00")


def test_the_distortion_given_to_ros_inverts_the_published_one_within_a_twentieth_of_a_pixel() -> None:
    k1, k2, _, _, k3 = vtest_camera.plumb_bob()
    for u_px in (0.0, 200.0, 767.0):
        for v_px in (0.0, 300.0, 575.0):
            x_mm = (u_px - vtest_camera.CX_PX) * vtest_camera.DPX_MM / vtest_camera.SX
            y_mm = (v_px - vtest_camera.CY_PX) * vtest_camera.DPY_MM
            undistorting = 1 + vtest_camera.KAPPA1_PER_MM2 * (x_mm**2 + y_mm**2)
            x, y = (mm * undistorting / vtest_camera.F_MM for mm in (x_mm, y_mm))
            r2 = x**2 + y**2
            distorting = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
            assert x * distorting * vtest_camera.FX_PX + vtest_camera.CX_PX == pytest.approx(u_px, abs=0.05)
            assert y * distorting * vtest_camera.FY_PX + vtest_camera.CY_PX == pytest.approx(v_px, abs=0.05)


def test_a_sourced_distribution_that_is_not_known_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMENT_PREFIX_PATH", "/opt/ros/iron")
    monkeypatch.setenv("ROS_DISTRO", "iron")
    with pytest.raises(SetupError, match="ROS 2 iron is sourced, expected jazzy or kilted or humble"):
        ros.choose()
    for known in ros.USABLE_DISTROS:
        monkeypatch.setenv("ROS_DISTRO", known)
        assert (ros.choose().distro, ros.choose().sourced) == (known, True)
    monkeypatch.delenv("AMENT_PREFIX_PATH")
    assert not ros.choose().sourced


@pytest.mark.parametrize(("sourced", "told"), [("kilted", "jazzy"), ("humble", "humble"), ("", "")])
def test_cargo_is_told_a_distribution_that_r2r_knows(tmp_path: Path, sourced: str, told: str) -> None:
    cargo = tmp_path / "cargo"
    cargo.write_text('#!/bin/sh\necho "$ROS_DISTRO: $*"\n')
    cargo.chmod(0o755)
    environment = {**os.environ, "ROS_DISTRO": sourced, "CARGO": str(cargo)}
    command = [layout.ROOT / "scripts/cargo", "build", "--bin", "a b"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{told}: build --bin a b\n"
