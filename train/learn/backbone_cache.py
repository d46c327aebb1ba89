"""Google's weights of YAMNet in the user's cache: downloaded once, and checked whenever they are used."""

import hashlib
import http.client
import json
import logging
import os
import sys
import urllib.request
from pathlib import Path

from stapes.firmware_sim.errors import ModelError, OutputError
from stapes.firmware_sim.outputs import new_file, write_whole
from stapes.runtime.console import Progress
from stapes.train.learn.backbone import read_backbone

logger = logging.getLogger(__name__)

# Named in README.md of tensorflow/models, research/audioset/yamnet.
YAMNET_URL = "https://storage.googleapis.com/audioset/yamnet.h5"
YAMNET_LAYERS = 14
YAMNET = "yamnet"  # the name that stands for the file in the cache
_TIMEOUT_S = 30
_CHUNK = 1 << 16
_LARGEST_FILE = 1 << 26  # bytes; the file has about 15 MB


def cache_folder() -> Path:
    """Return the folder of stapes for files that can be fetched again, by the rules of the platform."""
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen) / "stapes"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "stapes"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "stapes" / "Cache"
    return Path.home() / ".cache" / "stapes"


def backbone_path(name_or_file: str) -> Path:
    """Return the file of a backbone: `yamnet` stands for Google's file in the cache, anything else is a path.

    Raises ModelError when the file of `yamnet` is missing or is not the one that was fetched.
    """
    if name_or_file != YAMNET:
        return Path(name_or_file)
    path = _cached_file()
    if not path.exists():
        raise ModelError(f"{path} is missing: {_how_to_get_it(path)}")
    _check(path)
    return path


def fetch_yamnet() -> Path:
    """Download Google's weights of YAMNet into the cache, unless they are there, and return their path.

    A file that somebody put there is checked and taken over. Raises ModelError when the download fails, when the file
    does not hold all layers of YAMNet, or when it is no longer the file that was fetched; OutputError when it cannot be
    written.
    """
    path = _cached_file()
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ModelError(f"{path.parent} cannot be made: {error.strerror}; set XDG_CACHE_HOME") from error
        with new_file(path) as draft:
            draft.write_bytes(_download(path))
            try:
                _require_all_layers(draft)
            except ModelError as error:
                problem = str(error).replace(str(draft), "what came")
                raise ModelError(f"{YAMNET_URL} did not give the weights of YAMNet: {problem}") from error
    _check(path)
    return path


def _cached_file() -> Path:
    return cache_folder() / "yamnet.h5"


def _how_to_get_it(path: Path) -> str:
    return f"run `stapes backbone fetch yamnet`, or get {YAMNET_URL} elsewhere and put it at {path}"


def _download(path: Path) -> bytes:
    logger.info(f"downloading {YAMNET_URL}")
    try:
        with urllib.request.urlopen(YAMNET_URL, timeout=_TIMEOUT_S) as response:
            return _read_response(response)
    except (OSError, http.client.HTTPException, ValueError) as error:  # URLError and timeouts are OSErrors
        reason = " ".join(str(getattr(error, "reason", error) or type(error).__name__).split())
        raise ModelError(
            f"{YAMNET_URL} could not be downloaded ({reason}); try again, or get it elsewhere and put it at {path}"
        ) from error


def _read_response(response: http.client.HTTPResponse) -> bytes:
    announced = int(response.headers.get("Content-Length") or 0)
    progress = Progress("yamnet.h5, blocks of 64 KB", total=-(-announced // _CHUNK))
    data = bytearray()
    while block := response.read(_CHUNK):
        data += block
        if len(data) > _LARGEST_FILE:
            raise OSError(f"more than {_LARGEST_FILE} bytes, which YAMNet's weights do not have")
        if announced:
            progress.advance()
    if announced and len(data) != announced:
        raise OSError(f"{len(data)} of {announced} bytes came")
    progress.close(f"{len(data)} bytes")
    return bytes(data)


def _require_all_layers(file: Path) -> None:
    layers = read_backbone(file).layers
    if layers != YAMNET_LAYERS:
        raise ModelError(f"{file} has {layers} layers; YAMNet has {YAMNET_LAYERS}")


def _check(path: Path) -> None:
    """Compare the file with the size and SHA-256 of its first use; at the first use, store them beside it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    found = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    record = path.with_name(f"{path.name}.json")
    if not record.exists():
        try:
            _require_all_layers(path)
        except ModelError as error:
            raise ModelError(f"{error}; remove it, then {_how_to_get_it(path)}") from error
        try:
            write_whole(record, json.dumps({"source": YAMNET_URL, **found}, indent=2) + "\n")
        except OutputError:  # the weights can be used all the same
            logger.warning(f"{record} cannot be written, so that a later change of {path.name} would not be noticed")
            return
    try:
        stored = json.loads(record.read_text(encoding="utf-8"))
        expected = {name: stored[name] for name in found}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{record} is not the record of a download; remove it and {path.name}, and fetch") from error
    if found != expected:
        raise ModelError(
            f"{path} has {found['bytes']} bytes with SHA-256 {found['sha256']}, but {expected['bytes']} bytes with "
            f"{expected['sha256']} were fetched; remove it and {record.name}, then {_how_to_get_it(path)}"
        )
    logger.info(f"{path} has {found['bytes']} bytes with SHA-256 {found['sha256']}, as {record.name} says")
