"""`make bench-gpu`: what this machine does with a detector of each kind and with a language model, provider by provider.

    python3 bench/gpu.py [--seconds 5] [--minutes 9] [--tokens 64] [--out out]

Needs no network and, engines of TensorRT included, less than ten minutes: what has not been reached by then is named in its
row, and there the next time, since engines are kept in `out/engines`. The same where a provider does not run here, with its
reason. Written are `gpu.json`, with every figure, and `gpu.md`, a table beside the figures that others publish.

The detectors are YOLOv12n as `make setup` fetches it and RT-DETR with a ResNet-18 at its real size but with random weights
(`bench/detr_model.py`); the pictures are of the vtest footage, in 1280x720. The language model has SmolVLM-256M's size and
random weights (`bench/decoder_model.py`).
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "bench"
WRITER = ROOT / ".deps/onnx/bin/python"
FRAMES = range(100, 700, 60)
CASES = [("cpu", "fp32"), ("cuda", "fp32"), ("tensorrt", "fp32"), ("tensorrt", "fp16")]
# Boxes of two providers are the same one from here on.
SAME_IOU = 0.5

# As their own pages and README files give them, seen in November 2026.
PEERS = [
    ("Isaac ROS, RT-DETR, 720p to 640x640, TensorRT fp16", "DGX Spark", "165 fps, 12 ms", "NVIDIA's published Isaac ROS benchmarks"),
    ("Isaac ROS, RT-DETR, 720p to 640x640, TensorRT fp16", "Jetson Thor", "188 fps, 12 ms", "the same"),
    ("Isaac ROS, RT-DETR, 720p to 640x640, TensorRT fp16", "Jetson AGX Orin", "56 to 72 fps, 24 to 29 ms", "the same"),
    ("yolo_ros, yolo26m, 640x480", "RTX 3060", "TensorRT fp16 6.2 ms, CUDA 22.6 ms, CPU 158 ms", "mgonzs13/yolo_ros, README"),
    ("ultralytics/inference, yolo26n, end to end", "DGX Spark", "TensorRT fp16 1.73 ms (1.13 ms with preprocessing on the GPU), CPU 30.4 ms", "ultralytics/inference, README"),
    ("usls, yolo26n", "RTX 3060 Ti", "1.55 ms, CPU 21.5 ms", "usls, README"),
]  # fmt: skip


class Deadline:
    """Time that is left of the whole."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def left(self):
        return max(0.0, self.end - time.monotonic())


def run(command, deadline):
    """The last line of a program as JSON; where there is none, `refused` with the reason."""
    if deadline.left() < 1:
        return {"refused": "not reached in time; run it again"}
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env={**os.environ, "RUST_BACKTRACE": "0"},
            capture_output=True,
            text=True,
            timeout=deadline.left(),
        )
    except subprocess.TimeoutExpired:
        return {"refused": "not done in time: a first engine takes minutes; run it again, finished engines are kept"}
    if done.returncode != 0:
        # The last note of a panic only says how to see more.
        said = [line for line in done.stderr.strip().splitlines() if not line.startswith("note: ")]
        return {"refused": f"ended with {done.returncode}: {said[-1] if said else 'nothing was said'}"}
    return json.loads(done.stdout.strip().splitlines()[-1])


def bench_binaries():
    """Builds the bench programs and returns their paths by name."""
    command = ["cargo", "bench", "--locked", "--bench", "gpu", "--bench", "generation", "--no-run"]
    done = subprocess.run([*command, "--message-format=json"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    built = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {b["target"]["name"]: b["executable"] for b in built if b.get("executable") and b["target"]["kind"] == ["bench"]}


def write_frames(path):
    """Pictures of the footage, rgb8 in 1280x720, one after the other."""
    video = cv2.VideoCapture(str(ROOT / "data/vtest.avi"))
    with path.open("wb") as file:
        for number in FRAMES:
            video.set(cv2.CAP_PROP_POS_FRAMES, number)
            read, frame = video.read()
            if not read:
                sys.exit(f"data/vtest.avi has no frame {number}; `make setup` fetches it")
            file.write(cv2.cvtColor(cv2.resize(frame, (1280, 720)), cv2.COLOR_BGR2RGB).tobytes())


def machine():
    """What the figures belong to."""
    said = {"system": platform.platform(), "arch": platform.machine(), "cores": os.cpu_count(), "gpu": "none is seen"}
    try:
        query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        said["gpu"] = subprocess.run(query, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        model = Path("/proc/device-tree/model")
        if model.is_file():
            said["gpu"] = model.read_text().strip("\0\n ")
    return said


def iou(a, b):
    """Of two boxes (left, top, right, bottom)."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return shared / (areas - shared) if areas > shared else 0.0


def agreement(boxes, reference):
    """How far the boxes of some pictures are from the reference's: pairs of one class, the best overlaps first."""
    paired, total, extra, worst_iou, worst_score = 0, 0, 0, 1.0, 0.0
    for mine, theirs in zip(boxes, reference, strict=True):
        overlaps = [
            (iou(a[2:], b[2:]), i, j) for i, a in enumerate(mine) for j, b in enumerate(theirs) if a[0] == b[0]
        ]
        used_mine, used_theirs = set(), set()
        for overlap, i, j in sorted(overlaps, reverse=True):
            if overlap < SAME_IOU:
                break
            if i in used_mine or j in used_theirs:
                continue
            used_mine.add(i)
            used_theirs.add(j)
            worst_iou = min(worst_iou, overlap)
            worst_score = max(worst_score, abs(mine[i][1] - theirs[j][1]))
        paired += len(used_mine)
        extra += len(mine) - len(used_mine)
        total += len(theirs)
    return {"boxes": total, "found": paired, "extra": extra, "lowest_iou": worst_iou, "largest_score_distance": worst_score}


def bench_detectors(binary, models, folder, args, deadline):
    """A row for each model, provider and precision."""
    rows = []
    write_frames(folder / "frames.rgb")
    for name, model in models.items():
        reference = None
        for provider, precision in CASES:
            row = {"model": name, "provider": provider, "precision": precision}
            if not (model / "model.toml").is_file() or not any(model.glob("*.onnx")):
                row["refused"] = f"{model} holds no model; `make setup` fetches it"
            else:
                frames, engines = folder / "frames.rgb", args.out / "engines"
                row |= run([binary, model, provider, precision, frames, args.seconds, engines], deadline)
            boxes = row.pop("boxes", None)
            if provider == "cpu":
                reference = boxes
            elif boxes is not None and reference is not None:
                row["agreement"] = agreement(boxes, reference)
            print(detector_line(row), flush=True)
            rows.append(row)
    return rows


def bench_generation(binary, folder, args, deadline):
    """A row for each provider."""
    rows = []
    for provider in ("cpu", "cuda", "tensorrt"):
        row = {"model": f"decoder, {args.layers} layers, random weights", "provider": provider, "precision": "fp32"}
        listed = "cpu" if provider == "cpu" else f"{provider},cpu"
        row |= run([binary, folder, "ours", args.tokens, listed], deadline)
        refusals = row.pop("refused", [])
        if isinstance(refusals, str):
            row["refused"] = refusals
        elif row["running"] != provider:
            row = {key: row[key] for key in ("model", "provider", "precision")}
            row["refused"] = "; ".join(reason for _, reason in refusals) or "most of its nodes went elsewhere"
        print(generation_line(row), flush=True)
        rows.append(row)
    return rows


def cell(text):
    """In a table of Markdown."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def used(row):
    """As pictures enter by default: on a GPU as bytes, on the CPU as floats."""
    return row["floats" if row["provider"] == "cpu" else "bytes"]


def detector_line(row):
    what = f"| {row['model']} | {row['provider']} {row['precision']} |"
    if "refused" in row:
        cure = f"; {row['cure']}" if row.get("cure") else ""
        return f"{what} does not run: {cell(row['refused'] + cure)} | | | | | | |"
    session, detect, other = row["session"], used(row), row["bytes" if row["provider"] == "cpu" else "floats"]
    if found := row.get("agreement"):
        same = (
            f"{found['found']} of {found['boxes']} boxes, {found['extra']} extra, IoU from {found['lowest_iou']:.3f}, "
            f"scores within {found['largest_score_distance']:.4f}"
        )
    else:
        same = "the reference" if row["provider"] == "cpu" else "no reference"
    return (
        f"{what} {session['p50_ms']:.2f} / {session['p99_ms']:.2f} | {detect['p50_ms']:.2f} / {detect['p99_ms']:.2f} | "
        f"{other['p50_ms']:.2f} / {other['p99_ms']:.2f} | {detect['per_s']:.1f} | "
        f"{row['floats']['p50_ms'] - session['p50_ms']:.2f} | {row['opened_ms'] / 1e3:.1f} | {same} |"
    )


def generation_line(row):
    what = f"| {row['model']} | {row['provider']} {row['precision']} |"
    if "refused" in row:
        return f"{what} does not run: {cell(row['refused'])} | |"
    return f"{what} {row['tokens_per_s']:.1f} | {row['first_token_ms']:.0f} |"


def markdown(report):
    """The report as a page."""
    of = report["machine"]
    lines = [
        "# Measured with `make bench-gpu`",
        "",
        f"GPU: {of['gpu']}. {of['cores']} cores, {of['arch']}, {of['system']}, ONNX Runtime {report['runtime'] or 'none'}.",
        "",
        "| detector, 640x640 | provider | session p50 / p99, ms | 1280x720 picture to boxes p50 / p99, ms | "
        "the other way in p50 / p99, ms | pictures/s | picture to tensor and decoding on the CPU, ms | to open, s | agreement with the CPU |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *map(detector_line, report["detectors"]),
        "",
        "On a GPU pictures enter as bytes, of which the graph makes numbers, on the CPU as floats; the other way in is the",
        "other one of the two. The session alone takes floats, and what is beside it is told of floats too.",
        "",
        "Float16 is TensorRT's: CUDA computes a graph as it is written. Of a detector with random weights the agreement says",
        "less: many of its boxes are near ties.",
        "",
        "| language model | provider | tokens/s | prompt of 512 tokens to first token, ms |",
        "| --- | --- | --- | --- |",
        *map(generation_line, report["generation"]),
        "",
        "| what others publish | hardware | figure | source |",
        "| --- | --- | --- | --- |",
        *("| " + " | ".join(map(cell, peer)) + " |" for peer in PEERS),
        "",
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--minutes", type=float, default=9.0, help="of all together, building the programs left out")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--layers", type=int, default=30, help="of the language model; SmolVLM-256M has 30")
    parser.add_argument("--out", type=Path, default=ROOT / "out")
    args = parser.parse_args()
    args.out = args.out.resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    binaries = bench_binaries()
    deadline = Deadline(60 * args.minutes)
    report = {"machine": machine()}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        # Before the detectors, whose engines may take all of the time.
        subprocess.run([WRITER, BENCH / "decoder_model.py", folder / "decoder", str(args.layers)], cwd=ROOT, check=True)
        report["generation"] = bench_generation(binaries["generation"], folder / "decoder", args, deadline)
        subprocess.run([WRITER, BENCH / "detr_model.py", folder / "rtdetr"], cwd=ROOT, check=True)
        models = {"YOLOv12n": ROOT / "models/yolov12n", "RT-DETR R18, random weights": folder / "rtdetr"}
        report["detectors"] = bench_detectors(binaries["gpu"], models, folder, args, deadline)
    report["runtime"] = next((row["runtime"] for row in report["detectors"] if "runtime" in row), None)
    report["peers"] = [dict(zip(("what", "hardware", "figure", "source"), peer, strict=True)) for peer in PEERS]
    (args.out / "gpu.json").write_text(json.dumps(report, indent=2) + "\n")
    (args.out / "gpu.md").write_text(markdown(report))
    print(f"written: {args.out / 'gpu.json'}, {args.out / 'gpu.md'}")


if __name__ == "__main__":
    main()
