"""YOLO detection in OpenCV, NumPy and onnxruntime: an independent implementation to compare ours with.

Nothing here shares code with Vedette. Letterbox with cv2, blobFromImage, class-aware greedy NMS in NumPy.
"""

import ast

import cv2
import numpy as np
import onnxruntime

INPUT_PX = 640
PAD_VALUE = 114


def letterbox(image, side=INPUT_PX):
    """Resizes into a `side` x `side` picture, keeping the aspect. Returns the picture, scale and padding."""
    height, width = image.shape[:2]
    scale = min(side / width, side / height)
    new_width, new_height = round(width * scale), round(height * scale)
    if (new_width, new_height) != (width, height):
        image = cv2.resize(image, (new_width, new_height), interpolation=cv2.INTER_LINEAR)
    pad_x, pad_y = (side - new_width) / 2, (side - new_height) / 2
    left, right = round(pad_x - 0.1), round(pad_x + 0.1)
    top, bottom = round(pad_y - 0.1), round(pad_y + 0.1)
    image = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(PAD_VALUE,) * 3)
    return image, scale, (left, top)


def preprocess(image):
    """A BGR picture to the model's input: [1, 3, 640, 640] f32, RGB, 0..1."""
    boxed, scale, pad = letterbox(image)
    blob = cv2.dnn.blobFromImage(boxed, 1 / 255.0, swapRB=True)
    return blob, scale, pad


def iou(box, boxes):
    """Intersection over union of one corner box with many."""
    left_top = np.maximum(box[:2], boxes[:, :2])
    right_bottom = np.minimum(box[2:], boxes[:, 2:])
    sides = np.clip(right_bottom - left_top, 0, None)
    shared = sides[:, 0] * sides[:, 1]
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return shared / np.maximum(area + areas - shared, 1e-9)


def decode(output, scale, pad, size, score_threshold, iou_threshold=0.45, max_detections=300):
    """[1, 4 + classes, anchors] to corner boxes in image pixels, scores and class indices, best first."""
    rows = output[0]
    scores = rows[4:].max(axis=0)
    keep = scores >= score_threshold
    rows, scores = rows[:, keep], scores[keep]
    classes = rows[4:].argmax(axis=0)
    cx, cy, w, h = rows[:4]
    boxes = np.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], axis=1)
    order = np.argsort(-scores, kind="stable")
    chosen = []
    while order.size and len(chosen) < max_detections:
        best, order = order[0], order[1:]
        chosen.append(best)
        overlapping = (iou(boxes[best], boxes[order]) > iou_threshold) & (classes[order] == classes[best])
        order = order[~overlapping]
    boxes = (boxes[chosen] - [pad[0], pad[1], pad[0], pad[1]]) / scale
    boxes[:, 0::2] = boxes[:, 0::2].clip(0, size[0])
    boxes[:, 1::2] = boxes[:, 1::2].clip(0, size[1])
    return boxes, scores[chosen], classes[chosen]


class Detector:
    """A YOLO export of the layout [1, 4 + classes, anchors] on the CPU provider."""

    def __init__(self, model, threads=2):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        names = ast.literal_eval(self.session.get_modelmeta().custom_metadata_map["names"])
        self.names = [names[i] for i in range(len(names))]
        self.input = self.session.get_inputs()[0].name

    def run(self, blob):
        """The raw output for a preprocessed input."""
        return self.session.run(None, {self.input: blob})[0]

    def detect(self, image, score_threshold):
        """Boxes of a BGR picture as dictionaries."""
        blob, scale, pad = preprocess(image)
        size = (image.shape[1], image.shape[0])
        boxes, scores, classes = decode(self.run(blob), scale, pad, size, score_threshold)
        return [
            {"class": self.names[c], "score": round(float(s), 5), "box": [round(float(v), 3) for v in box]}
            for box, s, c in zip(boxes, scores, classes)
        ]
