"""A signature holds for the files that were signed, whatever the ledger says later."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from modelstitch.adoption.folder.check import check_folder, is_signed
from modelstitch.adoption.folder.ledger import LEDGER, LedgerEntry, append
from modelstitch.adoption.folder.manifest import manifest_text, sums
from modelstitch.adoption.folder.signature import Signer, Trust, sign
from modelstitch.errors import RunError, SpecError


def keys(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def test_a_signature_holds_until_a_file_changes(copied: Path, tmp_path: Path) -> None:
    private, public = keys(tmp_path, "ann")
    _, other = keys(tmp_path, "eve")
    sign(copied, Signer(key=private))
    assert is_signed(copied)
    assert check_folder(copied, Trust(key=public)).holds
    append(copied / LEDGER, LedgerEntry(event="pilot", by="Bo"))
    assert check_folder(copied, Trust(key=public)).holds
    assert check_folder(copied, Trust(key=other)).said.startswith("the signature does not hold")
    # Somebody who changes a file and its sum together is still seen by the signature.
    (copied / "run.py").write_text("print('other')\n")
    (copied / "manifest.sha256").write_text(manifest_text(sums(copied)))
    found = check_folder(copied, Trust(key=public))
    assert found.changes.none
    assert "the signature does not hold" in found.said
    assert "the first line of the ledger belongs to another candidate" in found.said


def test_what_cannot_sign_or_be_checked(copied: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="got no such file"):
        Signer(key=tmp_path / "none.pem")
    with pytest.raises(SpecError, match="one of them"):
        Trust()
    (tmp_path / "bad.pem").write_text("no key")
    with pytest.raises(SpecError, match="cannot sign with"):
        sign(copied, Signer(key=tmp_path / "bad.pem"))
    assert not is_signed(copied)
    with pytest.raises(RunError, match="expected a signature"):
        check_folder(copied, Trust(key=tmp_path / "bad.pem"))
