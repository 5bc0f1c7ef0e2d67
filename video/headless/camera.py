"""What a headless participant shows and says: a file, or a moving pattern and a tone; encoded as browsers do."""

import io
import itertools
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from aiortc.codecs.opus import OpusEncoder
from aiortc.codecs.vpx import Vp8Decoder, Vp8Encoder, vp8_depayload
from aiortc.jitterbuffer import JitterFrame
from av import AudioFrame, VideoFrame

SIZE: Final = 320, 180
RATE: Final = 15
TONE: Final = 440
SAMPLES: Final = 960
GRID: Final = 4

Look = tuple[float, ...]
"""The mean brightness of each of sixteen fields of a picture: enough to tell whether it is the one that was sent."""


class UnreadableVideoError(ValueError):
    """A file has no picture that can be read."""

    def __init__(self) -> None:
        super().__init__("This file has no picture that can be read. Name a video file, like an .mp4 or .webm.")


class Camera:
    """Pictures and sounds, one after the other for ever; `looks` holds what the last hundred pictures looked like."""

    def __init__(self, file: Path | None = None) -> None:
        self.looks: list[Look] = []
        self._frames = _from_file(file) if file else _pattern()
        self._video, self._audio = Vp8Encoder(), OpusEncoder()
        self.pictures = self.spoken = 0

    def frame(self) -> VideoFrame:
        """The next picture, before it is encoded."""
        frame = next(self._frames)
        frame.pts, frame.time_base = self.pictures, Fraction(1, RATE)
        self.pictures += 1
        self.looks = [*self.looks[-99:], look(frame)]
        return frame

    def picture(self, *, key: bool) -> bytes:
        """The next VP8 frame."""
        return encoded(self._video, self.frame(), key=key)

    def wave(self) -> AudioFrame:
        """The next 20 ms of sound, before they are encoded."""
        start = self.spoken * SAMPLES
        wave = 8000 * np.sin(2 * math.pi * TONE * (start + np.arange(SAMPLES)) / 48_000)
        frame = AudioFrame.from_ndarray(wave.astype(np.int16).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        self.spoken += 1
        return frame

    def sounds(self) -> list[bytes]:
        """The next Opus frames, of 20 ms each: one, or none while the encoder gathers."""
        return self._audio.encode(self.wave())[0]


class Recorded:
    """A few pictures over and over, encoded once for all who show them, and silence: next to no work."""

    SILENCE: Final = b"\xf8\xff\xfe"
    """20 ms of nothing (RFC 6716 section 3.1: CELT, full band, one frame)."""

    def __init__(self, frames: Iterable[VideoFrame]) -> None:
        self.frames = list(frames)
        encoder = Vp8Encoder()
        for count, frame in enumerate(self.frames):
            frame.pts, frame.time_base = count, Fraction(1, RATE)
        self._encoded = [encoded(encoder, frame, key=not count) for count, frame in enumerate(self.frames)]

    def player(self) -> "Player":
        """One showing, from the beginning."""
        return Player(self.frames, self._encoded)


class Player:
    """What one participant shows of a recording; the same as a camera to whoever sends it."""

    def __init__(self, frames: list[VideoFrame], pictures: list[bytes]) -> None:
        self._frames, self._pictures = frames, pictures
        self._at = self._count = self._spoken = 0

    def frame(self) -> VideoFrame:
        """The next picture, before it is encoded."""
        shown = VideoFrame.from_ndarray(self._frames[self._count % len(self._frames)].to_ndarray(), format="yuv420p")
        shown.pts, shown.time_base = self._count, Fraction(1, RATE)
        self._count += 1
        return shown

    def picture(self, *, key: bool) -> bytes:
        """The next VP8 frame; the first one again where a key frame is asked for."""
        at = 0 if key else self._at % len(self._pictures)
        self._at = at + 1
        return self._pictures[at]

    def wave(self) -> AudioFrame:
        """20 ms of silence, before they are encoded."""
        frame = AudioFrame.from_ndarray(np.zeros((1, SAMPLES), np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, self._spoken * SAMPLES, Fraction(1, 48_000)
        self._spoken += 1
        return frame

    def sounds(self) -> list[bytes]:
        """20 ms of silence."""
        return [Recorded.SILENCE]


Source = Camera | Player


class Screen:
    """Decodes what arrives; a frame that is none gives no picture."""

    def __init__(self) -> None:
        self._decoder = Vp8Decoder()
        self._count = 0

    def show(self, frame: bytes) -> list[Look]:
        """What the pictures of this frame look like."""
        return [look(one) for one in self.decoded(frame)]

    def decoded(self, frame: bytes) -> list[VideoFrame]:
        """The pictures of this frame."""
        self._count += 1
        try:
            found = self._decoder.decode(JitterFrame(data=frame, timestamp=self._count * 90_000 // RATE))
        except av.FFmpegError:
            return []
        return [one for one in found if isinstance(one, VideoFrame)]


def encoded(encoder: Vp8Encoder, frame: VideoFrame, *, key: bool) -> bytes:
    """A picture as one VP8 frame."""
    payloads, _ = encoder.encode(frame, force_keyframe=key)
    return b"".join(map(vp8_depayload, payloads))


def look(frame: VideoFrame) -> Look:
    """The mean brightness of each field of a picture."""
    grey = frame.reformat(width=GRID * 8, height=GRID * 8, format="gray").to_ndarray().astype(float)
    fields = grey.reshape(GRID, 8, GRID, 8).mean(axis=(1, 3))
    return tuple(float(one) for one in fields.flatten())


def alike(one: Look, other: Look) -> bool:
    """True for two looks of the same picture, one of them encoded and decoded again."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one) < 10


def _pattern() -> Iterator[VideoFrame]:
    width, height = SIZE
    for count in itertools.count():
        edge = count * 8 % width
        picture = np.full((height * 3 // 2, width), 0x80, np.uint8)
        picture[:height] = 0x28
        picture[40:140, edge : min(edge + 80, width)] = 0xD0
        yield VideoFrame.from_ndarray(picture, format="yuv420p")


def _from_file(file: Path) -> Iterator[VideoFrame]:
    data = file.read_bytes()
    while True:
        shown = 0
        try:
            with av.open(io.BytesIO(data), "r") as container:
                for frame in container.decode(video=0):
                    shown += 1
                    yield frame.reformat(width=SIZE[0], height=SIZE[1], format="yuv420p")
        except (av.FFmpegError, IndexError):
            raise UnreadableVideoError from None
        if not shown:
            raise UnreadableVideoError
