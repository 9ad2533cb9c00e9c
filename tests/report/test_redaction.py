"""No folder of the user's machine gets out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelstitch.report.redaction import redacted, shown, source

PART = st.text(st.characters(categories=["L", "N"], include_characters="-_. "), min_size=1, max_size=8).map(
    lambda text: "x" + text.strip()
)


@given(folders=st.lists(PART, min_size=1, max_size=4), name=PART, quote=st.sampled_from("'\""))
def test_a_quoted_path_keeps_its_last_part_alone(folders: list[str], name: str, quote: str) -> None:
    text = f"cannot read {quote}/{'/'.join(folders)}/{name}{quote}: no"
    assert shown(text) == f"cannot read {quote}…/{name}{quote}: no"


@given(folders=st.lists(PART, min_size=1, max_size=4), name=PART)
def test_a_source_that_is_a_path_keeps_its_last_part_alone(folders: list[str], name: str) -> None:
    for path in ("/".join([*folders, name]), "/" + "/".join([*folders, name]), "~/" + name):
        assert source(path) == f"…/{name}"


@pytest.mark.parametrize(
    "text",
    [
        "zoo:R1111",
        "timm:resnet18",
        "hf:org/name",
        "digits",
        "a.b:c(width=4)",
        "3 / 4",
        "and/or",
        "https://a.b/c/d",
    ],
)
def test_what_is_no_path_stays(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file:///home/ann/secret/net.pt", "…/net.pt"),
        ("cannot read /home/ann lee/secret/net.pt: no", "cannot read …/net.pt: no"),
        ("/tmp/older/net.pt", "…/net.pt"),
    ],
)
def test_what_leaked_once(text: str, expected: str) -> None:
    assert shown(text, Path("/tmp/old")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("private/run/net.pt", "…/net.pt"),
        ("../secret/net.pt", "…/net.pt"),
        ("hf:/home/ann/model(pretrained=True)", "hf:…/model(pretrained=True)"),
        ("hf:org/name", "hf:org/name"),
        ("zoo:R1111(width=4)", "zoo:R1111(width=4)"),
    ],
)
def test_sources_that_leaked_once(text: str, expected: str) -> None:
    for folder in (None, Path("run")):
        assert source(text, folder) == expected


def test_windows_and_factories() -> None:
    assert shown(r"C:\Users\Ann\net.pt") == "…/net.pt"
    assert source("my.models:net(path='/home/ann lee/net.pt')") == "my.models:net(path='…/net.pt')"


def test_inside_the_run_folder_a_path_is_seen_from_there(tmp_path: Path) -> None:
    assert source(str(tmp_path / "models" / "a.safetensors"), tmp_path) == "models/a.safetensors"


def test_plain_values_are_gone_through() -> None:
    values = {"spec": {"sender": {"source": "private/net.pt", "n": 3}}, "notes": ["/home/ann/x", None, 1.5]}
    assert redacted(values) == {
        "spec": {"sender": {"source": "…/net.pt", "n": 3}},
        "notes": ["…/x", None, 1.5],
    }
