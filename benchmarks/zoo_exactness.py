"""How exactly can models be cut? Every cut of many architectures, prefix and suffix against the model.

    python benchmarks/zoo_exactness.py [--only timm] [--json] [--read FILE ...]
    python benchmarks/zoo_exactness.py --only masked     # models that read, each with an attention mask
    python benchmarks/zoo_exactness.py --only volumes    # models of films: three axes of positions
    python benchmarks/zoo_exactness.py --wide            # hundreds of models; see wide_exactness.py

Needs the extras timm and torchvision, and transformers. Weights are drawn at random, no weights are
downloaded,
and sizes are those of the smallest variants. The list below was fixed before its first run. An architecture
is *exact* if suffix(prefix(x)) equals model(x) at every cut and at batch sizes 2 and 3, to the last bit or to
1e-5 of its largest value. A refusal counts as a failure.

Two further lists were fixed before their own first runs and are counted by themselves: models that take a
mask beside their tokens, and all families of torchvision that take films.

Columns:

- cuts that were found, and the technique;
- the largest relative difference over cuts and batch sizes;
- seconds of the capture;
- milliseconds to make prefix and suffix of one cut (median over the cuts);
- time of prefix and suffix at the middle cut over that of the plain model (median of seven interleaved
  rounds).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from options import usable_torchvision
from torch import Tensor, nn

from modelstitch.cutting import cut_model
from modelstitch.cutting.capture import no_fused_attention
from modelstitch.cutting.certify import relative_difference
from modelstitch.errors import ModelStitchError

TOLERANCE = 1e-5
Made = tuple[nn.Module, Tensor]

TORCHVISION = {
    "alexnet": 64,
    "vgg11_bn": 32,
    "resnet18": 64,
    "resnet50": 64,
    "densenet121": 64,
    "googlenet": 64,
    "inception_v3": 96,
    "squeezenet1_1": 64,
    "shufflenet_v2_x1_0": 64,
    "mobilenet_v2": 64,
    "mobilenet_v3_small": 64,
    "mnasnet0_5": 64,
    "regnet_y_400mf": 64,
    "efficientnet_b0": 64,
    "convnext_tiny": 64,
    "swin_t": 64,
    "vit_b_32": 224,
}
TIMM = {
    "vit_tiny_patch16_224": 224,
    "deit_tiny_distilled_patch16_224": 224,
    "swin_tiny_patch4_window7_224": 224,
    "eva02_tiny_patch14_224": 224,
    "cait_xxs24_224": 224,
    "xcit_nano_12_p16_224": 224,
    "mixer_s32_224": 224,
    "resmlp_12_224": 224,
    "convnextv2_atto": 64,
    "poolformer_s12": 64,
    "edgenext_xx_small": 64,
    "mobilevitv2_050": 64,
    "ghostnet_100": 64,
    "regnetx_002": 64,
    "levit_128s": 224,
    "resnetv2_50": 64,
    "efficientformer_l1": 224,
}
TRANSFORMERS = (
    "bert",
    "distilbert",
    "roberta",
    "electra",
    "gpt2",
    "llama",
    "qwen3",
    "t5",
    "vit",
    "dinov2",
    "wav2vec2",
    "opt",
)
MASKED = ("bert", "bert-mlm", "distilbert", "gpt2", "llama", "qwen3", "roberta")
VOLUMES = {
    "r3d_18": (8, 64),
    "mc3_18": (8, 64),
    "r2plus1d_18": (8, 64),
    "s3d": (16, 224),
    "swin3d_t": (4, 64),
    "mvit_v1_b": (16, 224),
}
PLAIN = ("R1111", "R2222", "cifar_resnet20", "cnn", "vit", "mlp", "conv1d", "lstm", "gru")


class _Output(nn.Module):
    """One tensor of a model of transformers."""

    def __init__(self, model: nn.Module, **fixed: Any) -> None:
        super().__init__()
        self.model, self.fixed = model, fixed

    def forward(self, x: Tensor) -> Tensor:
        output = self.model(x, **self.fixed)
        first: Tensor = output[0]
        return first


def torchvision_model(name: str) -> Made:
    usable_torchvision()
    import torchvision

    options: dict[str, Any] = {"aux_logits": False} if name in ("googlenet", "inception_v3") else {}
    if options:
        options["init_weights"] = False
    model = torchvision.models.get_model(name, weights=None, num_classes=10, **options)
    return model, torch.randn(3, 3, TORCHVISION[name], TORCHVISION[name])


def film_model(name: str) -> Made:
    usable_torchvision()
    import torchvision

    model = torchvision.models.get_model(name, weights=None, num_classes=10)
    frames, size = VOLUMES[name]
    return model, torch.randn(3, 3, frames, size, size)


def timm_model(name: str) -> Made:
    usable_torchvision()
    import timm

    return timm.create_model(name, pretrained=False, num_classes=10), torch.randn(
        3, 3, TIMM[name], TIMM[name]
    )


def transformers_model(name: str) -> Made:
    usable_torchvision()  # transformers looks at it when it imports its models
    import transformers as t

    words = torch.randint(1, 90, (3, 12))
    encoder = {
        "vocab_size": 100,
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 64,
    }
    decoder = {**encoder, "num_key_value_heads": 2, "head_dim": 8}
    if name in ("bert", "roberta", "electra"):
        config = {"bert": t.BertConfig, "roberta": t.RobertaConfig, "electra": t.ElectraConfig}[name](
            **encoder
        )
        return t.AutoModelForSequenceClassification.from_config(config), words
    if name == "distilbert":
        small = t.DistilBertConfig(vocab_size=100, dim=32, n_layers=3, n_heads=4, hidden_dim=64)
        return t.AutoModelForSequenceClassification.from_config(small), words
    if name in ("gpt2", "opt"):
        causal: Any = (
            t.GPT2Config(vocab_size=100, n_embd=32, n_layer=3, n_head=4)
            if name == "gpt2"
            else t.OPTConfig(
                vocab_size=100,
                hidden_size=32,
                num_hidden_layers=3,
                num_attention_heads=4,
                ffn_dim=64,
                word_embed_proj_dim=32,
            )
        )
        return _Output(t.AutoModelForCausalLM.from_config(causal), use_cache=False), words
    if name in ("llama", "qwen3"):
        llm = {"llama": t.LlamaConfig, "qwen3": t.Qwen3Config}[name](**decoder)
        return _Output(t.AutoModelForCausalLM.from_config(llm), use_cache=False), words
    if name == "t5":
        t5 = t.T5Config(vocab_size=100, d_model=32, d_kv=8, d_ff=64, num_layers=3, num_heads=4)
        return _Output(t.T5EncoderModel(t5)), words
    if name in ("vit", "dinov2"):
        picture = {
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "image_size": 32,
            "patch_size": 8,
        }
        config = {"vit": t.ViTConfig, "dinov2": t.Dinov2Config}[name](**picture)
        return _Output(t.AutoModelForImageClassification.from_config(config)), torch.randn(3, 3, 32, 32)
    sound = t.Wav2Vec2Config(
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        conv_dim=(16, 16, 16),
        conv_stride=(5, 4, 4),
        conv_kernel=(10, 8, 8),
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
    )
    return _Output(t.AutoModelForAudioClassification.from_config(sound)), torch.randn(3, 2000)


class _Recurrent(nn.Module):
    def __init__(self, kind: type[nn.LSTM] | type[nn.GRU]) -> None:
        super().__init__()
        self.embed = nn.Linear(5, 16)
        self.one = kind(16, 24, batch_first=True)
        self.two = kind(24, 24, batch_first=True)
        self.head = nn.Linear(24, 10)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.one(self.embed(x))
        y, _ = self.two(y)
        output: Tensor = self.head(y.mean(1))
        return output


def plain_model(name: str) -> Made:
    sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
    import cifar_resnet
    import cnn_to_vit

    from modelstitch.models import zoo

    images, small, signal = torch.randn(3, 3, 32, 32), torch.randn(3, 1, 8, 8), torch.randn(3, 5, 40)
    relu = nn.ReLU
    makers: dict[str, Callable[[], Made]] = {
        "R1111": lambda: (zoo.build("R1111", width=16), images),
        "R2222": lambda: (zoo.build("R2222", width=16), images),
        "cifar_resnet20": lambda: (cifar_resnet.resnet20(), images),
        "cnn": lambda: (cnn_to_vit.conv_net(), small),
        "vit": lambda: (cnn_to_vit.vision_transformer(), small),
        "mlp": lambda: (
            nn.Sequential(
                nn.Flatten(), nn.Linear(64, 32), relu(), nn.Linear(32, 32), relu(), nn.Linear(32, 10)
            ),
            small,
        ),
        "conv1d": lambda: (
            nn.Sequential(
                nn.Conv1d(5, 16, 5, 2),
                nn.BatchNorm1d(16),
                relu(),
                nn.Conv1d(16, 16, 3),
                relu(),
                nn.Flatten(),
                nn.Linear(256, 10),
            ),
            signal,
        ),
        "lstm": lambda: (_Recurrent(nn.LSTM), signal.transpose(1, 2)),
        "gru": lambda: (_Recurrent(nn.GRU), signal.transpose(1, 2)),
    }
    return makers[name]()


def masked_model(name: str) -> tuple[nn.Module, Tensor, dict[str, Tensor]]:
    """Build a small model that reads, with tokens of different lengths and their mask."""
    usable_torchvision()
    import transformers as hf

    usual = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
    usual |= {"vocab_size": 50, "max_position_embeddings": 40}
    causal = {**usual, "use_cache": False, "bos_token_id": 1, "eos_token_id": 1}
    makers: dict[str, Callable[[], nn.Module]] = {
        "bert": lambda: hf.BertForSequenceClassification(hf.BertConfig(**usual)),
        "bert-mlm": lambda: hf.BertForMaskedLM(hf.BertConfig(**usual)),
        "distilbert": lambda: hf.DistilBertForSequenceClassification(
            hf.DistilBertConfig(dim=16, n_layers=3, n_heads=2, hidden_dim=32, vocab_size=50)
        ),
        "gpt2": lambda: hf.GPT2LMHeadModel(
            hf.GPT2Config(
                n_embd=16, n_layer=3, n_head=2, vocab_size=50, use_cache=False, bos_token_id=1, eos_token_id=1
            )
        ),
        "llama": lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**causal)),
        "qwen3": lambda: hf.Qwen3ForCausalLM(hf.Qwen3Config(**causal, num_key_value_heads=2, head_dim=8)),
        "roberta": lambda: hf.RobertaForSequenceClassification(hf.RobertaConfig(**usual)),
    }
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(1, 50, (5, 9), generator=generator)
    mask = (torch.arange(9)[None] < torch.tensor([9, 4, 7, 5, 9])[:, None]).long()
    return makers[name](), tokens, {"attention_mask": mask}


FAMILIES: dict[str, tuple[tuple[str, ...], Callable[[str], Made]]] = {
    "torchvision": (tuple(TORCHVISION), torchvision_model),
    "timm": (tuple(TIMM), timm_model),
    "transformers": (TRANSFORMERS, transformers_model),
    "plain": (PLAIN, plain_model),
}
APART: dict[str, tuple[tuple[str, ...], Callable[[str], Any]]] = {
    "masked": (MASKED, masked_model),
    "volumes": (tuple(VOLUMES), film_model),
}
"""Measured when asked for, and counted by themselves."""


def measure(make: Callable[[], Any]) -> dict[str, Any]:
    """Cut one architecture everywhere, and compare."""
    torch.manual_seed(0)
    model, example, *rest = make()
    kwargs: dict[str, Tensor] = rest[0] if rest else {}
    model.eval()
    begin = time.perf_counter()
    try:
        cutting = cut_model(model, example, kwargs=kwargs)
    except ModelStitchError as error:
        return {"cuts": 0, "failed": str(error).splitlines()[0]}
    seconds = time.perf_counter() - begin
    worst, exact, slices = 0.0, 0, []
    with torch.no_grad(), no_fused_attention():
        few = {n: {name: value[:n] for name, value in kwargs.items()} for n in (2, 3, len(example))}
        wanted = {n: model(example[:n], **few[n]) for n in (2, 3)}
        for cut in cutting.cuts:
            begin = time.perf_counter()
            prefix, suffix = cutting.prefix(cut.name), cutting.suffix(cut.name)
            slices.append(time.perf_counter() - begin)
            gaps = [
                relative_difference(suffix(prefix(example[:n], **few[n])[0], **few[n]), wanted[n])
                for n in (2, 3)
            ]
            worst = max(worst, *gaps)
            exact += max(gaps) == 0
        middle = cutting.cuts[len(cutting.cuts) // 2].name
        prefix, suffix = cutting.prefix(middle), cutting.suffix(middle)
        ratios = []
        for _ in range(7):
            times = []
            for whole in (True, False):
                begin = time.perf_counter()
                _ = model(example, **kwargs) if whole else suffix(prefix(example, **kwargs)[0], **kwargs)
                times.append(time.perf_counter() - begin)
            ratios.append(times[1] / times[0])
    return {
        "cuts": len(cutting.cuts),
        "boundaries": len(cutting.boundaries),
        "technique": cutting.technique.partition(",")[0],
        "exact_cuts": exact,
        "largest_difference": worst,
        "capture_seconds": round(seconds, 2),
        "slice_milliseconds": round(1e3 * statistics.median(slices), 1),
        "overhead": round(statistics.median(ratios), 2),
        "layouts": sorted({str(cut.layout) for cut in cutting.boundaries}),
    }


def table(outcomes: dict[str, dict[str, Any]]) -> str:
    """Return the outcome as Markdown."""
    headings = [
        "architecture",
        "cuts",
        "technique",
        "exact to the last bit",
        "largest difference",
        "capture, s",
        "slice, ms",
        "time over plain",
        "layouts of the default cuts",
    ]
    rows = [headings, ["---"] * len(headings)]
    for name, outcome in outcomes.items():
        if "failed" in outcome:
            rows.append([name, f"refused: {outcome['failed']}", *[""] * (len(headings) - 2)])
        else:
            rows.append(
                [
                    name,
                    str(outcome["cuts"]),
                    outcome["technique"],
                    str(outcome["exact_cuts"]),
                    f"{outcome['largest_difference']:.0e}",
                    str(outcome["capture_seconds"]),
                    str(outcome["slice_milliseconds"]),
                    str(outcome["overhead"]),
                    ", ".join(outcome["layouts"]),
                ]
            )
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> None:
    if "--wide" in sys.argv[1:]:
        from wide_exactness import main as wide

        wide([argument for argument in sys.argv[1:] if argument != "--wide"])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", choices=[*FAMILIES, *APART])
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--read", type=Path, nargs="+", help="print the table of earlier runs with --json instead"
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    outcomes: dict[str, dict[str, Any]] = {}
    for path in options.read or ():
        outcomes |= json.loads(path.read_text())["outcomes"]
    families = {options.only: APART[options.only]} if options.only in APART else FAMILIES
    for family, (names, make) in families.items():
        if options.read or options.only not in (None, family):
            continue
        for name in names:
            outcomes[f"{family}: {name}"] = measure(lambda make=make, name=name: make(name))  # type: ignore[misc]
            print(f"{family}: {name}: {outcomes[f'{family}: {name}']}", file=sys.stderr, flush=True)
    good = sum(outcome.get("largest_difference", 1.0) <= TOLERANCE for outcome in outcomes.values())
    summary = {
        "architectures": len(outcomes),
        "exact": good,
        "share": good / len(outcomes),
        "cuts": sum(outcome["cuts"] for outcome in outcomes.values()),
        "cuts_exact_to_the_last_bit": sum(outcome.get("exact_cuts", 0) for outcome in outcomes.values()),
    }
    print(
        json.dumps({**summary, "outcomes": outcomes}) if options.json else f"{summary}\n\n{table(outcomes)}"
    )


if __name__ == "__main__":
    main()
