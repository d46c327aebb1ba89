"""Kinds of audio: the suffixes of recordings, what the first bytes of a file or stream say, and how to convert it."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

READ = "WAV, FLAC, OGG, MP3, AIFF, AU, W64 and CAF"
# Audio that libsndfile does not read. Files with these suffixes are named where a folder is searched.
UNREAD_SUFFIXES = (".m4a", ".aac", ".wma", ".mp4", ".3gp", ".amr", ".webm", ".mka", ".ac3", ".ape", ".wv", ".dsf")

SNIFFED = 4096  # bytes from which a kind is told
TEXT = "text"
UNREAD_KINDS = ("MP4 or M4A", "WMA", "WebM or Matroska", "AMR")
_SIGNATURES = (  # position, bytes, kind
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "OGG"),
    (0, b"ID3", "MP3"),
    (0, b"FORM", "AIFF"),
    (0, b".snd", "AU"),
    (0, b"caff", "CAF"),
    (0, b"riff\x2e\x91\xcf\x11", "W64"),
    (4, b"ftyp", "MP4 or M4A"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA"),
    (0, b"\x1a\x45\xdf\xa3", "WebM or Matroska"),
    (0, b"#!AMR", "AMR"),
)
_WAV = (b"RIFF", b"RIFX", b"RF64", b"BW64")
_MP3_KBPS = {  # by version (1, 2) and layer 3
    1: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MP3_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def is_wav(head: bytes) -> bool:
    """Return whether a file or stream begins as WAV does, in any of its forms: RIFF, RIFX, RF64 or BW64."""
    return head[:4] in _WAV and head[8:12] == b"WAVE"


def kind_of(head: bytes) -> str:
    """Return the kind of audio that begins with these bytes, at most SNIFFED of them; TEXT for text; "" if unknown.

    Raw PCM has no signature, so "" may be raw PCM.
    """
    if is_wav(head):
        return "WAV"
    for position, signature, kind in _SIGNATURES:
        if head[position : position + len(signature)] == signature:
            return kind
    if is_mp3(head):
        return "MP3"
    return TEXT if is_text(head) else ""


def may_be_mp3(head: bytes) -> bool:
    """Return whether these bytes, at least 2, may be the header of an MP3 frame: the samples of raw PCM may, too."""
    return len(head) >= 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2


def is_mp3(head: bytes) -> bool:
    """Return whether an MP3 without a tag begins here: a frame, and another one where the first one ends."""
    length = _mp3_frame_bytes(head)
    return bool(length and _mp3_frame_bytes(head[length:]))


def _mp3_frame_bytes(head: bytes) -> int:
    """Return the length of the MP3 frame (layer 3) whose header these bytes begin with; 0 when they are no header."""
    if len(head) < 4 or not may_be_mp3(head):
        return 0
    version, bitrate, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or not 1 <= bitrate <= 14 or rate == 3:
        return 0
    kbps, rate_hz = _MP3_KBPS[1 if version == 3 else 2][bitrate - 1], _MP3_RATES[version][rate]
    return (144 if version == 3 else 72) * kbps * 1000 // rate_hz + (head[2] >> 1 & 1)


def is_text(head: bytes) -> bool:
    """Return whether bytes are text in UTF-8: an error message, a web page, a label file."""
    if not head:
        return False
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # else only the last character is incomplete
            return False
        text = head[: error.start].decode("utf-8")
    return len(text) >= 4 and all(each.isprintable() or each in "\t\n\r\f\ufeff" for each in text)


def beginning(text: bytes) -> str:
    """Return the first words of a text for a message, in one line."""
    return repr(" ".join(text[:60].decode("utf-8", "replace").split())[:40])


def how_to_convert(path: Path | str) -> str:
    """Return the command that converts a recording which is not read."""
    path = Path(path)
    return f"ffmpeg -i {quote(path.name)} {quote(path.stem + '.flac')}"


def note_of_unread(names: Sequence[str]) -> str:
    """Return the note about files that are audio of kinds which are not read; the names are sorted and not empty."""
    count = f"{len(names)} files are" if len(names) > 1 else "1 file is"
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return (
        f"{count} audio that is not read and left out ({shown}): stapes reads {READ}; "
        f"convert, for example: {how_to_convert(names[0])}"
    )
