"""Anonymisers by others on the same rows of Adult, in an environment of their own: their pins are not ours."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from infra.deploy.bootstrap import VENV
from tests.bench import adult
from tests.bench.figures import Figure, compared, unmeasured
from tests.fixtures import reference

FOLDER: Final = VENV / "anonymisers"
STAMP: Final = FOLDER / "installed"
PINNED: Final = ("anjana==1.2.3", "anonypyx==0.2.11")
ROWS: Final = 4000
"""All 30,162 rows take them minutes."""
K: Final = 10
SECONDS: Final = 120

_READ: Final = f"""
import sys, time
import pandas as pd
DIMENSIONS = {list(adult.DIMENSIONS)!r}
data = pd.read_csv(sys.argv[1] + "/adult.csv", sep=";", dtype=str).head({ROWS})
began = time.process_time()
"""
PROGRAMS: Final = {
    "ANJANA, 5 % of the rows may be dropped": _READ
    + f"""
from anjana.anonymity import k_anonymity
trees = {{}}
for name in DIMENSIONS:
    tree = pd.read_csv(f"{{sys.argv[1]}}/adult_hierarchy_{{name}}.csv", sep=";", header=None, dtype=str)
    trees[name] = dict(tree)
kept = len(k_anonymity(data, [], DIMENSIONS, {K}, 5, trees))
print(time.process_time() - began, kept)
""",
    "anonypyx, Mondrian": _READ
    + f"""
import anonypyx
for name in DIMENSIONS:
    data[name] = data[name].astype("int64" if name == "age" else "category")
made = anonypyx.Anonymiser(
    data, k={K}, algorithm="Mondrian", feature_columns=DIMENSIONS, sensitive_column="salary-class"
).anonymise()
print(time.process_time() - began, int(pd.DataFrame(made)["count"].sum()))
""",
}


def installed() -> str:
    """Nothing but "" once they are there; else why they can't be."""
    if STAMP.exists() and STAMP.read_text() == " ".join(PINNED):
        return ""
    uv, python = str(VENV / "bin" / "uv"), str(FOLDER / "bin" / "python")
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(FOLDER)],
        [uv, "pip", "install", "--quiet", "--python", python, *PINNED],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{command[1]} failed: {done.stderr.strip()[-200:]}"
    STAMP.write_text(" ".join(PINNED))
    return ""


def run() -> list[Figure]:
    """A line for each: processor seconds of theirs and ours for the same rows, without reading them."""
    shared = reference.folder_of_reference()
    why = installed() if shared else "there is no folder with the reference data"
    if why or shared is None:
        return [unmeasured(f"Adult, {ROWS:,} rows, k = {K}", against=name, why=why) for name in PROGRAMS]
    data = shared / "data" / "anonymise"
    rows, hierarchies = adult.adult(data)
    _, ours = adult.partitioned(rows.head(ROWS), hierarchies, k=K)
    return [_line(name, program, data, ours) for name, program in PROGRAMS.items()]


def _line(name: str, program: str, data: Path, ours: float) -> Figure:
    what = f"Adult, {ROWS:,} rows, k = {K}"
    command = [str(FOLDER / "bin" / "python"), "-c", program, str(data)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        return unmeasured(what, against=name, why=f"it does not finish: {type(error).__name__}")
    seconds, kept = done.stdout.split()[-2:]
    note = f"it keeps {float(kept):,.0f} rows, ours all"
    return compared(what, ours=ours, against=name, other=float(seconds), unit="s CPU", note=note)
