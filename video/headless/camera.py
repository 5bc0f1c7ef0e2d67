"""What a headless participant shows and says: a file, or a moving pattern and a tone; encoded as browsers do."""

import io
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
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
        self._pictures = _from_file(file) if file else _pattern()
        self._video, self._audio = Vp8Encoder(), OpusEncoder()
        self._count = self._spoken = 0

    def picture(self, *, key: bool) -> bytes:
        """The next VP8 frame."""
        frame = next(self._pictures)
        frame.pts, frame.time_base = self._count, Fraction(1, RATE)
        self._count += 1
        self.looks = [*self.looks[-99:], look(frame)]
        payloads, _ = self._video.encode(frame, force_keyframe=key)
        return b"".join(map(vp8_depayload, payloads))

    def sounds(self) -> list[bytes]:
        """The next Opus frames, of 20 ms each: one, or none while the encoder gathers."""
        start = self._spoken * SAMPLES
        wave = [int(8000 * math.sin(2 * math.pi * TONE * (start + n) / 48_000)) for n in range(SAMPLES)]
        frame = AudioFrame(format="s16", layout="mono", samples=SAMPLES)
        frame.planes[0].update(b"".join(one.to_bytes(2, "little", signed=True) for one in wave))
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        self._spoken += 1
        return self._audio.encode(frame)[0]


class Screen:
    """Decodes what arrives; a frame that is none gives no picture."""

    def __init__(self) -> None:
        self._decoder = Vp8Decoder()
        self._count = 0

    def show(self, frame: bytes) -> list[Look]:
        """What the pictures of this frame look like."""
        self._count += 1
        try:
            decoded = self._decoder.decode(JitterFrame(data=frame, timestamp=self._count * 90_000 // RATE))
        except av.FFmpegError:
            return []
        return [look(one) for one in decoded if isinstance(one, VideoFrame)]


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
    count = 0
    while True:
        edge = count * 8 % width
        rows = [bytearray(b"\x28" * width) for _ in range(height)]
        for row in rows[40:140]:
            for column in range(edge, min(edge + 80, width)):
                row[column] = 0xD0
        frame = VideoFrame(width, height, "yuv420p")
        luma, *chroma = frame.planes
        padding = bytes(luma.line_size - width)
        luma.update(b"".join(bytes(row) + padding for row in rows))
        for plane in chroma:
            plane.update(b"\x80" * plane.buffer_size)
        count += 1
        yield frame


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
