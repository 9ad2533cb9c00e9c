"""Many models as people have them: of transformers, timm and torchvision, and modules by hand.

One rule makes the classes of transformers small (:func:`reduced`): at most two layers of each kind, two
experts out of four, a vocabulary of 512, and every width divided by 8; where that builds no model that runs,
by 4, 2 or 1, and where none does, with four layers. Classifiers of texts are given the padding token 0 where
they have none. Everything else is as configured by default, caches too. Weights are drawn at random.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

TRANSFORMERS = {
    "image": "IMAGE_CLASSIFICATION",
    "audio": "AUDIO_CLASSIFICATION",
    "sequence": "SEQUENCE_CLASSIFICATION",
    "causal": "CAUSAL_LM",
}
_N = 3
_LAYERS = ("layers", "n_layer", "num_layer", "depth", "depths", "num_blocks", "n_layers", "layer_num")
_WIDTHS = frozenset(
    (
        "hidden_size",
        "intermediate_size",
        "d_model",
        "d_ff",
        "d_kv",
        "n_embd",
        "n_inner",
        "embed_dim",
        "ffn_dim",
        "head_dim",
        "hidden_dim",
        "dim",
        "width",
        "moe_intermediate_size",
        "shared_expert_intermediate_size",
        "conv_dim",
        "hidden_sizes",
        "embed_dims",
        "embedding_size",
        "kv_lora_rank",
        "q_lora_rank",
        "v_head_dim",
        "qk_nope_head_dim",
        "qk_rope_head_dim",
        "d_inner",
        "ffn_hidden_size",
        "encoder_ffn_dim",
        "decoder_ffn_dim",
        "dim_head",
        "hidden_channels",
        "projection_dim",
        "lru_width",
        "attention_head_size",
        "decoder_hidden_size",
        "head_size",
        "mlp_hidden_size",
        "intermediate_dim",
    )
)
_TOKENS = ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id", "sep_token_id")
_CHOSEN = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "moe_topk",
    "top_k",
    "moe_k",
    "n_group",
    "topk_group",
)
_TEXTS = 12


@dataclass
class Built:
    """A model with inputs that it takes.

    Attributes:
        model: in eval mode.
        x: (N, ...) inputs.
        kwargs: further inputs by name.
        said: how it was made small.
    """

    model: nn.Module
    x: Tensor
    kwargs: dict[str, Tensor] = field(default_factory=dict)
    said: str = ""


def names() -> Iterator[str]:
    """Yield the name of every model, kinds in turn, so that a part of the list holds some of each."""
    from wide_own import OWN

    lists = [[f"own:{name}" for name in OWN], list(_timm()), list(_torchvision())]
    lists += [list(_transformers(kind)) for kind in TRANSFORMERS]
    longest = max(map(len, lists))
    for place in range(longest):
        yield from (one[place] for one in lists if place < len(one))


def build(name: str) -> Built:
    """Return a model by its name.

    Raises:
        RuntimeError: it cannot be built, or does not run by itself.
    """
    source, _, rest = name.partition(":")
    torch.manual_seed(0)
    if source == "own":
        from wide_own import OWN

        return OWN[rest]()
    if source == "timm":
        return _built_timm(rest)
    if source == "torchvision":
        import torchvision

        size = 224 if rest.startswith(("vit", "maxvit", "inception")) else 64
        model = torchvision.models.get_model(rest, weights=None, num_classes=10).eval()
        return Built(model, torch.randn(2, 3, size, size))
    return _built_transformers(rest)


def _timm() -> Iterator[str]:
    """Yield the smallest model of each file of timm, by the number in its name and its length."""
    import timm

    for module in timm.list_modules():
        known = timm.list_models(module=module)
        if known:
            yield f"timm:{min(known, key=_size_by_name)}"


def _size_by_name(name: str) -> tuple[int, int, str]:
    order = (
        "atto",
        "femto",
        "pico",
        "nano",
        "xxs",
        "xx_small",
        "test",
        "tiny",
        "xs",
        "x_small",
        "micro",
        "mini",
        "small",
        "s",
    )
    parts = name.split("_")
    rank = next((place for place, word in enumerate(order) if word in parts or word in name), len(order))
    return rank, len(name), name


def _torchvision() -> Iterator[str]:
    import torchvision

    seen = set()
    for name in torchvision.models.list_models(module=torchvision.models):
        family = "".join(letter for letter in name.split("_")[0] if not letter.isdigit())
        if family not in seen:
            seen.add(family)
            yield f"torchvision:{name}"


def _transformers(kind: str) -> Iterator[str]:
    from transformers.models.auto import modeling_auto

    mapping = getattr(modeling_auto, f"MODEL_FOR_{TRANSFORMERS[kind]}_MAPPING_NAMES")
    for model_type, names in mapping.items():
        first = names if isinstance(names, str) else names[0]
        yield f"transformers:{kind}:{model_type}:{first}"


def _built_timm(name: str) -> Built:
    import timm

    model: Any = timm.create_model(name, num_classes=10).eval()
    channels, height, width = model.pretrained_cfg.get("input_size", (3, 224, 224))
    fixed = model.pretrained_cfg.get("fixed_input_size", False) or hasattr(model, "pos_embed")
    height, width = (height, width) if fixed or height <= 128 else (128, 128)
    x = torch.randn(2, channels, height, width)
    try:
        with torch.no_grad():
            model(x)
    except Exception:
        x = torch.randn(2, *model.pretrained_cfg.get("input_size", (3, 224, 224)))
    return Built(model, x, said=f"images of {x.shape[-1]}")


def _built_transformers(rest: str) -> Built:
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    kind, model_type, class_name = rest.split(":")
    model_class, config_class = getattr(transformers, class_name), CONFIG_MAPPING[model_type]
    failures = []
    for layers, divisor in ((2, 8), (2, 4), (2, 2), (2, 1), (4, 8)):
        try:
            config = reduced(config_class(), divisor, layers)
            config.num_labels = 5
            if getattr(config, "pad_token_id", None) is None:
                config.pad_token_id = 0  # without one a classifier of texts takes no batch
            model = model_class(config).eval()
            if divisor == 1 and sum(p.numel() for p in model.parameters()) > 3e8:
                raise RuntimeError("more than 300 million parameters")
            x = _inputs(model, config, kind)
            with torch.no_grad():
                model(x)
            return Built(model, x, said=f"at most {layers} layers, widths / {divisor}")
        except Exception as error:  # sizes of a configuration may exclude each other in any way
            failures.append(
                f"{layers} /{divisor} {type(error).__name__}: {str(error).strip().splitlines()[:1]}"
            )
    raise RuntimeError("; ".join(failures)[:600])


def reduced(config: Any, divisor: int, layers: int) -> Any:
    """Return a configuration of a small model: fewer layers, experts and words, and narrower."""
    config = copy.deepcopy(config)
    held = vars(config)
    before = {key: value for key, value in held.items() if _is_layers(key) and isinstance(value, int)}
    n_before = max(before.values(), default=0)
    for key, value in list(held.items()):
        plain = key.removeprefix("encoder_").removeprefix("decoder_").removeprefix("text_")
        new = value
        if key == "num_experts_per_tok" and value is None:
            new = 2
        elif hasattr(value, "to_dict"):
            new = reduced(value, divisor, layers)
        elif isinstance(value, bool) or value is None:
            continue
        elif _is_layers(key):
            new = _mapped(value, lambda one: min(one, layers))
        elif key == "vocab_size":
            new = min(value, 512)
        elif "expert" in key and isinstance(value, int) and value > 4 and "size" not in key:
            new = 4
        elif key in (
            "num_experts_per_tok",
            "moe_topk",
            "top_k",
            "moe_k",
            "n_group",
            "topk_group",
            "num_experts_per_token",
        ):
            new = min(value, 2)
        elif key in _WIDTHS or plain in _WIDTHS:
            new = _mapped(value, lambda one: max(one // divisor, 1) if one >= 4 * divisor else one)
        elif key in _TOKENS and isinstance(value, int) and value >= 512:
            new = 1
        elif key in ("max_position_embeddings", "n_positions", "n_ctx") and isinstance(value, int):
            new = min(value, 512)
        elif isinstance(value, list) and n_before and len(value) == n_before:
            new = _both_kinds(value)
        if new is not value:
            setattr(config, key, new)
    return config


def _both_kinds(each: list[Any]) -> list[Any]:
    """Return two entries of a list of layers, of two kinds where it has two."""
    kinds = list(dict.fromkeys(map(repr, each)))
    chosen = [next(one for one in each if repr(one) == kind) for kind in kinds[:2]]
    return chosen if len(chosen) == 2 else each[:2]


def _is_layers(key: str) -> bool:
    return any(key == word or key.endswith(f"_{word}") or key.startswith(f"num_{word}") for word in _LAYERS)


def _mapped(value: Any, change: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_mapped(one, change) for one in value)
    return change(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _inputs(model: nn.Module, config: Any, kind: str) -> Tensor:
    """Return inputs of the form that the main input of a model has."""
    main = getattr(model, "main_input_name", "input_ids")
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    if kind == "image" or main == "pixel_values":
        vision = getattr(config, "vision_config", config)
        size = getattr(vision, "image_size", None) or getattr(config, "image_size", None) or 64
        height, width = size if isinstance(size, list | tuple) else (size, size)
        return torch.randn(2, getattr(vision, "num_channels", 3) or 3, height, width)
    if kind == "audio":
        if hasattr(config, "num_mel_bins") and hasattr(config, "max_length"):
            return torch.randn(2, config.max_length, config.num_mel_bins)
        if hasattr(config, "num_mel_bins") and hasattr(config, "max_source_positions"):
            return torch.randn(2, config.num_mel_bins, 2 * config.max_source_positions)
        if main == "input_features":
            return torch.randn(2, 64, getattr(config, "feature_projection_input_dim", 160))
        return torch.randn(2, 4000)
    ids = torch.randint(3, text.vocab_size, (_N, _TEXTS), generator=torch.Generator().manual_seed(0))
    end = getattr(text, "eos_token_id", None)
    if isinstance(end, int) and 0 <= end < text.vocab_size:  # as a tokenizer ends a text
        ids[ids == end] = (end + 1) % text.vocab_size
        ids[:, -1] = end
    return ids
