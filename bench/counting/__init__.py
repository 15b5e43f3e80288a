"""Counting instructions: what a change of the library costs, whatever else the machine does.

A clock on a busy machine says 3 % when nothing has changed. The number of instructions that a server executes is the
same each time, if the server sees the same input in the same pieces. So each workload runs under callgrind, which
counts instructions of the process and none of the kernel, and four things make two runs equal:

- Lockstep: the load sends a batch while the server waits at a gate, and the next one when the last answer is whole.
  A turn of the loop then finds the same events every time. See lockstep.py.
- Marks: the server calls getppid(2), which nothing else here calls, after a warm-up and at the end. callgrind writes
  down its count before each such call. Start-up, lazy imports and the interpreter's adaptation come before the first.
- A clock that counts its calls: deadlines come due in the same turn each time, although valgrind is 50 times slower.
- PYTHONHASHSEED=0, and a garbage collection at the first mark.

Rejected: `--toggle-collect`, which counts only inside one C function; marks by a shared object of valgrind's client
requests, which needs a C compiler and valgrind's headers; `perf stat`, which virtual machines often do not have.

workloads.py   what is counted, and in how many batches
server.py      the programs that are counted; public names of the library only
lockstep.py    the load
callgrind.py   the command, and what it writes
judge.py       spread, change and verdict. Pure.
"""
