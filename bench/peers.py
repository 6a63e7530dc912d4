"""The peers' side of the stage benches: OpenCV and NumPy preprocessing and decoding, and a bare session loop.

    python3 bench/peers.py preprocess FRAME.bin 768x576    one JSON line with the median in ms
    python3 bench/peers.py decode OUTPUT.bin
    python3 bench/peers.py session MODEL.onnx FRAMES
"""

import json
import statistics
import sys
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/reference"))
from detect import Detector, decode, preprocess  # noqa: E402

THREADS = 2
WARM_UP = 20
ITERATIONS = 200


def median_ms(work):
    """Median time of one call."""
    for _ in range(WARM_UP):
        work()
    times = []
    for _ in range(ITERATIONS):
        begin = time.perf_counter()
        work()
        times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times)


def main():
    cv2.setNumThreads(THREADS)
    stage, path, *rest = sys.argv[1:]
    if stage == "preprocess":
        width, height = map(int, rest[0].split("x"))
        image = np.fromfile(path, np.uint8).reshape(height, width, 3)
        print(json.dumps({"median_ms": median_ms(lambda: preprocess(image))}))
    elif stage == "decode":
        output = np.fromfile(path, np.float32).reshape(1, 84, 8400)
        scale, pad, size = 640 / 768, (0, 80), (768, 576)
        print(json.dumps({"median_ms": median_ms(lambda: decode(output, scale, pad, size, 0.1))}))
    elif stage == "session":
        detector = Detector(path, THREADS)
        blob = np.full((1, 3, 640, 640), 0.4, np.float32)
        for _ in range(5):
            detector.run(blob)
        frames = int(rest[0])
        begin = time.perf_counter()
        for _ in range(frames):
            detector.run(blob)
        print(json.dumps({"frames_per_s": frames / (time.perf_counter() - begin)}))
    else:
        sys.exit(f"unknown stage {stage!r}, expected preprocess, decode or session")


if __name__ == "__main__":
    main()
