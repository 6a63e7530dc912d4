"""Proves the benches' decoder: `bench/decoder_model.py` at a small size against transformers' Llama with the same weights."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from common import EXPORT_TOLERANCE, ROOT, array, run_onnx
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

sys.path.insert(0, str(ROOT / "bench"))
import decoder_model

SHAPE = decoder_model.TextShape(hidden=48, layers=3, heads=6, kv_heads=2, head_size=8, inner=96, vocabulary=200)
# Tokens of the prompt, then steps of one and of two with a past.
STEPS = (7, 1, 2)


def twin(weights):
    """The reference with the graph's weights."""
    config = LlamaConfig(
        hidden_size=SHAPE.hidden,
        num_hidden_layers=SHAPE.layers,
        num_attention_heads=SHAPE.heads,
        num_key_value_heads=SHAPE.kv_heads,
        head_dim=SHAPE.head_size,
        intermediate_size=SHAPE.inner,
        vocab_size=SHAPE.vocabulary,
        rms_norm_eps=decoder_model.NORM_EPSILON,
        rope_parameters={"rope_type": "default", "rope_theta": decoder_model.ROPE_THETA},
        tie_word_embeddings=True,
        attn_implementation="eager",
    )
    model = LlamaForCausalLM(config).eval()
    for name, weight in model.model.named_parameters():
        values = torch.from_numpy(weights[name.removesuffix(".weight")])
        weight.copy_(values if name.startswith("embed_tokens") or values.ndim == 1 else values.T)
    return model


def main():
    decoder_model.SPREAD = 0.3
    generator = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        model = twin(decoder_model.write(Path(folder), SHAPE))
        names = [f"{layer}.{part}" for layer in range(SHAPE.layers) for part in ("key", "value")]
        past = {
            f"past_key_values.{name}": np.zeros((1, SHAPE.kv_heads, 0, SHAPE.head_size), np.float32) for name in names
        }
        cache, length, largest = DynamicCache(config=model.config), 0, 0.0
        for count in STEPS:
            ids = generator.integers(0, SHAPE.vocabulary, (1, count))
            places = np.arange(length, length + count)[None]
            length += count
            embeds = run_onnx(Path(folder) / "embed_tokens.onnx", {"input_ids": ids})
            # The third token of the prompt is padding.
            mask = np.where(np.arange(length) == 2, 0, 1)[None]
            inputs = {**embeds, "attention_mask": mask, "position_ids": places, **past}
            found = run_onnx(Path(folder) / "decoder_model_merged.onnx", inputs)
            past = {f"past_key_values.{name}": found[f"present.{name}"] for name in names}
            wanted = model(
                input_ids=torch.from_numpy(ids),
                attention_mask=torch.from_numpy(mask),
                position_ids=torch.from_numpy(places),
                past_key_values=cache,
            )
            largest = max(largest, float(np.abs(found["logits"] - array(wanted.logits)).max()))
    if largest > EXPORT_TOLERANCE:
        raise SystemExit(f"the decoder is {largest:g} away from the reference, at most {EXPORT_TOLERANCE:g}")
    print(f"decoder: within {largest:.1e} of the reference over {STEPS} tokens")


if __name__ == "__main__":
    main()
