"""Checks Grafana boards against Grafana's own schema library: each field must be one that the schema knows.

    schema.py BOARD.json ...

The library reads a board into its types and writes it again; what is missing or different then, it did not know.
"""

import json
import sys

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

# Read by Grafana and by its Prometheus data source, and in no schema.
BESIDE_THE_SCHEMA = {"builtIn", "step", "titleFormat", "textFormat"}


def differences(given, known, path=""):
    """Yields a sentence for each place where the board has what the schema does not keep."""
    if isinstance(given, dict) and isinstance(known, dict):
        for name, value in given.items():
            place = f"{path}/{name}"
            if name in known:
                yield from differences(value, known[name], place)
            elif value is not None and not (name in BESIDE_THE_SCHEMA and path.startswith("/annotations")):
                yield f"{place} is unknown to the schema"
    elif isinstance(given, list) and isinstance(known, list) and len(given) == len(known):
        for index, (one, other) in enumerate(zip(given, known)):
            yield from differences(one, other, f"{path}/{index}")
    elif given != known:
        yield f"{path} is {given!r}, which the schema reads as {known!r}"


def main(files):
    plugins.register_default_plugins()
    wrong = 0
    for file in files:
        with open(file, encoding="utf-8") as text:
            given = json.load(text)
        known = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(given)))
        for sentence in differences(given, known):
            print(f"{file}: {sentence}", file=sys.stderr)
            wrong += 1
    print(f"{len(files)} boards against Grafana's schema: {wrong} differences")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
