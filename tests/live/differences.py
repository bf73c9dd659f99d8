"""What we do otherwise than Toxiproxy 2.12.0, on purpose; the documentation lists exactly this."""

OF_THE_API = {
    "loopback": "A proxy without `listen`, or without a host in it, listens on 127.0.0.1; in Toxiproxy on all "
    "interfaces.",
    "metrics": "`/metrics` is always there and shows the two counters of proxies; Toxiproxy has it with "
    "`-proxy-metrics` only, and counts the errors of the page itself as well.",
    "populate_toxics": "`toxics` in the body of `/populate` (or in `--config`) are checked and installed; Toxiproxy "
    "ignores them.",
    "populate_nothing": '`[]` to `/populate` gives `{"proxies":[]}`; Toxiproxy gives null, on which its client for '
    "Node crashes.",
    "atomic_update": "A bad attribute in the update of a toxic changes nothing; in Toxiproxy the good ones in the same "
    "body are changed all the same.",
    "web_pages": "A request with an Origin, or with a Host that is not this machine's, gets a 403, so that no web page "
    "can control the server; Toxiproxy answers it.",
    "long_bodies": "A body of more than 1 MiB gets a 413; Toxiproxy reads bodies of any length.",
    "long_heads": "A line of more than 8 KiB or more than 128 headers get a plain 400; Toxiproxy takes heads of 1 MiB.",
    "odd_methods": "A method that HTTP does not know gets a plain 400; in Toxiproxy a 404 or 405.",
    "extension_toxics": "There are more types of toxics; to Toxiproxy they are invalid.",
    "extension_attributes": "Every toxic knows `after_bytes`, `skip_connections` and `only_connections`; Toxiproxy "
    "drops them.",
    "proxy_seed": "A proxy may be created with a `seed` of its own for its dice; Toxiproxy ignores it.",
    "events": "`GET /events` shows what happened to connections; Toxiproxy knows no such path.",
}
"""All that a client of the API can see."""

OF_DATA = {
    "neighbours": (
        "Adding or removing a toxic disturbs no other: nothing that waits is let go, no die is thrown again and no "
        "slow_close begins anew; in Toxiproxy all three happen to the toxic before it."
    ),
    "update": "An update applies to the chunk that waits; Toxiproxy lets that chunk go at once.",
    "reset_live": "reset_peer also resets connections that were open before it came; Toxiproxy closes them with FIN.",
    "reset_spared": (
        "reset_peer leaves alone what its die spared, and everything once it is removed; in Toxiproxy every connection "
        "that was opened beside it ends with RST, whenever it ends."
    ),
    "reset_removed": (
        "Removing or updating reset_peer during its wait takes effect at once; in Toxiproxy the API waits for the rest "
        "of its timeout."
    ),
    "slicer": (
        "A slicer without average_size passes chunks whole, and a size_variation beyond average_size is harmless; "
        "Toxiproxy crashes on the first byte."
    ),
    "rate": "A negative rate lets nothing pass, like 0; Toxiproxy crashes on the first byte.",
    "jitter": "A jitter may have any size; Toxiproxy crashes on the first byte when it is 2^62 or more.",
    "blocked": "A client that does not read blocks nobody else; in Toxiproxy it blocks the API until it reads.",
    "dial": (
        "A server that does not answer a connection attempt delays nothing but that connection; in Toxiproxy all new "
        "clients of the proxy wait for it, and so do disable and delete."
    ),
    "rows": (
        "The delays of toxics in a row add up; in Toxiproxy latency takes off the time that a chunk has spent in a "
        "bandwidth or slicer before it."
    ),
    "gap": (
        "Where a toxic has dropped bytes none follow: an update that makes it stop closes the connection; in Toxiproxy "
        "the stream goes on with a hole in it."
    ),
    "seed": "The same seed throws the same dice; Toxiproxy takes -seed and ignores it.",
}
"""All that happens to data otherwise."""
