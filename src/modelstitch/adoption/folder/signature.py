"""The signature of a candidate's folder, by the package model-signing; the ledger is left out."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from modelstitch.adoption.folder.ledger import LEDGER, LOCK, UNFINISHED
from modelstitch.adoption.folder.manifest import SIGNATURE
from modelstitch.errors import RunError, SpecError, first_line
from modelstitch.util.optional import optional_package

_USER = "a signature"


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Who signs: a private key, or a private key with its certificate.

    Attributes:
        key: file of a private key of an elliptic curve, in PEM.
        certificate: file of the certificate of that key; None signs with the key alone.
        chain: files of the certificates above it.

    Raises:
        SpecError: a file that does not exist.
    """

    key: Path
    certificate: Path | None = None
    chain: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        _expect_files(self.key, self.certificate, *self.chain)


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Whose signature is accepted: that of a public key, or of certificates.

    Attributes:
        key: file of the public key, in PEM.
        chain: files of the certificates that are trusted, from the root on.

    Raises:
        SpecError: neither or both of them, or a file that does not exist.
    """

    key: Path | None = None
    chain: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if (self.key is None) == (not self.chain):
            raise SpecError("expected a public key or certificates to check a signature with, one of them")
        _expect_files(self.key, *self.chain)


def _expect_files(*paths: Path | None) -> None:
    for path in paths:
        if path is not None and not path.is_file():
            raise SpecError(f"expected a key or a certificate in {str(path)!r}, got no such file")


def sign(folder: Path, signer: Signer) -> None:
    """Sign all files of a folder but the ledger.

    Args:
        folder: of a candidate, without a signature.
        signer: who signs.

    Raises:
        MissingExtraError: model-signing is not installed.
        SpecError: the key or the certificate cannot be used.
    """
    config = _package("signing").Config().set_hashing_config(_hashing())
    try:
        if signer.certificate is None:
            config.use_elliptic_key_signer(private_key=signer.key)
        else:
            config.use_certificate_signer(
                private_key=signer.key,
                signing_certificate=signer.certificate,
                certificate_chain=list(signer.chain),
            )
        config.sign(folder, folder / SIGNATURE)
    except Exception as error:  # the package raises many unrelated types, for a key of RSA an AttributeError
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise  # a full disk is no fault of the key
        raise SpecError(
            f"cannot sign with {str(signer.key)!r}: {first_line(error)}; expected a private key of an "
            "elliptic curve in PEM without a password, and the certificate of this key where one is given"
        ) from error


def why_not_signed(folder: Path, trust: Trust) -> str | None:
    """Return why the signature of a folder is not accepted; None where it is.

    Args:
        folder: of a candidate.
        trust: whose signature is accepted.

    Raises:
        MissingExtraError: model-signing is not installed.
        RunError: the folder has no signature.
    """
    if not (folder / SIGNATURE).is_file():
        raise RunError(f"expected a signature in {str(folder)!r}, got none: it was exported without a key")
    config = _package("verifying").Config().set_hashing_config(_hashing())
    try:
        if trust.key is not None:
            config.use_elliptic_key_verifier(public_key=trust.key)
        else:
            config.use_certificate_verifier(certificate_chain=list(trust.chain))
        config.verify(folder, folder / SIGNATURE)
    except Exception as error:  # the package and the libraries under it raise many unrelated types
        return f"the signature does not hold: {first_line(error)}"
    return None


def _hashing() -> Any:
    config = _package("hashing").Config()
    return config.set_ignored_paths(
        paths=[Path(name) for name in (LEDGER, LOCK, UNFINISHED, SIGNATURE)], ignore_git_paths=False
    )


def _package(module: str) -> ModuleType:
    return optional_package(f"model_signing.{module}", "sign", _USER)
