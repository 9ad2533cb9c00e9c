"""Models of transformers: ``hf:NAME`` from the hub, or ``hf:FOLDER`` in the hub's own format."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import nn

from modelstitch.errors import ModelError, expect_one_of, first_line
from modelstitch.models.blueprint import Blueprint, Built
from modelstitch.models.processors import images, sounds
from modelstitch.models.sources import timm
from modelstitch.models.weights.fit import Misfit
from modelstitch.models.weights.sets import is_counter
from modelstitch.specs import View
from modelstitch.util.optional import optional_package
from modelstitch.wording import say

PREFIX = "hf:"

_OWN_ARGUMENTS = ("pretrained", "revision", "trust_remote_code", "head")

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
"""By head: the class of transformers that builds the model, and the endings of its architectures' names."""

_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model")


def recognises(target: str) -> bool:
    """Tell whether ``target`` begins with ``hf:``."""
    return target.startswith(PREFIX)


def blueprint(target: str, arguments: dict[str, Any]) -> Blueprint:
    """Return how to build a model of transformers.

    Args:
        target: ``hf:`` and a name of the hub, or a folder with ``config.json``.
        arguments: ``pretrained`` loads the weights, else only the configuration is read; ``revision`` is a
            branch, tag or commit; ``trust_remote_code`` runs code that comes with the model, and is off by
            default; ``head`` is one of :data:`HEADS`, if the configuration does not say it; all others
            replace values of the configuration, such as ``num_labels``.
    """
    return Blueprint(
        architecture=f"{target}({arguments})",
        build=partial(_build, target, arguments),
        build_trained=partial(_built, target, arguments),
        is_untrained=not arguments.get("pretrained"),
        view_of=partial(_view, target, arguments),
        classes_of=_classes,
        revision_of=_revision,
    )


def _build(target: str, arguments: dict[str, Any]) -> nn.Module:
    """Build an untrained copy of the model; see :func:`_built`."""
    return _built(target, {**arguments, "pretrained": False}).module


def _built(target: str, arguments: dict[str, Any]) -> Built:
    """Build the model.

    Raises:
        MissingExtraError: transformers is not installed.
        ModelError: no such model, one for another task, or weights that cannot be loaded.
    """
    transformers = _transformers(target)
    name, asked = _name(target), _hub_arguments(arguments)
    changes = {key: value for key, value in arguments.items() if key not in _OWN_ARGUMENTS}
    try:
        config = transformers.AutoConfig.from_pretrained(name, **asked)
        auto = getattr(transformers, HEADS[_head(target, config, arguments.get("head"))][0])
        commit = getattr(config, "_commit_hash", None)
        _change(config, changes, target)
        if arguments.get("pretrained"):
            with _without_reports(transformers):
                # What does not fit is refused by the rule for all sources, not here.
                module, report = auto.from_pretrained(
                    name, config=config, ignore_mismatched_sizes=True, output_loading_info=True, **asked
                )
            misfit = _misfit(module, report)
        else:
            module = auto.from_config(config, trust_remote_code=asked["trust_remote_code"])
            misfit = Misfit()
    except ModelError:
        raise
    except (ImportError, OSError, ValueError, TypeError, RuntimeError, KeyError, SafetensorError) as error:
        hint = (
            "; one of the packages that it needs does not load, most often a torchvision of another build "
            "than torch"
            if isinstance(error, ImportError)
            else ""
        )
        raise ModelError(f"cannot build {target!r}: {first_line(error)}{hint}") from error
    module.config._commit_hash = commit  # loading the weights may have dropped it
    assert isinstance(module, nn.Module)
    return Built(module, misfit)


@contextlib.contextmanager
def _without_reports(transformers: Any) -> Iterator[None]:
    """Keep transformers from printing a table of keys: the same is told in one line."""
    logging = transformers.utils.logging
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _misfit(module: nn.Module, report: Mapping[str, Any]) -> Misfit:
    """Return what of a folder's weights did not fit, from what transformers reports.

    Keys that a model's class declares as made by itself, or as of no use, are none of them.
    """
    own = module.state_dict()
    missing = {key for key in report["missing_keys"] if not is_counter(key)}
    # Weights that the configuration ties, and that the file holds twice with different values: these are
    # loaded untied, and the model then forgets that they should be tied.
    declared: Any = getattr(module, "get_expanded_tied_weights_keys", None)
    tied: Mapping[str, str] = declared(all_submodels=True) if declared is not None else {}
    untied = {
        name
        for pair in tied.items()
        if all(name in own for name in pair) and own[pair[0]].data_ptr() != own[pair[1]].data_ptr()
        for name in pair
    }
    return Misfit(
        missing=tuple(sorted(missing)),
        unexpected=tuple(sorted(report["unexpected_keys"])),
        reshaped={
            key: f"file {tuple(file)}, model {tuple(model)}"
            for key, file, model in sorted(report["mismatched_keys"])
        },
        doubled=tuple(sorted(untied)),
    )


def _change(config: Any, changes: dict[str, Any], target: str) -> None:
    """Set values of a configuration that exist in it, and switch its cache off.

    Raises:
        ModelError: a value that the configuration does not have.
    """
    config.use_cache = False  # keys and values of earlier calls are not part of what a call computes
    unknown = sorted(key for key in changes if not hasattr(config, key))
    if unknown:
        raise ModelError(
            f"cannot build {target!r}: its configuration has no {', '.join(unknown)}; expected names such as "
            f"{', '.join(sorted(config.to_diff_dict())[:8])}"
        )
    for key, value in changes.items():
        setattr(config, key, value)


def _head(target: str, config: Any, asked: Any) -> str:
    """Return the head: the one asked for, that of the architecture's name, or image classification."""
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
        f"cannot build {target!r}: its architecture {architecture} has none of the heads {', '.join(HEADS)}; "
        "say which with head=..."
    )


def _view(target: str, arguments: dict[str, Any], module: nn.Module) -> View:
    """Return the view of the processor or tokenizer that comes with a model, or else of its configuration."""
    config: Any = module.config
    if hasattr(config, "feat_extract_norm") or hasattr(config, "num_mel_bins"):
        return _view_of_sounds(target, arguments, config)
    if (config.vocab_size if hasattr(config, "vocab_size") else 0) and not _is_of_images(target, module):
        tokenizer = _name(target) if _has_tokenizer(target) else None
        return View(tokenizer=tokenizer, most_tokens=most_tokens(module))
    of_images = getattr(config, "vision_config", config)
    if (
        _is_of_images(target, module)
        or hasattr(of_images, "image_size")
        or hasattr(of_images, "num_channels")
    ):
        return _view_of_images(target, arguments, config)
    return View()


def _is_of_images(target: str, module: nn.Module) -> bool:
    names = _transformers(target).models.auto.modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES
    known = (name for value in names.values() for name in ((value,) if isinstance(value, str) else value))
    return type(module).__name__ in known


def _view_of_sounds(target: str, arguments: dict[str, Any], config: Any) -> View:
    """Return the view of a feature extractor; without one, of a configuration."""
    transformers, name, asked = _transformers(target), _name(target), _hub_arguments(arguments)
    mixin = transformers.feature_extraction_utils.FeatureExtractionMixin
    try:
        written, _ = mixin.get_feature_extractor_dict(name, **asked)
    except (OSError, ValueError):
        reads_samples = hasattr(config, "feat_extract_norm")
        return View(flat=True) if reads_samples else View(unread=f"the spectrograms of {config.model_type}")
    kind = written.get("feature_extractor_type")
    if kind is not None and kind not in sounds.READS_SAMPLES:
        return View(unread=str(kind))
    try:
        extractor = transformers.AutoFeatureExtractor.from_pretrained(name, **asked)
    except (OSError, ValueError, TypeError, ImportError, KeyError) as error:
        return View(unread=f"{kind or 'its feature extractor'} ({first_line(error)})")
    return sounds.view_of(extractor, written)


def _view_of_images(target: str, arguments: dict[str, Any], config: Any) -> View:
    """Return the view of an image processor; without one, the size and the channels of a configuration."""
    transformers, name, asked = _transformers(target), _name(target), _hub_arguments(arguments)
    of_images = getattr(config, "vision_config", config)
    channels = getattr(of_images, "num_channels", 3)
    plain = View(size=_pair(getattr(of_images, "image_size", None)), channels=channels)
    written: dict[str, Any] = {}
    if config.model_type != "timm_wrapper":  # its values stand in config.json
        mixin = transformers.image_processing_base.ImageProcessingMixin
        try:
            written, _ = mixin.get_image_processor_dict(name, **asked)
        except (OSError, ValueError):
            return plain
    processor = _image_processor(transformers, name, asked, config)
    if isinstance(processor, str):
        kind = written.get("image_processor_type") or written.get("feature_extractor_type") or "its processor"
        return replace(plain, unread=f"{kind} ({processor})")
    if config.model_type == "timm_wrapper":
        view = timm.view_of_config(processor.data_config)
    else:
        view = images.view_of(processor, written, channels, other_channels="num_channels" in arguments)
    if "image_size" in arguments:
        # The user built the model for another size than its processor's.
        return replace(view, size=plain.size, framing=None)
    return view if view.unread is None else replace(view, size=plain.size)


def _image_processor(transformers: Any, name: str, asked: dict[str, Any], config: Any) -> Any:
    """Return the image processor in a folder or of the hub, or why there is none."""
    why = ""
    # The fast processors cannot scale in every way that the plain ones can.
    for options in ({}, {"use_fast": False}):
        try:
            processor = transformers.AutoImageProcessor.from_pretrained(
                name, config=config, **asked, **options
            )
        except (OSError, ValueError, TypeError, ImportError, KeyError, AttributeError) as error:
            why = why or first_line(error)
        else:
            return processor
    return why


def _pair(side: Any) -> tuple[int, int] | None:
    """Return height and width, from one number or two."""
    if isinstance(side, int):
        return side, side
    return (int(side[0]), int(side[1])) if isinstance(side, list | tuple) and len(side) == 2 else None


def most_tokens(module: nn.Module) -> int | None:
    """Return how many tokens a model of transformers takes at most; None if it does not say.

    Models of the kind of RoBERTa count positions from behind their padding token on, so that some positions
    of their table are never used.
    """
    most = getattr(module.config, "max_position_embeddings", None)
    if not isinstance(most, int) or most < 1:
        return None
    for name, table in module.named_modules():
        if isinstance(table, nn.Embedding) and name.endswith("position_embeddings"):
            unused = 0 if table.padding_idx is None else table.padding_idx + 1
            return min(most, table.num_embeddings) - unused
    return most


def _classes(module: nn.Module) -> tuple[str, ...] | None:
    """Return the names in ``id2label``; None where they are the configuration's own ``LABEL_0``, ..."""
    config: Any = module.config
    names = getattr(config, "id2label", None)
    if not isinstance(names, dict) or sorted(map(int, names)) != list(range(len(names))):
        return None
    in_order = tuple(str(names[number]) for number in sorted(names, key=int))
    return None if in_order == tuple(f"LABEL_{number}" for number in range(len(names))) else in_order


def _has_tokenizer(target: str) -> bool:
    """Tell whether a tokenizer comes with a model; a model of the hub is taken to have one."""
    folder = Path(_name(target))
    return not folder.is_dir() or any((folder / name).is_file() for name in _TOKENIZER_FILES)


def _revision(module: nn.Module) -> str | None:
    """Return the commit of the hub that a model came from, if the hub told it."""
    config: Any = module.config
    commit = getattr(config, "_commit_hash", None)
    return commit if isinstance(commit, str) else None


def _name(target: str) -> str:
    """Return the name in the hub, or the path of a folder with a configuration."""
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


def _hub_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        "revision": arguments.get("revision", "main"),
        "trust_remote_code": bool(arguments.get("trust_remote_code", False)),
    }


def _transformers(target: str) -> Any:
    return optional_package("transformers", "hf", f"model {target!r}")


def names(pattern: str) -> dict[str, str]:
    """Return the models that the cache of this machine holds and that fit a pattern; the hub is not asked.

    Raises:
        MissingExtraError: transformers is not installed.
    """
    optional_package("transformers", "hf", f"model {PREFIX + pattern!r}")
    hub = optional_package("huggingface_hub", "hf", f"model {PREFIX + pattern!r}")
    errors = optional_package("huggingface_hub.errors", "hf", f"model {PREFIX + pattern!r}")
    try:
        repositories = hub.scan_cache_dir().repos
    except errors.CacheNotFound:  # nothing was ever downloaded
        return {}
    return {
        f"{PREFIX}{each.repo_id}": say("choice.cached")
        for each in sorted(repositories, key=lambda each: str(each.repo_id))
        if each.repo_type == "model" and fnmatchcase(each.repo_id, pattern)
    }
