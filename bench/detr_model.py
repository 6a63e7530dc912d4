"""Writes a detector with random weights in the shape of RT-DETR with a ResNet-18, for benches: made when one runs, not kept.

    .deps/onnx/bin/python bench/detr_model.py folder

In `folder`, as transformers exports it, in float32: `model.onnx` (80 MB), `pixel_values` [1, 3, 640, 640] -> `logits`
[1, 300, 80] and `pred_boxes` [1, 300, 4] (centre and size, 0..=1), and a `model.toml`.

Every step of the published network is there, with its sizes: the backbone, one layer of attention over the coarsest
features, features up and down over three strides, the best 300 of 8400 places, three decoder layers with deformable
attention that refine the boxes. Batch norms are folded into the convolutions, as exporters do. It costs the time of the
trained network and finds nothing: the boxes of random weights mean nothing, and say only whether two providers agree.

Source: Zhao et al. 2023, "DETRs Beat YOLOs on Real-time Object Detection", and transformers' documentation of RTDetrConfig.
"""

import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts" / "setup"))
from onnx_graph import Graph

SEED = 0
SIDE = 640
WIDTH, HEADS, INNER = 256, 8, 1024
STAGES = (64, 128, 256, 512)
STRIDES = (8, 16, 32)
QUERIES, CLASSES, POINTS, DECODER_LAYERS = 300, 80, 4, 3
# So that a handful of the 24,000 pairs of query and class comes out above a usual threshold.
CLASS_SPREAD, CLASS_BIAS = 0.1, -5.6

MANIFEST = """\
family = "detr"
task = "detect"
verified = false
source = "bench/detr_model.py: random weights in the shape of RT-DETR with a ResNet-18"

[license]
name = "Apache-2.0"
notice = "Random numbers, made for a bench."

[[files]]
path = "model.onnx"
"""


class Detr:
    """The graph; every method takes and gives names of tensors."""

    def __init__(self):
        self.graph = Graph("random RT-DETR")
        self.generator = np.random.default_rng(SEED)

    def values(self, *size: int, spread: float) -> str:
        """A constant of random numbers."""
        numbers = self.generator.standard_normal(size, np.float32) * np.float32(spread)
        return self.graph.constant(f"weights_{len(self.graph.constants)}", numbers)

    def fill(self, size: int, value: float) -> str:
        """A constant of one number."""
        return self.graph.constant(f"weights_{len(self.graph.constants)}", np.full(size, value, np.float32))

    def convolution(self, x: str, inputs: int, outputs: int, size: int, stride: int = 1, gain: float = 2.0) -> str:
        """With a bias and padding that keeps the size."""
        weights = self.values(outputs, inputs, size, size, spread=(gain / (inputs * size * size)) ** 0.5)
        pads = [size // 2] * 4
        return self.graph.node("Conv", x, weights, self.fill(outputs, 0.0), strides=[stride] * 2, pads=pads)

    def silu(self, x: str) -> str:
        """x times its sigmoid."""
        return self.graph.node("Mul", x, self.graph.node("Sigmoid", x))

    def linear(self, x: str, inputs: int, outputs: int, gain: float = 1.0, bias: float = 0.0) -> str:
        """[.., inputs] to [.., outputs]."""
        product = self.graph.node("MatMul", x, self.values(inputs, outputs, spread=(gain / inputs) ** 0.5))
        return self.graph.node("Add", product, self.fill(outputs, bias))

    def perceptron(self, x: str, *sizes: int, gain: float = 1.0) -> str:
        """Layers with a ReLU between them; `gain` is the last one's."""
        for inputs, outputs in zip(sizes, sizes[1:-1]):
            x = self.graph.node("Relu", self.linear(x, inputs, outputs, gain=2.0))
        return self.linear(x, *sizes[-2:], gain=gain)

    def norm(self, x: str) -> str:
        """Over the last axis."""
        return self.graph.node("LayerNormalization", x, self.fill(WIDTH, 1.0), self.fill(WIDTH, 0.0), axis=-1)

    def reshaped(self, x: str, *shape: int) -> str:
        return self.graph.node("Reshape", x, self.graph.integers(*shape))

    def backbone(self, pixels: str) -> list[str]:
        """The features of the last three stages."""
        graph, x, inputs, kept = self.graph, pixels, 64, []
        for from_channels, to_channels, stride in ((3, 32, 2), (32, 32, 1), (32, 64, 1)):
            x = graph.node("Relu", self.convolution(x, from_channels, to_channels, 3, stride))
        x = graph.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        for stage, outputs in enumerate(STAGES):
            for block in range(2):
                stride = 2 if stage > 0 and block == 0 else 1
                shortcut = x
                if stride == 2:
                    shortcut = graph.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
                    shortcut = self.convolution(shortcut, inputs, outputs, 1, gain=1.0)
                x = graph.node("Relu", self.convolution(x, inputs, outputs, 3, stride))
                x = graph.node("Relu", graph.sum(self.convolution(x, outputs, outputs, 3, gain=0.5), shortcut))
                inputs = outputs
            kept.append(x)
        return kept[1:]

    def heads(self, x: str, tokens: int) -> str:
        """[1, tokens, width] to [1, heads, tokens, width / heads]."""
        return self.graph.node("Transpose", self.reshaped(x, 1, tokens, HEADS, WIDTH // HEADS), perm=[0, 2, 1, 3])

    def attention(self, x: str, positions: str, tokens: int) -> str:
        """Of all tokens to all; positions go to queries and keys."""
        graph = self.graph
        placed = graph.sum(x, positions)
        query, key, value = (self.heads(self.linear(of, WIDTH, WIDTH), tokens) for of in (placed, placed, x))
        scores = graph.node("MatMul", query, graph.node("Transpose", key, perm=[0, 1, 3, 2]))
        shares = graph.node("Softmax", graph.node("Mul", scores, graph.number((WIDTH / HEADS) ** -0.5)), axis=-1)
        mixed = graph.node("Transpose", graph.node("MatMul", shares, value), perm=[0, 2, 1, 3])
        return self.linear(self.reshaped(mixed, 1, tokens, WIDTH), WIDTH, WIDTH)

    def feed_forward(self, x: str) -> str:
        """With what it adds to, normed."""
        return self.norm(self.graph.sum(x, self.perceptron(x, WIDTH, INNER, WIDTH)))

    def coarsest(self, x: str) -> str:
        """A layer of attention over the features with the largest stride."""
        side = SIDE // STRIDES[-1]
        rows = self.graph.node("Transpose", self.reshaped(x, 1, WIDTH, side * side), perm=[0, 2, 1])
        positions = self.graph.constant("positions", sines(side))
        rows = self.norm(self.graph.sum(rows, self.attention(rows, positions, side * side)))
        rows = self.graph.node("Transpose", self.feed_forward(rows), perm=[0, 2, 1])
        return self.reshaped(rows, 1, WIDTH, side, side)

    def fused(self, first: str, second: str) -> str:
        """Two features of one size, side by side, to one."""
        x, half = self.graph.node("Concat", first, second, axis=1), WIDTH // 2
        deep, shallow = (self.silu(self.convolution(x, 2 * WIDTH, half, 1)) for _ in range(2))
        for _ in range(3):
            deep = self.silu(self.convolution(deep, half, half, 3))
        return self.silu(self.convolution(self.graph.sum(deep, shallow), half, WIDTH, 1))

    def encoder(self, features: list[str]) -> list[str]:
        """The features of three strides, each with what the others saw."""
        graph = self.graph
        levels = [self.convolution(x, count, WIDTH, 1, gain=1.0) for x, count in zip(features, STAGES[1:])]
        levels[-1] = self.coarsest(levels[-1])
        scales = graph.constant("twice", np.array([1, 1, 2, 2], np.float32))
        for level in (1, 0):
            levels[level + 1] = self.silu(self.convolution(levels[level + 1], WIDTH, WIDTH, 1))
            larger = graph.node("Resize", levels[level + 1], "", scales, mode="nearest")
            levels[level] = self.fused(larger, levels[level])
        for level in (1, 2):
            smaller = self.silu(self.convolution(levels[level - 1], WIDTH, WIDTH, 3, 2))
            levels[level] = self.fused(smaller, levels[level])
        return levels

    def rows(self, levels: list[str]) -> str:
        """The places of all levels, one after the other: [1, 8400, width]."""
        flat = []
        for level, stride in zip(levels, STRIDES):
            places = (SIDE // stride) ** 2
            row = self.reshaped(self.convolution(level, WIDTH, WIDTH, 1, gain=1.0), 1, WIDTH, places)
            flat.append(self.graph.node("Transpose", row, perm=[0, 2, 1]))
        return self.graph.node("Concat", *flat, axis=1)

    def chosen(self, memory: str) -> tuple[str, str]:
        """The best places as queries [1, 300, width] and boxes before their sigmoid [1, 300, 4]."""
        graph = self.graph
        states = self.norm(self.linear(memory, WIDTH, WIDTH))
        best = graph.node("ReduceMax", self.linear(states, WIDTH, CLASSES), axes=[-1], keepdims=0)
        places = f"TopK_{len(graph.nodes)}"
        graph.node_with_outputs("TopK", [best, graph.integers(QUERIES)], [f"{places}_values", places], axis=-1)
        places = graph.node("Squeeze", places, graph.integers(0))
        anchored = graph.sum(self.perceptron(states, WIDTH, WIDTH, WIDTH, 4), graph.constant("anchors", anchors()))
        return graph.node("Gather", states, places, axis=1), graph.node("Gather", anchored, places, axis=1)

    def deformable(self, queries: str, boxes: str, memory: str) -> str:
        """Looks at a few places of each level around its box."""
        graph, levels, size = self.graph, len(STRIDES), WIDTH // HEADS
        value = self.linear(memory, WIDTH, WIDTH)
        offsets = self.linear(queries, WIDTH, HEADS * levels * POINTS * 2)
        offsets = self.reshaped(offsets, QUERIES, HEADS, levels * POINTS, 2)
        shares = self.reshaped(self.linear(queries, WIDTH, HEADS * levels * POINTS), QUERIES, HEADS, levels * POINTS)
        shares = graph.node("Transpose", graph.node("Softmax", shares, axis=-1), perm=[1, 0, 2])
        shares = graph.node("Unsqueeze", shares, graph.integers(1))
        corners = [graph.integers(at) for at in (0, 2, 4)]
        box = self.reshaped(boxes, QUERIES, 1, 1, 4)
        centre = graph.node("Slice", box, corners[0], corners[1], graph.integers(-1))
        extent = graph.node("Slice", box, corners[1], corners[2], graph.integers(-1))
        moved = graph.node("Mul", graph.node("Mul", offsets, extent), graph.number(0.5 / POINTS))
        places = graph.node("Mul", graph.sum(centre, moved), graph.number(2.0))
        places = graph.node("Transpose", graph.node("Sub", places, graph.number(1.0)), perm=[1, 0, 2, 3])
        seen, begin = [], 0
        for level, stride in enumerate(STRIDES):
            side = SIDE // stride
            end = begin + side * side
            part = graph.node("Slice", value, graph.integers(begin), graph.integers(end), graph.integers(1))
            part = self.reshaped(graph.node("Transpose", part, perm=[0, 2, 1]), HEADS, size, side, side)
            first, last = graph.integers(level * POINTS), graph.integers((level + 1) * POINTS)
            grid = graph.node("Slice", places, first, last, graph.integers(2))
            seen.append(graph.node("GridSample", part, grid, mode="bilinear", padding_mode="zeros", align_corners=0))
            begin = end
        weighed = graph.node("Mul", graph.node("Concat", *seen, axis=-1), shares)
        summed = graph.node("ReduceSum", weighed, graph.integers(-1), keepdims=0)
        rows = self.reshaped(graph.node("Transpose", summed, perm=[2, 0, 1]), 1, QUERIES, WIDTH)
        return self.linear(rows, WIDTH, WIDTH)

    def write(self, path: Path) -> None:
        """The whole network into `path`."""
        graph = self.graph
        pixels = graph.input("pixel_values", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
        memory = self.rows(self.encoder(self.backbone(pixels)))
        states, before_sigmoid = self.chosen(memory)
        for _ in range(DECODER_LAYERS):
            boxes = graph.node("Sigmoid", before_sigmoid)
            positions = self.perceptron(boxes, 4, 2 * WIDTH, WIDTH)
            states = self.norm(graph.sum(states, self.attention(states, positions, QUERIES)))
            looked = self.deformable(graph.sum(states, positions), boxes, memory)
            states = self.feed_forward(self.norm(graph.sum(states, looked)))
            before_sigmoid = graph.sum(before_sigmoid, self.perceptron(states, WIDTH, WIDTH, WIDTH, 4, gain=0.25))
        logits = self.linear(states, WIDTH, CLASSES, gain=WIDTH * CLASS_SPREAD**2, bias=CLASS_BIAS)
        graph.output("logits", logits, [1, QUERIES, CLASSES])
        graph.output("pred_boxes", graph.node("Sigmoid", before_sigmoid), [1, QUERIES, 4])
        graph.write(path)


def sines(side: int) -> np.ndarray:
    """Positions of a square of places, [1, side * side, width]."""
    frequencies = 10_000.0 ** (-np.arange(WIDTH // 4) / (WIDTH // 4))
    y, x = (axis.reshape(-1, 1) * frequencies for axis in np.mgrid[:side, :side])
    return np.concatenate([np.sin(x), np.cos(x), np.sin(y), np.cos(y)], 1)[None].astype(np.float32)


def anchors() -> np.ndarray:
    """A box around each place, before its sigmoid: [1, 8400, 4]."""
    boxes = []
    for level, stride in enumerate(STRIDES):
        side = SIDE // stride
        y, x = ((axis.reshape(-1) + 0.5) / side for axis in np.mgrid[:side, :side])
        extent = np.full_like(x, 0.05 * 2**level)
        boxes.append(np.stack([x, y, extent, extent], 1))
    whole = np.clip(np.concatenate(boxes), 0.01, 0.99)
    return np.log(whole / (1 - whole))[None].astype(np.float32)


def write(folder: Path) -> None:
    """The model and its manifest into `folder`."""
    Detr().write(folder / "model.onnx")
    (folder / "model.toml").write_text(MANIFEST)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
