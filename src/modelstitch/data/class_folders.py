"""Files in one folder a class: ``root/class/**``, or ``root/train/class/**`` and ``root/test/class/**``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from modelstitch.data.divided import PartRows, divided
from modelstitch.data.heldout import choose_heldout, division_of
from modelstitch.data.in_memory import from_parts
from modelstitch.data.labels import GivenLabels, numbered
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.splitting import HELDOUT_NAMES
from modelstitch.data.together import Together, alike_files
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec

_PART_LIKE = frozenset(
    ("train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval", "evaluation")
)
"""Names of folders that are parts of a set, not classes."""

_IMAGES = (
    ".heic .heif .avif .jxl .jp2 .png .jpg .jpeg .bmp .gif .webp .ppm .pgm .tif .tiff .svg .raw .dng .cr2"
    " .nef .arw .psd .ico .jfif"
)
_SOUNDS = ".wav .wave .mp3 .flac .ogg .opus .m4a .aac .aiff .aif .wma .amr"
_MEDIA = frozenset(f"{_IMAGES} {_SOUNDS}".split())
"""Endings of images and sounds: such a file in a class folder is an example, whether we read it or not."""

_JUNK = frozenset(("thumbs.db", "desktop.ini", "__macosx"))


@dataclass(frozen=True)
class FileType:
    """A type of files.

    Attributes:
        name: of one such file, in words.
        endings: of file names.
        read: turns the chosen files of both parts into inputs (N, ...), and gives further fields of ``Data``,
            as ``samples`` those of both parts (see :class:`DataPart`), as ``notes`` what was done by a rule.
    """

    name: str
    endings: tuple[str, ...]
    read: Callable[[list[list[Path]], DataSpec, Path], tuple[list[Tensor], dict[str, Any]]]

    def holds(self, path: Path | str) -> bool:
        """Tell whether a file is of this type, by its name."""
        return str(path).lower().endswith(self.endings)


@dataclass(frozen=True)
class _Listed:
    """The files of one part.

    Attributes:
        root: its folder.
        classes: names of its class folders.
        files, labels: of all classes, and the class of each.
        others: files in it that are not read.
    """

    root: Path
    classes: tuple[str, ...]
    files: list[Path]
    labels: list[str]
    others: list[Path]


def holds(source: str, file_type: FileType) -> bool:
    """Tell whether a folder inside ``source``, at any depth, holds a file of a type."""
    path = Path(source)
    return path.is_dir() and any(_holds_any(folder, file_type) for folder in _folders(path))


def holds_files(source: str, file_type: FileType) -> bool:
    """Tell whether a folder itself holds a file of a type."""
    return any(file_type.holds(file) for file in _files(Path(source)))


def flat_files(folder: Path) -> str | None:
    """Return what to do with a folder whose images, sounds or texts lie in no folder of their class.

    None for a folder with other content.
    """
    files = [file for file in _files(folder) if file.suffix.lower() in (*_MEDIA, ".txt")]
    if not files or _folders(folder):
        return None
    first = min(files, key=lambda file: file.name)
    tables = [
        file.name for file in _files(folder) if file.suffix.lower() in (".csv", ".tsv", ".json", ".jsonl")
    ]
    beside = f"; the labels of {tables[0]} are not read" if tables else ""
    return (
        f"its {len(files)} {'file lies' if len(files) == 1 else 'files lie'} in no folder of a class "
        f"({_by_ending(files)}): expected one folder a class, such as "
        f"{str(folder / 'CLASS' / first.name)!r}{beside}; or one table of inputs and labels, FILE.parquet or "
        "FILE.npz"
    )


def partly_labelled(spec: DataSpec, file_type: FileType) -> tuple[Path, list[Path], list[str | None]]:
    """Return the files of a folder with the class of each; None for a file that lies in no class folder.

    Of a folder with parts, the first held-out one is taken.

    Returns:
        The folder, its files in order, and their classes.

    Raises:
        DataError: images or sounds among them that are not read.
    """
    path = Path(spec.source)
    part = next((name for name in HELDOUT_NAMES if (path / name).is_dir()), None)
    root = path if part is None or not (path / "train").is_dir() else path / part
    below = sorted((Path(file) for file in _files_below(root)), key=lambda file: _place(str(file)))
    files = [file for file in below if file_type.holds(file)]
    _expect_no_examples_among([file for file in below if not file_type.holds(file)], root, file_type)
    inside = [file.relative_to(root).parts for file in files]
    return root, files, [parts[0] if len(parts) > 1 else None for parts in inside]


def load(spec: DataSpec, file_type: FileType) -> Data:
    """Load a folder of class folders, or one with ``train`` and ``test`` (or ``val``) above them.

    A class has all files of its folder, at any depth. Classes are numbered by name. Only the files that the
    limits choose are read. Without a held-out part that has classes, a third is held out, stratified and
    seeded.

    Raises:
        DataError: an empty class, folders of which it is not clear that they are classes, images or sounds
            that are not read, or a file that cannot be read (it is named).
    """
    path = Path(spec.source)
    present = [part for part in HELDOUT_NAMES if (path / part).is_dir()]
    has_train = _has_train(path, present, file_type)
    train = _listed(path / "train" if has_train else path, file_type)
    present = present if has_train else []
    heldout, without = choose_heldout(present, lambda part: _has_classes(path / part, train, file_type))
    listed = [train] if heldout is None else [train, _listed(path / heldout, file_type, fewest=1)]
    found = numbered(
        [GivenLabels(part.labels, repr(str(part.root)), part.classes, _row(part.files)) for part in listed]
    )

    def read(rows: PartRows) -> tuple[list[Tensor], dict[str, Any]]:
        both = zip((listed[0], listed[-1]), rows, strict=True)
        chosen = [[part.files[row] for row in own.tolist()] for part, own in both]
        return file_type.read(chosen, spec, path)

    rows, (inputs, fields) = divided(
        found.parts[0],
        None if heldout is None else found.parts[1],
        spec,
        lambda: Together(alike_files(train.files)),
        read,
        lambda given: given[0],
    )
    samples, notes = fields.pop("samples", (None, None)), fields.pop("notes", "")
    parts = [
        DataPart(x, labels[own], samples=lengths)
        for x, lengths, labels, own in zip(
            inputs, samples, (found.parts[0], found.parts[-1]), rows, strict=True
        )
    ]
    data = from_parts(
        parts[0],
        parts[1],
        found.classes,
        path.name,
        division_of(heldout, spec.seed, "the folders train and {}", without, [_not_read(listed), notes]),
        DataSpec(source=spec.source),
    )
    return replace(data, **fields)


def _has_train(root: Path, heldout: list[str], file_type: FileType) -> bool:
    """Tell whether the folder ``train`` is a part, not a class called so.

    Raises:
        DataError: it may be either.
    """
    train = root / "train"
    if not train.is_dir() or heldout:
        return train.is_dir()
    if len(_folders(train)) < 2:
        return False
    others = [folder for folder in _folders(root) if folder != train and _holds_any(folder, file_type)]
    if others:
        raise DataError(
            f"folder {str(train)!r} may be a part of a set, for it holds folders, or a class beside "
            f"{others[0].name!r}: expected a held-out part beside it, one of {', '.join(HELDOUT_NAMES)}, or "
            "class folders that hold no folders"
        )
    return True


def _holds_any(folder: Path, file_type: FileType) -> bool:
    return any(file_type.holds(file) for file in _files_below(folder))


def _row(files: list[Path]) -> Callable[[int], str]:
    return lambda row: repr(str(files[row]))


def _listed(root: Path, file_type: FileType, fewest: int = 2) -> _Listed:
    """Return the files of all classes of a part.

    Raises:
        DataError: fewer than two class folders, one without a file, or folders that may be no classes.
    """
    folders = _folders(root)
    if len(folders) < fewest:
        raise DataError(
            f"data {str(root)!r}: expected at least two class folders with {file_type.name}s in them, got "
            f"{[folder.name for folder in folders]}"
        )
    below = {folder: sorted(_files_below(folder), key=_place) for folder in folders}
    _expect_classes(root, folders, file_type)
    files: list[Path] = []
    labels: list[str] = []
    others = _files(root)
    for folder in folders:
        own = [Path(file) for file in below[folder] if file_type.holds(file)]
        if not own:
            raise DataError(
                f"class folder {str(folder)!r} holds no {file_type.name}: expected files ending in "
                f"{', '.join(file_type.endings)}"
            )
        files += own
        labels += [folder.name] * len(own)
        unread = [Path(file) for file in below[folder] if not file_type.holds(file)]
        others += unread
        _expect_no_examples_among(unread, folder, file_type)
    return _Listed(root, tuple(folder.name for folder in folders), files, labels, others)


def _expect_classes(root: Path, folders: list[Path], file_type: FileType) -> None:
    """Raise if folders look like parts of a set, or if either of two levels may be the classes."""
    inner = {folder: [each.name for each in _folders(folder)] for folder in folders}
    for folder in folders:
        if folder.name.casefold() in _PART_LIKE and (folder.name != "train" or inner[folder]):
            raise DataError(
                f"folder {str(folder)!r} is named as a part of a set, not as a class: expected the folders "
                f"train and one of {', '.join(HELDOUT_NAMES)}, each with the class folders in it"
            )
        parts = [name for name in inner[folder] if name.casefold() in _PART_LIKE]
        if parts:
            raise DataError(
                f"class folder {str(folder)!r} holds the folders {', '.join(parts)}, which are named as "
                "parts of a set: expected the parts above the classes, as in train/cat and test/cat"
            )
    is_above = [
        bool(inner[folder]) and not any(file_type.holds(file) for file in _files(folder))
        for folder in folders
    ]
    names = inner[folders[0]]
    if all(is_above) and len(names) > 1 and all(inner[folder] == names for folder in folders):
        raise DataError(
            f"data {str(root)!r}: each of the folders {', '.join(folder.name for folder in folders[:5])} "
            f"holds the folders {', '.join(names[:5])} and no {file_type.name} of its own, so either level "
            f"may be the classes: give one of the inner levels alone, such as {str(folders[0])!r}, or rename"
        )


def _expect_no_examples_among(files: list[Path], folder: Path, file_type: FileType) -> None:
    """Raise if images or sounds of a class would be passed over."""
    media = sorted(file for file in files if file.suffix.lower() in _MEDIA)
    if media:
        raise DataError(
            f"class folder {str(folder)!r} holds {len(media)} files that are not read as {file_type.name}s "
            f"({_by_ending(media)}; the first is {str(media[0])!r}): expected "
            f"{', '.join(file_type.endings)}; "
            "convert them, or take them out"
        )


def _has_classes(root: Path, train: _Listed, file_type: FileType) -> bool:
    """Tell whether a held-out part has a file in a folder that is named as a class of the training part.

    Raises:
        DataError: it has several folders with files, and none of them is a class of the training part.
    """
    names = [folder.name for folder in _folders(root) if _holds_any(folder, file_type)]
    known = [name for name in names if name in train.classes]
    if not known and len(names) > 1:
        raise DataError(
            f"data {str(root)!r}: expected class folders of {str(train.root)!r} ({_some(train.classes)}), "
            f"got {_some(names)}"
        )
    return bool(known)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def _not_read(listed: list[_Listed]) -> str:
    """Return how many files are not read, in words; nothing if all are."""
    others = [file for part in listed for file in part.others]
    if not others:
        return ""
    return f"{len(others)} other file{'s are' if len(others) > 1 else ' is'} not read ({_by_ending(others)})"


def _by_ending(files: list[Path]) -> str:
    counts = Counter(file.suffix.lower() or "no ending" for file in files)
    return ", ".join(f"{ending} {n}" for ending, n in sorted(counts.items()))


def _folders(root: Path) -> list[Path]:
    return sorted(Path(path) for path, is_folder in _entries(root) if is_folder)


def _files(root: Path) -> list[Path]:
    return [Path(path) for path, is_folder in _entries(root) if not is_folder]


def _place(path: str) -> str:
    """Order files as paths: those of one folder stand together."""
    return path.replace(os.sep, "\0")


def _entries(folder: Path | str) -> Iterator[tuple[str, bool]]:
    """Return what a folder holds and whether it is a folder, without what is hidden or left by a system."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.name.casefold() not in _JUNK:
                yield entry.path, entry.is_dir()


def _files_below(folder: Path | str, above: frozenset[Path] | None = None) -> Iterator[str]:
    """Return the files in a folder at any depth; a link to a folder above is not followed.

    As text: a set may have millions.
    """
    real = Path(folder).resolve()
    above = frozenset(real.parents) if above is None else above
    if real in above:
        return
    for path, is_folder in _entries(folder):
        if is_folder:
            yield from _files_below(path, above | {real})
        else:
            yield path
