"""The server cannot be reached, or not always: refused, flapping, broken uploads, dead connections in a pool."""

from __future__ import annotations

from fake_server.answer import Answer, Refuse
from fake_server.script import script
from harness.model import Endpoint, Expect, Limits, Outcome, Scenario
from harness.network import AfterReply, AtAttempt, Lasting, down, network, profile, toxic
from scenarios.shapes import EVERY_DIALECT, HOPELESS, LARGE_PROMPT, RECOVERABLE, dead, deltas, over

_BUSY_THEN_FINE = script(Refuse(status=529, kind="overloaded_error", message="Overloaded"), Answer())

DIALECTS = EVERY_DIALECT
HARM = "A moment without network costs the user the answer."

SCENARIOS = (
    over(
        "offline",
        "There is no network at all.",
        profile("offline"),
        expect=HOPELESS,
        pair="completion.plain",
        harm="The user waits for ever instead of being told that there is no network.",
    ),
    Scenario(
        name="no_answer_to_connecting",
        title="Nobody answers the first packet of a connection: it is neither made nor refused.",
        script=script(Answer()),
        endpoint=Endpoint.SILENT,
        expect=HOPELESS,
        limits=Limits(connect=0.4),
        covers=("conn-connect-blackhole", "retry-deadline-unbounded"),
        sources=("obra/lace#370", "cisagov/manage.get.gov#4923"),
        pair="slow_network.slow_open",
    ),
    over(
        "refused_at_first",
        "Connections are refused for the first second.",
        network(down(ends=Lasting(1.0))),
        covers=("conn-dns-transient",),
        sources=("matthiasn/lotti#4336",),
        pair="unreachable_network.offline",
    ),
    over(
        "down_mid_text",
        "The way to the server goes down in the middle of the text, for 400 ms.",
        network(down(begins=deltas(18), ends=Lasting(0.4))),
        covers=("conn-rst-mid-stream",),
    ),
    over(
        "flapping",
        "The way to the server is down at first, then up, down again in the middle of the text, and up.",
        network(down(ends=Lasting(1.0)), down(begins=deltas(18), ends=Lasting(0.3), avoidable=True)),
    ),
    over(
        "flapping_streams",
        "The first stream is cut early, the second late, the third comes through.",
        network(
            toxic("limit_data", bytes=0, begins=deltas(5), ends=AtAttempt(2)),
            toxic("limit_data", bytes=6_000, begins=AtAttempt(2), ends=AtAttempt(3)),
        ),
    ),
    over(
        "first_connections_reset",
        "Each of the first two connections is reset as soon as it is made.",
        network(toxic("reset_now", only_connections=2)),
        pair="completion.plain",
    ),
    over(
        "first_connections_cut",
        "Each of the first two connections is closed after 2 kB of the answer.",
        network(toxic("limit_data", bytes=2_000, only_connections=2)),
    ),
    over(
        "upload_cut",
        "The connection is closed in the middle of the request.",
        network(toxic("limit_data", stream="upstream", bytes=300, only_connections=1)),
        request=LARGE_PROMPT,
    ),
    over(
        "upload_reset",
        "The request is swallowed and both sides get RST.",
        network(toxic("reset_peer", stream="upstream", only_connections=1)),
    ),
    dead(
        "upload_swallowed",
        "The request goes nowhere, and nobody says so.",
        network(toxic("half_open", stream="upstream", only_connections=1)),
        covers=("time-stall-before-headers",),
        pair="slow_network.stall_in_upload",
    ),
    Scenario(
        name="pool_connection_reset",
        title="The server is busy; while the client waits its idle connection is reset.",
        script=_BUSY_THEN_FINE,
        network=network(toxic("reset_now", delay=50, only_connections=1, begins=AfterReply(), avoidable=True)),
        expect=RECOVERABLE,
        covers=("conn-stale-keepalive-reuse",),
        pair="unreachable_network.pool_connection_silent",
    ),
    Scenario(
        name="pool_connection_silent",
        title="The server is busy; while the client waits its idle connection dies without a word.",
        script=_BUSY_THEN_FINE,
        network=network(
            toxic("half_open", only_connections=1, begins=AfterReply(), avoidable=True),
            toxic("half_open", stream="upstream", only_connections=1, begins=AfterReply(), avoidable=True),
        ),
        expect=Expect(may_fail=True, stalls=True, outcome=Outcome.COMPLETE),
        covers=("conn-nat-idle-pool-hang", "conn-stale-keepalive-reuse"),
        pair="slow_network.slow_open",
    ),
)
