"""Parity fixtures of OWL-ViT and OWLv2, in the layout of Optimum's zero-shot-object-detection export.

Inputs `input_ids` and `attention_mask` [prompts, 16], `pixel_values` [1, 3, H, W]; outputs `logits` [1, boxes, prompts],
`pred_boxes` [1, boxes, 4] (center and size, of the padded square for OWLv2), `text_embeds` [1, prompts, D],
`image_embeds` [1, rows, columns, D]. Optimum's layout has no objectness for either.

OWLv2's authors trained with gray padding, 0.5; transformers pads with black since version 5, and its processor's `pad`
takes the value as a parameter. The fixture is made with the padding that trained checkpoints know.
"""

from types import SimpleNamespace

import numpy as np
import vocabulary
from common import (
    PICTURE_NAMES,
    PROMPTS,
    Fixture,
    Named,
    array,
    check_argmax,
    check_boxes,
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
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessorPil,
    Owlv2Processor,
    OwlViTConfig,
    OwlViTForObjectDetection,
    OwlViTImageProcessorPil,
    OwlViTProcessor,
)

SIDE = 64
# Of 0..=1.
PADDING = 0.5
PADDING_REASON = "gray, as OWLv2's authors trained it: pad(constant_value=0.5); transformers 5 would pad with black"
PATCH = 8
TOKENS = 16
# Of OWLv2 fewer: boxes over nothing but padding are no results, and a third of some squares is padding.
KEPT = {"owlvit": 8, "owlv2": 4}
POSITION_GAIN = 5
INPUTS = ["input_ids", "pixel_values", "attention_mask"]
OUTPUTS = ["logits", "pred_boxes", "text_embeds", "image_embeds"]
DYNAMIC = {
    "input_ids": {0: "text_batch_size", 1: "sequence_length"},
    "attention_mask": {0: "text_batch_size", 1: "sequence_length"},
    "pixel_values": {0: "image_batch_size", 1: "num_channels", 2: "height", 3: "width"},
    "logits": {0: "image_batch_size", 2: "num_queries"},
    "pred_boxes": {0: "image_batch_size", 1: "num_boxes"},
    "text_embeds": {0: "text_batch_size", 1: "max_text_queries"},
    "image_embeds": {0: "image_batch_size"},
}


class GrayPadded(Owlv2ImageProcessorPil):
    """The reference's own processor, told the padding that OWLv2 was trained with."""

    def pad(self, image):
        return super().pad(image, constant_value=PADDING)


FAMILIES = {
    "owlvit": (OwlViTConfig, OwlViTForObjectDetection, OwlViTImageProcessorPil, OwlViTProcessor),
    "owlv2": (Owlv2Config, Owlv2ForObjectDetection, GrayPadded, Owlv2Processor),
}


def build(name, seed, tokenizer):
    """The model of a seed."""
    config_class, model_class, *_ = FAMILIES[name]
    layers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    ids = {
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    config = config_class(
        text_config={**layers, **ids, "vocab_size": len(tokenizer), "max_position_embeddings": TOKENS},
        vision_config={**layers, "image_size": SIDE, "patch_size": PATCH},
        projection_dim=32,
        attn_implementation="eager",
    )
    config.architectures = [model_class.__name__]
    model = randomize(model_class(config), seed, gain=1.5)
    # Neighboring boxes differ by their place, not only by what little the picture changes between them.
    getattr(model, name).vision_model.embeddings.position_embedding.weight.mul_(POSITION_GAIN)
    # As in a trained head the similarity decides, not the shift of the box.
    model.class_head.logit_shift.weight.mul_(0.2)
    model.class_head.logit_scale.bias.add_(4)
    return model


def inputs_of(processor, image, prompts):
    """What the reference feeds the graph, and its picture before normalization."""
    inputs = dict(processor(images=image, text=[prompts], return_tensors="pt"))
    if inputs["input_ids"].shape != (len(prompts), TOKENS):
        raise SystemExit(f"{prompts} became {tuple(inputs['input_ids'].shape)} tokens, {TOKENS} for each are meant")
    return inputs


def pixels(name, processor, image):
    """Role and value of the picture before normalization: OWLv2 rescales before it pads and resizes."""
    if name == "owlvit":
        return "pixels_u8", pixels_u8(processor.image_processor, image)
    values = array(processor.image_processor(image, do_normalize=False, return_tensors="np")["pixel_values"])
    return "pixels_f32", np.moveaxis(values[0], 0, -1).astype(np.float32)


def results(name, seed, processor):
    """The model of a seed as a function, and a list of (picture name, prompt set, inputs, outputs, detections)."""
    named = Named(build(name, seed, processor.tokenizer), INPUTS, OUTPUTS)
    found = []
    for picture_name in PICTURE_NAMES:
        image = picture(picture_name)
        for prompt_set, prompts in PROMPTS.items():
            inputs = inputs_of(processor, image, prompts)
            outputs = named.named(inputs)
            logits = outputs["logits"][0]
            scores = logits.sigmoid().max(-1).values
            threshold = threshold_for(scores, KEPT[name])
            [detections] = processor.post_process_grounded_object_detection(
                SimpleNamespace(**outputs),
                threshold=threshold,
                target_sizes=[(image.height, image.width)],
                text_labels=[prompts],
            )
            check_argmax(logits[scores > threshold])
            check_boxes(detections["boxes"], image)
            if len(prompts) > 1:
                check_varied(detections["labels"].tolist())
            found.append((picture_name, prompt_set, inputs, outputs, {"threshold": threshold, **detections}))
    check_pictures_matter([outputs["pred_boxes"] for _, prompt_set, _, outputs, _ in found if prompt_set == "single"])
    return named, found


def write(name):
    """Makes and writes the fixture of one family."""
    image_class, processor_class = FAMILIES[name][2:]
    tokenizer = vocabulary.clip(pad_token="!", model_max_length=TOKENS)
    size = {"height": SIDE, "width": SIDE}
    processor = processor_class(image_class(size=size), tokenizer)
    seed, (named, found) = first_sound(lambda seed: results(name, seed, processor))

    # What is saved names the reference's class, as a checkpoint does.
    plain_class = OwlViTImageProcessorPil if name == "owlvit" else Owlv2ImageProcessorPil
    about = {
        "seed": seed,
        "image_processor": plain_class.__name__,
        **({} if name == "owlvit" else {"padding": PADDING, "padding_reason": PADDING_REASON}),
        "tokenizer": type(tokenizer).__name__,
        "post_processing": f"{processor_class.__name__}.post_process_grounded_object_detection",
    }
    fixture = Fixture(name, "owl.py", **about)
    named.model.config.save_pretrained(fixture.checkpoint)
    plain_class(size=size).save_pretrained(fixture.checkpoint)
    fixture.save_text(tokenizer)
    path = fixture.checkpoint / "onnx" / "model.onnx"
    export(named, found[1][2], path, DYNAMIC)
    difference = prove(path, [inputs for _, _, inputs, _, _ in found], named)
    print(f"{name}: seed {seed}, ONNX Runtime within {difference:.1e} of torch")

    for picture_name, prompt_set, inputs, outputs, detections in found:
        role, value = pixels(name, processor, picture(picture_name))
        case = f"{picture_name}_{prompt_set}"
        tensors = {
            role: (f"{picture_name}.{role}", value),
            "pixel_values": (f"{picture_name}.pixel_values", inputs["pixel_values"]),
            "input_ids": (f"{prompt_set}.input_ids", inputs["input_ids"]),
            "attention_mask": (f"{prompt_set}.attention_mask", inputs["attention_mask"]),
            "logits": (f"{case}.logits", outputs["logits"]),
            "pred_boxes": (f"{picture_name}.pred_boxes", outputs["pred_boxes"]),
            "text_embeds": (f"{prompt_set}.text_embeds", outputs["text_embeds"]),
            "image_embeds": (f"{picture_name}.image_embeds", outputs["image_embeds"]),
            "boxes": (f"{case}.boxes", detections["boxes"]),
            "scores": (f"{case}.scores", detections["scores"]),
        }
        fixture.case(
            case,
            picture_name,
            tensors,
            prompts=PROMPTS[prompt_set],
            threshold=detections["threshold"],
            labels=detections["labels"].tolist(),
            text_labels=detections["text_labels"],
        )
    fixture.write()


if __name__ == "__main__":
    for family in FAMILIES:
        write(family)
