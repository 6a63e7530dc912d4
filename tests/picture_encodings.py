"""Pictures in every encoding of sensor_msgs: what a camera that speaks it sends for an RGB picture."""

import cv2
import numpy as np
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.ROS2_JAZZY)
IMAGE = "sensor_msgs/msg/Image"


def yuv422(rgb, luma_first):
    """BT.601 with luma 16 to 235, the chroma of two pixels averaged: what cameras send."""
    yuv = limited(rgb)
    chroma = (yuv[:, 0::2, 1:] + yuv[:, 1::2, 1:]) / 2
    out = np.empty((*rgb.shape[:2], 2))
    y, c = (0, 1) if luma_first else (1, 0)
    out[:, :, y], out[:, 0::2, c], out[:, 1::2, c] = yuv[:, :, 0], chroma[:, :, 0], chroma[:, :, 1]
    return np.rint(out).astype(np.uint8)


def limited(rgb):
    """Y, U, V as floats."""
    r, g, b = np.moveaxis(rgb.astype(np.float64), 2, 0)
    luma = 16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255
    blue = 128 + (-37.797 * r - 74.203 * g + 112.0 * b) / 255
    red = 128 + (112.0 * r - 93.786 * g - 18.214 * b) / 255
    return np.stack([luma, blue, red], axis=2)


def full_range_yuv422(rgb):
    """What a program makes that takes OpenCV's YUV for YUV422: luma over the whole range."""
    yuv = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV)
    out = np.empty((*rgb.shape[:2], 2), np.uint8)
    out[:, :, 0], out[:, 0::2, 1], out[:, 1::2, 1] = yuv[:, :, 0], yuv[:, 0::2, 1], yuv[:, 1::2, 2]
    return out


def two_planes(rgb, blue_first, is_shared):
    yuv = limited(rgb)
    chroma = yuv[:, :, 1:] if blue_first else yuv[:, :, :0:-1]
    if is_shared:
        chroma = (chroma[0::2, 0::2] + chroma[1::2, 0::2] + chroma[0::2, 1::2] + chroma[1::2, 1::2]) / 4
    return np.concatenate([np.rint(plane).astype(np.uint8).reshape(-1) for plane in (yuv[:, :, 0], chroma)])


def mosaic(rgb, pattern):
    out = np.empty(rgb.shape[:2], np.uint8)
    for place, color in enumerate(pattern):
        row, column = divmod(place, 2)
        out[row::2, column::2] = rgb[row::2, column::2, "rgb".index(color)]
    return out


def wide(narrow, byte_order="<"):
    return (narrow.astype(np.uint16) * 257).astype(f"{byte_order}u2")


def with_alpha(picture):
    return np.concatenate([picture, np.full((*picture.shape[:2], 1), 7, np.uint8)], axis=2)


# By encoding: what its data is, and the bytes of a row of the first plane for each pixel.
RAW = {
    "bgr8": (lambda rgb: rgb[:, :, ::-1], 3),
    "8UC3": (lambda rgb: rgb[:, :, ::-1], 3),
    "rgba8": (with_alpha, 4),
    "bgra8": (lambda rgb: with_alpha(rgb[:, :, ::-1]), 4),
    "8UC4": (lambda rgb: with_alpha(rgb[:, :, ::-1]), 4),
    "rgb16": (wide, 6),
    "16UC3": (lambda rgb: wide(rgb[:, :, ::-1]), 6),
    "rgba16": (lambda rgb: wide(with_alpha(rgb)), 8),
    "yuv422": (lambda rgb: yuv422(rgb, False), 2),
    "uyvy": (lambda rgb: yuv422(rgb, False), 2),
    "yuyv": (lambda rgb: yuv422(rgb, True), 2),
    "yuv422_yuy2": (full_range_yuv422, 2),
    "nv12": (lambda rgb: two_planes(rgb, True, True), 1),
    "nv21": (lambda rgb: two_planes(rgb, False, True), 1),
    "nv24": (lambda rgb: two_planes(rgb, True, False), 1),
    "bayer_rggb8": (lambda rgb: mosaic(rgb, "rggb"), 1),
    "bayer_bggr8": (lambda rgb: mosaic(rgb, "bggr"), 1),
    "bayer_gbrg8": (lambda rgb: mosaic(rgb, "gbrg"), 1),
    "bayer_grbg16": (lambda rgb: wide(mosaic(rgb, "grbg")), 2),
}


def raw_image(header, rgb, encoding):
    convert, pixel_bytes = RAW[encoding]
    height, width = rgb.shape[:2]
    data = np.ascontiguousarray(convert(rgb)).reshape(-1).view(np.uint8)
    return STORE.types[IMAGE](header, height, width, encoding, 0, width * pixel_bytes, data)
