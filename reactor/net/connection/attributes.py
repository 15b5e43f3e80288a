"""The attributes of a connection that programs may read, with what `help()` says of each."""

#: For `__slots__` of a connection: the keys are its public slots.
ATTRIBUTES = {
    "attempted_addresses": "The addresses to which a client has tried to connect, in order. Empty for a connection "
    "that a server has accepted.",
    "bytes_read": "The number of bytes received, those included that were delivered to nobody.",
    "bytes_written": "The number of bytes that the kernel has taken.",
    "context": "For the program's own use: any object. None at first.",
    "remote_address": "Where the peer is: (host, port), or the path of a Unix socket, which is empty if the peer has "
    "none. Known after the close too. Before a client is connected it is where it was told to go.",
    "report": "The `CloseReport`, from the moment when `close` is delivered; None before.",
}
