"""Parity fixture of SmolVLM (Idefics3), in the layout of `HuggingFaceTB/SmolVLM-256M-Instruct`.

`onnx/vision_encoder.onnx`: `pixel_values` f32 [1, tiles, 3, S, S], `pixel_attention_mask` bool [1, tiles, S, S] ->
`image_features` f32 [tiles, tokens of a tile, D]. `onnx/embed_tokens.onnx`: `input_ids` i64 [1, T] -> `inputs_embeds`
f32 [1, T, D]. `onnx/decoder_model_merged.onnx`: `inputs_embeds`, `attention_mask` i64 [1, past + T], `position_ids` i64
[1, T], `past_key_values.N.key` and `.value` f32 [1, KV heads, past, head size] -> `logits` f32 [1, T, vocabulary],
`present.N.key` and `.value` [1, KV heads, past + T, head size].

Image features take the places of the `<image>` tokens' embeddings, in order.
"""

import copy
import json
from unittest import mock

import torch
from common import PICTURE_NAMES, Degenerate, Fixture, Named, export, first_sound, picture, prove, randomize
from generation import NEW_TOKENS, QUESTIONS, byte_level, check_answers_differ, greedy
from graphs import shorten
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    DynamicCache,
    GenerationConfig,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    Idefics3Processor,
    PreTrainedTokenizerFast,
)
from transformers.models.smolvlm.processing_smolvlm import DEFAULT_CHAT_TEMPLATE as SMOLVLM2_TEMPLATE

TILE = 20
LONGEST_EDGE = 80
PATCH = 5
SCALE = 2
TOKENS_PER_TILE = (TILE // PATCH) ** 2 // SCALE**2
LAYERS = 2
KV_HEADS = 2
HEAD_SIZE = 16
MERGES = 150
# Spreads the logits, so that the best token leads clearly.
LOGIT_SCALE = 4

BEGIN, END, PAD = "<|im_start|>", "<end_of_utterance>", "<|im_end|>"
FIRST_TOKENS = ["<|endoftext|>", BEGIN, PAD, "<repo_name>", "<reponame>", "<file_sep>", "<filename>"]
IMAGE_TOKENS = [
    "<global-img>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)),
    "<fake_token_around_image>",
    "<image>",
    END,
]
# The template of the checkpoint; that of SmolVLM2 knows videos as well.
SMOLVLM_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}{% if message['content'][0]['type'] == "
    "'image' %}{{':'}}{% else %}{{': '}}{% endif %}{% for line in message['content'] %}{% if line['type'] == 'text' %}"
    "{{line['text']}}{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)

PAST = [f"past_key_values.{layer}.{part}" for layer in range(LAYERS) for part in ("key", "value")]
PRESENT = [f"present.{layer}.{part}" for layer in range(LAYERS) for part in ("key", "value")]
OPEN_AXES = {
    "pixel_values": {0: "batch_size", 1: "num_images"},
    "pixel_attention_mask": {0: "batch_size", 1: "num_images"},
    "image_features": {0: "num_tiles"},
    "input_ids": {0: "batch_size", 1: "sequence_length"},
    "inputs_embeds": {0: "batch_size", 1: "sequence_length"},
    "attention_mask": {0: "batch_size", 1: "total_sequence_length"},
    "position_ids": {0: "batch_size", 1: "sequence_length"},
    "logits": {0: "batch_size", 1: "sequence_length"},
    **{name: {0: "batch_size", 2: "past_sequence_length"} for name in PAST},
    **{name: {0: "batch_size", 2: "total_sequence_length"} for name in PRESENT},
}


def make_tokenizer():
    """Byte-level BPE that takes digits one by one, with the special tokens before and behind the words, as SmolLM2's."""
    splitting = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    letters, merges = byte_level(splitting, MERGES)
    words = dict.fromkeys([*FIRST_TOKENS, *letters, *("".join(pair) for pair in merges)])
    tokenizer = Tokenizer(models.BPE(vocab={word: index for index, word in enumerate(words)}, merges=merges))
    tokenizer.pre_tokenizer = splitting
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(FIRST_TOKENS)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in IMAGE_TOKENS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        unk_token=FIRST_TOKENS[0],
        model_max_length=8192,
        clean_up_tokenization_spaces=False,
    )


def build(seed, tokenizer):
    """The model of a seed."""
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    ids["pad_token_id"] = tokenizer.pad_token_id
    config = Idefics3Config(
        text_config={
            **ids,
            "model_type": "llama",
            "vocab_size": len(tokenizer),
            "hidden_size": 64,
            "intermediate_size": 80,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": 4,
            "num_key_value_heads": KV_HEADS,
            "head_dim": HEAD_SIZE,
            "max_position_embeddings": 8192,
            "rope_parameters": {"rope_type": "default", "rope_theta": 100000.0},
            "rms_norm_eps": 1e-5,
        },
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": TILE,
            "patch_size": PATCH,
        },
        scale_factor=SCALE,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        attn_implementation="eager",
        **ids,
    )
    config.architectures = ["Idefics3ForConditionalGeneration"]
    model = randomize(Idefics3ForConditionalGeneration(config), seed, gain=1.5)
    model.lm_head.weight.mul_(LOGIT_SCALE)
    model.generation_config = GenerationConfig(**ids)
    return model


class Vision(torch.nn.Module):
    """Tiles to image features; tiles of nothing but zeros are padding and left out."""

    def __init__(self, model):
        super().__init__()
        self.model = model.model

    def forward(self, pixel_values, pixel_attention_mask):
        pixels, mask = pixel_values.flatten(0, 1), pixel_attention_mask.flatten(0, 1)
        real = (pixels != 0).any(-1).any(-1).any(-1)
        pixels, mask = pixels[real], mask[real]
        patches = mask.reshape(-1, TILE // PATCH, PATCH, TILE // PATCH, PATCH).sum((2, 4)) > 0
        states = self.model.vision_model(pixel_values=pixels, patch_attention_mask=patches).last_hidden_state
        return {"image_features": self.model.connector(states)}


class Embedding(torch.nn.Module):
    """Token ids to vectors."""

    def __init__(self, model):
        super().__init__()
        self.table = model.get_input_embeddings()

    def forward(self, input_ids):
        return {"inputs_embeds": self.table(input_ids)}


class Decoder(torch.nn.Module):
    """Vectors and the past to logits and the longer past."""

    def __init__(self, model):
        super().__init__()
        self.text, self.head = model.model.text_model, model.lm_head

    def forward(self, inputs_embeds, attention_mask, position_ids, **past):
        cache = DynamicCache(config=self.text.config)
        for layer in range(LAYERS):
            cache.update(past[PAST[2 * layer]], past[PAST[2 * layer + 1]], layer)
        states = self.text(
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        values = [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]
        return {"logits": self.head(states), **dict(zip(PRESENT, values, strict=True))}


def parts(model):
    """The graphs by file name."""
    decoder_inputs = ["inputs_embeds", "attention_mask", "position_ids", *PAST]
    return {
        "vision_encoder": Named(Vision(model), ["pixel_values", "pixel_attention_mask"], ["image_features"]),
        "embed_tokens": Named(Embedding(model), ["input_ids"], ["inputs_embeds"]),
        "decoder_model_merged": Named(Decoder(model), decoder_inputs, ["logits", *PRESENT]),
    }


def whole_number_full(size, fill_value, full=torch.full, **options):
    """`torch.full`, which the exporter takes for float even where it is filled with a whole number."""
    return full(size, fill_value, **{"dtype": torch.int64 if isinstance(fill_value, int) else None, **options})


def conversation(question):
    """One picture and a question."""
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]


def ask(processor, image, question, **options):
    """The prompt's full text and what the reference feeds the graphs."""
    prompt = processor.apply_chat_template(conversation(question), add_generation_prompt=True)
    inputs = dict(processor(text=prompt, images=[image], return_tensors="pt", **options))
    text = processor.tokenizer.decode(inputs["input_ids"][0])
    grid = processor.image_processor([image], return_row_col_info=True, **options)
    if text != prompt.replace("<image>", processor.replace_image_token(grid, 0)):
        raise SystemExit(f"the prompt's tokens decode to {text!r}")
    return text, (grid["rows"][0][0], grid["cols"][0][0]), inputs


def pixels_u8(processor, image, **options):
    """The tiles after resize and split and before rescale and normalisation, [tiles, S, S, 3] u8."""
    pixels = processor.image_processor([image], do_rescale=False, do_normalize=False, return_tensors="pt", **options)
    tiles = pixels["pixel_values"][0].permute(0, 2, 3, 1)
    if not torch.equal(tiles, tiles.round().clamp(0, 255)):
        raise SystemExit("the processor's pixels are not whole numbers in 0..=255")
    return tiles.to(torch.uint8)


def answers(seed, processor):
    """The model of a seed and what it answers: (picture name, question name, case, options, prompt, inputs, tokens,
    logits of the first step)."""
    model = build(seed, processor.tokenizer)
    # The whole picture as one tile, as a small robot asks: one case of it.
    wanted = [(name, question, f"{name}_{question}", {}) for name in PICTURE_NAMES for question in QUESTIONS]
    wanted.append(("chelsea", "short", "chelsea_unsplit", {"do_image_splitting": False}))
    found = []
    for name, question, case, options in wanted:
        text, grid, inputs = ask(processor, picture(name), QUESTIONS[question], **options)
        tokens, logits = greedy(model, copy.copy(inputs))
        if processor.tokenizer.convert_tokens_to_ids("<image>") in tokens:
            raise Degenerate("the answer holds an image token")
        found.append((name, question, case, options, text, grid, inputs, tokens, logits[0]))
    check_answers_differ([row[7].tolist() for row in found])
    return model, found


def decoder_steps(model, inputs, tokens):
    """The decoder's inputs in prefill, in a step of one token and in one of two, as the parts feed each other."""
    graphs = parts(model)
    embeds = graphs["embed_tokens"].named(inputs)["inputs_embeds"]
    features = graphs["vision_encoder"].named(inputs)["image_features"]
    embeds = embeds.masked_scatter((inputs["input_ids"] == model.config.image_token_id).unsqueeze(-1), features)
    past, steps, length = {name: torch.zeros(1, KV_HEADS, 0, HEAD_SIZE) for name in PAST}, [], 0
    for place, fed in ((0, tokens[:1]), (1, tokens[1:3]), (3, [])):
        places = torch.arange(length, length + embeds.shape[1]).unsqueeze(0)
        length += embeds.shape[1]
        mask = torch.ones(1, length, dtype=torch.int64)
        steps.append({"inputs_embeds": embeds, "attention_mask": mask, "position_ids": places, **past})
        out = graphs["decoder_model_merged"].named(steps[-1])
        if int(out["logits"][0, -1].argmax()) != tokens[place]:
            raise SystemExit("the parts do not give the reference's tokens")
        past = {name: out[present] for name, present in zip(PAST, PRESENT, strict=True)}
        embeds = graphs["embed_tokens"].named({"input_ids": torch.tensor([list(fed)], dtype=torch.int64)})[
            "inputs_embeds"
        ]
    return steps


def export_parts(model, found, folder):
    """Writes the graphs and proves them; the largest difference to torch."""
    graphs = parts(model)
    inputs = [row[6] for row in found]
    holed = {name: tensor.clone() for name, tensor in inputs[0].items()}
    holed["pixel_attention_mask"][0, 1, TILE // 2 :] = 0
    holed["pixel_values"][0, 2] = 0
    steps = [step for row in found for step in decoder_steps(model, row[6], row[7])]
    proofs = {"vision_encoder": [*inputs, holed], "embed_tokens": inputs, "decoder_model_merged": steps}
    largest = 0.0
    for name, cases in proofs.items():
        for case in cases:
            if name == "vision_encoder":
                case["pixel_attention_mask"] = case["pixel_attention_mask"].bool()
        path = folder / "onnx" / f"{name}.onnx"
        named = graphs[name]
        with mock.patch.object(torch, "full", whole_number_full):
            export(named, cases[1], path, {key: OPEN_AXES[key] for key in (*named.inputs, *named.outputs)})
        shorten(path)
        largest = max(largest, prove(path, cases, named))
    return largest


def template_cases(tokenizer):
    """What both chat templates make of conversations of several shapes."""
    picture_first = conversation(QUESTIONS["unicode"])
    turns = [
        {"role": "system", "content": [{"type": "text", "text": "You watch the yard."}]},
        {"role": "user", "content": [{"type": "text", "text": "Look: "}, {"type": "image"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "A cat."}]},
        {"role": "user", "content": [{"type": "image"}, {"type": "image"}, {"type": "text", "text": "And now?"}]},
    ]
    cases = []
    for name, template in (("smolvlm", SMOLVLM_TEMPLATE), ("smolvlm2", SMOLVLM2_TEMPLATE)):
        for messages in (picture_first, turns):
            for prompt in (True, False):
                text = tokenizer.apply_chat_template(
                    messages, chat_template=template, add_generation_prompt=prompt, tokenize=False
                )
                cases.append({"template": name, "messages": messages, "add_generation_prompt": prompt, "text": text})
    return {"templates": {"smolvlm": SMOLVLM_TEMPLATE, "smolvlm2": SMOLVLM2_TEMPLATE}, "template_cases": cases}


def main():
    tokenizer = make_tokenizer()
    edges = {"size": {"longest_edge": LONGEST_EDGE}, "max_image_size": {"longest_edge": TILE}}
    processor = Idefics3Processor(
        Idefics3ImageProcessorPil(**edges), tokenizer, image_seq_len=TOKENS_PER_TILE, chat_template=SMOLVLM_TEMPLATE
    )
    seed, (model, found) = first_sound(lambda seed: answers(seed, processor))

    fixture = Fixture(
        "smolvlm",
        "smolvlm.py",
        seed=seed,
        image_processor=type(processor.image_processor).__name__,
        processor=type(processor).__name__,
        new_tokens=NEW_TOKENS,
        image_seq_len=TOKENS_PER_TILE,
        **template_cases(tokenizer),
    )
    model.config.save_pretrained(fixture.checkpoint)
    model.generation_config.save_pretrained(fixture.checkpoint)
    processor.image_processor.save_pretrained(fixture.checkpoint)
    fixture.save_text(tokenizer)
    for name, content in (
        ("processor_config.json", {"image_seq_len": TOKENS_PER_TILE, "processor_class": "Idefics3Processor"}),
        ("chat_template.json", {"chat_template": SMOLVLM_TEMPLATE}),
    ):
        (fixture.checkpoint / name).write_text(json.dumps(content, indent=2) + "\n")
    difference = export_parts(model, found, fixture.checkpoint)
    print(f"smolvlm: seed {seed}, ONNX Runtime within {difference:.1e} of torch")

    for name, question, case, options, text, grid, inputs, tokens, logits in found:
        key = case if options else name
        features = Vision(model)(inputs["pixel_values"], inputs["pixel_attention_mask"])["image_features"]
        tensors = {
            "pixels_u8": (f"{key}.pixels_u8", pixels_u8(processor, picture(name), **options)),
            "pixel_values": (f"{key}.pixel_values", inputs["pixel_values"]),
            "pixel_attention_mask": (f"{key}.pixel_attention_mask", inputs["pixel_attention_mask"].bool()),
            "image_features": (f"{key}.image_features", features),
            "input_ids": (f"{case}.input_ids", inputs["input_ids"]),
            "attention_mask": (f"{case}.attention_mask", inputs["attention_mask"]),
            "prefill_logits": (f"{case}.prefill_logits", logits),
        }
        fixture.case(
            case,
            name,
            tensors,
            prompt=QUESTIONS[question],
            do_image_splitting=not options,
            rows=grid[0],
            columns=grid[1],
            text=text,
            tokens=tokens.tolist(),
            answer=tokenizer.decode(tokens, skip_special_tokens=True),
        )
    fixture.write()


if __name__ == "__main__":
    main()
