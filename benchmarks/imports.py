"""What `import keras_lr` costs beyond `import keras`, in fresh processes, and what it brings along.

    python benchmarks/imports.py [--rounds 5]

The backend is the one that KERAS_BACKEND names. Modules are those that were not there after `import keras`; the last
row also touches every public name, so that nothing is left to a later moment.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys

from measure import table

PROCESS = """
import json, sys, time
times, modules = [time.process_time()], [set(sys.modules)]
def note():
    times.append(time.process_time())
    modules.append(set(sys.modules))
import keras; note()
import keras_lr; note()
[getattr(keras_lr, name) for name in keras_lr.__all__]; note()
print(json.dumps([times, [sorted(names) for names in modules]]))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    runs = []
    for _ in range(1 + options.rounds):  # the first compiles the files
        said = subprocess.run([sys.executable, "-c", PROCESS], capture_output=True, text=True, check=True).stdout
        runs.append(json.loads(said.splitlines()[-1]))
    steps = [[end - begin for begin, end in itertools.pairwise(times)] for times, _ in runs[1:]]
    modules = [set(names) for names in runs[0][1]]
    rows = []
    for n, name in enumerate(("`import keras`", "`import keras_lr` beyond it", "every public name beyond that")):
        new = modules[n + 1] - modules[n]
        own = {module for module in new if module.split(".")[0] == "keras_lr"}
        foreign = {module.split(".")[0] for module in new - own} - set(sys.stdlib_module_names)
        ms = [1e3 * times[n] for times in steps]
        cells = f"{statistics.median(ms):,.0f}", f"{min(ms):,.0f} to {max(ms):,.0f}", len(own), len(new - own)
        rows.append((name, *cells, "many" if n == 0 else ", ".join(sorted(foreign)) or "none"))
    columns = ["ms of processor time", "range", "modules of keras_lr", "other modules", "new packages"]
    table("Import, in fresh processes", columns, rows)


if __name__ == "__main__":
    main()
