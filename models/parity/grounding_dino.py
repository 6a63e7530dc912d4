"""Parity fixture of Grounding DINO, in the layout of its transformers export.

Inputs `pixel_values` [1, 3, H, W], `input_ids`, `token_type_ids`, `attention_mask` [1, tokens] and `pixel_mask`
[1, H, W], all ones; outputs `logits` [1, queries, 64] over the caption's tokens (-inf beyond; 256 in the published
model) and `pred_boxes` [1, queries, 4], center and size. Height, width and the number of tokens are open.

The caption is the processor's: prompts in lower case, joined by ". ", a dot at the end. A case has two thresholds: boxes
are above the first, and the label of a box is the text of the tokens above the second, `label_ids` their ids. That is
the reference's; `best_prompts` is not: the prompt with the box's best token, told from `spans`, first and last token + 1
of every prompt.
"""

from types import SimpleNamespace

import torch
import vocabulary
from common import (
    PICTURE_NAMES,
    PROMPTS,
    Degenerate,
    Fixture,
    Named,
    check_argmax,
    check_boxes,
    check_order,
    check_pictures_matter,
    check_varied,
    export,
    first_sound,
    picture,
    pixels_u8,
    prove,
    randomize,
    threshold_for,
)
from transformers import (
    BertConfig,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessorPil,
    GroundingDinoProcessor,
    SwinConfig,
)
from transformers.models.grounding_dino import modeling_grounding_dino as modeling
from transformers.models.grounding_dino.processing_grounding_dino import get_phrases_from_posmap
from transformers.models.swin.modeling_swin import SwinLayer, SwinPatchEmbeddings

# The landscape picture meets the longest edge, the others the shortest.
SIZE = {"shortest_edge": 68, "longest_edge": 99}
# Swin's layers shrink their window for good once a feature map is not larger, and would answer by what they saw before.
WINDOW = 2
QUERIES = 20
KEPT = 6
MAX_TOKENS = 64
# Of the tokens of a kept box this many are to be above the second threshold.
NAMED_TOKENS = 2.5
INPUTS = ["pixel_values", "input_ids", "token_type_ids", "attention_mask", "pixel_mask"]
OUTPUTS = ["logits", "pred_boxes"]
TOKENS = {0: "batch_size", 1: "sequence_length"}
DYNAMIC = {
    "pixel_values": {0: "batch_size", 2: "height", 3: "width"},
    "pixel_mask": {0: "batch_size", 1: "height", 2: "width"},
    "input_ids": TOKENS,
    "token_type_ids": TOKENS,
    "attention_mask": TOKENS,
    "logits": {0: "batch_size"},
    "pred_boxes": {0: "batch_size"},
}


def build(tokenizer):
    """The tiny model: Swin, BERT, two layers each."""
    backbone = SwinConfig(
        image_size=64,
        patch_size=4,
        embed_dim=4,
        depths=[1, 2, 1, 1],
        num_heads=[1, 1, 2, 4],
        window_size=WINDOW,
        mlp_ratio=2.0,
        out_features=["stage2", "stage3", "stage4"],
    )
    text = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=MAX_TOKENS,
    )
    config = GroundingDinoConfig(
        backbone_config=backbone,
        text_config=text,
        num_queries=QUERIES,
        encoder_layers=1,
        encoder_ffn_dim=32,
        encoder_attention_heads=4,
        decoder_layers=2,
        decoder_ffn_dim=32,
        decoder_attention_heads=4,
        d_model=32,
        max_text_len=MAX_TOKENS,
        encoder_n_points=2,
        decoder_n_points=2,
        disable_custom_kernels=True,
        attn_implementation="eager",
    )
    return GroundingDinoForObjectDetection(config)


def spans_of(tokenizer, prompts, input_ids):
    """First token and last token + 1 of every prompt in the caption."""
    spans, start = [], 1
    for prompt in prompts:
        ids = tokenizer(prompt.lower(), add_special_tokens=False)["input_ids"]
        if input_ids[0, start : start + len(ids)].tolist() != ids:
            raise SystemExit(f"{prompt!r} is not in the caption as its tokens are alone")
        spans.append([start, start + len(ids)])
        start += len(ids) + 1
    return spans


def detect(processor, image, prompts, inputs, outputs):
    """The reference's result for one picture, as inline values and tensors of the case."""
    logits = outputs["logits"][0]
    probabilities = logits.sigmoid()
    scores = probabilities.max(-1).values
    threshold = threshold_for(scores, KEPT)
    kept = logits[scores > threshold]
    tokens = probabilities[scores > threshold]
    text_threshold = threshold_for(tokens[tokens > 0], round(NAMED_TOKENS * len(kept)), distinct=False)
    [found] = processor.post_process_grounded_object_detection(
        SimpleNamespace(**outputs, input_ids=inputs["input_ids"]),
        threshold=threshold,
        text_threshold=text_threshold,
        target_sizes=[(image.height, image.width)],
    )
    check_boxes(found["boxes"], image)
    label_ids = get_phrases_from_posmap(tokens > text_threshold, inputs["input_ids"][0])
    if not all(label_ids):
        raise Degenerate("a box without a label")
    spans = spans_of(processor.tokenizer, prompts, inputs["input_ids"])
    of_prompts = torch.stack([kept[:, first:last].max(-1).values for first, last in spans], -1)
    check_argmax(of_prompts)
    best = of_prompts.argmax(-1).tolist()
    if len(prompts) > 1:
        check_varied(best)
        check_varied(found["text_labels"])
    inline = {
        "caption": processor._preprocess_input_text([prompts])[0],
        "threshold": threshold,
        "text_threshold": text_threshold,
        "text_labels": found["text_labels"],
        "label_ids": [[int(index) for index in ids] for ids in label_ids],
        "spans": spans,
        "best_prompts": best,
    }
    return inline, {"boxes": found["boxes"], "scores": found["scores"]}


def results(model, seed, processor):
    """For every picture and prompt set: names, inputs, outputs and result."""
    randomize(model, seed)
    # The product of two normalized vectors would drive all scores to 0 or 1.
    model.model.decoder.layer_norm.weight.mul_(0.3)
    named = Named(model, INPUTS, [*OUTPUTS, "enc_outputs_class"])
    found = []
    for picture_name in PICTURE_NAMES:
        image = picture(picture_name)
        for prompt_set, prompts in PROMPTS.items():
            inputs = dict(processor(images=image, text=[prompts], return_tensors="pt"))
            outputs = named.named(inputs)
            check_order(outputs.pop("enc_outputs_class").max(-1).values, QUERIES)
            result = detect(processor, image, prompts, inputs, outputs)
            found.append((picture_name, prompt_set, inputs, outputs, result))
    check_pictures_matter([outputs["pred_boxes"] for _, name, _, outputs, _ in found if name == "single"])
    windows = {module.window_size for module in model.modules() if isinstance(module, SwinLayer)}
    if windows != {WINDOW}:
        raise SystemExit(f"windows shrank to {windows}")
    return found


def phrase_masks(input_ids, special_tokens):
    """What `generate_masks_with_special_tokens_and_transfer_map` gives, by comparison of all pairs of tokens.

    The exporter knows neither `isin` nor `cummax` nor `cummin`; see `check_phrase_masks`.
    """
    length = input_ids.shape[1]
    places = torch.arange(length)
    special = (input_ids[..., None] == special_tokens).any(-1)[:, None]
    before = special & (places[None] < places[:, None])
    after = special & (places[None] >= places[:, None])
    last = torch.where(before, places, -1).max(-1).values
    following = torch.where(after, places, length).min(-1).values
    inside = (following != 0) & (following != length - 1) & (following != length)
    together = (following[:, :, None] == following[:, None]) & inside[:, None]
    mask = together | (places[None] == places[:, None])
    return mask, torch.where(inside, places - last - 1, 0).clamp(min=0)


def check_phrase_masks(every_ids, special_tokens):
    """The replacement agrees with the original."""
    for input_ids in every_ids:
        wanted = modeling.generate_masks_with_special_tokens_and_transfer_map(input_ids, special_tokens)
        torch.testing.assert_close(phrase_masks(input_ids, special_tokens), wanted)


def pad_to_patches(self, pixel_values, height, width):
    """Swin's padding to whole patches without its branches, which a trace would decide once and for all."""
    rows, columns = self.patch_size
    return torch.nn.functional.pad(pixel_values, (0, -width % columns, 0, -height % rows))


def shapes_of_trace(module, arguments, options):
    """Gives deformable attention the shapes of the feature maps as the trace knows them, not as constants."""
    if torch.jit.is_tracing():
        shapes = [torch.stack(list(shape)) for shape in options["spatial_shapes_list"]]
        options = {**options, "spatial_shapes": torch.stack(shapes)}
    return arguments, options


def make_exportable(model):
    """Replaces what the exporter does not know or would fix to the size of the traced picture."""
    modeling.generate_masks_with_special_tokens_and_transfer_map = phrase_masks
    SwinPatchEmbeddings.maybe_pad = pad_to_patches
    for module in model.modules():
        if isinstance(module, modeling.GroundingDinoMultiscaleDeformableAttention):
            module.register_forward_pre_hook(shapes_of_trace, with_kwargs=True)


def main():
    tokenizer = vocabulary.bert()
    processor = GroundingDinoProcessor(GroundingDinoImageProcessorPil(size=SIZE), tokenizer)
    model = build(tokenizer)
    seed, found = first_sound(lambda seed: results(model, seed, processor))

    fixture = Fixture(
        "grounding_dino",
        "grounding_dino.py",
        seed=seed,
        image_processor=type(processor.image_processor).__name__,
        tokenizer=type(tokenizer).__name__,
        post_processing="GroundingDinoProcessor.post_process_grounded_object_detection",
    )
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(fixture.checkpoint)
    processor.image_processor.save_pretrained(fixture.checkpoint)
    fixture.save_text(tokenizer)

    every = [inputs for _, _, inputs, _, _ in found]
    check_phrase_masks([inputs["input_ids"] for inputs in every], model.model.special_tokens)
    make_exportable(model)
    named = Named(model, INPUTS, OUTPUTS)
    for _, _, inputs, outputs, _ in found:
        torch.testing.assert_close(named.named(inputs), outputs)
    path = fixture.checkpoint / "onnx" / "model.onnx"
    # The last picture's feature maps have an odd side at every level, so the trace holds every padding.
    export(named, every[-2], path, DYNAMIC)
    difference = prove(path, every, named)
    print(f"grounding_dino: seed {seed}, ONNX Runtime within {difference:.1e} of torch")

    for picture_name, prompt_set, inputs, outputs, (inline, result) in found:
        if not inputs["pixel_mask"].all():
            raise SystemExit("the pixel mask is not all ones")
        case = f"{picture_name}_{prompt_set}"
        pixels = pixels_u8(processor.image_processor, picture(picture_name))
        tensors = {
            "pixels_u8": (f"{picture_name}.pixels_u8", pixels),
            "pixel_values": (f"{picture_name}.pixel_values", inputs["pixel_values"]),
        }
        tensors |= {key: (f"{prompt_set}.{key}", inputs[key]) for key in INPUTS[1:4]}
        tensors |= {key: (f"{case}.{key}", value) for key, value in {**outputs, **result}.items()}
        fixture.case(case, picture_name, tensors, prompts=PROMPTS[prompt_set], **inline)
    fixture.write()


if __name__ == "__main__":
    main()
