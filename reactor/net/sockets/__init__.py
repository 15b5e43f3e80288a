"""Sockets as the operating system has them: addresses, options, opening, and questions to the kernel."""
