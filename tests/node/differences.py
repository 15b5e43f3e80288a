"""Where we differ from Node's `net`: what each does, why ours is better, and where that is promised.

Nothing else may differ. The scripts are in the two test_differences files. Both sides are checked, so that the table
stays true of the Node at hand. An outcome is what the program saw, then what the peer saw on the wire.
"""

from __future__ import annotations

from typing import NamedTuple

NEVER = (1 << 20,)  # a Node that has not come yet


class Difference(NamedTuple):
    """`see` is a chapter of closing.md or of coming-from-node.md. Some releases of Node from `until` on do as we do."""

    node: tuple[str, str]
    ours: tuple[str, str]
    better: str
    see: str
    until: tuple[int, ...] = NEVER


DIFFERENCES: dict[str, Difference] = {
    # Calls that come too late, and callbacks.
    "test_a_write_after_end_is_told_to_its_caller": Difference(
        (
            "finish · write returned false · callback w WriteAfterEnd · error WriteAfterEnd · close with an error",
            "got b'bye' · FIN",
        ),
        ("finish · raised WriteAfterEnd · end · close", "got b'bye' · FIN"),
        "A bug of the program is raised where it is made, and does not cut the connection while the peer still speaks.",
        "The four ways to end",
    ),
    "test_a_write_after_destroy_is_told_to_its_caller": Difference(
        ("write returned false · callback w ConnectionClosed · close", "FIN"),
        ("raised ConnectionClosed · close", "FIN"),
        "Raised where the bug is made; Node tells it to the callback only, and to nobody where there is none.",
        "The four ways to end",
    ),
    "test_a_write_after_the_peer_has_ended_is_no_error": Difference(
        (
            "end · finish · write returned false · callback w This socket has been ended by the other party · "
            "error This socket has been ended by the other party · close with an error",
            "FIN",
        ),
        ("end · finish · write returned false · callback w ConnectionClosed · close", "FIN"),
        "Who writes just after the peer has ended could not know: false, the bytes count as unsent, no error.",
        "The four ways to end",
    ),
    "test_the_callback_of_an_end_tells_that_its_data_was_refused": Difference(
        ("end · finish · error WriteAfterEnd · callback e WriteAfterEnd · close with an error", "FIN"),
        ("end · finish · callback e ConnectionClosed · close", "FIN"),
        "As above: a race that no program can avoid is told to the callback, and is no error of the connection.",
        "The four ways to end",
    ),
    "test_reset_right_after_end_resets": Difference(
        ("data b'x' · error reset EINVAL", "got b'bye' · FIN"),
        ("data b'x' · close", "RST"),
        "A stronger ending overrides a weaker one at any time, and drops what was waiting for the FIN; Node fails to, "
        "and `close` never comes.",
        "The four ways to end",
    ),
    "test_destroy_drops_what_has_not_left": Difference(
        ("close", "got b'ab' · FIN"),
        ("close", "got b'a' · FIN"),
        "The first write of a turn is sent at once, the others leave together at its end, in one packet. destroy() "
        "drops what has not left, and the report counts it; destroy_soon() delivers.",
        "The four ways to end",
    ),
    "test_a_late_second_end_is_answered_as_the_first": Difference(
        ("finish · callback again WriteAfterEnd · end · close", "got b'bye' · FIN"),
        ("finish · callback again · end · close", "got b'bye' · FIN"),
        "The callback tells whether the FIN went out, which it did; calling before or after `finish` is a race.",
        "The four ways to end",
    ),
    "test_no_callback_tells_success_of_bytes_that_were_dropped": Difference(
        ("write returned false · callback w · close", "not all of it · FIN"),
        ("write returned false · callback w ConnectionClosed · close", "not all of it · FIN"),
        "A callback without an error means that the kernel has the bytes; Node says so of dropped ones.",
        "The four ways to end",
        until=(22, 9),
    ),
    "test_callbacks_come_before_the_error": Difference(
        (
            "write returned false · write returned false · error read ECONNRESET · callback w read ECONNRESET · "
            "close with an error",
            "",
        ),
        (
            "write returned false · write returned false · callback w read ECONNRESET · error read ECONNRESET · "
            "close with an error",
            "",
        ),
        "Callbacks are the answers of the connection, `error` and `close` its last words.",
        "The four ways to end",
    ),
    "test_a_callback_tells_what_the_network_did": Difference(
        (
            "error read ECONNRESET · write returned false · callback w ConnectionClosed · close with an error",
            "",
        ),
        (
            "error read ECONNRESET · write returned false · callback w read ECONNRESET · close with an error",
            "",
        ),
        "The callback tells why: the network's error where the network did it.",
        "The four ways to end",
    ),
    "test_no_callback_comes_between_connect_and_ready": Difference(
        ("connect · callback w · ready · end · finish · close", "got b'early'"),
        ("connect · ready · callback w · end · finish · close", "got b'early'"),
        "`connect` and `ready` come together, and then what was written before them is answered, however much it was; "
        "in Node the first of several writes may be answered in between.",
        "Events",
    ),
    "test_callbacks_of_a_client_that_never_connects_come_before_its_close": Difference(
        ("error connect ECONNREFUSED 127.0.0.1:PORT · close with an error · callback w NeverConnected", ""),
        ("callback w NeverConnected · error connect ECONNREFUSED 127.0.0.1:PORT · close with an error", ""),
        "`close` is the last that is heard of a connection.",
        "Events",
    ),
    "test_bytes_written_are_those_that_the_kernel_took": Difference(
        (
            "write returned false · bytes_written is 8388608 · drain · end · finish · close",
            "got 8388608 bytes of the pattern",
        ),
        (
            "write returned false · bytes_written is not 8388608 · drain · end · finish · close",
            "got 8388608 bytes of the pattern",
        ),
        "What waits in the buffer is not written; `pending_bytes` has it.",
        "The report",
    ),
    "test_what_the_kernel_takes_at_once_is_not_pending": Difference(
        ("write returned false · drain · end · finish · close", "got b'more than eight bytes'"),
        ("end · finish · close", "got b'more than eight bytes'"),
        "False means that something waits; here nothing does.",
        "The four ways to end",
        until=(20, 10),
    ),
    "test_destroy_inside_a_cork_drops_what_it_holds": Difference(
        ("close", "FIN"),
        ("callback w ConnectionClosed · close", "FIN"),
        "Every callback is answered.",
        "The four ways to end",
        until=(20, 13),
    ),
    "test_drain_comes_at_the_low_water_mark": Difference(
        (
            "write returned false · drain · pending_bytes is 0 · end · finish · close",
            "got 16777216 bytes of the pattern",
        ),
        (
            "write returned false · drain · pending_bytes is not 0 · end · finish · close",
            "got 16777216 bytes of the pattern",
        ),
        "The program is asked for more before the line runs dry; `low_water=0` is Node's way.",
        "Events",
    ),
    # What the peer does is noticed.
    "test_a_reset_behind_the_peers_fin_is_noticed": Difference(
        ("end", ""),
        ("end · error write EPIPE · close with an error", ""),
        "A half-open connection whose peer is gone ends at once; in Node only when something is written to it.",
        "Facts about the kernel",
    ),
    "test_a_reset_is_noticed_while_paused": Difference(
        ("", ""),
        ("error read ECONNRESET · close with an error", ""),
        "A paused connection whose peer is gone ends, if nothing waits to be read; in Node not before resume().",
        "Facts about the kernel",
    ),
    "test_a_reset_behind_unread_bytes_is_no_clean_end": Difference(
        ("data b'read me later' · end · finish · close", ""),
        ("data b'read me later' · error read ECONNRESET · close with an error", ""),
        "What was cut off is not taken for complete.",
        "Facts about the kernel",
        until=(24, 16),
    ),
    "test_the_end_is_seen_though_nobody_listens_to_data": Difference(
        ("", "nothing"),
        ("end · finish · close", "FIN"),
        "A connection that nobody reads ends when its peer does; in Node it stays for ever.",
        "Events",
    ),
    "test_nobody_has_to_listen_to_error": Difference(
        ("server the process would have died read ECONNRESET · close with an error", ""),
        ("close with an error", ""),
        "Nothing that a peer does ends the process.",
        "Events",
    ),
    "test_a_listener_that_raises_ends_its_own_connection_only": Difference(
        (
            "data b'x' · server the process would have died a bug of the program · #2 end · #2 finish · #2 close",
            "nothing",
        ),
        (
            "data b'x' · server logged the error a bug of the program · close with an error · "
            "#2 end · #2 finish · #2 close",
            "RST",
        ),
        "The error is logged and reported, its connection is reset, and all others go on.",
        "Events",
    ),
    # pause().
    "test_pause_reads_nothing_so_destroy_is_an_rst": Difference(
        ("close", "FIN"),
        ("close", "RST"),
        "pause() stops reading at once, so the peer is throttled, and learns that its bytes were not read; Node reads "
        "on into a buffer (not with pauseOnConnect).",
        "The four ways to end",
    ),
    "test_pause_holds_the_end_back_even_with_nothing_before_it": Difference(
        ("end · finish · close", "paused · FIN · FIN"),
        ("end · finish · close", "paused · nothing · FIN"),
        "Nothing is read while paused, and so nothing ends; `hangup` tells that the peer is gone. In Node it depends "
        "on whether there were bytes before the FIN.",
        "Events",
    ),
    # destroy_soon() is a lingering close.
    "test_destroy_soon_waits_for_the_peers_fin": Difference(
        ("data b'request' · finish · close", "got b'no' · FIN · then RST"),
        ("data b'request' · finish · end · close", "got b'no' · FIN · no RST"),
        "What the peer still says is read and dropped for a bounded time: an RST could cost it the answer.",
        "Why it matters",
    ),
    "test_an_early_refusal_arrives_whole": Difference(
        ("finish · close", "not all of it"),
        ("finish · end · close", "all of it"),
        "A client that is still sending gets the whole answer.",
        "Why it matters",
    ),
    "test_nothing_is_delivered_after_destroy_soon": Difference(
        ("write returned false · data b'are you listening?' · end · finish · close", "all of it · FIN"),
        ("write returned false · end · finish · close", "all of it · FIN"),
        "Who said that it no longer listens is given nothing more.",
        "The four ways to end",
    ),
    # Nothing waits for ever.
    "test_end_may_be_given_a_deadline": Difference(
        ("finish · later", "got b'bye' · FIN · no RST"),
        ("finish · close · later", "got b'bye' · FIN · then RST"),
        "Every ending is bounded, by `linger_timeout` or by its own `timeout`; Node waits for the peer's FIN for ever.",
        "Deadlines",
    ),
    "test_a_peer_that_does_not_read_is_given_up": Difference(
        ("write returned false · later", ""),
        ("write returned false · close · later", ""),
        "`write_timeout`: a peer that reads nothing does not keep its connection and our memory for ever.",
        "Deadlines",
    ),
    "test_a_connection_that_nobody_ends_is_given_up": Difference(
        ("end · later", ""),
        ("end · close · later", ""),
        "`half_open_timeout`: a half-open connection that the program has forgotten ends by itself.",
        "Deadlines",
    ),
    # Servers.
    "test_stopped_comes_after_the_last_close": Difference(
        ("end · finish · server stopped · server callback c · close", ""),
        ("end · finish · close · server stopped · server callback c", ""),
        "When the server says that it has stopped, every connection is gone, its `close` delivered.",
        "The server",
    ),
    "test_listen_raises_what_the_kernel_refuses": Difference(
        (
            "error of the server listen EADDRINUSE: address already in use 127.0.0.1:PORT · end · finish · close",
            "",
        ),
        ("raised listen EADDRINUSE 127.0.0.1:PORT · end · finish · close", ""),
        "The caller of listen() sees the error, and cannot forget to listen for it.",
        "The server",
    ),
    "test_reset_on_a_unix_socket_is_a_plain_close": Difference(
        ("raised ERR_INVALID_HANDLE_TYPE", "nothing"),
        ("close", "FIN"),
        "One call aborts every kind of connection.",
        "The four ways to end",
    ),
    # Clients.
    "test_destroy_soon_before_connect_with_nothing_written_cancels": Difference(
        ("connect · ready · finish · close", "somebody came"),
        ("close", "nobody came"),
        "There is nothing to deliver: no server is bothered, and `close` does not wait for the network.",
        "The four ways to end",
    ),
    "test_reset_before_connect_cancels": Difference(
        ("connect · ready · close", "somebody came"),
        ("close", "nobody came"),
        "An abort does not wait for a connection in order to abort it.",
        "The four ways to end",
    ),
    "test_after_destroy_only_close_is_told": Difference(
        ("connect · ready · close", "FIN"),
        ("connect · close", "FIN"),
        "A connection that the program has destroyed is not told to be ready.",
        "The four ways to end",
    ),
    "test_an_ipv6_address_stands_in_brackets": Difference(
        ("error connect ECONNREFUSED ::1:PORT · close with an error", ""),
        ("error connect ECONNREFUSED [::1]:PORT · close with an error", ""),
        "Host and port can be told apart.",
        "Errors",
    ),
    "test_a_lookup_that_answers_nonsense_is_named": Difference(
        ("lookup a.test is nonsense (IPv0) · error ERR_INVALID_IP_ADDRESS · close with an error", ""),
        (
            "lookup the lookup of 'a.test' must answer with IP addresses, not 'nonsense' · "
            "error the lookup of 'a.test' must answer with IP addresses, not 'nonsense' · close with an error",
            "",
        ),
        "`lookup` tells of addresses or of an error, never of an address that is none.",
        "Clients",
    ),
    "test_addresses_are_known_after_close": Difference(
        ("connect · ready · end · finish · close · remote_host is undefined · local_host is undefined", ""),
        ("connect · ready · end · finish · close · remote_host is 127.0.0.1 · local_host is 127.0.0.1", ""),
        "A `close` listener can say whose connection it was.",
        "Options, and what can be asked",
    ),
    # Text, pipes, and the state.
    "test_bytes_that_are_no_text_are_an_error": Difference(
        ("data as text 'a\ufffd' · end · finish · close", "FIN"),
        (
            "data as text 'a' · error 'utf-8' codec can't decode byte 0xff in position 1: invalid start byte · "
            "close with an error",
            "RST",
        ),
        'What is no text is not passed off as text; who prefers Node\'s way says errors="replace".',
        "Text and files",
    ),
    "test_a_relay_carries_half_closes": Difference(
        ("end · #2 finish · finish · close", "#2 got b'question' · #2 FIN · FIN"),
        (
            "end · #2 finish · #2 end · finish · #2 close · close",
            "#2 got b'question' · #2 FIN · got b'answer' · FIN",
        ),
        "A half that is fed by a pipe is ended by the pipe, so the answer arrives without allow_half_open.",
        "Pipes",
    ),
    "test_a_relay_carries_resets": Difference(
        ("error read ECONNRESET · close with an error", "#2 got b'question' · #2 nothing"),
        ("error read ECONNRESET · close with an error · #2 close", "#2 got b'question' · #2 RST"),
        "The other side learns that it was cut off, instead of waiting for ever.",
        "Pipes",
    ),
    "test_a_pipe_into_a_connection_that_is_gone_ends_its_source": Difference(
        ("#2 error read ECONNRESET · #2 close with an error", "#2 got b'hello' · nothing"),
        ("#2 error read ECONNRESET · #2 close with an error · close", "#2 got b'hello' · RST"),
        "Nobody is there to hear the rest, and the source learns it; in Node it stays, unread, for ever.",
        "Pipes",
    ),
    "test_the_state_tells_closing_from_closed": Difference(
        ("end · finish · state is closed · close · state is closed", ""),
        ("end · finish · state is closing · close · state is closed", ""),
        "`closed` means closed.",
        "The two halves",
    ),
}
