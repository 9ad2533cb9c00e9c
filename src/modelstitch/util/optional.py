"""Packages that an extra installs."""

from __future__ import annotations

import importlib
from types import ModuleType

from modelstitch.errors import MissingExtraError, first_line


def optional_package(module: str, extra: str, user: str) -> ModuleType:
    """Import a module of an optional package.

    Args:
        module: dotted name, such as ``torchvision.datasets``.
        extra: the extra of modelstitch that installs the package.
        user: what needs it, for the error, such as ``model 'timm:resnet18'``.

    Raises:
        MissingExtraError: the package is not installed, or does not load.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{user} needs the package {package}, which cannot be imported ({first_line(error)}): "
            f'pip install "modelstitch[{extra}]"'
        ) from error
    except RuntimeError as error:
        # torchvision raises it when it was compiled for another torch.
        raise MissingExtraError(
            f"{user} needs the package {package}, which does not load ({first_line(error)}): torch and "
            "torchvision are of different builds; reinstall both from one place, as in pip install "
            "--force-reinstall torch torchvision"
        ) from error
