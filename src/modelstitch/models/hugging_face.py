"""Models of transformers: from a local folder in the hub's own format, or from the hub by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import nn

from modelstitch.errors import MissingExtraError, ModelError, expect_one_of
from modelstitch.specs import View

PREFIX = "hf:"

_OWN = ("pretrained", "revision", "trust_remote_code", "head")

HEADS = {
    "image-classification": ("AutoModelForImageClassification", ("ForImageClassification",)),
    "text-classification": ("AutoModelForSequenceClassification", ("ForSequenceClassification",)),
    "audio-classification": (
        "AutoModelForAudioClassification",
        ("ForAudioClassification", "ForSequenceClassification"),
    ),
    "causal-lm": ("AutoModelForCausalLM", ("ForCausalLM", "LMHeadModel")),
    "masked-lm": ("AutoModelForMaskedLM", ("ForMaskedLM",)),
    "token-classification": ("AutoModelForTokenClassification", ("ForTokenClassification",)),
}
"""What a model ends in: the class of transformers that builds it, and how the names of such architectures end."""


def build_from_hugging_face(target: str, arguments: dict[str, Any]) -> nn.Module:
    """Build ``hf:NAME_OR_FOLDER``; ``pretrained=True`` loads its weights, else only its configuration is read.

    Args:
        target: ``hf:`` and a name of the hub, or a folder with ``config.json``.
        arguments: ``pretrained``; ``revision`` (branch, tag or commit); ``trust_remote_code``, which runs code that came with the model
            and is off without it; ``head``, one of :data:`HEADS`, where the configuration does not say what the model ends in;
            everything else replaces a value of the configuration, such as ``num_labels``.

    Raises:
        MissingExtraError: transformers is not installed.
        ModelError: no such model, one for another task, or weights that cannot be had.
    """
    transformers = _imported(target)
    name, asked = _name(target), _asked(arguments)
    changed = {key: value for key, value in arguments.items() if key not in _OWN}
    try:
        config = transformers.AutoConfig.from_pretrained(name, **asked)
        auto = getattr(transformers, HEADS[_head(target, config, arguments.get("head"))][0])
        config.use_cache = False  # keys and values of earlier calls are no part of what a call computes
        commit = getattr(config, "_commit_hash", None)
        unknown = sorted(key for key in changed if not hasattr(config, key))
        if unknown:
            raise ModelError(
                f"cannot build {target!r}: its configuration has no {', '.join(unknown)}; expected names such as "
                f"{', '.join(sorted(config.to_diff_dict())[:8])}"
            )
        for key, value in changed.items():
            setattr(config, key, value)
        if arguments.get("pretrained"):
            # A head of another size than the file's is drawn anew; anything else that does not fit is an error.
            module = auto.from_pretrained(
                name, config=config, ignore_mismatched_sizes="num_labels" in changed, **asked
            )
        else:
            module = auto.from_config(
                config, trust_remote_code=bool(arguments.get("trust_remote_code", False))
            )
    except ModelError:
        raise
    except (
        ImportError,
        OSError,
        ValueError,
        TypeError,
        RuntimeError,
        KeyError,
        SafetensorError,
    ) as error:
        hint = (
            "; one of the packages that it needs does not load, most often a torchvision of another build than torch"
            if isinstance(error, ImportError)
            else ""
        )
        raise ModelError(f"cannot build {target!r}: {_first_line(error)}{hint}") from error
    module.config._commit_hash = commit  # which loading the weights may have dropped
    assert isinstance(module, nn.Module)
    return module


def _head(target: str, config: Any, asked: Any) -> str:
    """Return what the model ends in: as asked, as its architecture is called, or a classifier of images."""
    if asked is not None:
        expect_one_of(f"head of {target}", str(asked), HEADS, ModelError)
        return str(asked)
    architecture = next(iter(getattr(config, "architectures", None) or ()), None)
    if architecture is None:
        return "image-classification"
    audio = hasattr(config, "feat_extract_norm") or hasattr(config, "num_mel_bins")
    heads = ["audio-classification", *HEADS] if audio else list(HEADS)
    for name in heads:
        if architecture.endswith(HEADS[name][1]):
            return name
    raise ModelError(
        f"cannot build {target!r}: its architecture {architecture} is none that ends in {', '.join(HEADS)}; say which with head=..."
    )


def view_of_hugging_face(target: str, module: nn.Module, arguments: dict[str, Any]) -> View:
    """Return how the model wants to see an image: what ``preprocessor_config.json`` says, and the configuration where there is none.

    Args:
        target, arguments: as for :func:`build_from_hugging_face`.
        module: what was built.
    """
    config: Any = module.config
    if hasattr(config, "feat_extract_norm"):  # takes the sound itself, not a picture of it
        return View(rate=_preprocessor(target, arguments).get("sampling_rate"), flat=True)
    if (config.vocab_size if hasattr(config, "vocab_size") else 0) and _has_tokenizer(target):
        return View(tokenizer=_name(target))
    if not (hasattr(config, "image_size") or hasattr(config, "num_channels")):
        return View()
    channels = getattr(config, "num_channels", 3)
    side = getattr(config, "image_size", None)
    told = _preprocessor(target, arguments)
    size = _size(told) or _size({"size": side})
    mean, std = (told.get(key) for key in ("image_mean", "image_std"))
    if not told.get("do_normalize", True) or mean is None or std is None or len(mean) not in (1, channels):
        return View(size=size, channels=channels)
    return View(size=size, channels=channels, mean=tuple(mean), std=tuple(std))


def _has_tokenizer(target: str) -> bool:
    """Tell whether a tokenizer comes with a model; one of the hub has it."""
    folder = Path(_name(target))
    return not folder.is_dir() or any(
        (folder / name).is_file()
        for name in ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model")
    )


def revision_of(module: nn.Module) -> str | None:
    """Return the commit of the hub that a model came from, where the hub said it."""
    found = getattr(getattr(module, "config", None), "_commit_hash", None)
    return found if isinstance(found, str) else None


def _preprocessor(target: str, arguments: dict[str, Any]) -> dict[str, Any]:
    transformers = _imported(target)
    try:
        found, _ = transformers.image_processing_base.ImageProcessingMixin.get_image_processor_dict(
            _name(target), **_asked(arguments)
        )
    except (OSError, ValueError):
        return {}
    return dict(found)


def _size(told: dict[str, Any]) -> tuple[int, int] | None:
    for given in (told.get("crop_size"), told.get("size")):
        if isinstance(given, int):
            return given, given
        if isinstance(given, list | tuple) and len(given) == 2:
            return int(given[0]), int(given[1])
        if isinstance(given, dict):
            if {"height", "width"} <= given.keys():
                return int(given["height"]), int(given["width"])
            if "shortest_edge" in given:
                return int(given["shortest_edge"]), int(given["shortest_edge"])
    return None


def _name(target: str) -> str:
    name = target.removeprefix(PREFIX)
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelError(
                f"cannot build {target!r}: expected a folder with config.json, as save_pretrained writes it"
            )
        return str(folder)
    if name.startswith(("/", ".", "~")) or name.count("/") > 1:
        raise ModelError(f"cannot build {target!r}: no such folder")
    return name


def _asked(arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        "revision": arguments.get("revision", "main"),
        "trust_remote_code": bool(arguments.get("trust_remote_code", False)),
    }


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else repr(error)


def _imported(target: str) -> Any:
    try:
        import transformers
    except ImportError as error:
        raise MissingExtraError(
            f"model {target!r} needs the package transformers, which cannot be imported ({error}): "
            'pip install "modelstitch[hf]"'
        ) from error
    return transformers
