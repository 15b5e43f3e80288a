"""The benchmark suite: this library beside what else one would pick, and beside the physical limit.

run.py        the command line
plan.py       who runs when. Pure.
workloads/    what is asked of a server, and what of it is measured: a file for each kind
stage.py      servers and load as processes, on cores of their own
servers/      one program for each peer: all that the workloads ask of it, in its own idiom
limit/        the physical limit: epoll in C
load/         the load generator, in C, and the same in Python for machines without a compiler
peers.py      who there is, and who is missing
counts.py     the other command line: instructions instead of seconds, of two versions of this library
counting/     how they are counted: under callgrind, in lockstep
versions.py   two versions of the library, each in a directory of its own
machine.py    what this machine is, which cores are used, compiling
results.py    runs, medians, ratios, files, comparing two of them. Pure.
metrics.py    what is measured: its name, its unit, and whether more of it is better. Pure.
bars.py       what this library must show. Pure.
report.py     a Markdown page of the results. Pure.
plots.py      pictures of them
install.py    the peers and tools, from PyPI, into bench/.venv
"""
