"""A synthetic call through a real server: it sees that media flow, and it would see if they were not sealed."""

from pathlib import Path

import av
import pytest

from tests.video.office import Office
from video.headless.camera import SIZE, Camera, Screen, UnreadableVideoError, alike
from video.headless.packets import Assembly, packetised
from video.headless.participant import CallFailedError
from video.headless.probe import Report, probe
from video.room import Role
from video.sframe import Opener, Sealer

SECONDS = 1.0


async def _probed(office: Office, file: Path | None = None, *, seen_within: float = 25.0) -> Report:
    roles = {"probe-physician": Role.PHYSICIAN, "probe-patient": Role.PATIENT}
    tickets = {who: office.tickets.mint("probe-1", who, role=role) for who, role in roles.items()}
    return await probe(
        f"http://{office.host}", "probe-1", tickets=tickets, seconds=SECONDS, file=file, seen_within=seen_within
    )


async def test_both_see_and_hear_each_other_and_nobody_else_does(office: Office) -> None:
    report = await _probed(office)

    assert report.flows, report
    assert report.sealed, report


async def test_file_is_shown_in_place_of_the_pattern(office: Office, tmp_path: Path) -> None:
    report = await _probed(office, _film(tmp_path / "film.webm"))

    assert report.flows, report
    assert report.sealed, report


async def test_participant_that_seals_nothing_is_refused_by_the_service(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sealer, "seal", lambda _self, frame, **_: frame)

    with pytest.raises(CallFailedError, match="refused: plain"):
        await _probed(office)


async def test_frames_that_can_be_read_without_their_key_are_noticed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_trailer(sealer: Sealer, frame: bytes, **_: object) -> bytes:
        return frame + bytes([0x90, sealer._kid >> 8, sealer._kid & 0xFF, 3])

    monkeypatch.setattr(Sealer, "seal", with_trailer)
    monkeypatch.setattr(Opener, "open", lambda _self, frame, **_: frame[:-4])

    report = await _probed(office)

    assert any(one.leaked for one in report.sides.values())
    assert not report.sealed


async def test_frames_under_another_key_are_noticed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("video.headless.circle.Sealer", lambda _base, kid: Sealer(b"another key", kid))

    report = await _probed(office, seen_within=2.0)

    assert any(one.strange for one in report.sides.values())
    assert not report.sealed


async def test_call_that_is_refused_says_why(office: Office) -> None:
    office.unit = None

    with pytest.raises(CallFailedError, match="refused: unit"):
        await _probed(office)


def test_pattern_survives_encoding_and_is_told_from_another_picture() -> None:
    camera, screen = Camera(), Screen()
    first = screen.show(camera.picture(key=True))
    for _ in range(12):
        camera.picture(key=False)

    assert [alike(look, camera.looks[0]) for look in first] == [True]
    assert not alike(first[0], camera.looks[-1])


def test_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.mp4").write_bytes(b"no video")

    with pytest.raises(UnreadableVideoError, match="video file"):
        Camera(tmp_path / "none.mp4").picture(key=True)


def test_frame_in_packets_is_put_together_again_in_any_order() -> None:
    frame = b"\x10" + bytes(range(256)) * 20
    payloads = packetised(frame, 7)
    for order in (list(range(len(payloads))), list(reversed(range(len(payloads))))):
        assembly = Assembly()
        found = [
            assembly.add(0x80 if place == len(payloads) - 1 else 0, (65533 + place) & 0xFFFF, payloads[place])
            for place in order
        ]

        assert found[-1] == frame
        assert found[:-1] == [None] * (len(payloads) - 1)


def _film(file: Path) -> Path:
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libvpx", rate=15)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for count in range(30):
            frame = av.VideoFrame(*SIZE, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([40 + 6 * count]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file
