"""The graphs that the set-up writes of all-MiniLM-L6-v2, against the embeddings of `models/parity/minilm.py`."""

import json
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
onnxruntime = pytest.importorskip("onnxruntime")

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "minilm-l6-v2" / "onnx"
REFERENCE = ROOT / "tests" / "data" / "parity" / "minilm"


@pytest.fixture(scope="module")
def cases():
    return json.loads((REFERENCE / "reference.json").read_text())["cases"]


@pytest.fixture(scope="module")
def expected(cases):
    """The reference embeddings: [12, 384] of the first twelve texts."""
    content = (REFERENCE / "reference.safetensors").read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:begin])
    spans = (header[case["tensors"]["sentence_embedding"]]["data_offsets"] for case in cases if case["tensors"])
    return np.stack([np.frombuffer(content[begin + first : begin + last], "<f4") for first, last in spans])


def session(name):
    """One of the two graphs, on the CPU with one thread."""
    path = MODEL / name
    if not path.is_file():
        pytest.skip(f"{path} is not there: python3 scripts/setup text-encoder")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def full():
    return session("model.onnx")


@pytest.fixture(scope="module")
def quantized():
    return session("model_quantized.onnx")


def embed(graph, ids):
    """The embeddings [texts, 384] of `ids`, padded to the longest."""
    longest = max(map(len, ids))
    input_ids = np.array([row + [0] * (longest - len(row)) for row in ids], np.int64)
    mask = np.array([[1] * len(row) + [0] * (longest - len(row)) for row in ids], np.int64)
    feed = {"input_ids": input_ids, "attention_mask": mask, "token_type_ids": np.zeros_like(mask)}
    states, embeddings = graph.run(["last_hidden_state", "sentence_embedding"], feed)
    assert states.shape == (*input_ids.shape, 384)
    return embeddings


def test_the_float_graph_gives_the_reference_embeddings(full, cases, expected):
    found = np.concatenate([embed(full, [case["input_ids"]]) for case in cases if case["tensors"]])
    assert found.shape == expected.shape == (12, 384)
    assert np.abs(found - expected).max() < 1e-4


def test_padding_does_not_change_an_embedding(full, cases, expected):
    found = embed(full, [case["input_ids"] for case in cases])
    assert np.abs(found[: len(expected)] - expected).max() < 1e-4


def test_the_quantised_graph_is_within_a_cosine_of_one_hundredth(full, quantized, cases):
    for case in cases:
        (one,), (other,) = embed(full, [case["input_ids"]]), embed(quantized, [case["input_ids"]])
        assert np.linalg.norm(other) == pytest.approx(1, abs=1e-5)
        assert one @ other >= 0.99, case["prompt"]
    assert len(cases) == 40
