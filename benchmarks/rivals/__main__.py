"""`python -m benchmarks.rivals NAME PLACE`: one rival, until its input ends."""

import asyncio
import json
import sys
from importlib import import_module

from benchmarks.rivals.work import Place

if __name__ == "__main__":
    name, place = sys.argv[1:]
    asyncio.run(import_module(f"benchmarks.rivals.{name}_rival").main(Place(**json.loads(place))))
