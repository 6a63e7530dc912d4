"""Parity fixture of Florence-2, in the layout of `onnx-community/Florence-2-base-ft`.

`onnx/vision_encoder.onnx`: `pixel_values` f32 [1, 3, H, W] -> `image_features` f32 [1, image tokens, D].
`onnx/embed_tokens.onnx`: `input_ids` i64 [1, T] -> `inputs_embeds` f32 [1, T, D]. `onnx/encoder_model.onnx`:
`inputs_embeds` (the image features, then the prompt's), `attention_mask` i64 [1, T] -> `last_hidden_state` f32 [1, T, D].
`onnx/decoder_model_merged.onnx`: `encoder_attention_mask`, `encoder_hidden_states`, `inputs_embeds` f32 [1, t, D],
`past_key_values.N.decoder.key`, `.decoder.value`, `.encoder.key`, `.encoder.value` f32 [1, heads, past, head size],
`use_cache_branch` bool [1] -> `logits` f32 [1, t, vocabulary] and `present.N. ..` under the same four names. With
`use_cache_branch` the encoder's present values are empty: those of the first step stay in use.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from common import (
    EXPORT_TOLERANCE,
    PICTURE_NAMES,
    Fixture,
    Named,
    array,
    export,
    first_sound,
    picture,
    pixels_u8,
    prove,
    randomize,
    run_onnx,
)
from florence2_texts import BANNED_PHRASES, TEXTS
from generation import NEW_TOKENS, byte_level, check_answers_differ, greedy
from graphs import SWITCH, merge_decoders, shorten
from tokenizers import AddedToken, pre_tokenizers
from transformers import (
    BartTokenizer,
    CLIPImageProcessorPil,
    DynamicCache,
    EncoderDecoderCache,
    Florence2Config,
    Florence2ForConditionalGeneration,
    Florence2Processor,
    GenerationConfig,
)

SIDE = 64
# The last one is the forced end, whatever the logits: one more than are compared.
STEPS = NEW_TOKENS + 1
STRIDE = 32
IMAGE_TOKENS = (SIDE // STRIDE) ** 2 + 1
HIDDEN = 24
HEADS = 4
LAYERS = 2
MERGES = 120
# All words have vectors of this length: it spreads the logits, so that the best token leads clearly.
WORD_LENGTH = 12
# What the decoder's weights are multiplied with, by the end of their names: so that an answer depends on its last token
# and place, and does not run in circles.
DECODER_GAINS = {"fc2.weight": 5, "q_proj.weight": 2.2, "k_proj.weight": 2.2, "embed_positions.weight": 12}

# The order of the published vocabulary: words, `<mask>`, then these.
TASK_TOKENS = [
    *("<od>", "</od>", "<ocr>", "</ocr>"),
    *(f"<loc_{index}>" for index in range(1000)),
    *(
        "<cap>",
        "</cap>",
        "<ncap>",
        "</ncap>",
        "<dcap>",
        "</dcap>",
        "<grounding>",
        "</grounding>",
        "<seg>",
        "</seg>",
        "<sep>",
    ),
    *("<region_cap>", "</region_cap>", "<region_to_desciption>", "</region_to_desciption>"),
    *("<proposal>", "</proposal>", "<poly>", "</poly>", "<and>"),
    "<image>",
]
PROMPTS = {
    "od": ("<OD>", ""),
    "caption": ("<CAPTION>", ""),
    "open_vocabulary": ("<OPEN_VOCABULARY_DETECTION>", "the white coffee cup, the cat’s “nose” & a café table ☕"),
    "grounding": ("<CAPTION_TO_PHRASE_GROUNDING>", "An astronaut in an orange suit stands beside a naïve cat."),
}
# As the published checkpoint has it; the answers here are without beams.
GENERATION = {
    "bos_token_id": 0,
    "decoder_start_token_id": 2,
    "early_stopping": True,
    "eos_token_id": 2,
    "forced_bos_token_id": 0,
    "forced_eos_token_id": 2,
    "no_repeat_ngram_size": 3,
    "num_beams": 3,
    "pad_token_id": 1,
}

PARTS = ("decoder.key", "decoder.value", "encoder.key", "encoder.value")
PAST = [f"past_key_values.{layer}.{part}" for layer in range(LAYERS) for part in PARTS]
PRESENT = [f"present.{layer}.{part}" for layer in range(LAYERS) for part in PARTS]
LATER_PRESENT = [name for name in PRESENT if "decoder" in name]
OPEN_AXES = {
    # One picture of one size: an open one makes this graph three times as large.
    "pixel_values": {},
    "image_features": {},
    "input_ids": {0: "batch_size", 1: "sequence_length"},
    "inputs_embeds": {0: "batch_size", 1: "sequence_length"},
    "attention_mask": {0: "batch_size", 1: "sequence_length"},
    "last_hidden_state": {0: "batch_size", 1: "sequence_length"},
    "encoder_attention_mask": {0: "batch_size", 1: "encoder_sequence_length"},
    "encoder_hidden_states": {0: "batch_size", 1: "encoder_sequence_length"},
    "logits": {0: "batch_size", 1: "sequence_length"},
    **{name: {0: "batch_size", 2: "past_sequence_length"} for name in PAST if "decoder" in name},
    **{name: {0: "batch_size", 2: "encoder_sequence_length"} for name in (*PAST, *PRESENT) if "encoder" in name},
    **{name: {0: "batch_size", 2: "total_sequence_length"} for name in LATER_PRESENT},
}


def make_tokenizer():
    """BART's byte-level BPE with Florence-2's tokens behind it, special all, and `<image>` as the last."""
    letters, merges = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), MERGES)
    words = dict.fromkeys(["<s>", "<pad>", "</s>", "<unk>", *letters, *("".join(pair) for pair in merges), "<mask>"])
    tokenizer = BartTokenizer(
        vocab={word: index for index, word in enumerate(words)},
        merges=merges,
        model_max_length=1024,
    )
    added = [AddedToken(token, normalized=False, special=True) for token in TASK_TOKENS]
    tokenizer.add_tokens(added, special_tokens=True)
    tokenizer.image_token = "<image>"
    tokenizer.image_token_id = tokenizer.convert_tokens_to_ids("<image>")
    return tokenizer


def make_processor():
    """The reference's processor over the PIL image processor."""
    size = {"height": SIDE, "width": SIDE}
    image_processor = CLIPImageProcessorPil(
        size=size,
        crop_size=size,
        do_center_crop=False,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    )
    image_processor.image_seq_length = IMAGE_TOKENS
    kinds = ("ocr", "pure_text", "description_with_bboxes", "description_with_polygons", "polygons", "bboxes")
    kinds += ("description_with_bboxes_or_polygons",)
    rules = {"phrase_grounding": {"banned_grounding_tokens": BANNED_PHRASES}, **{kind: {} for kind in kinds}}
    return Florence2Processor(image_processor, make_tokenizer(), post_processor_config=rules)


def build(seed, tokenizer):
    """The model of a seed."""
    vision = {
        "depths": [1, 1, 1, 1],
        "embed_dim": [8, 8, 16, 16],
        "num_heads": [2, 2, 2, 2],
        "num_groups": [2, 2, 2, 2],
        "window_size": 4,
        "mlp_ratio": 1.0,
        "projection_dim": HIDDEN,
    }
    text = {
        "model_type": "bart",
        "vocab_size": len(tokenizer),
        "d_model": HIDDEN,
        "encoder_layers": LAYERS,
        "decoder_layers": LAYERS,
        "encoder_attention_heads": HEADS,
        "decoder_attention_heads": HEADS,
        "encoder_ffn_dim": 2 * HIDDEN,
        "decoder_ffn_dim": 2 * HIDDEN,
        "max_position_embeddings": 256,
    }
    config = Florence2Config(
        text_config=text,
        vision_config=vision,
        image_token_id=tokenizer.image_token_id,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        attn_implementation="eager",
    )
    config.architectures = ["Florence2ForConditionalGeneration"]
    model = randomize(Florence2ForConditionalGeneration(config), seed, gain=1.5)
    language = model.model.language_model
    words = language.shared.weight
    words.copy_(torch.nn.functional.normalize(words, dim=1) * WORD_LENGTH)
    for name, weight in language.decoder.named_parameters():
        weight.mul_(next((gain for end, gain in DECODER_GAINS.items() if name.endswith(end)), 1))
    model.generation_config = GenerationConfig(**GENERATION)
    return model


class Part(torch.nn.Module):
    """A part of the model that answers with a dictionary."""

    def __init__(self, model):
        super().__init__()
        self.model, self.language, self.head = model.model, model.model.language_model, model.lm_head


class Vision(Part):
    """Pictures to image features."""

    def forward(self, pixel_values):
        return {"image_features": self.model.get_image_features(pixel_values).pooler_output}


class Embedding(Part):
    """Token ids to vectors."""

    def forward(self, input_ids):
        return {"inputs_embeds": self.language.get_input_embeddings()(input_ids)}


class Encoder(Part):
    """Vectors of picture and prompt to the encoder's states."""

    def forward(self, inputs_embeds, attention_mask):
        return self.language.encoder(inputs_embeds=inputs_embeds, attention_mask=attention_mask)


class FirstStep(Part):
    """The decoder without a past: fills both caches."""

    def forward(self, encoder_attention_mask, encoder_hidden_states, inputs_embeds):
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        return self.step(inputs_embeds, encoder_hidden_states, encoder_attention_mask, cache, PRESENT)

    def step(self, inputs_embeds, encoder_hidden_states, encoder_attention_mask, cache, names):
        """Logits and, under `names`, what the caches hold afterwards."""
        states = self.language.decoder(
            inputs_embeds=inputs_embeds,
            encoder_hidden_states=encoder_hidden_states,
            encoder_attention_mask=encoder_attention_mask,
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        own, other = cache.self_attention_cache.layers, cache.cross_attention_cache.layers
        held = [(one.keys, one.values, two.keys, two.values) for one, two in zip(own, other, strict=True)]
        present = dict(zip(PRESENT, (tensor for layer in held for tensor in layer), strict=True))
        return {"logits": self.head(states), **{name: present[name] for name in names}}


class LaterStep(FirstStep):
    """The decoder with both caches: grows its own, reads the encoder's."""

    def forward(self, encoder_attention_mask, inputs_embeds, **past):
        own, other = DynamicCache(), DynamicCache()
        for layer in range(LAYERS):
            own_key, own_value, key, value = (past[name] for name in PAST[4 * layer : 4 * layer + 4])
            own.update(own_key, own_value, layer)
            other.update(key, value, layer)
        cache = EncoderDecoderCache(own, other)
        # Of the encoder's states only the shape counts now.
        shape = encoder_attention_mask.unsqueeze(-1).expand(-1, -1, HIDDEN).to(inputs_embeds.dtype)
        return self.step(inputs_embeds, shape, encoder_attention_mask, cache, LATER_PRESENT)


def parts(model):
    """The graphs by file name, the decoder's two branches apart."""
    first, later = ["encoder_attention_mask", "encoder_hidden_states", "inputs_embeds"], ["encoder_attention_mask"]
    return {
        "vision_encoder": Named(Vision(model), ["pixel_values"], ["image_features"]),
        "embed_tokens": Named(Embedding(model), ["input_ids"], ["inputs_embeds"]),
        "encoder_model": Named(Encoder(model), ["inputs_embeds", "attention_mask"], ["last_hidden_state"]),
        "first": Named(FirstStep(model), first, ["logits", *PRESENT]),
        "later": Named(LaterStep(model), [*later, "inputs_embeds", *PAST], ["logits", *LATER_PRESENT]),
    }


def ask(processor, image, task, phrase):
    """The task's prompt in words, and what the reference feeds the graphs."""
    inputs = dict(processor(text=task + phrase, images=image, return_tensors="pt"))
    [text] = processor._construct_prompts(task + phrase)
    ids = inputs["input_ids"][0].tolist()
    if ids != [processor.image_token_id] * IMAGE_TOKENS + processor.tokenizer(text)["input_ids"]:
        raise SystemExit(f"{task}: the prompt is not the image's tokens and then {text!r}")
    return text, inputs


def answers(seed, processor):
    """The model of a seed and its answers: (picture name, case, prompt name, text, inputs, tokens, logits)."""
    model = build(seed, processor.tokenizer)
    found = []
    for name in PICTURE_NAMES:
        for prompt, (task, phrase) in PROMPTS.items():
            text, inputs = ask(processor, picture(name), task, phrase)
            tokens, logits = greedy(model, inputs, STEPS)
            found.append((name, f"{name}_{prompt}", prompt, text, inputs, tokens, logits[0]))
    check_answers_differ([row[5].tolist() for row in found])
    return model, found


def steps_of(model, inputs, tokens):
    """What the graphs are fed for one case, by graph: the encoder's inputs, the decoder's first step and three more."""
    graphs = parts(model)
    features = graphs["vision_encoder"].named(inputs)["image_features"]
    words = graphs["embed_tokens"].named({"input_ids": inputs["input_ids"][:, IMAGE_TOKENS:]})["inputs_embeds"]
    encoder = {"inputs_embeds": torch.cat([features, words], 1), "attention_mask": inputs["attention_mask"]}
    states = graphs["encoder_model"].named(encoder)["last_hidden_state"]
    fixed = {"encoder_attention_mask": inputs["attention_mask"], "encoder_hidden_states": states}
    fed, past, decoder = [GENERATION["decoder_start_token_id"], *tokens[:3].tolist()], None, []
    for place, token in enumerate(fed):
        embeds = graphs["embed_tokens"].named({"input_ids": torch.tensor([[token]])})["inputs_embeds"]
        decoder.append({**fixed, "inputs_embeds": embeds, **(past or {})})
        out = graphs["later" if past else "first"].named(decoder[-1])
        # The first token is forced, whatever the logits.
        if place > 0 and int(out["logits"][0, -1].argmax()) != tokens[place]:
            raise SystemExit("the parts do not give the reference's tokens")
        past = {old: out.get(new, (past or {}).get(old)) for old, new in zip(PAST, PRESENT, strict=True)}
    return encoder, decoder


def prove_merged(path, model, steps):
    """The merged decoder agrees with torch in both branches; the largest difference."""
    graphs, largest = parts(model), 0.0
    empty = {name: torch.zeros(1, HEADS, 0, HIDDEN // HEADS) for name in PAST}
    for index, step in enumerate(steps):
        later = index > 0
        found = run_onnx(path, {**empty, **step, SWITCH: np.array([later])})
        for name, value in graphs["later" if later else "first"].named(step).items():
            wanted = array(value)
            largest = max(largest, float((np.abs(found[name] - wanted) / np.maximum(1, np.abs(wanted))).max()))
        if later and any(
            found[name].shape != (0, HEADS, 1, HIDDEN // HEADS) for name in set(PRESENT) - set(LATER_PRESENT)
        ):
            raise SystemExit("the cached branch gives the encoder's values")
    if largest > EXPORT_TOLERANCE:
        raise SystemExit(f"{path.name}: ONNX Runtime is {largest:g} away from torch, at most {EXPORT_TOLERANCE:g}")
    return largest


def export_parts(model, found, folder):
    """Writes the graphs and proves them; the largest difference to torch."""
    graphs = parts(model)
    stepped = [steps_of(model, row[4], row[5]) for row in found]
    fed = {
        "vision_encoder": [row[4] for row in found],
        "embed_tokens": [row[4] for row in found],
        "encoder_model": [encoder for encoder, _ in stepped],
        "first": [decoder[0] for _, decoder in stepped],
        "later": [step for _, decoder in stepped for step in decoder[1:]],
    }
    with tempfile.TemporaryDirectory() as scratch:
        folders = {name: Path(scratch) if name in ("first", "later") else folder for name in graphs}
        paths = {name: folders[name] / f"{name}.onnx" for name in graphs}
        largest = 0.0
        for name, named in graphs.items():
            axes = {key: OPEN_AXES[key] for key in (*named.inputs, *named.outputs)}
            export(named, fed[name][1], paths[name], axes)
            shorten(paths[name])
            largest = max(largest, prove(paths[name], fed[name], named))
        merged = folder / "decoder_model_merged.onnx"
        merge_decoders(paths["first"], paths["later"], merged)
    return max([largest, *(prove_merged(merged, model, decoder) for _, decoder in stepped)])


def results(processor, task, text, size):
    """What the reference's post-processing makes of an answer. It cuts the fractions of pixels off: so once as it is, and
    once as of a picture a thousand times as large, which tells them."""
    larger = [1000 * side for side in size]
    return {
        "image_size": list(size),
        "result": processor.post_process_generation(text=text, task=task, image_size=size)[task],
        "result_of_thousandfold": processor.post_process_generation(text=text, task=task, image_size=larger)[task],
    }


def text_cases(processor):
    """The same of written answers."""
    return [{"task": task, "text": text, **results(processor, task, text, size)} for task, text, size in TEXTS]


def save_processor(folder, processor):
    """The processor's files: the image processor's with the tasks' prompts, as the ONNX repositories have it, and the
    rules of the post-processing, as the repositories for transformers have them."""
    processor.image_processor.save_pretrained(folder)
    path = folder / "preprocessor_config.json"
    tasks = ("tasks_answer_post_processing_type", "task_prompts_without_inputs", "task_prompts_with_input")
    config = {**json.loads(path.read_text()), **{name: getattr(processor, name) for name in tasks}}
    path.write_text(json.dumps(config, indent=2) + "\n")
    rules = {"post_processor_config": processor.post_processor_config, "processor_class": "Florence2Processor"}
    (folder / "processor_config.json").write_text(json.dumps(rules) + "\n")


def save_text(fixture, tokenizer):
    """The tokenizer's files, without the spaces of a thousand entries."""
    fixture.save_text(tokenizer)
    path = fixture.checkpoint / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()), ensure_ascii=False, separators=(",", ":")) + "\n")


def main():
    processor = make_processor()
    tokenizer = processor.tokenizer
    seed, (model, found) = first_sound(lambda seed: answers(seed, processor))
    fixture = Fixture(
        "florence2",
        "florence2.py",
        seed=seed,
        image_processor=type(processor.image_processor).__name__,
        processor=type(processor).__name__,
        tokenizer="BartTokenizer",
        post_processing="Florence2Processor.post_process_generation",
        new_tokens=STEPS,
        generation={**GENERATION, "num_beams": 1, "early_stopping": False},
        image_tokens=IMAGE_TOKENS,
        text_cases=text_cases(processor),
    )
    model.config.save_pretrained(fixture.checkpoint)
    model.generation_config.save_pretrained(fixture.checkpoint)
    save_processor(fixture.checkpoint, processor)
    save_text(fixture, tokenizer)
    difference = export_parts(model, found, fixture.checkpoint / "onnx")
    print(f"florence2: seed {seed}, ONNX Runtime within {difference:.1e} of torch")

    for name, case, prompt, text, inputs, tokens, logits in found:
        task, phrase = PROMPTS[prompt]
        _, decoder = steps_of(model, inputs, tokens)
        answer = tokenizer.decode(tokens, skip_special_tokens=False)
        image = picture(name)
        tensors = {
            "pixels_u8": (f"{name}.pixels_u8", pixels_u8(processor.image_processor, image)),
            "pixel_values": (f"{name}.pixel_values", inputs["pixel_values"]),
            "image_features": (f"{name}.image_features", Vision(model)(inputs["pixel_values"])["image_features"]),
            "input_ids": (f"{prompt}.input_ids", inputs["input_ids"]),
            "attention_mask": (f"{prompt}.attention_mask", inputs["attention_mask"]),
            "last_hidden_state": (f"{case}.last_hidden_state", decoder[0]["encoder_hidden_states"]),
            "prefill_logits": (f"{case}.prefill_logits", logits),
        }
        fixture.case(
            case,
            name,
            tensors,
            task=task,
            prompt=phrase,
            text=text,
            text_ids=inputs["input_ids"][0, IMAGE_TOKENS:].tolist(),
            tokens=tokens.tolist(),
            answer=answer,
            **results(processor, task, answer, image.size),
        )
    fixture.write()


if __name__ == "__main__":
    main()
