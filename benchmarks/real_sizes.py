"""Capture and certify networks of real size: time against a bare torch.export, and the peak of memory.

One thread, processor time, random weights, two examples each; every network in a process of its own. The bare
export is that of torch with the decompositions that a capture runs, in the same process, by turns.
"""

from __future__ import annotations

import argparse
import inspect
import json
import multiprocessing
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from options import usable_torchvision
from torch import Tensor, nn

MODELS = ("resnet50", "vit-b16", "convnext-b", "bert-base", "llama-16x512", "gpt2")


def model_of(name: str) -> tuple[nn.Module, Tensor]:
    """Build a network of real size with random weights, and two examples."""
    usable_torchvision()
    import transformers as hf

    images, tokens = torch.randn(2, 3, 224, 224), torch.randint(1, 20_000, (2, 128))
    llama = {"hidden_size": 512, "num_hidden_layers": 16, "num_attention_heads": 8, "intermediate_size": 1376}
    makers: dict[str, Callable[[], tuple[nn.Module, Tensor]]] = {
        "resnet50": lambda: (hf.ResNetForImageClassification(hf.ResNetConfig()), images),
        "vit-b16": lambda: (hf.ViTForImageClassification(hf.ViTConfig()), images),
        "convnext-b": lambda: (
            hf.ConvNextForImageClassification(
                hf.ConvNextConfig(depths=[3, 3, 27, 3], hidden_sizes=[128, 256, 512, 1024])
            ),
            images,
        ),
        "bert-base": lambda: (hf.BertForSequenceClassification(hf.BertConfig()), tokens),
        "llama-16x512": lambda: (hf.LlamaForCausalLM(hf.LlamaConfig(**llama, vocab_size=32_000)), tokens),
        "gpt2": lambda: (hf.GPT2LMHeadModel(hf.GPT2Config()), tokens),
    }
    torch.manual_seed(0)
    model, example = makers[name]()
    return model.eval(), example


def seconds(call: Callable[[], Any]) -> float:
    """Return the processor time of a call."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


def peak_megabytes() -> float:
    """Return the largest memory of this process since the last :func:`forget_peak`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def forget_peak() -> float:
    """Begin to measure the peak of memory anew, and return what is in use."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_megabytes()


def measure(name: str, rounds: int) -> dict[str, Any]:
    """Capture and split one network several times, by turns with a bare export."""
    import modelstitch as ms
    from modelstitch.cutting.capture import no_fused_attention
    from modelstitch.cutting.outputs import caches_off

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    small = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    ms.split(small, "1", torch.zeros(2, 2))  # what torch imports at the first capture is of no network
    before = forget_peak()
    model, example = model_of(name)
    of_model = sum(t.numel() * t.element_size() for t in (*model.parameters(), *model.buffers())) / 2**20
    forget_peak()
    cuts = ms.cuts(model, example)
    middle = cuts.boundaries[len(cuts.boundaries) // 2].name
    cuts.split(middle)
    peak = peak_megabytes() - before
    del cuts

    def bare() -> None:
        free = ({0: torch.export.Dim.AUTO},)
        with no_fused_attention(), caches_off(model), torch.enable_grad():
            torch.export.export(model, (example,), dynamic_shapes=free, strict=False).run_decompositions({})

    found: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:
        times = [
            {
                "bare": seconds(bare),
                "capture": seconds(lambda: found.append(ms.cuts(model, example))),
                "first_split": seconds(lambda: found[-1].split(middle)),
                "later_split": seconds(lambda: found[-1].split(middle)),
                "forward": seconds(lambda: model(example)),
            }
            for _ in range(rounds)
        ]
        stored = {}
        if "cache" in inspect.signature(ms.cuts).parameters:
            ms.cuts(model, example, cache=folder)
            stored["from_cache"] = round(seconds(lambda: ms.cuts(model, example, cache=folder)), 2)
    ratios = {
        "capture": [each["capture"] / each["bare"] for each in times],
        "split": [(each["capture"] + each["first_split"]) / each["bare"] for each in times],
    }
    medians = {key: round(statistics.median(each[key] for each in times), 2) for key in times[0]}
    shown = {key: [round(v, 2) for v in (statistics.median(r), min(r), max(r))] for key, r in ratios.items()}
    return {
        "model_megabytes": round(of_model),
        "peak_over_model": round(peak / of_model, 2),
        "ratio_with_smallest_and_largest": shown,
        **medians,
        **stored,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", choices=MODELS, nargs="+", default=MODELS)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    fresh = multiprocessing.get_context("spawn")
    for name in options.only:
        with fresh.Pool(1) as pool:
            print(json.dumps({name: pool.apply(measure, (name, options.rounds))}), flush=True)


if __name__ == "__main__":
    main()
