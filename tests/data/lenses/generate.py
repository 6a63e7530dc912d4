"""Writes the rays of tests/it/lenses.rs: what OpenCV makes of pixels under every lens model and count of numbers.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install opencv-python-headless==4.11.0.86 numpy
    /tmp/venv/bin/python tests/data/lenses/generate.py

`rays.json` holds, for each lens, CameraInfo's fields and rows of pixel and ray (z = 1; pixel centres at integers), over
a grid that covers the picture and goes a little beyond it. OpenCV turns its lenses around by repeated substitution, which
stops after five steps unless told otherwise: here it goes on until it stands, and each ray is projected back onto its
pixel before it is written.
"""

import json
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).parent
CRITERIA = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 2000, 1e-15)
BACK_PX = 1e-7

# name: distortion_model, width and height, fx, fy, cx, cy, D
LENSES = {
    "plumb_bob_4": ("plumb_bob", (640, 480), (520.0, 525.0, 315.2, 236.9), [-0.28, 0.07, 0.001, -0.002]),
    "plumb_bob_5": ("plumb_bob", (1280, 720), (910.0, 905.0, 641.3, 355.8), [-0.34, 0.16, -0.0007, 0.0011, -0.043]),
    "plumb_bob_8": ("plumb_bob", (768, 576), (691.2, 691.2, 384.0, 288.0), [0.03, 0.03, 0, 0, -0.01, 0, 0, 0]),
    "rational_5": (
        "rational_polynomial", (640, 480), (600.0, 601.0, 322.0, 241.0), [0.12, -0.25, 0.0004, 0.0009, 0.11],
    ),
    "rational_8": (
        "rational_polynomial", (768, 576), (691.2, 691.2, 384.0, 288.0), [0.1, 0.02, 0, 0, 0.001, 0.1, 0.01, 0.001],
    ),
    # Large numbers above and below that nearly cancel, as some factory calibrations have them.
    "rational_8_large": (
        "rational_polynomial", (1280, 720), (611.0, 610.9, 638.1, 367.2),
        [0.45, -2.42, 0.0009, -0.0003, 1.40, 0.33, -2.24, 1.33],
    ),
    "rational_12": (
        "rational_polynomial", (1280, 960), (800.0, 802.0, 645.0, 470.0),
        [-0.2, 0.05, 0.001, -0.001, 0.002, 0.05, 0.01, 0.0005, 0.002, -0.0005, -0.001, 0.0003],
    ),
    "rational_14": (
        "rational_polynomial", (1280, 960), (800.0, 802.0, 645.0, 470.0),
        [-0.2, 0.05, 0.001, -0.001, 0.002, 0.05, 0.01, 0.0005, 0.002, -0.0005, -0.001, 0.0003, 0.03, -0.02],
    ),
    "plumb_bob_14": (
        "plumb_bob", (640, 480), (520.0, 525.0, 315.2, 236.9),
        [-0.1, 0.02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -0.05, 0.08],
    ),
    "equidistant": ("equidistant", (768, 576), (691.2, 691.2, 384.0, 288.0), [0.01, 0.002, 0, 0]),
    # 160 degrees over the diagonal.
    "equidistant_wide": ("equidistant", (848, 800), (430.0, 431.0, 425.0, 402.0), [-0.008, 0.045, -0.042, 0.008]),
    "fisheye_zeros_behind": ("fisheye", (640, 480), (330.0, 331.0, 318.0, 242.0), [0.02, -0.01, 0.003, 0, 0]),
}


def grid(width, height):
    x, y = np.meshgrid(np.linspace(-10, width + 9, 9), np.linspace(-10, height + 9, 7))
    return np.stack([x.ravel(), y.ravel()], axis=1)


def undistorted(pixels, k, d, is_fisheye):
    """The ideal points of pixels, and how far from its pixel each is projected back."""
    shaped = pixels.reshape(-1, 1, 2)
    if is_fisheye:
        ideal = cv2.fisheye.undistortPoints(shaped, k, d, criteria=CRITERIA).reshape(-1, 2)
        back = cv2.fisheye.distortPoints(ideal.reshape(-1, 1, 2), k, d).reshape(-1, 2)
    else:
        ideal = cv2.undistortPointsIter(shaped, k, d, np.eye(3), np.eye(3), CRITERIA).reshape(-1, 2)
        points = np.hstack([ideal, np.ones((len(ideal), 1))])
        back = cv2.projectPoints(points, np.zeros(3), np.zeros(3), k, d)[0].reshape(-1, 2)
    return ideal, np.linalg.norm(back - pixels, axis=1)


def main():
    lenses = {}
    for name, (model, (width, height), (fx, fy, cx, cy), numbers) in LENSES.items():
        is_fisheye = model in ("equidistant", "fisheye")
        k = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
        d = np.array(numbers[:4] if is_fisheye else numbers, dtype=float)
        pixels = grid(width, height)
        ideal, missed = undistorted(pixels, k, d, is_fisheye)
        assert missed.max() < BACK_PX, f"{name}: OpenCV is {missed.max()} px from its pixel"
        rows = [[*map(float, pixel), *map(float, ray)] for pixel, ray in zip(pixels, ideal)]
        lenses[name] = {
            "distortion_model": model, "width": width, "height": height, "k": k.ravel().tolist(),
            "d": [float(number) for number in numbers], "rows": rows,
        }
    text = ",\n".join(f"{json.dumps(name)}: {json.dumps(lens)}" for name, lens in lenses.items())
    (HERE / "rays.json").write_text(f"{{\n{text}\n}}\n")
    print(f"{len(lenses)} lenses, {sum(len(lens['rows']) for lens in lenses.values())} rays, OpenCV {cv2.__version__}")


if __name__ == "__main__":
    main()
