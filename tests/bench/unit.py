"""What one forwarded packet costs the unit in CPU, beside the floor of the same run: decrypt, encrypt and send it.

The unit runs in a process of its own, on uvloop, with everything on: sequence numbers rewritten, history for repairs,
acknowledgements both ways, frames looked at. Its calls come from the headless transports of this process. Floor and unit
take turns; what is compared is CPU time of processes, not seconds.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import uvloop
