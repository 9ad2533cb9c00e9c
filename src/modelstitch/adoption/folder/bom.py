"""A bill of materials of a stitched network: CycloneDX 1.6, with its model card."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from modelstitch.adoption.folder.card import UNKNOWN, CandidateCard, Source
from modelstitch.report.redaction import source

BOM = "bom.cdx.json"
"""Name of the file."""

_SPDX = ("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC-BY-4.0", "CC0-1.0", "GPL-3.0-only", "MIT")
"""Licences that are named by their SPDX identifier; any other is named as it was given."""


def bom(card: CandidateCard, sums: Mapping[str, str], when: str) -> dict[str, Any]:
    """Return the bill of materials of a candidate as JSON values.

    Args:
        card: of the candidate.
        sums: SHA-256 of each file of the network, by name.
        when: time of the export, as ISO 8601 writes it.

    Source: CycloneDX 1.6, JSON schema ``bom-1.6``.
    """
    networks = [_network(role, one) for role, one in (("sender", card.sender), ("receiver", card.receiver))]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, repr(sorted(sums.items())))}",
        "version": 1,
        "metadata": {
            "timestamp": when,
            "tools": {
                "components": [
                    {"type": "application", "name": "modelstitch", "version": card.versions["modelstitch"]}
                ]
            },
            "component": {
                "type": "machine-learning-model",
                "bom-ref": "stitched",
                "name": card.name,
                "description": f"Stitched network: {card.stitch['label']}"
                + ("" if card.finetuned is None else ", fine-tuned"),
                "licenses": _licences(card.sender, card.receiver),
                "modelCard": _model_card(card),
            },
        },
        "components": [
            *networks,
            {
                "type": "data",
                "bom-ref": "data",
                "name": source(str(card.data["name"])),
                "hashes": [{"alg": "SHA-256", "content": card.data["fingerprint"]}],
                "data": [{"type": "dataset", "name": source(str(card.data["name"]))}],
            },
            {"type": "library", "bom-ref": "torch", "name": "torch", "version": card.versions["torch"]},
            *(_file(name, value) for name, value in sorted(sums.items())),
        ],
        "dependencies": [
            {"ref": "stitched", "dependsOn": ["sender", "receiver", "data", "torch"]},
            *({"ref": ref} for ref in ("sender", "receiver", "data", "torch")),
        ],
    }


def _network(role: str, one: Source) -> dict[str, Any]:
    return {
        "type": "machine-learning-model",
        "bom-ref": role,
        "name": source(one.name),
        "description": f"{role}, {one.used}, cut at {one.cut}",
        "hashes": [{"alg": "SHA-256", "content": one.digest}],
        "licenses": _licences(one),
    }


def _file(name: str, value: str) -> dict[str, Any]:
    return {"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": value}]}


def _licences(*of: Source) -> list[dict[str, Any]]:
    names = dict.fromkeys(one.licence for one in of)
    return [{"license": {"id": name} if name in _SPDX else {"name": name or UNKNOWN}} for name in names]


def _model_card(card: CandidateCard) -> dict[str, Any]:
    value, low, high = card.score
    return {
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": card.contract.task,
            "modelArchitecture": "stitched network",
            "datasets": [{"ref": "data"}],
            "inputs": [{"format": one.said} for one in card.contract.inputs],
            "outputs": [{"format": one.said} for one in card.contract.outputs],
        },
        "quantitativeAnalysis": {
            "performanceMetrics": [
                {
                    "type": card.score_name,
                    "value": f"{value:.6f}",
                    "slice": f"{card.n_confirm} confirming examples",
                    "confidenceInterval": {"lowerBound": f"{low:.6f}", "upperBound": f"{high:.6f}"},
                }
            ]
        },
        "considerations": {
            "useCases": list(card.intended),
            "technicalLimitations": [*card.limits, *card.not_for, *card.risk_reasons],
        },
    }
