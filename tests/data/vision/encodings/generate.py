"""Writes the fixtures of `vision::rows`: OpenCV's conversions of the encodings that cameras send.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install opencv-python-headless==4.11.0.86 numpy
    /tmp/venv/bin/python generate.py

`raw.bin` are random bytes, the data of a picture of 30x22 px in every encoding (as many of them as it takes), which is
harsher than any picture. `ENCODING.png` is what OpenCV makes of them. ROS names a mosaic by its first two rows, OpenCV
(`BayerBG` and the like) by its second row: the names used here are those that say it as ROS does.
"""

from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).parent
WIDTH, HEIGHT = 30, 22
RAW = np.random.default_rng(20261126).integers(0, 256, WIDTH * HEIGHT * 3, np.uint8)


def taken(rows, columns, channels=None):
    shape = (rows, columns) if channels is None else (rows, columns, channels)
    return RAW[: np.prod(shape)].reshape(shape)


def nv24():
    """OpenCV has none: each pixel four times, with its own chroma, is a picture in NV12."""
    luma = taken(HEIGHT, WIDTH)
    chroma = RAW[WIDTH * HEIGHT :].reshape(HEIGHT, 2 * WIDTH)
    fourfold = np.vstack([luma.repeat(2, 0).repeat(2, 1), chroma])
    return cv2.cvtColor(np.ascontiguousarray(fourfold), cv2.COLOR_YUV2RGB_NV12)[::2, ::2]


def main():
    RAW.tofile(HERE / "raw.bin")
    converted = {
        "uyvy": cv2.cvtColor(taken(HEIGHT, WIDTH, 2), cv2.COLOR_YUV2RGB_UYVY),
        "yuyv": cv2.cvtColor(taken(HEIGHT, WIDTH, 2), cv2.COLOR_YUV2RGB_YUY2),
        "nv12": cv2.cvtColor(taken(HEIGHT * 3 // 2, WIDTH), cv2.COLOR_YUV2RGB_NV12),
        "nv21": cv2.cvtColor(taken(HEIGHT * 3 // 2, WIDTH), cv2.COLOR_YUV2RGB_NV21),
        "nv24": nv24(),
    }
    for pattern in ("RGGB", "BGGR", "GBRG", "GRBG"):
        code = getattr(cv2, f"COLOR_Bayer{pattern}2RGB")
        converted[f"bayer_{pattern.lower()}8"] = cv2.cvtColor(taken(HEIGHT, WIDTH), code)
    for name, picture in converted.items():
        cv2.imwrite(str(HERE / f"{name}.png"), picture[:, :, ::-1])


if __name__ == "__main__":
    main()
