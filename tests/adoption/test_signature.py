"""A signature holds for the files that were signed, whatever the ledger says later."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from modelstitch.adoption.folder.check import check_folder, is_signed
from modelstitch.adoption.folder.export import ExportSpec, export
from modelstitch.adoption.folder.ledger import LEDGER, LedgerEntry, append
from modelstitch.adoption.folder.manifest import manifest_text, sums
from modelstitch.adoption.folder.signature import Signer, Trust, sign
from modelstitch.adoption.verify.candidate import verify_candidate
from modelstitch.errors import MissingExtraError, RunError, SpecError
from modelstitch.results.stitched import StitchedCell


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


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two roots, and for each a certificate of Ann's that it signed: no network is needed."""
    folder = tmp_path_factory.mktemp("authorities")
    for name in ("one", "two"):
        root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root = certificate(f"root {name}", root_key, f"root {name}", root_key, authority=True)
        leaf = certificate("Ann", leaf_key, f"root {name}", root_key, authority=False)
        (folder / f"{name}.root").write_bytes(root.public_bytes(Encoding.PEM))
        (folder / f"{name}.cert").write_bytes(leaf.public_bytes(Encoding.PEM))
        private = leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name}.key").write_bytes(private)
    return folder


def certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    by: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    named = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (subject, issuer)]
    now = datetime.now(UTC)
    signs = not authority
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(named[0])
        .issuer_name(named[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=signs, key_cert_sign=authority, crl_sign=authority, **usage),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if signs:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
        )
    return builder.sign(by, hashes.SHA256())


def of(folder: Path, name: str) -> Signer:
    root = folder / f"{name}.root"
    return Signer(key=folder / f"{name}.key", certificate=folder / f"{name}.cert", chain=(root,))


def test_a_certificate_is_trusted_by_its_root_alone(copied: Path, authorities: Path) -> None:
    sign(copied, of(authorities, "one"))
    one, two = (Trust(chain=(authorities / f"{name}.root",)) for name in ("one", "two"))
    assert check_folder(copied, one).holds
    found = check_folder(copied, two)
    assert not found.holds
    assert found.said.startswith("the signature does not hold")
    _, public = keys(authorities, "key alone")
    assert "the signature does not hold" in check_folder(copied, Trust(key=public)).said
    append(copied / LEDGER, LedgerEntry(event="pilot", by="Bo"))
    assert check_folder(copied, one).holds
    (copied / "run.py").write_text("print('other')\n")
    found = check_folder(copied, one)
    assert found.changes.changed == ("run.py",)
    assert found.signature is not None


def test_what_certificates_cannot_sign(copied: Path, authorities: Path) -> None:
    wrong = Signer(
        key=authorities / "one.key",
        certificate=authorities / "two.cert",
        chain=(authorities / "two.root",),
    )
    with pytest.raises(SpecError, match="cannot sign with .*one.key"):
        sign(copied, wrong)
    (authorities / "bad.cert").write_text("no certificate")
    bad = Signer(key=authorities / "one.key", certificate=authorities / "bad.cert")
    with pytest.raises(SpecError, match="cannot sign with .*one.key"):
        sign(copied, bad)
    assert not is_signed(copied)
    sign(copied, of(authorities, "one"))
    assert "does not hold" in check_folder(copied, Trust(chain=(authorities / "bad.cert",))).said


def test_a_key_and_a_signature_of_other_kinds(copied: Path, authorities: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (authorities / "rsa.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    with pytest.raises(SpecError, match="cannot sign with .*rsa.pem"):
        sign(copied, Signer(key=authorities / "rsa.pem"))
    private, public = keys(authorities, "ann")
    (authorities / "locked.pem").write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
    )
    with pytest.raises(SpecError, match="cannot sign with .*locked.pem"):
        sign(copied, Signer(key=authorities / "locked.pem"))
    sign(copied, Signer(key=private))
    root = Trust(chain=(authorities / "one.root",))
    assert "the signature does not hold" in check_folder(copied, root).said  # signed without a certificate
    (copied / "model.sig").write_text("{}")
    assert "the signature does not hold" in check_folder(copied, Trust(key=public)).said


def test_a_missing_extra_says_how_to_get_it(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = keys(tmp_path, "ann")
    for module in (
        "model_signing",
        "model_signing.signing",
        "model_signing.verifying",
        "model_signing.hashing",
    ):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r'pip install "modelstitch\[sign\]"'):
        sign(copied, Signer(key=private))
    (copied / "model.sig").write_text("{}")
    with pytest.raises(MissingExtraError, match=r'pip install "modelstitch\[sign\]"'):
        check_folder(copied, Trust(key=public))


def test_an_exported_signature_is_part_of_what_was_exported(
    candidate: StitchedCell, authorities: Path, tmp_path: Path
) -> None:
    options = ExportSpec(by="Ann", accept_risk="a test", signer=of(authorities, "one"))
    folder = export(candidate, tmp_path / "signed", options).folder
    trust = Trust(chain=(authorities / "one.root",))
    found = verify_candidate(folder, "Bo", trust=trust)
    assert found.holds
    assert [check.name for check in found.checks] == ["files", "signature", "forms"]
    wrong = verify_candidate(folder, "Bo", trust=Trust(chain=(authorities / "two.root",)))
    assert wrong.reason == "signature"
    before = (folder / "model.sig").read_bytes()
    (folder / "model.sig").write_bytes(before[:-20] + b"A" + before[-19:])
    assert verify_candidate(folder, "Bo").checks[0].facts["changed"] == ["model.sig"]
    (folder / "model.sig").unlink()
    assert verify_candidate(folder, "Bo").checks[0].facts["missing"] == ["model.sig"]
    assert not check_folder(folder).holds
