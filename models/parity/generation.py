"""What the scripts of the generating families share: byte-level words, questions, and greedy tokens that ties could not
have given."""

import collections

import numpy as np
from common import LOGIT_GAP, Degenerate, array
from tokenizers import pre_tokenizers
from vocabulary import CORPUS, bpe_merges

NEW_TOKENS = 64
LEAST_DIFFERENT = 15
# A short one, a long one, and one of accents, quotes, symbols and digits; for the families that take a question.
QUESTIONS = {
    "short": "What is this?",
    "long": "Describe the picture in detail: what lies on the table, which colours do the things have, and is anything "
    "in the way of a robot that drives straight ahead?",
    "unicode": "Où est le “café” ☕? naïve 猫 & 🚀, 1234!",
}


def byte_level(pre_tokenizer, count):
    """The letters and the first merges of a byte-level BPE over the corpus, as `pre_tokenizer` splits it."""
    words = collections.Counter(tuple(word) for line in CORPUS for word, _ in pre_tokenizer.pre_tokenize_str(line))
    return sorted(pre_tokenizers.ByteLevel.alphabet()), bpe_merges(words, count)


def greedy(model, inputs, new_tokens=NEW_TOKENS, **options):
    """The new tokens of greedy generation, [N], and the processed logits of each step, [N, vocabulary].

    Refuses an early end, a best token that does not lead clearly, and an answer that runs in circles.
    """
    out = model.generate(
        **inputs,
        do_sample=False,
        num_beams=1,
        max_new_tokens=new_tokens,
        output_scores=True,
        output_logits=True,
        return_dict_in_generate=True,
        **options,
    )
    scores = np.stack([array(step)[0] for step in out.scores])
    tokens = array(out.sequences)[0, -len(scores) :]
    if len(scores) < new_tokens:
        raise Degenerate(f"ended after {len(scores)} tokens")
    best = np.sort(np.where(np.isfinite(scores), scores, -1e9), axis=1)
    lead = float((best[:, -1] - best[:, -2]).min())
    if lead < LOGIT_GAP:
        raise Degenerate(f"a token leads by {lead:.1e} only")
    if len(set(tokens.tolist())) < LEAST_DIFFERENT:
        raise Degenerate(f"only {len(set(tokens.tolist()))} different tokens")
    return tokens, np.stack([array(step)[0] for step in out.logits])


def check_answers_differ(answers):
    """Answers to different pictures and questions are different, so that none is met by ignoring its input."""
    if len({tuple(tokens) for tokens in answers}) < len(answers):
        raise Degenerate("two inputs get the same answer")
