"""Parity fixtures of CLIP and SigLIP, in the layout of transformers.js: text and vision apart.

- `clip`: `onnx/text_model.onnx` from `input_ids` [prompts, tokens] to `text_embeds` [prompts, D] and
  `last_hidden_state`; `onnx/vision_model.onnx` from `pixel_values` [images, 3, H, W] to `image_embeds` [images, D] and
  `last_hidden_state`. Embeddings are projected, not normalized.
- `siglip`: the same files to `pooler_output` and `last_hidden_state`. The text has always 64 tokens. The cases call
  the two outputs `text_embeds` and `image_embeds` here too.

A case has three images: the whole picture, and the two crops of `crops` (xyxy in pixels), cut before the processor.
The split graphs lack the scale and the bias of the logits: `reference.json` has them, the scale after its exponential.
"""

import math

import numpy as np
import torch
import vocabulary
from common import (
    PICTURE_NAMES,
    PROMPTS,
    Degenerate,
    Fixture,
    Named,
    check_argmax,
    check_pictures_matter,
    export,
    first_sound,
    picture,
    pixels_u8,
    prove,
    randomize,
)
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPProcessor,
    CLIPTextModelWithProjection,
    CLIPVisionModelWithProjection,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
    SiglipProcessor,
)

SIDE = 48
PATCH = 8
PROJECTION = 24
LAYERS = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
# Left, top, right and bottom as parts of the picture: a wide crop and a narrow one.
CROPS = ((0.1, 0.2, 0.72, 0.61), (0.55, 0.06, 0.73, 0.95))


def clip_model(tokenizer):
    """The whole model; its scale is that of 1 / temperature 0.07, CLIP's start."""
    config = CLIPConfig(
        text_config={
            **LAYERS,
            "projection_dim": PROJECTION,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": tokenizer.model_max_length,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={**LAYERS, "image_size": SIDE, "patch_size": PATCH, "projection_dim": PROJECTION},
        projection_dim=PROJECTION,
        attn_implementation="eager",
    )
    return CLIPModel(config)


def siglip_model(tokenizer):
    """The whole model, with the scale and bias that training starts from."""
    config = SiglipConfig(
        text_config={
            **LAYERS,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": tokenizer.model_max_length,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={**LAYERS, "image_size": SIDE, "patch_size": PATCH},
        attn_implementation="eager",
    )
    model = SiglipModel(config)
    model.logit_scale.fill_(math.log(10)).requires_grad_(False)
    model.logit_bias.fill_(-1.5).requires_grad_(False)
    return model


def part(model_class, whole, config):
    """One half of the whole model."""
    half = model_class(config)
    found = half.load_state_dict(whole.state_dict(), strict=False)
    if found.missing_keys:
        raise SystemExit(f"{model_class.__name__} has no weights for {found.missing_keys}")
    return half


def crops_of(image):
    """The crops of a picture, xyxy in whole pixels."""
    size = np.array([*image.size, *image.size])
    return [[int(value) for value in np.round(np.array(crop) * size)] for crop in CROPS]


def results(model, seed, processor, padding, probabilities):
    """For every picture and prompt set: names, crops, images, inputs, logits per image and probabilities."""
    randomize(model, seed, gain=1.5)
    found = []
    for picture_name in PICTURE_NAMES:
        image = picture(picture_name)
        crops = crops_of(image)
        images = [image, *(image.crop(crop) for crop in crops)]
        for prompt_set, prompts in PROMPTS.items():
            inputs = processor(images=images, text=prompts, padding=padding, return_tensors="pt")
            # As the graphs have it, which know no attention mask: SigLIP reads its padding too.
            logits = model(input_ids=inputs["input_ids"], pixel_values=inputs["pixel_values"]).logits_per_image
            check_argmax(logits)
            if logits.std(0).min() < 0.1:
                raise Degenerate("the crops are scored alike")
            found.append((picture_name, prompt_set, crops, images, inputs, logits, probabilities(logits)))
    for prompt_set in ("several", "unicode"):
        best = torch.cat([logits.argmax(-1) for _, name, *_, logits, _ in found if name == prompt_set])
        if len(best.unique()) < 2:
            raise Degenerate("one prompt is always the best")
    check_pictures_matter([logits for _, name, *_, logits, _ in found if name == "several"])
    return found


def write(fixture, processor, model, halves, padding, probabilities, about):
    """Makes and writes one fixture; `halves` gives of a model its text and vision part, each with its output."""
    seed, found = first_sound(lambda seed: results(model, seed, processor, padding, probabilities))
    randomize(model, seed, gain=1.5)
    (text_model, text_output), (vision_model, vision_output) = halves(model)
    fixture.reference |= {
        "seed": seed,
        "image_processor": type(processor.image_processor).__name__,
        "logit_scale": model.logit_scale.exp().item(),
        "logit_bias": model.logit_bias.item() if hasattr(model, "logit_bias") else 0.0,
        **about,
    }
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(fixture.checkpoint)
    processor.image_processor.save_pretrained(fixture.checkpoint)

    text = Named(text_model, ["input_ids"], [text_output, "last_hidden_state"])
    vision = Named(vision_model, ["pixel_values"], [vision_output, "last_hidden_state"])
    batch = {0: "batch_size"}
    tokens = {0: "batch_size", 1: "sequence_length"}
    parts = (
        (text, "text_model", {"input_ids": tokens, text_output: batch, "last_hidden_state": tokens}),
        (vision, "vision_model", {"pixel_values": batch, vision_output: batch, "last_hidden_state": batch}),
    )
    every = [inputs for *_, inputs, _, _ in found]
    alone = {key: value[:1] for key, value in every[0].items()}
    for named, file, dynamic in parts:
        path = fixture.checkpoint / "onnx" / f"{file}.onnx"
        export(named, every[1], path, dynamic)
        difference = prove(path, [*every, alone], named)
        print(f"{fixture.name}: {file}, seed {seed}, ONNX Runtime within {difference:.1e} of torch")

    for picture_name, prompt_set, crops, images, inputs, logits, probability in found:
        pixels = np.stack([pixels_u8(processor.image_processor, image) for image in images])
        case = f"{picture_name}_{prompt_set}"
        tensors = {
            "pixels_u8": (f"{picture_name}.pixels_u8", pixels),
            "pixel_values": (f"{picture_name}.pixel_values", inputs["pixel_values"]),
            "input_ids": (f"{prompt_set}.input_ids", inputs["input_ids"]),
            "text_embeds": (f"{prompt_set}.text_embeds", text.named(inputs)[text_output]),
            "image_embeds": (f"{picture_name}.image_embeds", vision.named(inputs)[vision_output]),
            "logits_per_image": (f"{case}.logits_per_image", logits),
            "probabilities": (f"{case}.probabilities", probability),
        }
        fixture.case(case, picture_name, tensors, prompts=PROMPTS[prompt_set], crops=crops)
    fixture.write()


def clip():
    """CLIP: pads with `<|endoftext|>` to the longest prompt; softmax over the prompts."""
    fixture = Fixture("clip", "clip.py")
    tokenizer = vocabulary.clip(model_max_length=77)
    size = {"shortest_edge": SIDE}
    processor = CLIPProcessor(CLIPImageProcessorPil(size=size, crop_size={"height": SIDE, "width": SIDE}), tokenizer)

    def halves(model):
        text = part(CLIPTextModelWithProjection, model, model.config.text_config)
        vision = part(CLIPVisionModelWithProjection, model, model.config.vision_config)
        return (text, "text_embeds"), (vision, "image_embeds")

    about = {"tokenizer": type(tokenizer).__name__, "probabilities": "softmax over the prompts"}
    model = clip_model(tokenizer)
    fixture.save_text(tokenizer)
    write(fixture, processor, model, halves, True, lambda logits: logits.softmax(-1), about)


def siglip():
    """SigLIP: pads with `</s>` to 64 tokens; a sigmoid for every prompt."""
    fixture = Fixture("siglip", "clip.py")
    texts = [prompt for prompts in PROMPTS.values() for prompt in prompts]
    tokenizer, twin = vocabulary.siglip(64, texts)
    processor = SiglipProcessor(SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}), tokenizer)

    def halves(model):
        return (model.text_model, "pooler_output"), (model.vision_model, "pooler_output")

    about = {"tokenizer": type(tokenizer).__name__, "probabilities": "sigmoid"}
    model = siglip_model(tokenizer)
    fixture.save_text(tokenizer, twin)
    (fixture.checkpoint / "spiece.model").unlink()
    write(fixture, processor, model, halves, "max_length", lambda logits: logits.sigmoid(), about)


if __name__ == "__main__":
    clip()
    siglip()
