"""One program for each peer: everything the workloads ask of a server, as its own documentation would have it done.

    python -m bench.servers.ours echo            python -m bench.servers.gevent_server echo_timeout 60

A role, and a value where it has one. The port goes to stdout; then it serves until killed. All listen on 127.0.0.1
with a backlog of 4,096, set TCP_NODELAY, read no more from who does not read (`push`, `echo`), and answer FIN by FIN.

| role | value | the server |
|---|---|---|
| echo | | sends back what comes |
| echo_timeout | s | the same, and ends a connection that is silent for so long: the usual recipe |
| echo_stamped | s | the same by hand: a stamp for each message, one timer for each connection |
| lines | | splits what comes into lines, answers each with a write of its own |
| greet | | sends 8 bytes and FIN, and waits for the peer's |
| push | bytes | sends so many, in blocks of 64 KiB, then as `greet` |
| file | path | sends a file, by sendfile where the peer has it, then as `greet` |
| fanout | | says 8 bytes to each who comes, then sends what one says to all |
| stop | bytes | writes so many to each who comes; at SIGTERM sends what is pending, FIN, waits for the peer's, exits |
| timers | number | no server: arms and cancels, arms and fires so many timers, and prints the CPU time as JSON |
"""
