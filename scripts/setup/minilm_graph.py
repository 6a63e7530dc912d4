"""Writes all-MiniLM-L6-v2 as ONNX graphs, from its weights in the safetensors format.

    .deps/onnx/bin/python scripts/setup/minilm_graph.py model.safetensors folder

In `folder`: `model.onnx` in float32 and `model_quantized.onnx`, whose embedding tables and matrices are int8 (one scale
per row of a table, per output channel of a matrix), dequantised where they are used; all arithmetic is float32 in both.

Inputs, int64 [batch, tokens]: `input_ids`, `attention_mask` (1: a token, 0: padding), `token_type_ids`. At most 512
tokens. Outputs, float32: `last_hidden_state` [batch, tokens, 384] and `sentence_embedding` [batch, 384], the mean of the
tokens' states, padding left out, at length 1.

The network is BERT (Devlin et al. 2018) with 6 layers, as `transformers` computes it: post-norm, GELU by erf.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto
from onnx_graph import Graph

LAYERS = 6
HIDDEN = 384
HEADS = 12
LAYER_NORM_EPSILON = 1e-12
INT8_MAX = 127
Weights = dict[str, np.ndarray]


def read_safetensors(path: Path) -> Weights:
    """The float32 tensors of a safetensors file: a length, a JSON header, then the values."""
    content = path.read_bytes()
    header_bytes = int.from_bytes(content[:8], "little")
    begin = 8 + header_bytes
    weights = {}
    for name, entry in json.loads(content[8:begin]).items():
        if entry.get("dtype") == "F32":
            first, last = entry["data_offsets"]
            weights[name] = np.frombuffer(content[begin + first : begin + last], "<f4").reshape(entry["shape"])
    return weights


def quantized(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """`values` as int8 and their scales, symmetric about zero, one scale for all along `axis`."""
    scales = np.abs(values).max(axis=axis, keepdims=True) / np.float32(INT8_MAX)
    scales[scales == 0] = 1
    return np.rint(values / scales).astype(np.int8), scales


class Encoder:
    """The graph of the network over `weights`, quantised or not."""

    def __init__(self, weights: Weights, quantize: bool):
        self.weights = weights
        self.quantize = quantize
        self.graph = Graph("all-MiniLM-L6-v2")

    def tensor(self, name: str) -> str:
        """A small tensor, as it is."""
        return self.graph.constant(name, self.weights[name])

    def lookup(self, name: str, indices: str) -> str:
        """Rows of an embedding table."""
        graph = self.graph
        if not self.quantize:
            return graph.node("Gather", self.tensor(name), indices)
        table, scales = quantized(self.weights[name], axis=1)
        rows = graph.node("Gather", graph.constant(f"{name}_int8", table), indices)
        row_scales = graph.node("Gather", graph.constant(f"{name}_scale", scales), indices)
        return graph.node("Mul", graph.node("Cast", rows, to=TensorProto.FLOAT), row_scales)

    def linear(self, name: str, states: str) -> str:
        """A fully connected layer: [.., in] to [.., out]."""
        graph = self.graph
        matrix = self.weights[f"{name}.weight"].T
        weight = f"{name}.weight"
        if self.quantize:
            values, scales = quantized(matrix, axis=0)
            parts = graph.constant(f"{weight}_int8", values), graph.constant(f"{weight}_scale", scales.reshape(-1))
            matrix_name = graph.node("DequantizeLinear", *parts, axis=1)
        else:
            matrix_name = graph.constant(weight, matrix)
        return graph.node("Add", graph.node("MatMul", states, matrix_name), self.tensor(f"{name}.bias"))

    def layer_norm(self, name: str, states: str) -> str:
        """Layer normalisation over the last axis."""
        parts = self.tensor(f"{name}.weight"), self.tensor(f"{name}.bias")
        return self.graph.node("LayerNormalization", states, *parts, axis=-1, epsilon=LAYER_NORM_EPSILON)

    def gelu(self, states: str) -> str:
        """x * (1 + erf(x / sqrt 2)) / 2."""
        graph = self.graph
        erf = graph.node("Erf", graph.node("Div", states, graph.number(math.sqrt(2))))
        return graph.node("Mul", graph.node("Mul", states, graph.node("Add", erf, graph.number(1))), graph.number(0.5))

    def heads(self, name: str, states: str, order: list[int]) -> str:
        """A projection split into heads: [batch, tokens, 384] to the axes (batch, token, head, channel) in `order`."""
        split = self.graph.node("Reshape", self.linear(name, states), self.graph.integers(0, 0, HEADS, HIDDEN // HEADS))
        return self.graph.node("Transpose", split, perm=order)

    def attention(self, name: str, states: str, bias: str) -> str:
        """Self attention of all heads; `bias` [batch, 1, 1, tokens] is added to the scores."""
        graph = self.graph
        query = self.heads(f"{name}.self.query", states, [0, 2, 1, 3])
        key = self.heads(f"{name}.self.key", states, [0, 2, 3, 1])
        value = self.heads(f"{name}.self.value", states, [0, 2, 1, 3])
        scores = graph.node("Div", graph.node("MatMul", query, key), graph.number(math.sqrt(HIDDEN // HEADS)))
        shares = graph.node("Softmax", graph.node("Add", scores, bias), axis=-1)
        mixed = graph.node("Transpose", graph.node("MatMul", shares, value), perm=[0, 2, 1, 3])
        joined = graph.node("Reshape", mixed, graph.integers(0, 0, HIDDEN))
        return self.linear(f"{name}.output.dense", joined)

    def layer(self, name: str, states: str, bias: str) -> str:
        """One layer: attention and two connected layers, each normalised with what entered it."""
        attended = self.graph.sum(self.attention(f"{name}.attention", states, bias), states)
        states = self.layer_norm(f"{name}.attention.output.LayerNorm", attended)
        inner = self.gelu(self.linear(f"{name}.intermediate.dense", states))
        return self.layer_norm(
            f"{name}.output.LayerNorm", self.graph.sum(self.linear(f"{name}.output.dense", inner), states)
        )

    def embeddings(self, input_ids: str, token_type_ids: str) -> str:
        """Words, places and segments as vectors, summed."""
        graph = self.graph
        tokens = graph.node("Gather", graph.node("Shape", input_ids), graph.integer(1), axis=0)
        places = graph.node("Range", graph.integer(0), tokens, graph.integer(1))
        summed = graph.sum(
            self.lookup("embeddings.word_embeddings.weight", input_ids),
            self.lookup("embeddings.token_type_embeddings.weight", token_type_ids),
            self.lookup("embeddings.position_embeddings.weight", places),
        )
        return self.layer_norm("embeddings.LayerNorm", summed)

    def sentence(self, states: str, mask: str) -> str:
        """The mean of the states where `mask` [batch, tokens] is 1, at length 1."""
        graph = self.graph
        weights = graph.node("Unsqueeze", mask, graph.integers(2))
        total = graph.node("ReduceSum", graph.node("Mul", states, weights), graph.integers(1), keepdims=0)
        count = graph.node("Max", graph.node("ReduceSum", weights, graph.integers(1), keepdims=0), graph.number(1e-9))
        mean = graph.node("Div", total, count)
        length = graph.node("ReduceL2", mean, axes=[1], keepdims=1)
        return graph.node("Div", mean, graph.node("Max", length, graph.number(1e-12)))

    def write(self, path: Path) -> None:
        """The whole network into `path`."""
        graph = self.graph
        names = ("input_ids", "attention_mask", "token_type_ids")
        input_ids, attention_mask, token_type_ids = (
            graph.input(name, TensorProto.INT64, ["batch_size", "sequence_length"]) for name in names
        )
        mask = graph.node("Cast", attention_mask, to=TensorProto.FLOAT)
        padding = graph.node("Sub", graph.number(1), graph.node("Unsqueeze", mask, graph.integers(1, 2)))
        bias = graph.node("Mul", padding, graph.number(float(np.finfo(np.float32).min)))
        states = self.embeddings(input_ids, token_type_ids)
        for index in range(LAYERS):
            states = self.layer(f"encoder.layer.{index}", states, bias)
        graph.output("last_hidden_state", states, ["batch_size", "sequence_length", HIDDEN])
        graph.output("sentence_embedding", self.sentence(states, mask), ["batch_size", HIDDEN])
        graph.write(path)


def main() -> None:
    """Both graphs from the weights that the command line names."""
    weights, folder = read_safetensors(Path(sys.argv[1])), Path(sys.argv[2])
    Encoder(weights, quantize=False).write(folder / "model.onnx")
    Encoder(weights, quantize=True).write(folder / "model_quantized.onnx")


if __name__ == "__main__":
    main()
