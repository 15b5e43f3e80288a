"""A line server and its test in a simulated network: 1,000 orders of events, with hours of simulated time, in seconds.

    python examples/simulated.py

Each seed is another world. `serve_lines` is an ordinary server; it cannot tell the simulated kernel from the real one.
"""

from reactor import Connection, Reactor, Server
from reactor.testing import ROUGH, Choices, Simulation, simulate

LONGEST = 100  # bytes in a line


def serve_lines(loop: Reactor) -> Server:
    """Answer each line in capitals; end the connection after a line that is too long, or 60 idle seconds."""
    server = Server(loop, idle_timeout=60)

    @server.on("data")
    def received(conn: Connection, data: bytes) -> None:
        *lines, rest = ((conn.context or b"") + data).split(b"\n")
        conn.context = rest
        for line in lines:
            conn.write(line.upper() + b"\n")
        if len(rest) > LONGEST:
            conn.end(b"too long\n")

    return server


def every_line_is_answered(choices: Choices) -> None:
    draw = choices.stream("client")
    said = b"".join(b"line %d\n" % number for number in range(draw.below(50)))
    wanted = said.upper()
    with Simulation(choices, ROUGH) as world:
        serve_lines(world.loop).listen("10.0.0.1", 7)
        client = world.client("10.0.0.1", 7)
        while said and (size := 1 + draw.below(40)):
            client.send(said[:size])
            said = said[size:]
            world.run(seconds=draw.pick((0, 0.01, 5)))
        client.end()
        world.run(until=lambda: client.outcome)
        assert (bytes(client.received), client.outcome) == (wanted, "FIN")


def a_silent_client_is_closed_after_a_minute(choices: Choices) -> None:
    with Simulation(choices, ROUGH) as world:
        serve_lines(world.loop).listen("10.0.0.1", 7)
        client = world.client("10.0.0.1", 7)
        world.run(until=lambda: client.outcome, seconds=90)


def main() -> None:
    for scenario in (every_line_is_answered, a_silent_client_is_closed_after_a_minute):
        simulate(scenario, seeds=range(500))
        print(f"{scenario.__name__}: 500 worlds")


if __name__ == "__main__":
    main()
