"""What can go wrong with a booking. None of these says whose time it is that stands in the way."""

from infra.problems import BadRequest, Conflict, NotFound, Unprocessable


class BookingProblem(Unprocessable):
    """The appointment can't be booked like this."""

    issue = "business-rule"


class HoldExpired(Conflict):
    """The hold has expired. Search again and hold another time."""


class HoldFixed(Conflict):
    """A hold can't be prolonged."""


class SlotUnknown(NotFound):
    """There is no such slot."""


class PatientUnknown(NotFound):
    """There is no such patient that you may book for."""


class AppointmentUnknown(NotFound):
    """There is no such appointment or proposal."""


class SlotNotOffered(BookingProblem):
    """This time is not offered. Choose a free slot."""


class SlotBlocked(Conflict):
    """The slot is not free."""


class WrongLength(BookingProblem):
    """Start and end must be those of the slots, which must follow one another without a gap."""


class TimesMissing(BookingProblem):
    """An appointment that occupies somebody needs a start and an end."""


class PatientMissing(BookingProblem):
    """A booking needs exactly one patient."""


class StillBooked(Conflict):
    """A booked appointment can't leave its schedule. Cancel it instead."""


class HoldTooLong(BookingProblem):
    """A hold lasts five minutes at most."""


class ProposedWithoutTimes(BookingProblem):
    """Add slot, start and end to the Appointment: $book books it, for which a proposal needs them too."""


class NotProposed(BookingProblem):
    """The Appointment in appt-resource must have the status proposed."""


class ParameterUnknown(BadRequest):
    """The operation has no such parameter."""

    issue = "invalid"


class ParameterWrong(BadRequest):
    """A parameter is missing, stands too often or has another type."""

    issue = "invalid"


class KeyReused(Unprocessable):
    """This Idempotency-Key came with another request before."""

    issue = "business-rule"
