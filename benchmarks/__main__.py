"""Write docs/benchmarks.md, and the figures of README and models' cards, out of the results.

Run with ``python -m benchmarks`` after any benchmark.
"""

from benchmarks.page import write

write()
