"""Doubles of the operating system's sockets, epoll and TCP, for the simulated kernel."""
