"""Spectrogram and sound of a recording."""

import asyncio
import io
from pathlib import Path

import soundfile
from aiohttp import web

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.audio import AudioFile
from stapes.runtime.onsets import proposals
from stapes.train.studio.api.questions import asked_number, asked_text
from stapes.train.studio.spectrogram import Spectrograms, Tile
from stapes.train.studio.studio import Studio

LONGEST_S = 60.0  # of sound in one answer
RATES_HZ = (8_000, 96_000)  # that browsers play
AROUND_S = 5.0  # sound before and after a moment, in which the background of a rise is heard
FARTHEST_S = 0.5  # from a moment to a rise that counts as near


def routes(studio: Studio) -> list[web.AbstractRouteDef]:
    """Return the routes of this part of the interface."""
    spectrograms = Spectrograms()

    async def spectrogram(request: web.Request) -> web.Response:
        path = studio.labels.path_of(asked_text(request, "recording"))
        level, number = int(asked_number(request, "level")), int(asked_number(request, "tile"))

        def found() -> object:
            return spectrograms.tile(path, studio.frontend(), level, number, studio.channel())

        tile = await asyncio.to_thread(found)
        if tile is None:
            raise web.HTTPNotFound(text="beyond the end of the recording")
        if not isinstance(tile, Tile):
            return web.json_response(vars(tile), status=202)
        headers = {"X-Columns": str(tile.columns)}
        return web.Response(body=tile.values.tobytes(), content_type="application/octet-stream", headers=headers)

    async def sound(request: web.Request) -> web.Response:
        path = studio.labels.path_of(asked_text(request, "recording"))
        begin, seconds = asked_number(request, "from"), asked_number(request, "seconds")
        if begin < 0 or not 0 < seconds <= LONGEST_S:
            raise ConfigError(f"sound from {begin:g} s for {seconds:g} s: ask for at most {LONGEST_S:g} s from 0 on")
        body = await asyncio.to_thread(lambda: wav_of(path, studio.channel(), begin, seconds))
        return web.Response(body=body, content_type="audio/wav")

    async def rise(request: web.Request) -> web.Response:
        path = studio.labels.path_of(asked_text(request, "recording"))
        at = asked_number(request, "at")
        return web.json_response({"onset": await asyncio.to_thread(lambda: rise_near(studio, path, at))})

    return [
        web.get("/api/spectrogram", spectrogram),
        web.get("/api/sound", sound),
        web.get("/api/rise", rise),
    ]


def wav_of(path: Path, channel: int | None, begin_s: float, seconds: float) -> bytes:
    """Return a stretch of the channel that is heard, or of the mean of all, as WAV, PCM16. Raises AudioError."""
    least, most = RATES_HZ
    rate_hz = min(max(AudioFile(path, 1, channel).source_rate_hz, least), most)
    heard = AudioFile(path, rate_hz, channel)
    pcm = heard.excerpt(min(begin_s, heard.duration_s), min(begin_s + seconds, heard.duration_s))
    wav = io.BytesIO()
    soundfile.write(wav, pcm, rate_hz, format="WAV", subtype="PCM_16")
    return wav.getvalue()


def rise_near(studio: Studio, path: Path, at: float) -> float | None:
    """Return the onset nearest to a moment, in seconds; None when no sound rises near it. Raises AudioError."""
    frontend = studio.frontend()
    recording = AudioFile(path, frontend.config.sample_rate_hz, studio.channel())
    begin = max(0.0, min(at, recording.duration_s) - AROUND_S)
    pcm = recording.excerpt(begin, min(at + AROUND_S, recording.duration_s))
    if frontend.frames(len(pcm)) < 2:
        return None
    onsets = [begin + each.onset for each in proposals(frontend, pcm)]
    nearest = min(onsets, key=lambda onset: abs(onset - at), default=None)
    return nearest if nearest is not None and abs(nearest - at) <= FARTHEST_S else None
