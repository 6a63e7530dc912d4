"""`make bench`: our stages, replay and live latency beside the peers', in one run, as ratios.

Machines are noisy, so ours and the peer's alternate, round by round, and only medians over the rounds and their
ratios are worth keeping.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "bench"
MODEL = ROOT / "models/yolov12n/yolov12n.onnx"
SIZES = ["768x576", "1920x1080"]
os.environ.update(ROS_DOMAIN_ID=str(101 + os.getpid() % 100), ROS_AUTOMATIC_DISCOVERY_RANGE="LOCALHOST")

sys.path.insert(0, str(ROOT / "tests/reference"))
from detect import Detector, preprocess  # noqa: E402


# The peers' stages get this: without it OpenCV maps fresh memory for each tensor, which costs it several milliseconds.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 32)}


def output_of(*command, env=None):
    """Runs a command and reads the last line of its stdout as JSON."""
    environment = {**os.environ, **(env or {})}
    done = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def bench_binaries(*which):
    """Builds the bench programs, as cargo's options choose them, and returns their paths by name."""
    command = [ROOT / "scripts/cargo", "bench", "--locked", *which, "--no-run", "--message-format=json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    built = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {b["target"]["name"]: b["executable"] for b in built if b.get("executable") and b["target"]["kind"] == ["bench"]}


class Table:
    """Collects the rounds of ours and the peer's and prints their medians, ratio and goal."""

    def __init__(self):
        self.rows = []
        print(f"{'what':<58} {'ours':>9} {'peer':>9} {'ratio':>6}  goal")

    def row(self, what, ours, peer, goal, is_met, unit="ms"):
        ratio = statistics.median(ours) / statistics.median(peer)
        pairs = statistics.median(a / b for a, b in zip(ours, peer))
        met = "met" if is_met(pairs) else "MISSED"
        print(
            f"{what:<58} {statistics.median(ours):>6.2f} {unit:<2} {statistics.median(peer):>6.2f} {unit:<2} "
            f"{pairs:>6.2f}  {goal}: {met}",
            flush=True,
        )
        self.rows.append({"what": what, "ours": ours, "peer": peer, "ratio": pairs, "ratio_of_medians": ratio, "goal": goal})

    def limit(self, what, ours, goal_ms):
        median = statistics.median(ours)
        met = "met" if median <= goal_ms else "MISSED"
        print(f"{what:<58} {median:>6.2f} ms {'':>9} {'':>6}  at most {goal_ms} ms: {met}", flush=True)
        self.rows.append({"what": what, "ours": ours, "goal": f"at most {goal_ms} ms"})


def write_inputs(folder):
    """One frame of the footage in both sizes, and the model's output for it, as raw files."""
    video = cv2.VideoCapture(str(ROOT / "data/vtest.avi"))
    video.set(cv2.CAP_PROP_POS_FRAMES, 200)
    read, frame = video.read()
    assert read, "data/vtest.avi has no frame 200"
    for size in SIZES:
        cv2.resize(frame, tuple(map(int, size.split("x")))).tofile(folder / f"{size}.bin")
    cv2.resize(frame, (1280, 720)).tofile(folder / "1280x720.bin")
    large = cv2.resize(frame, (1920, 1080))
    yuyv(large).tofile(folder / "yuyv.bin")
    mosaic(large).tofile(folder / "bayer_rggb8.bin")
    # The quality that image_transport has by default.
    cv2.imwrite(str(folder / "frame.jpg"), cv2.resize(frame, (1280, 720)), [cv2.IMWRITE_JPEG_QUALITY, 80])
    detector = Detector(MODEL)
    detector.run(preprocess(frame)[0]).astype(np.float32).tofile(folder / "output.bin")


def yuyv(frame):
    """As cameras send it; how exact the colors are is no matter here."""
    yuv = cv2.cvtColor(frame, cv2.COLOR_BGR2YUV)
    out = yuv[:, :, :2].copy()
    out[:, 1::2, 1] = yuv[:, 0::2, 2]
    return out


def mosaic(frame):
    """As a sensor with the pattern RGGB has it."""
    out = frame[:, :, 1].copy()
    out[0::2, 0::2], out[1::2, 1::2] = frame[0::2, 0::2, 2], frame[1::2, 1::2, 0]
    return out


def peer_median_ms(*arguments):
    """One of the stages of peers.py."""
    return output_of(sys.executable, BENCH / "peers.py", *arguments, env=KEEP_MEMORY)["median_ms"]


def bench_stages(table, stages, folder, rounds):
    def compare(what, ours_args, peer_args, most):
        """Both on one thread."""
        ours, peer = [], []
        for _ in range(rounds):
            ours.append(output_of(stages, *ours_args)["median_ms"])
            peer.append(peer_median_ms(*peer_args))
        table.row(f"{what}, 1 thread", ours, peer, f"at most {most}", lambda ratio: ratio <= most)

    for size in SIZES:
        file = folder / f"{size}.bin"
        ours, peer = [], []
        for _ in range(rounds):
            ours.append(output_of(stages, "preprocess", file, size)["median_ms"])
            peer.append(peer_median_ms("preprocess", file, size))
        table.row(f"preprocess {size}, 1 thread; cv2 with 2 threads", ours, peer, "under 0.6", lambda r: r < 0.6)
    jpeg = folder / "frame.jpg"
    compare("jpeg 1280x720; cv2.imdecode + letterbox", ["jpeg", jpeg], ["jpeg", jpeg], 0.8)
    for encoding, most in (("yuyv", 0.5), ("bayer_rggb8", 0.6)):
        args = [folder / f"{encoding}.bin", "1920x1080", encoding]
        compare(f"{encoding} 1920x1080; cv2.cvtColor + letterbox", ["preprocess", *args], ["convert", *args], most)
    ours, peer = [], []
    for _ in range(rounds):
        ours.append(output_of(stages, "decode", folder / "output.bin")["median_ms"])
        peer.append(peer_median_ms("decode", folder / "output.bin"))
    table.row("decode + NMS, 84x8400; NumPy", ours, peer, "under 1", lambda r: r < 1)
    table.limit("decode + NMS, 84x8400", ours, 0.3)
    drawn = [output_of(stages, "draw", folder / "1280x720.bin", "1280x720")["median_ms"] for _ in range(rounds)]
    table.limit("annotated picture 1280x720, 20 boxes, 1 thread", drawn, 4)


def bench_replay(table, rounds, frames):
    ours, peer = [], []
    for _ in range(rounds):
        replay = output_of(
            ROOT / "target/release/vedette", "replay", ROOT / "data/vtest",
            "--params", ROOT / "config/vtest.yaml", "--limit", frames, "--discard", "--json",
        )  # fmt: skip
        ours.append(replay["frames_per_s"])
        bare = output_of(sys.executable, BENCH / "peers.py", "session", MODEL, frames, env=KEEP_MEMORY)
        peer.append(bare["frames_per_s"])
    table.row("replay; bare session.run loop, 2 threads", ours, peer, "at least 0.95", lambda r: r >= 0.95, "/s")


def bench_generation(table, generation, folder, rounds, tokens):
    """Our loop, the same under a grammar, a bare loop and a plain Python loop, in turn, over one random decoder."""
    writer = ROOT / ".deps/onnx/bin/python"
    subprocess.run([writer, BENCH / "decoder_model.py", folder], cwd=ROOT, check=True)
    sides = {side: [] for side in ("ours", "bare", "grammar", "python")}
    first_token_ms = {side: [] for side in ("ours", "whole")}
    for _ in range(rounds):
        for side, times in first_token_ms.items():
            times.append(output_of(generation, folder, side, 2)["first_token_ms"])
        for side, rates in sides.items():
            if side == "python":
                command = (sys.executable, BENCH / "peers.py", "generate", folder, tokens)
            else:
                command = (generation, folder, side, tokens)
            rates.append(output_of(*command)["tokens_per_s"])
    first, whole = first_token_ms["ours"], first_token_ms["whole"]
    table.row("first token of 512; with the logits of all of them", first, whole, "under 1", lambda r: r < 1)
    ours = sides["ours"]
    table.row("generation; bare loop over the step", ours, sides["bare"], "at least 0.95", lambda r: r >= 0.95, "/s")
    table.row("generation; plain Python onnxruntime loop", ours, sides["python"], "above 1", lambda r: r > 1, "/s")
    table.row("generation under a grammar; without", sides["grammar"], ours, "at least 0.95", lambda r: r >= 0.95, "/s")


def live_latency(command, size, detections, seconds, *others):
    """Starts a node, measures it, stops it; `others` are more arguments of the measurement."""
    node = subprocess.Popen([str(part) for part in command], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        return output_of(
            sys.executable, BENCH / "latency.py", "--size", size, "--seconds", seconds, "--detections", detections, *others
        )
    finally:
        node.send_signal(signal.SIGINT)
        try:
            node.wait(10)
        except subprocess.TimeoutExpired:
            node.kill()
            node.wait()
        time.sleep(0.5)


def bench_live(table, live_node, rounds, seconds):
    for size in SIZES:
        ours, peer = [], []
        for _ in range(rounds):
            ours.append(live_latency([live_node, "--ros-args", "-r", "image:=/bench/image"], size, "/vedette/detections", seconds))
            peer.append(live_latency([sys.executable, BENCH / "peer_node.py"], size, "/peer/detections", seconds))
        for figure in ("median_ms", "p99_ms"):
            table.row(
                f"live publish to detections {size}, 30 Hz, {figure[:-3]}",
                [r[figure] for r in ours],
                [r[figure] for r in peer],
                "at most 0.4",
                lambda r: r <= 0.4,
            )
        lost, lost_peer = sum(r["lost"] for r in ours), sum(r["lost"] for r in peer)
        print(f"{'':<4}frames lost: ours {lost}, peer {lost_peer} of {sum(r['sent'] for r in ours)} each")


def bench_cameras(table, live_node, rounds, seconds):
    """Four cameras beside one, 15 pictures a second of each, by one publisher; then two, of which one stops."""
    cameras, one, four, stopping = ["front", "rear", "left", "right"], [], [], []
    for _ in range(rounds):
        for count, figures in ((1, one), (4, four)):
            names = cameras[:count]
            command = [live_node, "--ros-args", "-p", f"cameras:=[{', '.join(names)}]"]
            of = ("--hz", 15, "--cameras", ",".join(names))
            figures.append(live_latency(command, "648x480", "", seconds, *of))
        command = [live_node, "--ros-args", "-p", "cameras:=[front, rear]"]
        of = ("--hz", 15, "--cameras", "front,rear", "--stops", "rear")
        stopping.append(live_latency(command, "648x480", "", 2 * seconds, *of)["halves_ms"])
    median = [[r["median_ms"] for r in figures] for figures in (four, one)]
    table.row("live, four cameras 648x480, 15 Hz, median; one camera", *median, "at most 2", lambda r: r <= 2)
    before, after = ([halves[at] for halves in stopping] for at in (0, 1))
    table.row("live, one of two cameras after the other stopped; before", after, before, "at most 1.1", lambda r: r <= 1.1)
    print(f"{'':<4}frames lost: of four {sum(r['lost'] for r in four)}, of one {sum(r['lost'] for r in one)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--live-rounds", type=int, default=3)
    parser.add_argument("--live-seconds", type=int, default=10)
    parser.add_argument("--replay-frames", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--only", choices=["stages", "replay", "generation", "live"])
    args = parser.parse_args()
    binaries = bench_binaries("--features", "ros")
    print(f"{platform.machine()}, {os.cpu_count()} cores, cv2 {cv2.__version__}")
    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        if args.only in (None, "stages"):
            write_inputs(Path(folder))
            bench_stages(table, binaries["stages"], Path(folder), args.rounds)
    if args.only in (None, "replay"):
        bench_replay(table, max(2, args.rounds - 2), args.replay_frames)
    if args.only in (None, "generation"):
        with tempfile.TemporaryDirectory() as folder:
            bench_generation(table, binaries["generation"], Path(folder), args.rounds, args.tokens)
    if args.only in (None, "live"):
        bench_live(table, binaries["live_node"], args.live_rounds, args.live_seconds)
        bench_cameras(table, binaries["live_node"], args.live_rounds, args.live_seconds)
    target = ROOT / "out/bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(table.rows, indent=2) + "\n")
    print(f"all rounds: {target}")


if __name__ == "__main__":
    main()
