"""What audits and attacks say, in German: their sentences are few, and each is known by its form.

Names of dimensions, codes and releases stay as they are published.
"""

import re
from functools import cache
from typing import Final

PHRASES: Final = (
    # What would have been enough, and what is certain.
    (r"fewer than (\d+) persons", "weniger als {0} Personen"),
    (r"at most (\d+)% of the inhabitants", "höchstens {0} % der Einwohner wären zulässig"),
    (r"at most (\d+)%", "höchstens {0} % wären zulässig"),
    (r"at least (\d+) categories", "mindestens {0} Kategorien wären nötig"),
    (r"at least (\d+) categories, none above (\d+)%", "mindestens {0} Kategorien wären nötig, keine über {1} %"),
    (r"a chance of at most (\d+)%", "eine Wahrscheinlichkeit von höchstens {0} % wäre zulässig"),
    (r"its blocks and groups leave (\d+) to (\d+)", "Blöcke und Gruppen lassen {0} bis {1} offen"),
    (r"the other files say nothing", "in den anderen Dateien steht dazu nichts"),
    (r"the other files say (\d+)", "die anderen Dateien sagen {0}"),
    (r"the rule leaves no share of so few", "von so wenigen darf kein Anteil genannt werden"),
    (r"the rule leaves steps of (\d+)%", "die Regel lässt Stufen von {0} % zu"),
    (r"not known to hold k", "ob es k Personen sind, ist nicht bekannt"),
    (r"no world was found", "keine passende Welt wurde gefunden"),
    (r"no persons can be counted so", "so lassen sich keine Personen zählen"),
    (r"(\d+) of (\d+)", "{0} von {1}"),
    (r"between (\d+) and (\d+)", "zwischen {0} und {1}"),
    (r"between (\d+) and (\d+) of (\d+)", "zwischen {0} und {1} von {2}"),
    (r"at least (\d+)", "mindestens {0}"),
    (r"withheld, so at least 1", "zurückgehalten, also mindestens 1"),
    (r"(\d+) persons", "{0} Personen"),
    (r"(\d+) inhabitants", "{0} Einwohner"),
    # Which set.
    (r"persons of (.+) in all of these periods: (.+)", "Personen in allen diesen Zeiträumen, {0}: {1}"),
    (r"whoever is counted inside (.+)", "alle, die darin gezählt sind: {0}"),
    (r"public statistics", "öffentliche Statistik"),
    (r"(.+): only (.+)", "{0}: nur {1}"),
    (r"(.+) of group (\S+): (.+)", "{0} aus Gruppe {1}: {2}"),
    (r"(\S+) of group (\S+)(.*)", "{0} aus Gruppe {1}{2}"),
    (r"of group (\S+)", "aus Gruppe {0}"),
    (r"group (\S+)", "Gruppe {0}"),
    (r"(.+), counted in (.+) alone", "{0}, nur in {1} gezählt"),
    (r"in (.+) but not in (.+)", "in {0}, aber nicht in {1}"),
    (r"(.+) and (\d+) more sets", "{0} und {1} weitere Mengen"),
    (r"(.+) and others", "{0} und andere"),
    (r"some numbers", "einige Zahlen"),
    (r"everybody", "alle"),
    # What follows.
    (r"So there are at most (\d+) of them: (.+)\.", "Also sind es höchstens {0}: {1}."),
    (r"So at least (\d+) of (\d+) have it\.", "Also trifft es auf mindestens {0} von {1} zu."),
    (
        r"So more than (\d+)% of these persons have (.+) for certain\.",
        "Also trifft {1} sicher auf mehr als {0} % dieser Personen zu.",
    ),
    (r"So at least (\d+) of (\d+) inhabitants are in\.", "Also sind mindestens {0} von {1} Einwohnern dabei."),
    (
        r"So at most (\d+) can be in all and keep their category; if they are, (\d+) have (.+)\.",
        "Also können höchstens {0} in allen sein und ihre Kategorie behalten; wenn ja, trifft auf {1} zu: {2}.",
    ),
    (
        r"So this row tells what no block and no group tells\.",
        "Also sagt diese Zeile, was kein Block und keine Gruppe sagt.",
    ),
    (
        r"So this figure tells what no block and no group tells\.",
        "Also sagt diese Angabe, was kein Block und keine Gruppe sagt.",
    ),
    (
        r"That the group is not shown in parts makes the chance of (.+) in this part (\d+)%\.",
        "Dass die Gruppe nicht geteilt gezeigt wird, macht {0} in diesem Teil zu {1} % wahrscheinlich.",
    ),
    # What the screen and the meet find.
    (r"Somebody stands in no block or in two\.", "Jemand steht in keinem Block oder in zweien."),
    (r"A block does not hold the persons that its line says\.", "Ein Block hat nicht die Personen, die er nennt."),
    (
        r"Persons with the same identifying values stand in different blocks\.",
        "Personen mit denselben identifizierenden Werten stehen in verschiedenen Blöcken.",
    ),
    (r"A block holds persons outside its (\S+) \((\d+) times\)\.", "Ein Block hat Personen außerhalb von {0} ({1}-mal)."),
    (r"A group is no union of blocks\.", "Eine Gruppe besteht nicht aus ganzen Blöcken."),
    (
        r"(\d+) categories of groups do not say what the persons say\.",
        "{0} Kategorien von Gruppen stimmen nicht mit den Personen überein.",
    ),
    (
        r"(\d+) categories of groups hold fewer than (\d+) persons\.",
        "{0} Kategorien von Gruppen haben weniger als {1} Personen.",
    ),
    (r"(\d+) rows do not say what the persons say\.", "{0} Zeilen stimmen nicht mit den Personen überein."),
    (r"(\d+) rows show fewer than (\d+) persons\.", "{0} Zeilen zeigen weniger als {1} Personen."),
    (r"A block holds fewer than (\d+) persons \((\d+) times\)\.", "Ein Block hat weniger als {0} Personen ({1}-mal)."),
    (
        r"A group shown by category tells the category of its persons \((\d+) times\)\.",
        "Eine nach Kategorien gezeigte Gruppe verrät die Kategorie ihrer Personen ({0}-mal).",
    ),
    (
        r"Together with (.+), which is out: it is about other persons\. .+",
        "Zusammen mit {0}, das veröffentlicht ist: Es geht um andere Personen. Was über einen Zeitraum gesagt wird, gilt für die Personen der ersten Veröffentlichung; wer widerrufen hat, fehlt ab dem nächsten, und ein später erklärter Datensatz beginnt mit ihm, außer es gibt eine Datei derselben Personen.",
    ),
    (
        r"Together with (.+), a difference of rows holds fewer than (\d+) persons \((\d+) times\)\.",
        "Zusammen mit {0} hat eine Differenz von Zeilen weniger als {1} Personen ({2}-mal).",
    ),
)  # fmt: skip
"""The form of an English sentence or phrase, and the German one; what stands between is put into German in turn."""

INSIDE: Final = (
    (r" and (\d+) more\b", r" und \1 weitere"),
    (r"\bline (\d+)", r"Zeile \1"),
    (r"(\d{4}-\d\d-\d\d) to (?=\d{4})", r"\1 bis "),
)
"""What is put into German inside of names."""


def german(text: str) -> str:
    """A sentence or phrase of a finding in German; what is no phrase of ours, such as a name, stays."""
    for form, words in _forms():
        if match := form.fullmatch(text):
            return words.format(*(german(part) for part in match.groups()))
    for inner, words in INSIDE:
        text = re.sub(inner, words, text)
    return text


@cache
def _forms() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(form), words) for form, words in PHRASES)
