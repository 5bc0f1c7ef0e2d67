"""What can go wrong with persons. None of these tells whether another clinic knows somebody."""

from infra.problems import Conflict, Forbidden, NotFound, Unprocessable


class PersonMustConfirm(Forbidden):
    """That two clinics have the same patient is said by a signed-in physician or receptionist, not by a system."""


class PatientNotYours(NotFound):
    """There is no such patient of your clinic."""


class ClinicUnknown(NotFound):
    """There is no such clinic."""


class SamePatient(Unprocessable):
    """Name two different Patients."""

    issue = "business-rule"


class OwnClinic(Unprocessable):
    """Within one clinic Patients are merged: use $merge."""

    issue = "business-rule"


class OtherNumbers(Unprocessable):
    """These Patients have different insurance numbers. Correct them first, if they are one person."""

    issue = "business-rule"


class NotEnoughKnown(Unprocessable):
    """The Patient needs a family name, a given name and a full birth date before another clinic can be asked."""

    issue = "business-rule"


class AlreadyMerged(Conflict):
    """One of these Patients has been replaced by another already. Take that back first, or merge with the other."""


class NotMerged(Conflict):
    """These Patients are not merged."""


class StillMerged(Conflict):
    """This Patient is merged with another: its link, and that a replaced one is not active, go by $unmerge only."""
