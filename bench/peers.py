"""The peers' side of the stage benches: OpenCV and NumPy preprocessing and decoding, and a bare session loop.

    python3 bench/peers.py preprocess FRAME.bin 768x576    one JSON line with the median in ms
    python3 bench/peers.py convert FRAME.bin 768x576 yuyv  with cvtColor before it, one thread; bayer_rggb8 too
    python3 bench/peers.py jpeg FRAME.jpg                  with imdecode before it, one thread
    python3 bench/peers.py decode OUTPUT.bin
    python3 bench/peers.py session MODEL.onnx FRAMES
    python3 bench/peers.py generate FOLDER TOKENS          of bench/decoder_model.py: tokens per second
"""

import json
import statistics
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/reference"))
from detect import Detector, decode, preprocess  # noqa: E402

THREADS = 2
WARM_UP = 20
ITERATIONS = 200
# What converts an encoding to BGR, and the bytes of its pixels.
CONVERSIONS = {"yuyv": (cv2.COLOR_YUV2BGR_YUY2, (2,)), "bayer_rggb8": (cv2.COLOR_BayerRGGB2BGR, ())}
# The same as in generation.rs: the tokens say nothing.
PROMPT = [42] * 512


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


def tokens_per_s(folder, tokens):
    """Greedy generation as a plain loop: each present goes in again as the past. By the time between two tokens, that of
    the tenth part of them that is fastest, as in generation.rs."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = 1, 1
    embedding, decoder = (
        onnxruntime.InferenceSession(str(Path(folder) / f"{name}.onnx"), options, ["CPUExecutionProvider"])
        for name in ("embed_tokens", "decoder_model_merged")
    )
    caches = [given.name for given in decoder.get_inputs() if given.name.startswith("past_key_values")]
    heads, width = (decoder.get_inputs()[-1].shape[axis] for axis in (1, 3))
    times = []
    for _ in range(2):
        last, ids, past = None, np.array([PROMPT]), {name: np.zeros((1, heads, 0, width), np.float32) for name in caches}
        for _ in range(tokens):
            (rows,) = embedding.run(None, {"input_ids": ids})
            begin = past[caches[0]].shape[2]
            end = begin + ids.shape[1]
            places, mask = np.arange(begin, end)[None], np.ones((1, end), np.int64)
            inputs = {"inputs_embeds": rows, "attention_mask": mask, "position_ids": places, **past}
            logits, *present = decoder.run(None, inputs)
            past = dict(zip(caches, present, strict=True))
            ids = logits[:, -1:].argmax(-1)
            now = time.perf_counter()
            if last is not None:
                times.append(now - last)
            last = now
    return 1 / sorted(times)[len(times) // 10]


def main():
    cv2.setNumThreads(THREADS)
    stage, path, *rest = sys.argv[1:]
    if stage == "preprocess":
        width, height = map(int, rest[0].split("x"))
        image = np.fromfile(path, np.uint8).reshape(height, width, 3)
        print(json.dumps({"median_ms": median_ms(lambda: preprocess(image))}))
    elif stage == "convert":
        cv2.setNumThreads(1)
        width, height = map(int, rest[0].split("x"))
        code, shape = CONVERSIONS[rest[1]]
        image = np.fromfile(path, np.uint8).reshape(height, width, *shape)
        print(json.dumps({"median_ms": median_ms(lambda: preprocess(cv2.cvtColor(image, code)))}))
    elif stage == "jpeg":
        cv2.setNumThreads(1)
        data = np.fromfile(path, np.uint8)
        print(json.dumps({"median_ms": median_ms(lambda: preprocess(cv2.imdecode(data, cv2.IMREAD_COLOR)))}))
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
    elif stage == "generate":
        print(json.dumps({"tokens_per_s": tokens_per_s(path, int(rest[0]))}))
    else:
        sys.exit(f"unknown stage {stage!r}, expected preprocess, convert, jpeg, decode, session or generate")


if __name__ == "__main__":
    main()
