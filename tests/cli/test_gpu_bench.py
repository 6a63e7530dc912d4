"""`bench/gpu.py`: what it says of boxes that agree and of providers that do not run, and the whole of it on the CPU."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PERSON = [0, 0.9, 10.0, 10.0, 30.0, 50.0]
CAR = [2, 0.8, 100.0, 40.0, 160.0, 80.0]


@pytest.fixture(scope="module")
def gpu():
    spec = importlib.util.spec_from_file_location("bench_gpu", ROOT / "bench/gpu.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_same_boxes_agree_in_any_order(gpu):
    found = gpu.agreement([[CAR, PERSON]], [[PERSON, CAR]])
    assert found == {"boxes": 2, "found": 2, "extra": 0, "lowest_iou": 1.0, "largest_score_distance": 0.0}


def test_what_moved_what_is_lost_and_what_is_new_are_told_apart(gpu):
    moved = [0, 0.85, 12.0, 10.0, 32.0, 50.0]
    found = gpu.agreement([[moved, [7, *CAR[1:]]], []], [[PERSON, CAR], [PERSON]])
    assert (found["boxes"], found["found"], found["extra"]) == (3, 1, 1)
    assert found["lowest_iou"] == pytest.approx(18 / 22)
    assert found["largest_score_distance"] == pytest.approx(0.05)


def test_a_box_is_paired_once(gpu):
    found = gpu.agreement([[PERSON, PERSON]], [[PERSON]])
    assert (found["found"], found["extra"]) == (1, 1)


def test_a_provider_that_does_not_run_keeps_its_row_and_says_why(gpu):
    row = {"model": "m", "provider": "cuda", "precision": "fp32", "refused": "no | device", "cure": "buy one"}
    line = gpu.detector_line(row)
    assert "does not run: no \\| device; buy one" in line
    assert line.count("|") - line.count("\\|") == 10


@pytest.mark.parametrize(("provider", "used", "other"), [("cuda", 3, 5), ("cpu", 5, 3)])
def test_each_row_has_both_ways_in_and_takes_the_session_of_floats_from_the_looks_of_floats(gpu, provider, used, other):
    def times(p50):
        return {"p50_ms": p50, "p99_ms": p50 + 0.5, "per_s": 1e3 / p50}

    row = {"model": "m", "provider": provider, "precision": "fp32", "opened_ms": 1e3}
    line = gpu.detector_line(row | {"bytes": times(3.0), "floats": times(5.0), "session": times(4.0)})
    assert f"| 4.00 / 4.50 | {used}.00 / {used}.50 | {other}.00 / {other}.50 | {1e3 / used:.1f} | 1.00 | 1.0 |" in line


def test_what_is_not_reached_in_time_is_told(gpu):
    assert "in time" in gpu.run(["true"], gpu.Deadline(0))["refused"]
    assert "in time" in gpu.run(["sleep", "5"], gpu.Deadline(1.2))["refused"]
    assert gpu.run(["false"], gpu.Deadline(9))["refused"] == "ended with 1: nothing was said"


def test_all_of_it_runs_on_a_cpu(tmp_path):
    needed = [ROOT / "data/vtest.avi", ROOT / "models/yolov12n/yolov12n.onnx", ROOT / ".deps/onnx/bin/python"]
    if missing := [path for path in needed if not path.exists()]:
        pytest.skip(f"no {missing[0]}: make setup")
    bench = [sys.executable, ROOT / "bench/gpu.py", "--seconds", "0", "--tokens", "3", "--layers", "2", "--out", tmp_path]
    done = subprocess.run([str(part) for part in bench], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "gpu.json").read_text())
    rows = {(row["model"], row["provider"], row["precision"]): row for row in report["detectors"]}
    assert len(rows) == 8 and len(report["generation"]) == 3
    for (model, provider, precision), row in rows.items():
        assert "refused" in row or (row["bytes"]["p50_ms"] > 0 and row["floats"]["p50_ms"] > 0), row
        assert provider != "cpu" or "refused" not in row, row
    assert report["generation"][0]["first_token_ms"] > 0
    page = (tmp_path / "gpu.md").read_text()
    assert "Isaac ROS" in page and "YOLOv12n" in page
    assert page.count("does not run") == sum("refused" in row for row in report["detectors"] + report["generation"])
