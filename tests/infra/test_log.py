"""Log lines carry listed fields only, whoever writes them."""

import asyncio
import errno
import io
import json
import logging

import structlog

from infra import log


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_field_that_is_not_listed_is_dropped_and_named() -> None:
    stream = io.StringIO()
    log.configure(stream=stream)

    structlog.get_logger().info("patient_read", name="Anke Musterfrau", status=200)

    [line] = lines(stream)
    assert line["status"] == 200
    assert line["dropped"] == "name"
    assert "Musterfrau" not in stream.getvalue()


def test_without_the_list_the_name_would_leave() -> None:
    stream = io.StringIO()
    log.configure(stream=stream)
    processors = [step for step in structlog.get_config()["processors"] if step is not log._only_safe]
    structlog.configure(processors=processors)

    structlog.get_logger().info("patient_read", name="Anke Musterfrau")

    assert "Musterfrau" in stream.getvalue()


class FullDisk(io.StringIO):
    """A stream on a disk without space."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_costs_log_lines_and_nothing_else() -> None:
    log.configure(stream=FullDisk())

    structlog.get_logger().error("problem", error="DiskFull")
    logging.getLogger("some.library").error("could not be sent")


def test_a_library_message_is_reduced_to_its_source_and_kind() -> None:
    stream = io.StringIO()
    log.configure(stream=stream)

    try:
        int("Anke Musterfrau")
    except ValueError:
        logging.getLogger("some.library").exception("could not read %s", "Anke Musterfrau")

    [line] = lines(stream)
    assert (line["logger"], line["error"], line["level"]) == ("some.library", "ValueError", "error")
    assert "Musterfrau" not in stream.getvalue()


class Pipe(io.TextIOWrapper):
    """A stream with bytes below its text, as a process has."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), write_through=True)

    @property
    def written(self) -> list[bytes]:
        below = self.buffer
        assert isinstance(below, io.BytesIO)
        return below.getvalue().splitlines()


async def test_the_lines_of_one_turn_are_written_at_its_end_in_their_order() -> None:
    stream = Pipe()
    log.configure(stream=stream)

    for number in range(3):
        log.line("request", count=number)
    at_once = stream.written
    await asyncio.sleep(0)

    assert at_once == []
    assert [json.loads(line)["count"] for line in stream.written] == [0, 1, 2]


async def test_a_line_from_another_thread_is_written_at_once() -> None:
    stream = Pipe()
    log.configure(stream=stream)

    await asyncio.to_thread(log.line, "request", count=1)

    assert len(stream.written) == 1
