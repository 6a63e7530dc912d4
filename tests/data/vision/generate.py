"""Writes the fixtures of `vision::preprocess`: small pictures, and what OpenCV's letterbox makes of them.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install opencv-python-headless==5.0.0.93 numpy
    /tmp/venv/bin/python generate.py

For each `NAME.png` (RGB or gray, drawn here) there is `NAME_WxH.png`: letterboxed into W x H as YOLO pipelines do it
(cv2.resize INTER_LINEAR, cv2.copyMakeBorder with 114). It holds the bytes; the tensor is cv2.dnn.blobFromImage of
them, which is checked here to be byte * float32(1 / 255) exactly.
"""

from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).parent
RNG = np.random.default_rng(20240607)

# name: (width, height, channels), (tensor width, tensor height)
CASES = {
    "shrink": ((154, 115, 3), (64, 64)),  # 2.40625: every fraction differs
    "shrink_little": ((96, 72, 3), (80, 80)),  # 1.2, as 768 to 640
    "half": ((128, 96, 3), (64, 64)),
    "third": ((192, 108, 3), (64, 64)),  # 3, as 1920 to 640: samples fall on pixels
    "same": ((64, 48, 3), (64, 64)),
    "enlarge": ((37, 29, 3), (96, 96)),
    "tall": ((31, 87, 3), (64, 96)),
    "thin": ((3, 90, 3), (64, 64)),
    "pixel": ((1, 1, 3), (32, 32)),
    "column": ((1, 40, 3), (32, 48)),
    "gray": ((85, 61, 1), (64, 64)),
}


def draw(width, height, channels):
    """Gradients, hard edges and noise, so that every weight and both ends of the range matter."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([x * 255 / max(width - 1, 1), y * 255 / max(height - 1, 1), (x * 7 + y * 13) % 256], axis=2)
    for _ in range(12):
        left, top = RNG.integers(0, width), RNG.integers(0, height)
        image[top : top + height // 4 + 1, left : left + width // 5 + 1] = RNG.choice([0, 40, 128, 215, 255], 3)
    image += RNG.normal(0, 4, image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)[:, :, :channels]


def letterbox(image, tensor_width, tensor_height):
    height, width = image.shape[:2]
    scale = min(tensor_width / width, tensor_height / height)
    resized = max(round(width * scale), 1), max(round(height * scale), 1)
    image = cv2.resize(image, resized, interpolation=cv2.INTER_LINEAR)
    pad_x, pad_y = (tensor_width - resized[0]) / 2, (tensor_height - resized[1]) / 2
    top, bottom = round(pad_y - 0.1), round(pad_y + 0.1)
    left, right = round(pad_x - 0.1), round(pad_x + 0.1)
    return cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(114, 114, 114))


for name, (size, (tensor_width, tensor_height)) in CASES.items():
    image = draw(*size)
    boxed = letterbox(image, tensor_width, tensor_height)
    blob = cv2.dnn.blobFromImage(boxed, 1 / 255.0)[0].transpose(1, 2, 0)
    assert (blob == boxed.reshape(blob.shape).astype(np.float32) * np.float32(1 / 255.0)).all()
    # cv2 writes BGR; the files are RGB.
    cv2.imwrite(str(HERE / f"{name}.png"), image[:, :, ::-1])
    cv2.imwrite(str(HERE / f"{name}_{tensor_width}x{tensor_height}.png"), boxed[:, :, ::-1] if boxed.ndim == 3 else boxed)
