"""Writes a decoder with random weights in the shape of SmolVLM-256M's text model, for benches: made when one runs, not kept.

    .deps/onnx/bin/python bench/decoder_model.py folder [layers]

In `folder`, as the published checkpoint lays them out, in float32:

- `embed_tokens.onnx` (114 MB): `input_ids` int64 [batch, tokens] -> `inputs_embeds` [batch, tokens, 576];
- `decoder_model_merged.onnx` (538 MB): `inputs_embeds`, `attention_mask` int64 [batch, past + tokens], `position_ids`
  int64 [batch, tokens], `past_key_values.N.key` and `.value` [batch, 3, past, 64] for 30 layers -> `logits`
  [batch, tokens, 49280], `present.N.key` and `.value` [batch, 3, past + tokens, 64].

Llama's architecture: RMSNorm, rotary positions, grouped-query attention by repeating keys and values, SwiGLU, and the
embedding's weights again before the logits.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import TensorProto

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts" / "setup"))
from onnx_graph import Graph

ROPE_THETA = 100_000.0
NORM_EPSILON = 1e-5
SEED = 0
SPREAD = 0.02


@dataclass(frozen=True)
class TextShape:
    """The numbers that make a Llama; these are SmolVLM-256M's."""

    hidden: int = 576
    layers: int = 30
    heads: int = 9
    kv_heads: int = 3
    head_size: int = 64
    inner: int = 1536
    vocabulary: int = 49_280


def random_weights(shape: TextShape) -> dict[str, np.ndarray]:
    """Float32 weights by the names of `transformers`; matrices are [in, out], the transpose of its own."""
    generator = np.random.default_rng(SEED)

    def values(*size: int) -> np.ndarray:
        return generator.standard_normal(size, np.float32) * np.float32(SPREAD)

    own, shared = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    weights = {"embed_tokens": values(shape.vocabulary, shape.hidden), "norm": 1 + values(shape.hidden)}
    for layer in range(shape.layers):
        weights |= {
            f"layers.{layer}.input_layernorm": 1 + values(shape.hidden),
            f"layers.{layer}.self_attn.q_proj": values(shape.hidden, own),
            f"layers.{layer}.self_attn.k_proj": values(shape.hidden, shared),
            f"layers.{layer}.self_attn.v_proj": values(shape.hidden, shared),
            f"layers.{layer}.self_attn.o_proj": values(own, shape.hidden),
            f"layers.{layer}.post_attention_layernorm": 1 + values(shape.hidden),
            f"layers.{layer}.mlp.gate_proj": values(shape.hidden, shape.inner),
            f"layers.{layer}.mlp.up_proj": values(shape.hidden, shape.inner),
            f"layers.{layer}.mlp.down_proj": values(shape.inner, shape.hidden),
        }
    return weights


class Decoder:
    """The graph of a text model of `shape` with `weights`."""

    def __init__(self, shape: TextShape, weights: dict[str, np.ndarray]):
        self.shape = shape
        self.weights = weights
        self.graph = Graph("random decoder")

    def linear(self, name: str, states: str) -> str:
        """A matrix without bias: [.., in] to [.., out]."""
        return self.graph.node("MatMul", states, self.graph.constant(name, self.weights[name]))

    def norm(self, name: str, states: str) -> str:
        """RMSNorm over the last axis."""
        graph = self.graph
        mean = graph.node("ReduceMean", graph.node("Pow", states, graph.number(2)), axes=[-1], keepdims=1)
        root = graph.node("Sqrt", graph.node("Add", mean, graph.number(NORM_EPSILON)))
        return graph.node("Mul", graph.node("Div", states, root), graph.constant(name, self.weights[name]))

    def rotation(self, position_ids: str) -> tuple[str, str]:
        """Cosines and sines of the rotary positions, [batch, 1, tokens, head size]."""
        graph, half = self.graph, self.shape.head_size // 2
        frequencies = (ROPE_THETA ** (-np.arange(half, dtype=np.float64) / half)).astype(np.float32)
        places = graph.node("Cast", graph.node("Unsqueeze", position_ids, graph.integers(1, 3)), to=TensorProto.FLOAT)
        angles = graph.node("Mul", places, graph.constant("frequencies", frequencies))
        both = graph.node("Concat", angles, angles, axis=-1)
        return graph.node("Cos", both), graph.node("Sin", both)

    def rotated(self, states: str, rotation: tuple[str, str]) -> str:
        """Queries or keys turned by their positions."""
        graph, half = self.graph, self.shape.head_size // 2
        first = graph.node("Slice", states, graph.integers(0), graph.integers(half), graph.integers(-1))
        second = graph.node("Slice", states, graph.integers(half), graph.integers(2 * half), graph.integers(-1))
        turned = graph.node("Concat", graph.node("Neg", second), first, axis=-1)
        cosines, sines = rotation
        return graph.sum(graph.node("Mul", states, cosines), graph.node("Mul", turned, sines))

    def split(self, states: str, heads: int) -> str:
        """[batch, tokens, heads * size] to [batch, heads, tokens, size]."""
        parts = self.graph.node("Reshape", states, self.graph.integers(0, 0, heads, self.shape.head_size))
        return self.graph.node("Transpose", parts, perm=[0, 2, 1, 3])

    def repeated(self, states: str) -> str:
        """Keys or values of the shared heads, once for each head that uses them."""
        graph, shape = self.graph, self.shape
        times = shape.heads // shape.kv_heads
        copies = graph.node(
            "Expand", graph.node("Unsqueeze", states, graph.integers(2)), graph.integers(1, 1, times, 1, 1)
        )
        return graph.node("Reshape", copies, graph.integers(0, shape.heads, -1, shape.head_size))

    def mask(self, attention_mask: str, past_key: str) -> str:
        """What is added to the scores, [batch, 1, tokens, past + tokens]: no later token, no padding."""
        graph = self.graph
        total = graph.node("Gather", graph.node("Shape", attention_mask), graph.integer(1))
        past = graph.node("Gather", graph.node("Shape", past_key), graph.integer(2))
        keys = graph.node("Range", graph.integer(0), total, graph.integer(1))
        queries = graph.node("Unsqueeze", graph.node("Range", past, total, graph.integer(1)), graph.integers(1))
        known = graph.node("Cast", graph.node("Unsqueeze", attention_mask, graph.integers(1, 2)), to=TensorProto.BOOL)
        seen = graph.node("And", known, graph.node("LessOrEqual", keys, queries))
        return graph.node("Where", seen, graph.number(0.0), graph.number(float(np.finfo(np.float32).min)))

    def attention(self, layer: int, states: str, past: tuple[str, str], rotation: tuple[str, str], mask: str) -> str:
        """Attention over the past and the tokens; gives out the longer past."""
        graph, shape, name = self.graph, self.shape, f"layers.{layer}.self_attn"
        query = self.rotated(self.split(self.linear(f"{name}.q_proj", states), shape.heads), rotation)
        key = self.rotated(self.split(self.linear(f"{name}.k_proj", states), shape.kv_heads), rotation)
        value = self.split(self.linear(f"{name}.v_proj", states), shape.kv_heads)
        present = []
        for part, old, new in zip(("key", "value"), past, (key, value), strict=True):
            present.append(graph.node("Concat", old, new, axis=2))
            size = ["batch_size", shape.kv_heads, "total_sequence_length", shape.head_size]
            graph.output(f"present.{layer}.{part}", present[-1], size)
        keys, values = map(self.repeated, present)
        scores = graph.node("MatMul", query, graph.node("Transpose", keys, perm=[0, 1, 3, 2]))
        scaled = graph.node("Mul", scores, graph.number(shape.head_size**-0.5))
        shares = graph.node("Softmax", graph.node("Add", scaled, mask), axis=-1)
        mixed = graph.node("Transpose", graph.node("MatMul", shares, values), perm=[0, 2, 1, 3])
        joined = graph.node("Reshape", mixed, graph.integers(0, 0, shape.heads * shape.head_size))
        return self.linear(f"{name}.o_proj", joined)

    def feed_forward(self, layer: int, states: str) -> str:
        """SwiGLU."""
        graph, name = self.graph, f"layers.{layer}.mlp"
        gate = self.linear(f"{name}.gate_proj", states)
        opened = graph.node("Mul", gate, graph.node("Sigmoid", gate))
        return self.linear(f"{name}.down_proj", graph.node("Mul", opened, self.linear(f"{name}.up_proj", states)))

    def past(self, layer: int) -> tuple[str, str]:
        """The cache of a layer as it comes in."""
        size = ["batch_size", self.shape.kv_heads, "past_sequence_length", self.shape.head_size]
        key, value = (
            self.graph.input(f"past_key_values.{layer}.{part}", TensorProto.FLOAT, size) for part in ("key", "value")
        )
        return key, value

    def write(self, path: Path) -> None:
        """The whole decoder into `path`."""
        graph, shape = self.graph, self.shape
        tokens = ["batch_size", "sequence_length"]
        states = graph.input("inputs_embeds", TensorProto.FLOAT, [*tokens, shape.hidden])
        attention_mask = graph.input("attention_mask", TensorProto.INT64, ["batch_size", "total_sequence_length"])
        rotation = self.rotation(graph.input("position_ids", TensorProto.INT64, tokens))
        pasts = [self.past(layer) for layer in range(shape.layers)]
        mask = self.mask(attention_mask, pasts[0][0])
        for layer, past in enumerate(pasts):
            normed = self.norm(f"layers.{layer}.input_layernorm", states)
            states = graph.sum(states, self.attention(layer, normed, past, rotation, mask))
            normed = self.norm(f"layers.{layer}.post_attention_layernorm", states)
            states = graph.sum(states, self.feed_forward(layer, normed))
        head = graph.constant("lm_head", self.weights["embed_tokens"].T)
        graph.output("logits", graph.node("MatMul", self.norm("norm", states), head), [*tokens, shape.vocabulary])
        graph.outputs.insert(0, graph.outputs.pop())
        graph.write(path)


def write_embedding(shape: TextShape, weights: dict[str, np.ndarray], path: Path) -> None:
    """The table of the tokens' vectors into `path`."""
    graph, tokens = Graph("token embedding"), ["batch_size", "sequence_length"]
    input_ids = graph.input("input_ids", TensorProto.INT64, tokens)
    rows = graph.node("Gather", graph.constant("embed_tokens", weights["embed_tokens"]), input_ids)
    graph.output("inputs_embeds", rows, [*tokens, shape.hidden])
    graph.write(path)


def write(folder: Path, shape: TextShape) -> dict[str, np.ndarray]:
    """Both graphs into `folder`; their weights."""
    weights = random_weights(shape)
    write_embedding(shape, weights, folder / "embed_tokens.onnx")
    Decoder(shape, weights).write(folder / "decoder_model_merged.onnx")
    return weights


if __name__ == "__main__":
    write(Path(sys.argv[1]), TextShape(layers=int(sys.argv[2])) if sys.argv[2:] else TextShape())
