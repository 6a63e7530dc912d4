"""Writes vtest_yolov12n.json: what `detect.py` finds on every tenth frame of vtest.avi.

    . .deps/env.sh; python3 tests/reference/generate.py
"""

import json
from pathlib import Path

import cv2
import onnxruntime
from detect import Detector

ROOT = Path(__file__).resolve().parents[2]
EVERY = 10
SCORE_THRESHOLD = 0.25


def main():
    detector = Detector(ROOT / "models/yolov12n/yolov12n.onnx")
    video = cv2.VideoCapture(str(ROOT / "data/vtest.avi"))
    frames, index = [], 0
    while True:
        read, image = video.read()
        if not read:
            break
        if index % EVERY == 0:
            frames.append({"frame": index, "boxes": detector.detect(image, SCORE_THRESHOLD)})
        index += 1
    reference = {
        "video": "vtest.avi",
        "model": "yolov12n",
        "frames_in_video": index,
        "every": EVERY,
        "score_threshold": SCORE_THRESHOLD,
        "opencv": cv2.__version__,
        "onnxruntime": onnxruntime.__version__,
        "frames": frames,
    }
    target = Path(__file__).with_name("vtest_yolov12n.json")
    lines = ",\n".join(json.dumps(frame) for frame in frames)
    head = json.dumps({k: v for k, v in reference.items() if k != "frames"})
    target.write_text(f'{head[:-1]}, "frames": [\n{lines}\n]}}\n')
    print(f"{target}: {sum(len(f['boxes']) for f in frames)} boxes on {len(frames)} frames")


if __name__ == "__main__":
    main()
