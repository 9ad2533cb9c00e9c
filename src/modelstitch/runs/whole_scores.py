"""Whether a whole network does better than a guess on the held-out examples; a receiver has to."""

from __future__ import annotations

import torch
from jaxtyping import Shaped
from torch import Tensor

from modelstitch.errors import ModelError
from modelstitch.geometry.intervals import wilson
from modelstitch.grid.side import Side
from modelstitch.results.facts import BySide, LabelFacts, WholeScore
from modelstitch.results.label_sentences import label_sentence
from modelstitch.results.rows import effective_number
from modelstitch.specs import TOKEN_TASKS
from modelstitch.tasks import mean_score


def whole_score(side: Side) -> WholeScore | None:
    """Return the held-out score of a whole network beside that of the best constant answer.

    None where the network has no score of its own.
    """
    if side.own_scores is None:
        return None
    task, heldout = side.data.task, side.data.heldout
    return beside_chance(side.own_scores, float(task.chance(heldout.targets_for(task))))


def beside_chance(scores: Shaped[Tensor, " n"], chance: float) -> WholeScore:
    """Return the mean of scores (n,), of bool ones their share, with its interval and the score of a guess.

    Example:
        >>> own = beside_chance(torch.tensor([True] * 30 + [False] * 70), chance=0.25)
        >>> round(own.low, 3), own.better_than_chance
        (0.219, False)
    """
    score, n = mean_score(scores), len(scores)
    shares = scores.dtype != torch.bool and n > 1
    effective = effective_number(score, float(scores.double().std()) / n**0.5 if shares else 0.0, n)
    low, high = wilson(round(score * effective), effective)
    return WholeScore(score=score, low=low, high=high, n=n, chance=chance)


def at_chance_error(side: Side, own: WholeScore, labels: LabelFacts | None) -> ModelError:
    """Return the error of a receiver that is not shown to do better than a guess, with the likely causes.

    Args:
        side: the receiver.
        own: its score by itself.
        labels: how its outputs were matched with the classes.
    """
    doubtful = label_sentence(BySide(labels, labels), "receiver")
    few = own.score > own.chance
    return ModelError(
        f"receiver {side.network.name} scores {own.score:.3f} ({own.low:.3f} to {own.high:.3f}) on {own.n} "
        f"held-out examples, no better than a guess ({own.chance:.3f}); expected a trained receiver that "
        f"gets its inputs as in its training. {f'{doubtful} ' if doubtful else ''}Likely causes: "
        f"{'; '.join(_causes(side))}"
        f"{'; too few held-out examples to show that it is better (--heldout-limit)' if few else ''}. "
        "To run it without verdicts: --allow-untrained, in Python allow_untrained=True"
    )


def _causes(side: Side) -> list[str]:
    """Return what to look at, the likeliest first: weights, then how this kind of input is read."""
    return ["its weights were not loaded (--receiver-weights)", *_KINDS[_kind(side)](side)]


def _kind(side: Side) -> str:
    data = side.data
    if data.is_text or data.task.name in TOKEN_TASKS or data.train.images.dtype == torch.int64:
        return "tokens"
    if data.rate is not None:
        return "sounds"
    return "images" if data.train.images.ndim == 4 else "numbers"


def _of_images(side: Side) -> list[str]:
    view, shape = side.network.view, side.data.train.images.shape
    normalised = "none now" if view.mean is None else f"now {_numbers(view.mean)} and {_numbers(view.std)}"
    height, width = view.size or (shape[2], shape[3])
    return [
        f"another mean and std ({normalised}: --receiver-mean, --receiver-std)",
        f"another size (now {height} x {width}: --receiver-size)",
        _ORDER,
        f"other channels (now {view.channels or shape[1]}: --receiver-channels; blue first: View(bgr=True))",
    ]


def _of_tokens(side: Side) -> list[str]:
    now = side.network.view.tokenizer
    return [
        f"another tokenizer ({f'now {now}' if now else 'none named now'}: --receiver-tokenizer)",
        _ORDER,
    ]


def _of_sounds(side: Side) -> list[str]:
    rate = side.network.view.rate or side.data.rate
    return [f"another rate (now {rate} samples a second: --receiver-rate)", _ORDER]


def _of_numbers(side: Side) -> list[str]:
    return ["another scale of the inputs", _ORDER]


_ORDER = "another order of the labels (--data-classes, --receiver-classes)"

_KINDS = {"images": _of_images, "tokens": _of_tokens, "sounds": _of_sounds, "numbers": _of_numbers}


def _numbers(values: tuple[float, ...] | None) -> str:
    return ",".join(f"{value:g}" for value in values or ())
