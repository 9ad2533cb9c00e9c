"""What a monitor says, in the text format that Prometheus reads."""

from __future__ import annotations

import math

from modelstitch.adoption.monitor.facts import MonitorOutcome

_PREFIX = "modelstitch_monitor"


def prometheus_text(found: MonitorOutcome) -> str:
    """Return the metrics of a stream, in the text exposition format 0.0.4.

    Args:
        found: what the monitor says.

    Returns:
        The text of a file that a collector of text files reads, such as that of the node exporter.
    """
    stream = f'stream="{_escaped(found.facts.id)}"'
    rule = found.facts.rule
    evidence = [(name, values["log10"]) for name, values in found.evidence.items()]
    alarms = [(name, int(track.alarm is not None)) for name, track in found.tracks.items()]
    blocks = [
        _block("examples_total", "counter", "Examples of the stream.", [(stream, found.examples)]),
        _block("labels_total", "counter", "Examples of the stream with a label.", [(stream, found.labels)]),
        _block("alarm", "gauge", "1 after an alarm; it stays.", [(stream, int(bool(found.alarms)))]),
        _block(
            "threshold_log10",
            "gauge",
            "Decimal logarithm of the evidence that an alarm needs.",
            [(stream, rule.log_threshold / math.log(10))],
        ),
    ]
    for name, words, values in (
        ("evidence_log10", "Decimal logarithm of the evidence of a process now.", evidence),
        ("process_alarm", "1 after an alarm of a process; it stays.", alarms),
    ):
        blocks.append(
            _block(name, "gauge", words, [(f'{stream},process="{_escaped(one)}"', v) for one, v in values])
        )
    return "".join(blocks)


def _block(name: str, kind: str, words: str, values: list[tuple[str, float | int | None]]) -> str:
    full = f"{_PREFIX}_{name}"
    lines = [f"# HELP {full} {words}", f"# TYPE {full} {kind}"]
    lines += [f"{full}{{{labels}}} {value}" for labels, value in values]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
